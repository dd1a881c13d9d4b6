"""What an appeal may leave of a decision: a part of it, never more, and never what has no such part (DSA-20)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlmodel import Session, select

import policy
from scanner.errors import ScannerError
from scanner.restrictions import LABEL
from scanner.rulings import Outcome
from scanner.tables import PolicyDecision, Reference, RetroMatch, Track, TrackMatch

Decided = Literal["grant", "grant_partly", "deny"]
REST: Final = "*"
"""Every place that is not named."""


class BadAppealError(ScannerError):
    """What is asked of an appeal can't be done as it was sent."""


@dataclass(frozen=True)
class Exclusion:
    """A part of a reference that is not its holder's, in seconds."""

    reference_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class AppealDecision:
    """What an officer decides on an appeal.

    Attributes
    ----------
    partial : Outcome, territories, restrictions
        With ``grant_partly``: what becomes of the track.
    """

    outcome: Decided
    reason: str
    becomes: Outcome = "restrict"
    territories: tuple[str, ...] = ()
    restrictions: tuple[dict[str, Any], ...] = field(default=())
    exclusion: Exclusion | None = None


def refuse_stricter(left: PolicyDecision, contested: PolicyDecision) -> None:
    """Refuse a part that is stricter, anywhere, than what was appealed: nobody is worse off for it.

    Raises
    ------
    BadAppealError
        Where it is stricter, and by what.
    """
    for place in _places(left, contested):
        new, old = _outcome(left, place), _outcome(contested, place)
        if policy.SEVERITY[new] < policy.SEVERITY[old]:
            continue
        where = "everywhere else" if place == REST else f"in {place}"
        if policy.SEVERITY[new] > policy.SEVERITY[old]:
            raise BadAppealError(
                f"the appealed decision is {old} {where}, and the part would be {new}: what is left "
                "of a decision is never stricter than it was"
            )
        if new == "restrict" and (more := _further(left, contested, place)) is not None:
            raise BadAppealError(
                f"the appealed decision has no limit by {more} {where}, or a lesser one: what is left "
                "of a decision is never stricter than it was"
            )


def remedy_of(
    form: str,
    becomes: str,
    territories: Sequence[str],
    restrictions: Sequence[Mapping[str, Any]],
) -> tuple[str, list[str]]:
    """Return what a notice that is acted on after all does: its remedy, and where, ISO 3166.

    Raises
    ------
    BadAppealError
        If a notice of this form does nothing such.
    """
    if form == "likeness" and becomes != "block":
        if all(each.get("kind") == LABEL for each in restrictions):
            labelled = [place for each in restrictions for place in each.get("territories", ())]
            return "label", sorted({*territories, *labelled})
    elif not restrictions:
        return "block", list(territories)
    raise BadAppealError(
        "a notice blocks a track, everywhere or in the territories you send, or labels it as a "
        "likeness if it is of that form: send no other restrictions"
    )


def refuse_unmatched(session: Session, track_id: str | None, reference: Reference) -> None:
    """Refuse to exclude a part of a reference that was never found in the appeal's track.

    Raises
    ------
    BadAppealError
    """
    track = session.get(Track, track_id) if track_id else None
    if track is not None:
        matched = select(TrackMatch.id).where(
            TrackMatch.analysis_id == track.analysis_id, TrackMatch.reference_id == reference.id
        )
        later = select(RetroMatch.id).where(
            RetroMatch.track_id == track.id, RetroMatch.reference_id == reference.id
        )
        if any(session.exec(each.limit(1)).first() is not None for each in (matched, later)):
            return
    raise BadAppealError(
        "the reference was not found in the track of this appeal: exclude a part of one that was"
    )


def _places(*decisions: PolicyDecision) -> list[str]:
    named = {place for each in decisions for place in each.outcomes}
    for each in decisions:
        for limit in each.restrictions:
            named |= {*limit.get("territories", ()), *limit.get("except", ())}
    return sorted(named | {REST})


def _outcome(decision: PolicyDecision, place: str) -> str:
    """What is done in a place; a limit by territory blocks there."""
    here = _limits(decision.restrictions, place)
    if any(each["kind"] == "territory" for each in here):
        return "block"
    outcome = str(decision.outcomes.get(place, decision.outcomes.get(REST, "clear")))
    return "restrict" if outcome == "clear" and here else outcome


def _limits(restrictions: Iterable[Mapping[str, Any]], place: str) -> list[Mapping[str, Any]]:
    return [
        each
        for each in restrictions
        if place not in (each.get("except") or ())
        and (not each.get("territories") or place in each["territories"])
    ]


def _further(left: PolicyDecision, contested: PolicyDecision, place: str) -> str | None:
    """Kind of a limit in a place that the contested decision did not set as strictly; None if none."""
    old = _limits(contested.restrictions, place)
    for limit in _limits(left.restrictions, place):
        same = [each for each in old if each["kind"] == limit["kind"]]
        if not any(int(each.get("min_age", 0)) >= int(limit.get("min_age", 0)) for each in same):
            return str(limit["kind"])
    return None
