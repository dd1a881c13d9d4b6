"""A creator's tracks in a list: where each stands, and what waits for its creator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import contestable
from scanner.callers import Caller
from scanner.contestable import Contestable
from scanner.errors import NotFoundError
from scanner.tables import Appeal, Case, CounterNotice, Letter, Track

if TYPE_CHECKING:
    from scanner.service import Service

PAGE: Final = 50


@dataclass(frozen=True)
class Waits:
    """Something that only the creator can do.

    Attributes
    ----------
    what : {"question", "complete"}
        Answer a question, complete a counter-notice.
    until : datetime or None
    """

    what: str
    until: datetime | None


@dataclass(frozen=True)
class Line:
    """A track, what waits for its creator and what they can contest, each most pressing first."""

    track: Track
    waits: tuple[Waits, ...]
    can: tuple[Contestable, ...] = ()

    @property
    def until(self) -> datetime | None:
        """Until when what waits is to be done; what can be contested, where nothing waits."""
        first: tuple[Waits | Contestable, ...] = self.waits or self.can
        return first[0].until if first else None

    @property
    def name(self) -> str:
        """What the creator calls it."""
        return name_of(self.track)


def name_of(track: Track) -> str:
    """Return what a track is called."""
    return track.file_name or track.external_id or track.id


def find(session: Session, caller: Caller, track_id: str) -> Track:
    """Return a track of the creator's, or raise ``NotFoundError``."""
    track = session.get(Track, track_id)
    if track is None or (track.tenant_id, track.account_id) != (
        caller.tenant_id,
        caller.account_id,
    ):
        raise NotFoundError("track", "of this id")
    return track


def lines(service: "Service", caller: Caller, before: str | None = None) -> list[Line]:
    """Return a creator's tracks, newest first, one more than a page holds if there are more."""
    query = select(Track).where(
        Track.tenant_id == caller.tenant_id, Track.account_id == caller.account_id
    )
    if before is not None:
        query = query.where(Track.id < before)
    with service.database.reading() as session:
        found = session.exec(query.order_by(col(Track.id).desc()).limit(PAGE + 1)).all()
        waiting = _waiting(session, [track.id for track in found])
        can = contestable.of_tracks(session, found, service.now())
    return [Line(track, tuple(waiting.get(track.id, ())), tuple(can[track.id])) for track in found]


def unread(service: "Service", caller: Caller) -> int:
    """Return how many letters a creator has not marked read."""
    query = select(Letter.id).where(
        Letter.tenant_id == caller.tenant_id,
        Letter.recipient_kind == "account",
        Letter.recipient_id == caller.account_id,
        col(Letter.read_at).is_(None),
    )
    with service.database.reading() as session:
        return len(session.exec(query.limit(100)).all())


def _waiting(session: Session, ids: Sequence[str]) -> dict[str, list[Waits]]:
    found: dict[str, list[Waits]] = {}
    wanted: tuple[tuple[str, Any, str], ...] = (
        ("question", Case, "waiting_info"),
        ("question", Appeal, "questions"),
        ("complete", CounterNotice, "incomplete"),
    )
    for what, model, state in wanted:
        query = select(model).where(model.track_id.in_(ids), model.state == state)
        for row in session.exec(query):
            found.setdefault(row.track_id, []).append(Waits(what, row.due_at))
    for each in found.values():
        each.sort(key=lambda one: (one.until is None, one.until))
    return found
