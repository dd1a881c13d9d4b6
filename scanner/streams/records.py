"""What is kept of a stream: its state, its gaps, what was on. Every change is journalled."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import BusyError, ConflictError, NotFoundError
from scanner.journal import PIPELINE, Actor, record
from scanner.stream_events import (
    StreamAdded,
    StreamConnected,
    StreamEnded,
    StreamEvent,
    StreamLost,
    StreamMatched,
    StreamPlayOver,
)
from scanner.tables import Stream, StreamPlay, Tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlmodel.sql.expression import SelectOfScalar

    from scanner.service import Service
    from scanner.streams.plays import Play

WAITING: Final = "waiting"
LISTENING: Final = "listening"
ENDED: Final = "ended"
BUSY: Final = {"type": "busy"}
"""The problem of a stream that waits until fewer of its tenant's are listened to."""
LEASE: Final = timedelta(seconds=60)
IDLE: Final = timedelta(days=1)
FINISH_SECONDS: Final = 5.0
"""So long the end of a stream waits for its listener, which says after every hop how far it heard."""
ASKED_EVERY: Final = 0.2
GAP_SECONDS: Final = 1.0
"""Less is no gap: a connection takes that long to make."""
MOST_RETRY_SECONDS: Final = 30.0
_WORST: Final = 1000
"""Gaps and unsearched ranges that are told apart; beyond, the last one grows."""


class StreamOverError(Exception):
    """A stream was ended, or is listened to elsewhere, while it was heard here."""


@dataclass(frozen=True)
class Connection:
    """The right to listen to a stream for a while, and where in it one is."""

    stream_id: str
    tenant_id: str
    lease: str
    start: float
    url: str | None


def add(service: "Service", caller: Caller, name: str, url: str | None) -> Stream:
    """Keep a stream; with an address a worker begins to listen, without one audio may be sent."""
    now = service.now()
    row = Stream(
        id=new_id(),
        tenant_id=caller.tenant_id,
        name=name,
        url=url,
        sandbox=caller.sandbox,
        state=WAITING,
        connections=[],
        unsearched=[],
        created_at=now,
        retry_at=now if url else None,
    )
    with service.database.transaction() as session:
        session.add(row)
        session.flush()
        _note(session, row, StreamAdded(has_url=url is not None), now, caller.actor)
    return row


def find(session: Session, tenant_id: str, stream_id: str) -> Stream:
    """Return a tenant's stream.

    Raises
    ------
    NotFoundError
        If the tenant has none of this id.
    """
    row = session.get(Stream, stream_id)
    if row is None or row.tenant_id != tenant_id:
        raise NotFoundError("stream", "of this id")
    return row


def listed(
    session: Session, tenant_id: str, *, limit: int, before: "tuple[datetime, str] | None" = None
) -> "Sequence[Stream]":
    """Return a tenant's streams, newest first."""
    query = select(Stream).where(Stream.tenant_id == tenant_id)
    if before is not None:
        at, last = before
        same = and_(col(Stream.created_at) == at, col(Stream.id) < last)
        query = query.where(or_(col(Stream.created_at) < at, same))
    newest = query.order_by(col(Stream.created_at).desc(), col(Stream.id).desc())
    return session.exec(newest.limit(limit)).all()


def due(service: "Service", limit: int, *, but: "Sequence[str]" = ()) -> list[str]:
    """Return ids of streams that a worker should listen to and none does, without those it has already."""
    with service.database.reading() as session:
        query = _unheard(service).where(
            col(Stream.tenant_id).not_in(_full(service)), col(Stream.id).not_in(but)
        )
        found = session.exec(query.order_by(col(Stream.retry_at)).limit(limit))
        return [row.id for row in found]


