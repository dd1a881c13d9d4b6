"""Decisions: what policy says about a track, where, and why."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from policy.canonical import canonical
from policy.pack_forms import Verdict
from policy.territories import NOWHERE, Area

Automation = Literal["none", "partly", "fully"]

SEVERITY: Final[Mapping[str, int]] = {
    "clear": 0,
    "restrict": 1,
    "review": 2,
    "block": 3,
    "indeterminate": 4,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that fired, and what it asks for where.

    Attributes
    ----------
    rule : str
        Id of the rule; ids that begin with ``core.`` are this package's own.
    text : str
        Plain-language statement for the person affected (DSA-17).
    legal_basis : tuple of str
        Ids of ``law.md``.
    outcome : str
        What the rule asks for. The most restrictive of all reasons wins, per territory.
    area : Area
        Where.
    evidence : mapping
        The match, if it is about one, and the values seen.
    texts, titles : mapping
        `text` and `title` in other languages.
    """

    rule: str
    title: str
    text: str
    legal_basis: tuple[str, ...]
    outcome: Verdict
    area: Area
    evidence: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the reason as JSON data; no territories means everywhere but ``except``."""
        return {
            "rule": self.rule,
            "title": self.title,
            "titles": dict(self.titles),
            "text": self.text,
            "texts": dict(self.texts),
            "legal_basis": list(self.legal_basis),
            "outcome": self.outcome,
            "territories": list(self.area.territories),
            "except": list(self.area.excepted),
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class Exemption:
    """A match that rules do not decide on, where, and why; ``texts`` is `text` in other languages."""

    reference_id: str
    title: str
    rule: str
    text: str
    legal_basis: tuple[str, ...]
    area: Area
    evidence: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the exemption as JSON data."""
        return {
            "reference_id": self.reference_id,
            "title": self.title,
            "rule": self.rule,
            "text": self.text,
            "texts": dict(self.texts),
            "legal_basis": list(self.legal_basis),
            "territories": list(self.area.territories),
            "except": list(self.area.excepted),
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True)
class Decision:
    """What a pack says about a track, with all that is needed to explain it and make it again.

    Attributes
    ----------
    decision : str
        All territories folded into one word, see :func:`fold`.
    outcomes : dict
        Outcome by territory. ``"*"`` is everywhere not named; it is there unless territories were
        asked for, in which case each of them is named.
    restrictions : tuple of dict
        ``kind``, ``territories`` (none: everywhere) and ``except``; with ``min_age`` for an age
        gate, ``holders`` for monetisation: there is one for each set of places in which others earn,
        and none of them where nobody does. Empty unless the decision is ``restrict``.
    reasons : tuple of Reason
        Every rule that fired, most restrictive first. Never empty.
    exempted : tuple of Exemption
        Matches left out, and why.
    explanation : dict
        Every rule's condition as a tree with the values seen.
    manifest : bool
        A block in it is manifest, so may be automatic.
    pack : str
        Id of the pack.
    thresholds : dict
        The numbers in force.
    facts_hash : str
        See :func:`policy.facts.hash_facts`.
    automation : str
        ``fully``: rules alone decided (GDPR-22, DSA-17). ``partly``: a human is to decide on what
        rules found. ``none``: nothing is decided.
    """

    decision: Verdict
    outcomes: dict[str, str]
    restrictions: tuple[dict[str, Any], ...]
    reasons: tuple[Reason, ...]
    exempted: tuple[Exemption, ...]
    explanation: dict[str, Any]
    manifest: bool
    pack: str
    thresholds: dict[str, float]
    facts_hash: str
    automation: Automation

    @cached_property
    def outcome_hash(self) -> str:
        """SHA-256, hexadecimal, over what was decided, by which rules, from what.

        The explanation tree is left out: pack and facts, which are in, give it again.
        """
        return self._hash(self.restrictions)

    @property
    def joined_hash(self) -> str:
        """The same as decisions had it that joined all who earn into one limit, wherever any of them does.

        So it is told whether such a decision was made of the same pack and facts by the same rules.
        """
        return self._hash(_joined(self.restrictions))

    def _hash(self, restrictions: Sequence[Mapping[str, Any]]) -> str:
        told: dict[str, Any] = {
            "pack": self.pack,
            "facts": self.facts_hash,
            "decision": self.decision,
            "outcomes": self.outcomes,
            "restrictions": list(restrictions),
            "manifest": self.manifest,
            "automation": self.automation,
            "reasons": [[r.rule, r.outcome, str(r.area), r.text] for r in self.reasons],
            "exempted": [[e.rule, e.reference_id, str(e.area)] for e in self.exempted],
        }
        return hashlib.sha256(canonical(told)).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Give the decision as JSON data, all of it."""
        return {
            "decision": self.decision,
            "outcomes": dict(self.outcomes),
            "restrictions": [dict(restriction) for restriction in self.restrictions],
            "reasons": [reason.to_json() for reason in self.reasons],
            "exempted": [exemption.to_json() for exemption in self.exempted],
            "explanation": self.explanation,
            "manifest": self.manifest,
            "pack": self.pack,
            "thresholds": dict(self.thresholds),
            "facts_hash": self.facts_hash,
            "outcome_hash": self.outcome_hash,
            "automation": self.automation,
        }


def _joined(restrictions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    earning = [each for each in restrictions if each["kind"] == "monetise"]
    if len(earning) < 2:
        return list(restrictions)
    area = NOWHERE
    for each in earning:
        complement = not each["territories"]
        area |= Area(frozenset(each["except" if complement else "territories"]), complement)
    one = {
        "kind": "monetise",
        "territories": list(area.territories),
        "except": list(area.excepted),
        "holders": sorted({holder for each in earning for holder in each["holders"]}),
    }
    at = restrictions.index(earning[0])
    left = [each for each in restrictions if each["kind"] != "monetise"]
    return [*left[:at], one, *left[at:]]


def fold(outcomes: Sequence[str]) -> Verdict:
    """Fold territories into one word.

    Review anywhere gives review; block everywhere block; restrict anywhere or block somewhere
    restrict; else clear (`design.md`, Decision rules).
    """
    met = set(outcomes)
    if "indeterminate" in met:
        return "indeterminate"
    if "review" in met:
        return "review"
    if met == {"block"}:
        return "block"
    return "restrict" if met & {"restrict", "block"} else "clear"
