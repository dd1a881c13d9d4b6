"""Erasure (GDPR-17): what was kept of an account or a track goes, what others rest on stays.

One transaction blanks or deletes the rows that the registry ties to it and writes down that it did.
Keys, the line in the list of erasures and bytes come after, and again until they are done: at
least once, each harmless to repeat.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, String, UniqueConstraint, delete, or_
from sqlmodel import AutoString, Session, SQLModel, col, func, select

from scanner import take_credits, tracks
from scanner.bus import dead_letters
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import NotFoundError, ScannerError
from scanner.events import AccountErased, TrackWithdrawn
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Actor, record
from scanner.privacy import blobs, holds, matter_ties
from scanner.privacy.erasure_list import Erased, ErasureList
from scanner.privacy.person_keys import Person
from scanner.privacy.personal import ERASED
from scanner.privacy.registry import Table, models, registry
from scanner.tables import (
    Account,
    Appeal,
    DeadLetter,
    Erasure,
    IdempotencyKey,
    JournalRow,
    Letter,
    Track,
)

if TYPE_CHECKING:
    from scanner.service import Service

ACCOUNT: Final = "account"
TRACK: Final = "track"
ASKED: Final = "asked"
RETENTION: Final = "retention"
RESTORED: Final = "restored"
BATCH: Final = 500
WAITING: Final = "waiting"
"""State of a letter that is still to be sent."""


class NotReplayableError(ScannerError):
    """A decision can't be made again: what it rested on was erased, or no rules made it."""

    def __init__(self, detail: str = "not replayable: erased") -> None:
        super().__init__(detail)


def find(session: Session, tenant_id: str, external_id: str) -> Account:
    """Return the account that a platform calls so, or raise ``NotFoundError``."""
    own = (Account.tenant_id == tenant_id, Account.external_id == external_id)
    account = session.exec(select(Account).where(*own)).first()
    if account is None or is_erased(session, ACCOUNT, account.id):
        raise NotFoundError("account", external_id)
    return account


def describe(session: Session, account: Account, now: datetime) -> dict[str, Any]:
    """Return an account as JSON: how much is tied to it, and what keeps it from being erased."""
    own = session.exec(select(Track.id).where(Track.account_id == account.id)).all()
    held = {account.id, *own}
    shown = ("id", "object_kind", "object_id", "basis", "until")
    return {
        "id": account.id,
        "account": account.external_id,
        "tracks": len(own),
        "holds": [
            {name: value for name, value in holds.describe(hold).items() if name in shown}
            for hold in holds.in_force(session, now)
            if hold.object_id in held
        ],
        "version": 1 + len(own),
        "created_at": account.created_at.isoformat(),
    }


def version_of(session: Session, account: Account) -> int:
    """Return what an erasure must have seen: one more than the account's tracks."""
    own = select(func.count()).select_from(Track).where(Track.account_id == account.id)
    return 1 + session.exec(own).one()


def is_erased(session: Session, kind: str, object_id: str) -> bool:
    """Tell whether an account or a track was erased."""
    done = (Erasure.object_kind == kind, Erasure.object_id == object_id)
    return session.exec(select(Erasure.id).where(*done)).first() is not None


def refuse_erased(session: Session, track_id: str) -> None:
    """Raise ``NotReplayableError`` for a track that was erased."""
    if is_erased(session, TRACK, track_id):
        raise NotReplayableError


def erase_account(
    service: "Service",
    caller: Caller,
    external_id: str,
    *,
    expected_version: int | None = None,
) -> Erasure:
    """Erase an account with all that is tied to it.

    Matches with others' references stay, without the account; so do hashes, outcomes and the chain.

    Raises
    ------
    LegalHoldError
        If it or one of its tracks is held; nothing is erased then.
    NotFoundError
        If the tenant has no such account (any more).
    """
    with service.database.transaction() as session:
        account_id = find(session, caller.tenant_id, external_id).id
        _tracks_of(session, account_id)  # locked before the account, as the pipeline does
        account = session.get_one(Account, account_id, with_for_update=True)
        if is_erased(session, ACCOUNT, account.id):  # by who held the lock before
            raise NotFoundError("account", "of this name")
        own = _tracks_of(session, account.id)
        ids = [track.id for track in own]
        matters = matter_ties.about_accounts(session, [account.id])
        notices = matter_ties.notices_about(session, ids)
        matter_ties.lock(session, [*matters, *notices])
        holds.check(session, service.now(), [account.id, *ids, *matters, *notices])
        check_version(1 + len(own), expected_version)
        done = _erase_account(service, session, account, own, ASKED, caller.actor)
    finish(service, done)
    blobs.release(service)
    return done