def note_busy(service: "Service") -> int:
    """Say of streams that wait for room among their tenant's that this is why nobody listens; return of how many."""
    query = _unheard(service).where(col(Stream.tenant_id).in_(_full(service)))
    with service.database.reading() as session:
        told = [row.id for row in session.exec(query) if row.problem != BUSY]
    if not told:
        return 0
    with service.database.transaction() as session:
        waiting = query.where(col(Stream.id).in_(told)).order_by(col(Stream.id)).with_for_update()
        rows = session.exec(waiting).all()
        for row in rows:
            row.problem = dict(BUSY)
        return len(rows)


def _unheard(service: "Service") -> "SelectOfScalar[Stream]":
    """Query the streams that it is time to listen to and nobody does."""
    now = service.now()
    return select(Stream).where(
        Stream.state != ENDED,
        col(Stream.url).is_not(None),
        col(Stream.retry_at) <= now,
        or_(col(Stream.lease_until).is_(None), col(Stream.lease_until) <= now),
    )


def _full(service: "Service") -> "SelectOfScalar[str]":
    """Query the tenants of whose streams as many are listened to as may be."""
    return (
        select(Stream.tenant_id)
        .where(Stream.state != ENDED, col(Stream.lease_until) > service.now())
        .group_by(col(Stream.tenant_id))
        .having(func.count() >= service.settings.streams_a_tenant)
    )


def connect(service: "Service", stream_id: str, gap: float | None = None) -> Connection:
    """Begin or go on to listen; what was still on when a listener died is over.

    Parameters
    ----------
    gap : float, optional
        Seconds of the stream that were missed since it was last heard; the time that passed, if
        nobody says.

    Raises
    ------
    ConflictError
        If the stream has ended or somebody listens already.
    BusyError
        If as many of the tenant's streams are listened to as may be at once.
    """
    now = service.now()
    with service.database.transaction() as session:
        row = session.get_one(Stream, stream_id, with_for_update=True)
        if row.state == ENDED:
            raise ConflictError("the stream has ended: add a new one")
        if row.lease is not None and row.lease_until is not None and row.lease_until > now:
            raise ConflictError("the stream is listened to already: end that connection first")
        require_room(service, session, row, now)
        for play in _still_on(session, row.id):
            _close(session, row, play, now)
        missed = 0.0
        if row.connections:
            passed = (now - row.position_at).total_seconds() if row.position_at else 0.0
            missed = max(0.0, passed if gap is None else gap)
        if row.heard_at is None and row.url is not None:
            row.connections, missed = [], 0.0  # it begins with its first sample
        start = row.heard_seconds + missed
        _begin_stretch(row, start, now)
        row.state, row.problem = LISTENING, None
        row.lease, row.lease_until = new_id(), now + LEASE
        row.heard_seconds, row.position_at = start, now
        data = StreamConnected(at=round(start, 3), gap_seconds=round(missed, 3))
        _note(session, row, data, now)
        return Connection(row.id, row.tenant_id, row.lease, start, row.url)


def require_room(service: "Service", session: Session, row: Stream, now: "datetime") -> None:
    """Refuse a stream if as many of its tenant's are listened to as may be; a tenant's begin one by one.

    Raises
    ------
    BusyError
    """
    one_by_one = {"key_share": True}  # whoever else writes of the tenant need not wait
    session.get_one(Tenant, row.tenant_id, with_for_update=one_by_one)
    query = select(func.count()).select_from(Stream)
    others = query.where(
        Stream.tenant_id == row.tenant_id, Stream.id != row.id, col(Stream.lease_until) > now
    )
    limit = service.settings.streams_a_tenant
    if session.exec(others.where(Stream.state != ENDED)).one() >= limit:
        raise BusyError(f"{limit} streams are listened to already: end one, or wait", 60)


