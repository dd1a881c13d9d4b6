"""When a block may be automatic: the manifest test (`domain.md`, Submission; DSM-17-7).

The conditions are fixed here; a pack only sets the numbers. A licence on record is tested apart,
by territory, where the match is decided.
"""

from collections.abc import Mapping
from typing import Final

from policy.clauses import Clause
from policy.conditions import Condition, Junction, Negation

THRESHOLDS: Final = (
    "manifest_score",
    "manifest_share",
    "manifest_precision",
    "manifest_decided",
)


def manifest_test(thresholds: Mapping[str, float]) -> Condition:
    """What must hold of a match, with a pack's numbers."""

    def _clause(text: str) -> Clause:
        return Clause.compile(text, 0, thresholds)

    return Junction(
        "all",
        (
            _clause("match.kind == 'recording'"),
            _clause("match.score >= thresholds.manifest_score"),
            _clause("match.coverage_query >= thresholds.manifest_share"),
            # one sure segment does not speak for the rest of the track
            _clause(
                "match.coverage_sure == null || match.coverage_sure >= thresholds.manifest_share"
            ),
            Junction(
                "any",
                (
                    Junction(
                        "all",
                        (
                            _clause("match.reference_decided >= thresholds.manifest_decided"),
                            _clause("match.reference_precision >= thresholds.manifest_precision"),
                        ),
                    ),
                    # too few decided matches to judge by: trust in who added it stands in
                    Junction(
                        "all",
                        (
                            _clause("match.reference_decided < thresholds.manifest_decided"),
                            _clause("match.reference_trusted"),
                        ),
                    ),
                ),
            ),
            Negation(_clause("lawful_use_flag")),
            Negation(_clause("match.self_declared_licence")),
            _clause("declared_licences == []"),
            Negation(_clause("match.same_holder")),
        ),
    )
