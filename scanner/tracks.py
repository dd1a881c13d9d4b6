"""Tracks: taking them in, moving them through their states, showing them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import rfc8785
from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from appeals.roles import STAFF
from scanner import case_closing, idempotency, licensees, prompts, sanctions
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.events import TrackRescanned, TrackSubmitted, TrackWithdrawn
from scanner.journal import PIPELINE, Actor, Event, record
from scanner.metrics import SUBMISSIONS
from scanner.privacy.person_keys import Person
from scanner.tables import (
    Account,
    Analysis,
    Case,
    Submission,
    Track,
    TrackStem,
)
from scanner.track_states import GENERATED, Command, State, advance

if TYPE_CHECKING:
    from scanner.declarations import Declaration
    from scanner.events import EventData
    from scanner.service import Service

MAX_STEM_NAME: Final = 100


@dataclass(frozen=True)
class StemSource:
    """A stem that is in the store already, and what it is called."""

    name: str
    sha256: str
    size_bytes: int


def is_stem_name(name: str) -> bool:
    """Whether a name can be that of a file, wherever the bundle is unpacked."""
    plain = name.isprintable() and not set(name) & set("/\\:") and name.strip(". ") == name
    return plain and 0 < len(name) <= MAX_STEM_NAME


@dataclass(frozen=True)
class Source:
    """Where a track's sound is: one of a stored blob, an address to fetch, a fingerprint.

    Parameters
    ----------
    sha256, size_bytes
        Of audio that is in the store already.
    url
        A claim check; the worker fetches it.
    fingerprint_sha256
        Blob with a client's fingerprint, where no audio is given.
    file_name
        What the client called it: shown, never used as a path.
    stems
        Of a generated track.
    """

    sha256: str | None = None
    size_bytes: int | None = None
    url: str | None = None
    fingerprint_sha256: str | None = None
    file_name: str | None = None
    stems: tuple[StemSource, ...] = ()

    def identity(self) -> dict[str, Any]:
        """Return what makes two bodies the same: the bytes, not their name."""
        same: dict[str, Any] = {
            "sha256": self.sha256,
            "url": self.url,
            "fingerprint": self.fingerprint_sha256,
        }
        if self.stems:
            same["stems"] = {stem.name: stem.sha256 for stem in self.stems}
        return same


def submit(
    service: "Service",
    caller: Caller,
    source: Source,
    declaration: "Declaration",
    *,
    entrance: str,
    key: str,
    also: Callable[[Session, Track], None] | None = None,
) -> str:
    """Accept a track: one transaction that holds the key, the track and the journal row.

    Parameters
    ----------
    also : callable, optional
        Writes what goes with the new track, in the same transaction; not called for a repeat.

    Returns
    -------
    str
        The track's id; that of the first submission if the key was used before with this body.

    Raises
    ------
    IdempotencyConflictError
        If the key was used before with another body.
    MarkRightRevokedError
        If it was generated for a licensee who may not use the model's marks (any more).
    SuspendedError
        If the account is suspended; that it tried is on record.
    """
    try:
        return _submit(service, caller, source, declaration, entrance, key, also)
    except sanctions.SuspendedError as error:
        sanctions.note_refusal(service, error, entrance)
        SUBMISSIONS.labels(entrance, "refused").inc()
        raise


def _submit(
    service: "Service",
    caller: Caller,
    source: Source,
    declaration: "Declaration",
    entrance: str,
    key: str,
    also: Callable[[Session, Track], None] | None,
) -> str:
    declared = declaration.to_json()
    digest = body_digest(source, declared)
    declared = prompts.without_prompt(service, caller.tenant_id, declared)
    now = service.now()
    with service.database.transaction() as session:
        first = idempotency.begin(session, caller.tenant_id, key, "tracks", digest, now)
        if first is not None:
            return str(first["track_id"])
        account_id = _account_id(session, caller.tenant_id, declaration.account, now)
        if account_id is not None:
            sanctions.require(session, caller.tenant_id, "account", account_id, "uploads", now)
        track = Track(
            id=new_id(),
            tenant_id=caller.tenant_id,
            account_id=account_id,
            external_id=declaration.external_id,
            origin="upload" if declaration.generated is None else GENERATED,
            state=State.RECEIVED,
            sha256=source.sha256,
            size_bytes=source.size_bytes,
            source_url=source.url,
            client_fingerprint=source.fingerprint_sha256,
            file_name=source.file_name,
            created_at=now,
            updated_at=now,
        )
        session.add(track)
        session.flush()
        if declaration.generated is not None:
            licensees.entitled(session, caller.tenant_id, declaration.generated.licensee, now)
            session.add_all(_stems(track, source.stems, now))
        submission = Submission(
            id=new_id(),
            tenant_id=caller.tenant_id,
            track_id=track.id,
            entrance=entrance,
            declaration=declared,
            created_at=now,
        )
        session.add(submission)
        data = TrackSubmitted(
            submission_id=submission.id,
            entrance=entrance,
            sha256=source.sha256,
            declaration_sha256=hashlib.sha256(rfc8785.dumps(declared)).hexdigest(),
        )
        note(session, track, data, now, actor=caller.actor)
        if also is not None:
            also(session, track)
        idempotency.finish(session, caller.tenant_id, key, 202, {"track_id": track.id})
    SUBMISSIONS.labels(entrance, "accepted").inc()
    return track.id


def _stems(track: Track, stems: Sequence[StemSource], now: datetime) -> list[TrackStem]:
    return [
        TrackStem(
            id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            name=stem.name,
            sha256=stem.sha256,
            size_bytes=stem.size_bytes,
            state="received",
            created_at=now,
        )
        for stem in stems
    ]


def body_digest(source: Source, declared: dict[str, Any]) -> str:
    """SHA-256 of what a submission is: the same key may come again with the same one only."""
    return hashlib.sha256(rfc8785.dumps([source.identity(), declared])).hexdigest()


def withdraw(
    service: "Service",
    caller: Caller,
    track_id: str,
    reason: str = "withdrawn by the client",
    *,
    expected_version: int | None = None,
) -> Track:
    """Take a track back; what happened stays in the journal.

    Raises
    ------
    ForbiddenError
        If somebody asks who decides on tracks: they do so by a verdict, which gives its reasons.
    """
    if caller.user_id is not None and caller.actor.role in STAFF:
        raise ForbiddenError("who decides on tracks withdraws none: give a verdict in its case")
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        idempotency.check_version(track.version, expected_version)
        move(
            session,
            track,
            Command.WITHDRAW,
            TrackWithdrawn(reason=reason),
            service.now(),
            actor=caller.actor,
        )
        close_cases(session, track, "the track was withdrawn", service.now(), caller.actor)
        return track


def end(session: Session, track: Track, data: TrackWithdrawn, now: datetime, actor: Actor) -> None:
    """Withdraw a locked track, unless it is withdrawn already, and take its cases from the queue."""
    if track.state != State.WITHDRAWN:
        move(session, track, Command.WITHDRAW, data, now, actor=actor)
    close_cases(session, track, data.reason, now, actor)


def rescan(service: "Service", caller: Caller, track_id: str, reason: str = "asked for") -> Track:
    """Analyse a track again that is held, whose analysis was given up, or a detector of which failed.

    Raises
    ------
    IllegalTransitionError
        Also for a track that is quarantined because a rule says so: that is for a reviewer.
    """
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        if track.state == State.QUARANTINED and not _unfinished(session, track):
            raise IllegalTransitionError(
                "cannot rescan a track that is quarantined by a rule: a reviewer decides on it"
            )
        analyse_again(session, track, reason, service.now(), actor=caller.actor)
        return track


def _unfinished(session: Session, track: Track) -> bool:
    """Whether a track is quarantined since something failed, not for what is in it."""
    row = session.get(Analysis, track.analysis_id) if track.analysis_id else None
    return track.problem is not None or (row is not None and "failed" in row.detectors.values())


def analyse_again(
    session: Session,
    track: Track,
    reason: str,
    now: datetime,
    *,
    actor: Actor = PIPELINE,
    cause: Event | None = None,
) -> None:
    """Send a track back to the beginning of the pipeline and take its cases from the queue."""
    track.problem, track.analysis_id = None, None
    close_cases(session, track, "the track is analysed again", now, actor)
    move(
        session, track, Command.RESCAN, TrackRescanned(reason=reason), now, actor=actor, cause=cause
    )


def close_cases(
    session: Session,
    track: Track,
    reason: str,
    now: datetime,
    actor: Actor,
    *,
    keep: Sequence[str] = (),
) -> None:
    """Take from the queue what nobody needs to look at any more, but for what ``keep`` names."""
    about = (Case.track_id == track.id, col(Case.id).not_in(keep))
    case_closing.close(session, *about, reason=reason, now=now, actor=actor)


def move(
    session: Session,
    track: Track,
    command: Command,
    data: "EventData",
    now: datetime,
    *,
    actor: Actor = PIPELINE,
    cause: Event | None = None,
) -> Event:
    """Move a locked track by ``command`` and write down what happened, in one transaction."""
    track.state = advance(State(track.state), command)
    return note(session, track, data, now, actor=actor, cause=cause)


def person_of(track: Track) -> Person | None:
    """Return whose the personal fields of a track's events are; None: its tenant's."""
    return Person("account", track.account_id) if track.account_id else None


def locked(session: Session, tenant_id: str, track_id: str) -> Track:
    """Return the tenant's track, locked until the transaction ends."""
    track = session.get(Track, track_id, with_for_update=True)
    if track is None or track.tenant_id != tenant_id:
        raise NotFoundError("track", track_id)
    return track