def note_heard(
    service: "Service",
    connection: Connection,
    heard: float,
    *,
    begun: "Sequence[Play]" = (),
    on: "Sequence[Play]" = (),
    over: "Sequence[Play]" = (),
    lag: float = 0.0,
    unsearched: tuple[float, float] | None = None,
    silent: float = 0.0,
) -> None:
    """Keep how far a stream was heard and what is on, and renew the lease.

    Parameters
    ----------
    heard : float
        Seconds of the stream.
    begun, on, over : sequence of Play
        Newly known; known before and heard further; known before and over.
    lag : float
        Seconds from the last sample to now.
    silent : float
        Seconds since the source sent anything that sounds: a gap begins where its sound ended, not where it was given up.

    Raises
    ------
    StreamOverError
        If the stream is not this connection's any more.
    """
    now = service.now()
    with service.database.transaction() as session:
        row = _own(session, connection)
        row.heard_seconds, row.position_at = heard, now - timedelta(seconds=silent)
        row.heard_at = now
        row.lease_until, row.retries = now + LEASE, 0
        row.connections = [*row.connections[:-1], row.connections[-1] | {"end": round(heard, 3)}]
        if unsearched is not None:
            row.unsearched = _with_range(row.unsearched, unsearched)
        session.add(row)
        for play in begun:
            _keep(session, row, play, heard - play.start + lag, now)
        for play in (*on, *over):
            kept = session.get_one(StreamPlay, play.record)
            _update(kept, play)
            if play in over:
                _close(session, row, kept, now)


def disconnect(
    service: "Service", connection: Connection, problem: str | None, *, retries: bool
) -> None:
    """Say that no audio comes any more; a stream with an address is tried again a little later."""
    now = service.now()
    with service.database.transaction() as session:
        try:
            row = _own(session, connection)
        except StreamOverError:
            return
        row.state, row.lease, row.lease_until = WAITING, None, None
        row.problem = {"type": problem} if problem else None
        if retries:
            row.retries += 1
            wait = min(2.0 ** (row.retries - 1), MOST_RETRY_SECONDS)
            row.retry_at = now + timedelta(seconds=wait)
        _note(session, row, StreamLost(at=round(row.heard_seconds, 3), problem=problem), now)


def end(service: "Service", stream_id: str, reason: str, actor: Actor = PIPELINE) -> Stream:
    """End a stream for good; ending it again changes nothing."""
    now = service.now()
    with service.database.transaction() as session:
        row = session.get_one(Stream, stream_id, with_for_update=True)
        if row.state == ENDED:
            return row
        for play in _still_on(session, row.id):
            _close(session, row, play, now)
        session.flush()
        count = len(session.exec(select(StreamPlay.id).where(StreamPlay.stream_id == row.id)).all())
        row.state, row.ended_at = ENDED, now
        row.lease = row.lease_until = row.retry_at = None
        heard = round(row.heard_seconds, 3)
        _note(
            session, row, StreamEnded(reason=reason, heard_seconds=heard, plays=count), now, actor
        )
        return row


def finish(service: "Service", stream_id: str, reason: str, actor: Actor) -> Stream:
    """End a stream for good once what was on air when it was asked is heard, if somebody listens."""
    reached = on_air_at(service, stream_id)
    limit = time.monotonic() + FINISH_SECONDS
    while not is_heard(service, stream_id, reached) and time.monotonic() < limit:
        time.sleep(ASKED_EVERY)
    return end(service, stream_id, reason, actor)


def on_air_at(service: "Service", stream_id: str) -> float:
    """Return how far a stream that is listened to will have been heard once it caught up with now; 0 if it is not."""
    now = service.now()
    with service.database.reading() as session:
        row = session.get_one(Stream, stream_id)
    if row.lease_until is None or row.lease_until <= now or row.position_at is None:
        return 0.0
    if row.heard_seconds <= row.connections[-1]["start"]:
        return 0.0  # nothing of this connection was searched yet
    return row.heard_seconds + (now - row.position_at).total_seconds()


def is_heard(service: "Service", stream_id: str, reached: float) -> bool:
    """Tell whether a stream was heard so far, or nobody listens to it any more."""
    with service.database.reading() as session:
        row = session.get_one(Stream, stream_id)
    return row.lease is None or row.heard_seconds >= reached


