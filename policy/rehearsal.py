"""Rehearsal: run a pack's own test cases."""

from dataclasses import dataclass
from typing import Any

from policy.decisions import Decision
from policy.judgement import decide
from policy.packs import Case, Pack


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What one of a pack's tests came to.

    Attributes
    ----------
    differences : tuple of str
        What was not as expected, one sentence each; none if the case passed.
    """

    name: str
    line: int
    passed: bool
    differences: tuple[str, ...]
    decision: Decision


def test_pack(pack: Pack) -> list[CaseResult]:
    """Run a pack's own test cases.

    Returns
    -------
    list of CaseResult
        One a case, in the order of the pack.
    """
    return [_run(pack, case) for case in pack.tests]


# pytest collects names that begin with `test`
test_pack.__test__ = False  # type: ignore[attr-defined]


def _run(pack: Pack, case: Case) -> CaseResult:
    decision = decide(pack, case.facts)
    expected = case.expect
    got: dict[str, Any] = {
        "decision": decision.decision,
        "outcomes": decision.outcomes,
        "fired": sorted({reason.rule for reason in decision.reasons}),
        "exempted": sorted({exemption.rule for exemption in decision.exempted}),
        "restrictions": list(decision.restrictions),
    }
    wanted = expected.model_dump(exclude_none=True)
    for unordered in ("fired", "exempted"):
        if unordered in wanted:
            wanted[unordered] = sorted(set(wanted[unordered]))
    differences = tuple(
        f"{key} is {got[key]}, expected {value}"
        for key, value in wanted.items()
        if got[key] != value
    )
    return CaseResult(case.name, case.line, not differences, differences, decision)