def erase_track(service: "Service", track_id: str, cause: str) -> bool:
    """Erase what was kept of one track; False if it is held, gone or erased already.

    Its bytes are due then: `blobs.release` removes them.
    """
    with service.database.transaction() as session:
        track = session.get(Track, track_id, with_for_update=True)
        if track is None or is_erased(session, TRACK, track_id):
            return False
        wanted = [each for each in (track.id, track.account_id) if each]
        matters = matter_ties.about_tracks(session, [track.id])
        matters += matter_ties.notices_about(session, [track.id])
        matter_ties.lock(session, matters)
        wanted += matters
        if cause != RESTORED:
            try:
                holds.check(session, service.now(), wanted)
            except holds.LegalHoldError:
                return False
        done = _erase_track(service, session, track, cause, PIPELINE)
    finish(service, done)
    return True


def erase_appeal(service: "Service", appeal_id: str) -> bool:
    """Erase what a sender said in an appeal that is over, about a track that was erased before."""
    with service.database.transaction() as session:
        row = session.get(Appeal, appeal_id, with_for_update=True)
        if row is None or row.state not in matter_ties.OVER or row.reason == ERASED:
            return False
        now = service.now()
        for name in _children_first(models()):
            entry = registry()[name]
            column = entry.tie.matter if entry.tie is not None else None
            if name == Appeal.__tablename__:
                column = "id"
            if column is not None:
                _erase_rows(session, row.tenant_id, name, entry, column, [row.id], now, None)
        return True


def reapply(service: "Service") -> int:
    """Erase again what a restored backup brought back; return how many accounts and tracks.

    A hold that the backup brought back with them does not count: they were erased after it.
    """
    listed = ErasureList(service.settings.person_key_folder).read()
    again = 0
    for start in range(0, len(listed), BATCH):
        chunk = listed[start : start + BATCH]
        ids = [erased.id for erased in chunk]
        done = select(Erasure.object_kind, Erasure.object_id).where(col(Erasure.object_id).in_(ids))
        with service.database.reading() as session:
            known = set(session.exec(done))
        missing = [erased for erased in chunk if (erased.kind, erased.id) not in known]
        again += sum(_erase_again(service, erased) for erased in missing)
    if again:
        blobs.release(service)
    return again


def _erase_again(service: "Service", erased: Erased) -> bool:
    if erased.kind == TRACK:
        return erase_track(service, erased.id, RESTORED)
    with service.database.transaction() as session:
        _tracks_of(session, erased.id)
        account = session.get(Account, erased.id, with_for_update=True)
        if account is None or is_erased(session, ACCOUNT, account.id):
            return False
        own = _tracks_of(session, account.id)
        done = _erase_account(service, session, account, own, RESTORED, PIPELINE)
    finish(service, done)
    return True


def finish(service: "Service", done: Erasure) -> None:
    """Destroy the keys and note the erasure outside of the database; bytes have a list of their own.

    What went because its time was over is not noted there: it is over in a restored backup too.
    """
    if done.cause != RETENTION:
        erased = Erased(done.tenant_id, done.object_kind, done.object_id, done.cause)
        ErasureList(service.settings.person_key_folder).add(erased)
    if done.object_kind == ACCOUNT:
        service.person_keys.destroy(Person(ACCOUNT, done.object_id))
    with service.database.transaction() as session:
        row = session.get(Erasure, done.id)
        if row is not None and row.finished_at is None:
            row.finished_at = service.now()


def finish_all(service: "Service") -> int:
    """Finish what a crash left unfinished; return how many erasures."""
    with service.database.reading() as session:
        left = session.exec(select(Erasure).where(col(Erasure.finished_at).is_(None))).all()
    for done in left:
        finish(service, done)
    return len(left)