def lapse(service: "Service") -> int:
    """End streams to which nobody has sent anything for a day; return how many.

    One whose listener died without a word is still said to be listened to, but has no lease any more.
    """
    now = service.now()
    before = now - IDLE
    with service.database.reading() as session:
        last = func.coalesce(Stream.heard_at, Stream.created_at)
        free = or_(col(Stream.lease_until).is_(None), col(Stream.lease_until) <= now)
        query = select(Stream.id).where(
            Stream.state != ENDED, col(Stream.url).is_(None), last <= before, free
        )
        idle = session.exec(query).all()
    for stream_id in idle:
        end(service, stream_id, "lost")
    return len(idle)


def _own(session: Session, connection: Connection) -> Stream:
    row = session.get_one(Stream, connection.stream_id, with_for_update=True)
    if row.state == ENDED or row.lease != connection.lease:
        raise StreamOverError
    return row


def _begin_stretch(row: Stream, start: float, now: "datetime") -> None:
    stretch = {"at": now.isoformat(), "start": round(start, 3), "end": round(start, 3)}
    before = row.connections
    if len(before) > 1 and before[-1]["end"] <= before[-1]["start"]:
        before = before[:-1]  # nothing came then: it is one gap
    if before and (start - before[-1]["end"] < GAP_SECONDS or len(before) >= _WORST):
        row.connections = [*before[:-1], before[-1] | {"end": stretch["end"]}]
    else:
        row.connections = [*before, stretch]


def _with_range(ranges: list[list[float]], more: tuple[float, float]) -> list[list[float]]:
    start, until = (round(each, 3) for each in more)
    if ranges and (start <= ranges[-1][1] or len(ranges) >= _WORST):
        return [*ranges[:-1], [ranges[-1][0], until]]
    return [*ranges, [start, until]]


def _still_on(session: Session, stream_id: str) -> "Sequence[StreamPlay]":
    query = select(StreamPlay).where(StreamPlay.stream_id == stream_id, ~col(StreamPlay.is_over))
    return session.exec(query).all()


def _keep(session: Session, row: Stream, play: "Play", said_after: float, now: "datetime") -> None:
    play.record = new_id()
    kept = StreamPlay(
        id=play.record,
        tenant_id=row.tenant_id,
        stream_id=row.id,
        reference_id=play.reference_id,
        start=play.start,
        end=play.end,
        reference_start=play.reference_start,
        reference_end=play.reference_end,
        score=play.score,
        pitch_semitones=play.pitch_semitones,
        tempo_ratio=play.tempo_ratio,
        said_after=round(said_after, 3),
        noted_at=now,
    )
    session.add(kept)
    session.flush()
    data = StreamMatched(
        play_id=kept.id,
        reference_id=kept.reference_id,
        start=round(kept.start, 3),
        reference_start=round(kept.reference_start, 3),
        score=round(kept.score, 4),
        pitch_semitones=round(kept.pitch_semitones, 2),
        tempo_ratio=round(kept.tempo_ratio, 4),
        said_after=kept.said_after,
    )
    _note(session, row, data, now)


def _update(kept: StreamPlay, play: "Play") -> None:
    kept.said_after = round(kept.said_after + kept.start - play.start, 3)
    kept.start, kept.end, kept.score = play.start, play.end, play.score
    kept.reference_start, kept.reference_end = play.reference_start, play.reference_end
    kept.pitch_semitones, kept.tempo_ratio = play.pitch_semitones, play.tempo_ratio


def _close(session: Session, row: Stream, kept: StreamPlay, now: "datetime") -> None:
    kept.is_over = True
    session.add(kept)
    data = StreamPlayOver(
        play_id=kept.id,
        reference_id=kept.reference_id,
        start=round(kept.start, 3),
        end=round(kept.end, 3),
    )
    _note(session, row, data, now)


def _note(
    session: Session, row: Stream, data: StreamEvent, now: "datetime", actor: Actor = PIPELINE
) -> None:
    row.version += 1
    session.add(row)
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=now,
        actor=actor,
    )
