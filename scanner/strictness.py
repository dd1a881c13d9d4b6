"""Whether one decision limits a track more than another: in any place, by its outcome or by what it is limited by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import policy
from scanner.tables import PolicyDecision

REST: Final = "*"
"""Every place that a decision does not name."""
Decided = policy.Decision | PolicyDecision


@dataclass(frozen=True)
class Stricter:
    """Where a decision is stricter than the one before.

    Attributes
    ----------
    place : str
        ISO 3166, or `REST`.
    before, after : str
        What is done there.
    by : str, optional
        Kind of the limit that is new there, or more; None if the outcome itself is stricter.
    """

    place: str
    before: str
    after: str
    by: str | None = None


def stricter(after: Decided, before: Decided) -> Stricter | None:
    """Return the first place where a track would be worse off; None if there is none."""
    for place in _places(after, before):
        new, old = _outcome(after, place), _outcome(before, place)
        if policy.SEVERITY[new] > policy.SEVERITY[old]:
            return Stricter(place, old, new)
        more = _further(after, before, place) if new == old == "restrict" else None
        if more is not None:
            return Stricter(place, old, new, more)
    return None


def _places(*decisions: Decided) -> list[str]:
    named = {place for each in decisions for place in each.outcomes}
    for each in decisions:
        for limit in each.restrictions:
            named |= {*limit.get("territories", ()), *limit.get("except", ())}
    return sorted(named | {REST})


def _outcome(decision: Decided, place: str) -> Any:
    """What is done in a place; a limit by territory blocks there."""
    here = _limits(decision.restrictions, place)
    if any(each["kind"] == "territory" for each in here):
        return "block"
    outcome = decision.outcomes.get(place, decision.outcomes.get(REST, "clear"))
    return "restrict" if outcome == "clear" and here else outcome


def _limits(restrictions: Iterable[Mapping[str, Any]], place: str) -> list[Mapping[str, Any]]:
    return [
        each
        for each in restrictions
        if place not in (each.get("except") or ())
        and (not each.get("territories") or place in each["territories"])
    ]


def _further(after: Decided, before: Decided, place: str) -> str | None:
    """Kind of a limit in a place that was not set as strictly before; None if there is none."""
    old = _limits(before.restrictions, place)
    for limit in _limits(after.restrictions, place):
        same = [each for each in old if each["kind"] == limit["kind"]]
        if not any(int(each.get("min_age", 0)) >= int(limit.get("min_age", 0)) for each in same):
            return str(limit["kind"])
    return None
