"""What an appeal may leave of a decision: a part of it, never more, and never what has no such part (DSA-20)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlmodel import Session, select

from scanner import strictness
from scanner.errors import ScannerError
from scanner.restrictions import LABEL
from scanner.rulings import Outcome
from scanner.strictness import REST
from scanner.tables import PolicyDecision, Reference, RetroMatch, Track, TrackMatch
from scanner.wording import Told

Decided = Literal["grant", "grant_partly", "deny"]


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
    misuse : {"unfounded", "grave", "meant"}, optional
        With ``deny``: that it was manifestly unfounded, and what besides (DSA-23).
    """

    outcome: Decided
    reason: str
    becomes: Outcome = "restrict"
    territories: tuple[str, ...] = ()
    restrictions: tuple[dict[str, Any], ...] = field(default=())
    exclusion: Exclusion | None = None
    misuse: str | None = None


def refuse_stricter(left: PolicyDecision, contested: PolicyDecision) -> None:
    """Refuse a part that is stricter, anywhere, than what was appealed: nobody is worse off for it.

    Raises
    ------
    BadAppealError
        Where it is stricter, and by what.
    """
    found = strictness.stricter(left, contested)
    if found is None:
        return
    where: str = "everywhere else"
    if found.place != REST:
        where = Told("in %(place)s", place=found.place)
    if found.by is None:
        raise BadAppealError(
            Told(
                "the appealed decision is %(before)s %(where)s, and the part would be "
                "%(after)s: what is left of a decision is never stricter than it was",
                before=found.before,
                where=where,
                after=found.after,
            )
        )
    raise BadAppealError(
        Told(
            "the appealed decision has no limit by %(by)s %(where)s, or a lesser "
            "one: what is left of a decision is never stricter than it was",
            by=found.by,
            where=where,
        )
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


def refuse_less(now: tuple[str, list[str]], before: tuple[str, list[str]]) -> None:
    """Refuse what takes back, anywhere, some of what a notice did, or adds nothing to it (DSA-20).

    Raises
    ------
    BadAppealError
    """
    (kind, places), (earlier, there) = now, before
    wide = not places or (bool(there) and set(there) <= set(places))
    if (
        (earlier, kind) != ("block", "label")
        and wide
        and (kind, set(places)) != (earlier, set(there))
    ):
        return
    raise BadAppealError(
        Told(
            "the notice led to a %(earlier)s in %(places)s: what an appeal of its sender adds holds that too, and more",
            earlier=earlier,
            places=", ".join(there),
        )
        if there
        else Told(
            "the notice led to a %(earlier)s: what an appeal of its sender adds holds that too, and more",
            earlier=earlier,
        )
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
