"""Comparison: what two packs say about the same facts, and the table of many such pairs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from policy.decisions import Decision

OUTCOMES: Final = ("clear", "restrict", "review", "block", "indeterminate")
EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Ruling:
    """What of a decision a person or a listener would notice, and the rules behind it.

    ``rules`` are those that fired, each with what it asked for: ``own-hit: block``.
    """

    decision: str
    outcomes: Mapping[str, str]
    restrictions: Sequence[Mapping[str, Any]]
    rules: frozenset[str]

    @classmethod
    def of(cls, decision: Decision) -> "Ruling":
        """Take it from a decision."""
        return cls(
            decision.decision,
            decision.outcomes,
            decision.restrictions,
            frozenset(f"{reason.rule}: {reason.outcome}" for reason in decision.reasons),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """How a candidate's ruling is unlike the live one.

    Attributes
    ----------
    differs : bool
        Whether anything that takes effect is otherwise: the decision, a territory's outcome, a
        restriction. Rules alone are no difference.
    only_live, only_candidate : tuple of str
        Rules that fired, with what they asked for, in one of the two; in alphabetical order.
    """

    live: str
    candidate: str
    differs: bool
    only_live: tuple[str, ...]
    only_candidate: tuple[str, ...]


def compare(live: Ruling, candidate: Ruling) -> Difference:
    """Say how a candidate's ruling is unlike the live one."""
    return Difference(
        live=live.decision,
        candidate=candidate.decision,
        differs=_effect(live) != _effect(candidate),
        only_live=tuple(sorted(live.rules - candidate.rules)),
        only_candidate=tuple(sorted(candidate.rules - live.rules)),
    )


def _effect(ruling: Ruling) -> tuple[Any, ...]:
    restrictions = sorted(repr(sorted(restriction.items())) for restriction in ruling.restrictions)
    return ruling.decision, dict(ruling.outcomes), restrictions


@dataclass(slots=True)
class Confusion:
    """Counts of live by candidate outcomes, with examples of what differs.

    Parameters
    ----------
    examples : int
        Tracks that are named in each cell, at most; the first ones.
    """

    examples: int = EXAMPLES
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    differing: int = 0
    overturned: int = 0
    named: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    named_overturned: list[dict[str, Any]] = field(default_factory=list)

    def add(self, track_id: str, difference: Difference, human: str | None = None) -> None:
        """Count one track.

        Parameters
        ----------
        human : str, optional
            The outcome that a person put in the place of the live one.
        """
        cell = (difference.live, difference.candidate)
        self.counts[cell] += 1
        if not difference.differs:
            return
        self.differing += 1
        told = {
            "track_id": track_id,
            "live": difference.live,
            "candidate": difference.candidate,
            "only_live": list(difference.only_live),
            "only_candidate": list(difference.only_candidate),
            "human": human,
        }
        _keep(self.named.setdefault(cell, []), told, self.examples)
        if human is not None:
            self.overturned += 1
            _keep(self.named_overturned, told, self.examples)

    @property
    def compared(self) -> int:
        """Tracks counted."""
        return self.counts.total()

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> "Confusion":
        """Take up a table where `to_json` left it; an empty object is one of nothing."""
        made = cls()
        for live, row in told.get("table", {}).items():
            made.counts.update({(live, candidate): n for candidate, n in row.items() if n})
        overturned = told.get("overturned", {"differing": 0, "examples": []})
        made.differing, made.overturned = told.get("differing", 0), overturned["differing"]
        for each in told.get("examples", ()):
            made.named.setdefault((each["live"], each["candidate"]), []).append(each)
        made.named_overturned = list(overturned["examples"])
        return made

    def to_json(self) -> dict[str, Any]:
        """Give the table as JSON: outcomes that occur, counts by live, then candidate."""
        occurring = [name for name in OUTCOMES if any(name in cell for cell in self.counts)]
        return {
            "compared": self.compared,
            "differing": self.differing,
            "table": {
                live: {candidate: self.counts[live, candidate] for candidate in occurring}
                for live in occurring
            },
            "examples": [each for cell in sorted(self.named) for each in self.named[cell]],
            "overturned": {"differing": self.overturned, "examples": self.named_overturned},
        }


def _keep(kept: list[dict[str, Any]], new: dict[str, Any], most: int) -> None:
    if len(kept) < most:
        kept.append(new)