def find(session: Session, tenant_id: str, track_id: str) -> Track:
    """Return the tenant's track, or raise ``NotFoundError``: another tenant's reads the same."""
    track = session.get(Track, track_id)
    if track is None or track.tenant_id != tenant_id:
        raise NotFoundError("track", track_id)
    return track


def listed(
    session: Session,
    tenant_id: str,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
    state: str | None = None,
    external_id: str | None = None,
) -> list[Track]:
    """Return tracks, newest first; ``before`` is the last one's (created_at, id)."""
    query = select(Track).where(Track.tenant_id == tenant_id)
    if state is not None:
        query = query.where(Track.state == state)
    if external_id is not None:
        query = query.where(Track.external_id == external_id)
    if before is not None:
        at, track_id = before
        query = query.where(
            or_(
                col(Track.created_at) < at,
                and_(col(Track.created_at) == at, col(Track.id) < track_id),
            )
        )
    order = (col(Track.created_at).desc(), col(Track.id).desc())
    return list(session.exec(query.order_by(*order).limit(limit)))


def note(
    session: Session,
    track: Track,
    data: "EventData",
    now: datetime,
    *,
    actor: Actor = PIPELINE,
    cause: Event | None = None,
) -> Event:
    """Write down what happened to a locked track, in the caller's transaction."""
    track.version += 1
    track.updated_at = now
    return record(
        session,
        tenant_id=track.tenant_id,
        subject=track.id,
        version=track.version,
        data=data,
        now=now,
        actor=actor,
        cause=cause,
        person=person_of(track),
    )


def _account_id(
    session: Session, tenant_id: str, external_id: str | None, now: datetime
) -> str | None:
    if external_id is None:
        return None
    query = (
        select(Account.id)
        .where(Account.tenant_id == tenant_id, Account.external_id == external_id)
        .with_for_update(read=True, key_share=True)  # an erasure comes before or after
    )
    known = session.exec(query).first()
    if known is None:
        new = Account(id=new_id(), tenant_id=tenant_id, external_id=external_id, created_at=now)
        Database.insert_if_absent(session, new)
        known = session.exec(query).one()
    return known
