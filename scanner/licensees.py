"""Licensees: whom a platform lets use its model and marks, and how that right ends (CA-942).

Once a provider knows that a licensee's system can no longer make the marks, the licence must be revoked
within 96 hours. ``notice`` starts that clock; whoever lets it run out is spared the breach, for then the
right ends by itself.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ConflictError, ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.events import LicenseeAdded, LicenseeEvent, LicenseeNoticed, LicenseeRevoked
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Actor, record
from scanner.tables import MarkLicensee

if TYPE_CHECKING:
    from scanner.service import Service

REVOCATION_HOURS: Final = 96
RULE: Final = "CA-942"
"""The id of the clock's rule."""


class LicenseeState(StrEnum):
    GRANTED = "granted"
    NOTICED = "noticed"
    REVOKED = "revoked"


class MarkRightRevokedError(ForbiddenError):
    """The licensee may not use the model and its marks any more."""


def add(service: "Service", caller: Caller, name: str) -> MarkLicensee:
    """Let somebody use the platform's model and marks.

    Raises
    ------
    ConflictError
        If there is a licensee of this name, revoked or not: a right that was revoked does not come
        back by being given again.
    """
    now = service.now()
    with service.database.transaction() as session:
        if _named(session, caller.tenant_id, name) is not None:
            raise ConflictError("there is a licensee of this name already")
        row = MarkLicensee(
            id=new_id(),
            tenant_id=caller.tenant_id,
            name=name,
            state=LicenseeState.GRANTED,
            created_at=now,
            updated_at=now,
        )
        session.add(row)
        _note(session, row, LicenseeAdded(), now, caller.actor)
        return row


def notice(
    service: "Service",
    caller: Caller,
    licensee_id: str,
    reason: str,
    *,
    expected_version: int | None = None,
) -> MarkLicensee:
    """Write down that a licensee is known to strip or lack the marks, and start the clock.

    Raises
    ------
    IllegalTransitionError
        If the clock runs already, or the right has ended.
    """
    now = service.now()
    with service.database.transaction() as session:
        row = _locked(session, caller.tenant_id, licensee_id)
        check_version(row.version, expected_version)
        if row.state != LicenseeState.GRANTED:
            raise IllegalTransitionError(f"the licensee's right is {row.state} already")
        row.state, row.reason = LicenseeState.NOTICED, reason[:500]
        row.noticed_at, row.due_at = now, now + timedelta(hours=REVOCATION_HOURS)
        data = LicenseeNoticed(rule=RULE, due_at=row.due_at.isoformat(), reason=row.reason)
        _note(session, row, data, now, caller.actor)
        return row


def revoke(
    service: "Service",
    caller: Caller,
    licensee_id: str,
    reason: str,
    *,
    expected_version: int | None = None,
) -> MarkLicensee:
    """Take the right away; what was released before stays released and marked."""
    with service.database.transaction() as session:
        row = _locked(session, caller.tenant_id, licensee_id)
        check_version(row.version, expected_version)
        if row.state == LicenseeState.REVOKED:
            raise IllegalTransitionError("the licensee's right was revoked already")
        _revoke(session, row, reason, service.now(), caller.actor)
        return row


def revoke_due(service: "Service") -> int:
    """End the rights whose clock has run out; return how many.

    Nobody was entitled from the due moment on (`entitled`), so that is when the right ended: in time.
    """
    due = (
        MarkLicensee.state == LicenseeState.NOTICED,
        col(MarkLicensee.due_at) <= service.now(),
    )
    with service.database.reading() as session:
        if session.exec(select(MarkLicensee.id).where(*due).limit(1)).first() is None:
            return 0
    with service.database.transaction() as session:
        rows = session.exec(select(MarkLicensee).where(*due).with_for_update()).all()
        for row in rows:
            reason = f"{REVOCATION_HOURS} hours after notice: {row.reason or ''}"
            _revoke(session, row, reason, row.due_at or service.now(), PIPELINE)
    return len(rows)


def entitled(session: Session, tenant_id: str, name: str | None, now: datetime) -> str | None:
    """Return the id of the licensee that a track is made for; None if it is made for nobody else.

    Raises
    ------
    MarkRightRevokedError
        If the right was revoked, is due to be, or was never given.
    """
    if name is None:
        return None
    row = _named(session, tenant_id, name)
    if row is None:
        raise MarkRightRevokedError(f"no licensee is called {name!r}: add it first")
    if row.state == LicenseeState.REVOKED or (row.due_at is not None and row.due_at <= now):
        raise MarkRightRevokedError("the licensee's right to use model and marks was revoked")
    return row.id


def find(session: Session, tenant_id: str, licensee_id: str) -> MarkLicensee:
    """Return the tenant's licensee, or raise ``NotFoundError``: another tenant's reads the same."""
    row = session.get(MarkLicensee, licensee_id)
    if row is None or row.tenant_id != tenant_id:
        raise NotFoundError("licensee", licensee_id)
    return row


def listed(
    session: Session, tenant_id: str, *, limit: int, before: tuple[datetime, str] | None = None
) -> Sequence[MarkLicensee]:
    """Return licensees, newest first; ``before`` is the last one's (created_at, id)."""
    query = select(MarkLicensee).where(MarkLicensee.tenant_id == tenant_id)
    if before is not None:
        at, licensee_id = before
        query = query.where(
            or_(
                col(MarkLicensee.created_at) < at,
                and_(col(MarkLicensee.created_at) == at, col(MarkLicensee.id) < licensee_id),
            )
        )
    order = (col(MarkLicensee.created_at).desc(), col(MarkLicensee.id).desc())
    return session.exec(query.order_by(*order).limit(limit)).all()


def describe(row: MarkLicensee) -> dict[str, Any]:
    """Return a licensee as JSON."""
    moments = ("noticed_at", "due_at", "revoked_at", "created_at", "updated_at")
    return {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "reason": row.reason,
        "rule": RULE,
        "version": row.version,
    } | {name: at.isoformat() if (at := getattr(row, name)) else None for name in moments}


def _named(session: Session, tenant_id: str, name: str) -> MarkLicensee | None:
    query = select(MarkLicensee).where(
        MarkLicensee.tenant_id == tenant_id, MarkLicensee.name == name
    )
    return session.exec(query).first()


def _locked(session: Session, tenant_id: str, licensee_id: str) -> MarkLicensee:
    row = session.get(MarkLicensee, licensee_id, with_for_update=True)
    if row is None or row.tenant_id != tenant_id:
        raise NotFoundError("licensee", licensee_id)
    return row


def _revoke(session: Session, row: MarkLicensee, reason: str, now: datetime, actor: Actor) -> None:
    in_time = None if row.due_at is None else now <= row.due_at
    row.state, row.revoked_at, row.reason = LicenseeState.REVOKED, now, reason[:500]
    data = LicenseeRevoked(rule=RULE, reason=row.reason, in_time=in_time)
    _note(session, row, data, now, actor)


def _note(
    session: Session, row: MarkLicensee, data: LicenseeEvent, now: datetime, actor: Actor
) -> None:
    row.version += 1
    row.updated_at = now
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=now,
        actor=actor,
    )
