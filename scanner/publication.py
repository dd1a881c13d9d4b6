"""Publication: whether anybody may find a released generated track by its mark or its sound."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from scanner import people
from scanner.callers import Caller
from scanner.delivery import OUT
from scanner.errors import IllegalTransitionError
from scanner.events import TrackEvent, TrackPublished, TrackUnpublished
from scanner.idempotency import check_version
from scanner.journal import Actor, record
from scanner.marking import MarkState, mark_of
from scanner.tables import Track, Watermark
from scanner.tracks import locked
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service


@dataclass(frozen=True)
class Published:
    """A track and when it was published; None if it is not."""

    track_id: str
    version: int
    published_at: datetime | None


def publish(service: "Service", caller: Caller, track_id: str) -> Published:
    """Let anybody find a track; one that is published stays as it is.

    Raises
    ------
    IllegalTransitionError
        If it is not generated, not marked or not released.
    GateClosedError
        If the person behind its account may not publish.
    """
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        row = _marked(session, track)
        if track.state not in OUT:
            raise IllegalTransitionError(
                Told(
                    "only a released track can be published, and this one is %(state)s",
                    state=track.state,
                )
            )
        if row.published_at is None:
            people.require_publishing(service, session, track.account_id)
            row.published_at = service.now()
            data = TrackPublished(watermark_id=row.id)
            _note(session, track, data, service.now(), caller.actor)
        return Published(track.id, track.version, row.published_at)


def unpublish(
    service: "Service", caller: Caller, track_id: str, *, expected_version: int | None = None
) -> Published:
    """Let nobody but its platform find a track any more."""
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        check_version(track.version, expected_version)
        row = _marked(session, track)
        if row.published_at is not None:
            row.published_at = None
            data = TrackUnpublished(watermark_id=row.id)
            _note(session, track, data, service.now(), caller.actor)
        return Published(track.id, track.version, None)


def describe(published: Published) -> dict[str, Any]:
    """Return it as JSON."""
    at = published.published_at
    return {
        "id": published.track_id,
        "track_id": published.track_id,
        "published_at": at.isoformat() if at else None,
        "version": published.version,
    }


def _marked(session: Session, track: Track) -> Watermark:
    row = mark_of(session, track.id)
    if row is None or row.state != MarkState.MARKED:
        raise IllegalTransitionError("only a generated track that carries its mark is published")
    return row


def _note(session: Session, track: Track, data: TrackEvent, now: datetime, actor: Actor) -> None:
    track.version += 1
    track.updated_at = now
    record(
        session,
        tenant_id=track.tenant_id,
        subject=track.id,
        version=track.version,
        data=data,
        now=now,
        actor=actor,
    )
