"""Legal holds: what the law or a claim needs is not erased, and whoever asks learns why (GDPR-17(3))."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import or_
from sqlmodel import Session, col, select

from scanner.callers import Caller
from scanner.clock import new_id
from scanner.clockwork import ROWS
from scanner.errors import ConflictError, NotFoundError, ScannerError
from scanner.events import LegalHoldLifted, LegalHoldPlaced
from scanner.journal import record
from scanner.privacy import matter_ties
from scanner.privacy.person_keys import Person
from scanner.tables import LegalHold
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

KINDS: Final = ("account", "track", *ROWS)
"""What may be held: of a matter its evidence, messages and letters too."""
MAX_BASIS: Final = 500


class LegalHoldError(ConflictError):
    """Something is kept by a legal hold; the message names its basis and its end."""

    def __init__(self, hold: LegalHold) -> None:
        end: str = "until it is lifted"
        if hold.until:
            end = Told("until %(day)s UTC", day=f"{hold.until:%Y-%m-%d %H:%M}")
        told = Told(
            "the %(kind)s %(id)s is kept by a legal hold, %(end)s: %(basis)s",
            kind=hold.object_kind,
            id=hold.object_id,
            end=end,
            basis=hold.basis,
        )
        super().__init__(told)
        self.basis = hold.basis
        self.until = hold.until


class BadHoldError(ScannerError):
    """A hold can't be placed as asked; the message says why."""


def place(
    service: "Service",
    caller: Caller,
    kind: str,
    object_id: str,
    basis: str,
    until: datetime | None = None,
) -> LegalHold:
    """Keep an account, a track or a matter from being erased.

    Parameters
    ----------
    kind : str
        One of `KINDS`. Of an account all that is tied to it is kept, its tracks too; with a matter the
        account and the tracks that it is about.
    basis : str
        The law or the claim; whoever asks for erasure reads it.
    until : datetime, optional
        When it ends by itself.

    Raises
    ------
    BadHoldError
        If kind, basis or end can't be.
    NotFoundError
        If the tenant has no such object.
    """
    now, basis = service.now(), basis.strip()
    if kind not in KINDS:
        raise BadHoldError(
            Told("kind %(kind)s is none of %(kinds)s", kind=repr(kind), kinds=", ".join(KINDS))
        )
    if not 0 < len(basis) <= MAX_BASIS:
        raise BadHoldError(
            Told(
                "name the law or the claim, in at most %(max_basis)s characters",
                max_basis=MAX_BASIS,
            )
        )
    if until is not None and (until.tzinfo is None or until <= now):
        raise BadHoldError("a hold ends at a time that is still to come, with its time zone")
    with service.database.transaction() as session:
        # locked: an erasure comes before or after
        row = matter_ties.find(session, kind, object_id, lock=True)
        if row is None or row.tenant_id != caller.tenant_id:
            raise NotFoundError(kind, object_id)
        hold = LegalHold(
            id=new_id(),
            tenant_id=caller.tenant_id,
            object_kind=kind,
            object_id=object_id,
            basis=basis,
            until=until,
            placed_by=caller.actor.id,
            placed_at=now,
            version=1,
        )
        session.add(hold)
        record(
            session,
            tenant_id=caller.tenant_id,
            subject=hold.id,
            version=hold.version,
            data=LegalHoldPlaced(
                object_kind=kind,
                object_id=object_id,
                basis=basis,
                until=until.isoformat() if until else None,
            ),
            now=now,
            actor=caller.actor,
        )
        return hold


def lift(service: "Service", caller: Caller, hold_id: str) -> LegalHold:
    """End a hold; one that was lifted stays as it is."""
    with service.database.transaction() as session:
        hold = session.get(LegalHold, hold_id, with_for_update=True)
        if hold is None or hold.tenant_id != caller.tenant_id:
            raise NotFoundError("legal hold", hold_id)
        if hold.lifted_at is None:
            hold.lifted_at, hold.lifted_by = service.now(), caller.actor.id
            hold.version += 1
            record(
                session,
                tenant_id=hold.tenant_id,
                subject=hold.id,
                version=hold.version,
                data=LegalHoldLifted(object_kind=hold.object_kind, object_id=hold.object_id),
                now=service.now(),
                actor=caller.actor,
            )
        return hold


def listed(
    session: Session, tenant_id: str, *, limit: int | None = None, before: str | None = None
) -> Sequence[LegalHold]:
    """Return a tenant's holds, those that ended included, newest first."""
    own = select(LegalHold).where(LegalHold.tenant_id == tenant_id)
    if before is not None:
        own = own.where(LegalHold.id < before)
    return session.exec(own.order_by(col(LegalHold.id).desc()).limit(limit)).all()


def in_force(session: Session, now: datetime) -> list[LegalHold]:
    """Return every hold that stands."""
    standing = (
        col(LegalHold.lifted_at).is_(None),
        or_(col(LegalHold.until).is_(None), col(LegalHold.until) > now),
    )
    return list(session.exec(select(LegalHold).where(*standing).order_by(col(LegalHold.id))))


def check(session: Session, now: datetime, object_ids: Sequence[str]) -> None:
    """Raise ``LegalHoldError`` if any of these objects is held."""
    wanted = set(object_ids)
    for hold in in_force(session, now):
        if hold.object_id in wanted:
            raise LegalHoldError(hold)


def held_people(session: Session, now: datetime) -> set[Person]:
    """Return whose keys must outlive their time: of held accounts, and of held tracks' accounts."""
    people: set[Person] = set()
    for hold in in_force(session, now):
        account_id = matter_ties.account_of(session, hold)
        people.add(
            Person("account", account_id) if account_id else Person("tenant", hold.tenant_id)
        )
    return people


def find(session: Session, tenant_id: str, hold_id: str) -> LegalHold:
    """Return a tenant's hold, or raise ``NotFoundError``."""
    hold = session.get(LegalHold, hold_id)
    if hold is None or hold.tenant_id != tenant_id:
        raise NotFoundError("legal hold", "of this id")
    return hold


def describe(hold: LegalHold) -> dict[str, Any]:
    """Return a hold as JSON."""
    return hold.model_dump(mode="json")