def _tracks_of(session: Session, account_id: str) -> Sequence[Track]:
    """Return an account's tracks; lock them and what others made from them, all in one order."""
    forks = col(Track.id).in_(take_credits.forks_of(account_id))
    query = select(Track).where(or_(col(Track.account_id) == account_id, forks))
    found = session.exec(query.order_by(col(Track.id)).with_for_update()).all()
    return [track for track in found if track.account_id == account_id]


def _erase_account(
    service: "Service",
    session: Session,
    account: Account,
    own: Sequence[Track],
    cause: str,
    actor: Actor,
) -> Erasure:
    now = service.now()
    for track in own:
        if not is_erased(session, TRACK, track.id):
            _erase_track(service, session, track, cause, actor, finished=now)
    take_credits.forget(session, account, now)
    awaited = matter_ties.awaited_by_senders(session, [track.id for track in own])
    about = [each for each in matters_of(session, account.id) if each not in awaited]
    _drop_letters_about(session, account, about)
    kept = col(IdempotencyKey.about) == account.id
    session.execute(delete(IdempotencyKey).where(kept))
    told = session.exec(select(JournalRow.id).where(col(JournalRow.subject).in_(about))).all()
    own_id = account.id
    matters = [
        each for each in matter_ties.about_accounts(session, [account.id]) if each not in awaited
    ]
    for name in _children_first(models()):
        entry = registry()[name]
        if entry.tie is not None and entry.tie.matter is not None:
            _erase_rows(
                session, account.tenant_id, name, entry, entry.tie.matter, matters, now, own_id
            )
        if entry.tie is not None and entry.tie.party is not None:
            _erase_rows(
                session, account.tenant_id, name, entry, entry.tie.party, [account.id], now, own_id
            )
        if entry.tie is not None and entry.tie.event is not None:
            _erase_rows(session, account.tenant_id, name, entry, entry.tie.event, told, now, own_id)
        if entry.tie is not None and entry.tie.account is not None:
            _erase_rows(
                session,
                account.tenant_id,
                name,
                entry,
                entry.tie.account,
                [account.id],
                now,
                own_id,
            )
    last = select(func.max(JournalRow.version)).where(JournalRow.subject == account.id)
    record(
        session,
        tenant_id=account.tenant_id,
        subject=account.id,
        version=(session.exec(last).one() or 0) + 1,
        data=AccountErased(tracks=len(own), cause=cause),
        now=now,
        actor=actor,
    )
    return _noted(session, account.tenant_id, ACCOUNT, account.id, cause, now)


def _erase_track(
    service: "Service",
    session: Session,
    track: Track,
    cause: str,
    actor: Actor,
    *,
    finished: datetime | None = None,
) -> Erasure:
    """Withdraw a track and erase what is tied to it; the account finishes for its tracks."""
    now = service.now()
    tracks.end(session, track, TrackWithdrawn(reason=f"erased: {cause}"), now, actor)
    session.flush()
    awaited = matter_ties.awaited_by_senders(session, [track.id])
    matters = [
        each for each in matter_ties.about_tracks(session, [track.id]) if each not in awaited
    ]
    subjects = [track.id, *matters]
    events = session.exec(select(JournalRow.id).where(col(JournalRow.subject).in_(subjects))).all()
    known = models()
    for name in _children_first(known):
        entry = registry()[name]
        for column, ids in _ties(entry, track.id, subjects, events, matters):
            _erase_rows(session, track.tenant_id, name, entry, column, ids, now, track.account_id)
    session.flush()
    session.expire_all()
    return _noted(session, track.tenant_id, TRACK, track.id, cause, now, finished)


def matters_of(session: Session, account_id: str) -> list[str]:
    """Return what events may be about an account's person: itself, and each row tied to it."""
    found = [account_id]
    for name, model in models().items():
        tie = registry()[name].tie
        if tie is None or tie.account is None or tie.track is not None or name == ACCOUNT:
            continue
        if "id" not in model.model_fields:  # no event is about such a row by itself
            continue
        row: Any = model
        found += session.exec(select(row.id).where(getattr(row, tie.account) == account_id)).all()
    return sorted({*found, *matter_ties.about_accounts(session, [account_id])})


def _ties(
    entry: Table,
    track_id: str,
    subjects: Sequence[str],
    events: Sequence[str],
    matters: Sequence[str],
) -> Iterable[tuple[str, Sequence[str]]]:
    tie = entry.tie
    if tie is None:
        return
    for column, ids in (
        (tie.track, [track_id]),
        (tie.subject, subjects),
        (tie.event, events),
        (tie.matter, matters),
    ):
        if column is not None:
            yield column, ids


def _children_first(known: dict[str, type[SQLModel]]) -> list[str]:
    order = [table.name for table in reversed(SQLModel.metadata.sorted_tables)]
    return [name for name in order if name in known and name in registry()]


def _erase_rows(
    session: Session,
    tenant_id: str,
    name: str,
    entry: Table,
    column: str,
    ids: Sequence[str],
    now: datetime,
    person: str | None,
) -> None:
    """Do to the rows of a table that are tied to these ids what its entry says.

    A letter that waits to be sent to anybody but ``person``, the account, is emptied once it was; a sender's
    appeal about a track once it is over (`erase_appeal`).
    """
    model: Any = models()[name]
    awaited = set()
    if model is Appeal and column == "track_id":
        awaited = matter_ties.awaited_by_senders(session, ids)
    for start in range(0, len(ids), BATCH):
        chunk = ids[start : start + BATCH]
        rows = session.exec(select(model).where(getattr(model, column).in_(chunk))).all()
        for row in rows:
            if entry.erase == "keep" or (awaited and row.id in awaited):
                continue
            blobs.due(session, tenant_id, [getattr(row, blob) for blob in entry.blobs], now)
            if isinstance(row, Letter) and row.state == WAITING and row.recipient_id != person:
                row.erased_at = now  # another's: it is sent first
            elif entry.erase == "delete":
                session.delete(row)
            else:
                for erased in (*entry.of_kind("personal"), *entry.unlink):
                    setattr(row, erased, blank(row, erased))
        session.flush()


def blank(row: SQLModel, column: str) -> Any:
    """Return what stands for an erased value: null where that may be, else a word of its type."""
    place = row.__table__.c[column]  # type: ignore[attr-defined]
    if place.nullable:
        return None
    if _is_unique(place):
        # of its id nothing is left in it: nobody may name an erased account by what its id is
        return f"{ERASED}-{secrets.token_hex(16)}"[: place.type.length]
    if isinstance(place.type, JSON):
        return [] if isinstance(getattr(row, column), list) else {ERASED: True}
    if isinstance(place.type, String | AutoString):
        return ERASED
    raise TypeError(f"{place.table.name}.{column} can't be blanked: let its rows be deleted")


def _is_unique(place: Any) -> bool:
    return place.unique or any(
        place.name in rule.columns
        for rule in place.table.constraints
        if isinstance(rule, UniqueConstraint)
    )


def _drop_letters_about(session: Session, account: Account, subjects: Sequence[str]) -> None:
    """Drop messages that failed and are about the account: by their subject, or as they name it.

    What came from outside has a subject of its sender's choice, so it is read.
    """
    own = col(DeadLetter.tenant_id) == account.tenant_id
    for start in range(0, len(subjects), BATCH):
        about = col(DeadLetter.subject).in_(subjects[start : start + BATCH])
        session.execute(
            delete(DeadLetter).where(own, col(DeadLetter.group) != dead_letters.FOREIGN, about)
        )
    after = ""
    foreign = select(DeadLetter).where(own, DeadLetter.group == dead_letters.FOREIGN)
    order = col(DeadLetter.id)
    while letters := session.exec(foreign.where(order > after).order_by(order).limit(BATCH)).all():
        after = letters[-1].id
        for letter in letters:
            if _names(letter, account):
                session.delete(letter)
            else:
                session.expunge(letter)


def _names(letter: DeadLetter, account: Account) -> bool:
    """Whether a submission that could not be taken in names an account."""
    message = dead_letters.payload_of(letter) or {}
    told = message.get("data")
    return isinstance(told, dict) and told.get("account") == account.external_id


def _noted(
    session: Session,
    tenant_id: str,
    kind: str,
    object_id: str,
    cause: str,
    now: datetime,
    finished: datetime | None = None,
) -> Erasure:
    done = Erasure(
        id=new_id(),
        tenant_id=tenant_id,
        object_kind=kind,
        object_id=object_id,
        cause=cause,
        at=now,
        finished_at=finished,
    )
    session.add(done)
    session.flush()
    return done
