"""A platform's policy against repeat infringers: proposed by one, approved by another, in force from then on (DMCA-RI).

Until a platform has one of its own, the one that comes with the program holds. A strike keeps the hash of the policy
that it was given under; what strikes come to is told by the policy in force.
"""

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from appeals import strike_policy
from appeals.strike_policy import BadStrikePolicyError, PolicyInForce
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import DeclarationError
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.journal import record
from scanner.standing_events import StrikePolicyMoved
from scanner.tables import Strike, StrikePolicyVersion, Tenant
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service


def in_force(session: Session, tenant_id: str) -> PolicyInForce:
    """Return the policy that holds for a tenant now."""
    text = _own_text(session, tenant_id)
    return strike_policy.in_force() if text is None else _read(text)


def text_in_force(session: Session, tenant_id: str) -> str:
    """Return the text of the policy that holds for a tenant now."""
    return _own_text(session, tenant_id) or strike_policy.packaged_text()


def propose(service: "Service", caller: Caller, text: str, reason: str) -> StrikePolicyVersion:
    """Propose a policy, as YAML; another person puts it in force.

    Raises
    ------
    DeclarationError
        If the text is no policy; it says what to mend.
    """
    try:
        found = strike_policy.read(text)
    except BadStrikePolicyError as error:
        raise DeclarationError([{"field": "text", "detail": str(error)}]) from None
    now = service.now()
    with service.database.transaction() as session:
        row = StrikePolicyVersion(
            id=new_id(),
            tenant_id=caller.tenant_id,
            policy_hash=found.version,
            text=text,
            reason=reason,
            state="proposed",
            proposed_by=caller.actor.id,
            created_at=now,
        )
        session.add(row)
        _note(session, row, caller, now)
        return row


def approve(service: "Service", caller: Caller, policy_id: str) -> StrikePolicyVersion:
    """Put a proposed policy in force, as somebody other than who proposed it.

    Raises
    ------
    ForbiddenError
        If the same identity proposed it, unless ``CLEARANCE_SINGLE_OPERATOR`` is set; that is kept with it.
    IllegalTransitionError
        If it is not proposed any more.
    """
    now = service.now()
    with service.database.transaction() as session:
        session.get_one(Tenant, caller.tenant_id, with_for_update=True)  # one change at a time
        row = _proposed(session, caller, policy_id)
        alone = row.proposed_by == caller.actor.id
        if alone and not service.settings.single_operator:
            raise ForbiddenError(
                "whoever proposed a policy can't approve it: use another login or key, or set "
                "CLEARANCE_SINGLE_OPERATOR, which is kept with it"
            )
        before = select(StrikePolicyVersion).where(
            StrikePolicyVersion.tenant_id == caller.tenant_id,
            StrikePolicyVersion.state == "in_force",
        )
        for each in session.exec(before.with_for_update()).all():
            each.state = "replaced"
            each.version += 1
            _note(session, each, caller, now)
        row.state, row.in_force_from = "in_force", now
        row.decided_by, row.single_operator = caller.actor.id, alone
        row.version += 1
        _note(session, row, caller, now)
        return row


def reject(service: "Service", caller: Caller, policy_id: str) -> StrikePolicyVersion:
    """Put a proposed policy away."""
    with service.database.transaction() as session:
        row = _proposed(session, caller, policy_id)
        row.state, row.decided_by = "rejected", caller.actor.id
        row.version += 1
        _note(session, row, caller, service.now())
        return row


def listed(
    session: Session, tenant_id: str, *, limit: int = 100, before: str | None = None
) -> list[StrikePolicyVersion]:
    """Return a platform's policies, newest first."""
    query = select(StrikePolicyVersion).where(StrikePolicyVersion.tenant_id == tenant_id)
    if before is not None:
        query = query.where(StrikePolicyVersion.id < before)
    return list(session.exec(query.order_by(col(StrikePolicyVersion.id).desc()).limit(limit)))


def describe(row: StrikePolicyVersion) -> dict[str, Any]:
    """Return a version as JSON."""
    return {
        "id": row.id,
        "policy_version": row.policy_hash,
        "state": row.state,
        "version": row.version,
        "text": row.text,
        "reason": row.reason,
        "single_operator": row.single_operator,
        "created_at": row.created_at.isoformat(),
        "in_force_from": row.in_force_from.isoformat() if row.in_force_from else None,
    }


def _own_text(session: Session, tenant_id: str) -> str | None:
    query = select(StrikePolicyVersion.text).where(
        StrikePolicyVersion.tenant_id == tenant_id, StrikePolicyVersion.state == "in_force"
    )
    return session.exec(query).first()


def _proposed(session: Session, caller: Caller, policy_id: str) -> StrikePolicyVersion:
    row = session.get(StrikePolicyVersion, policy_id, with_for_update=True, populate_existing=True)
    if row is None or row.tenant_id != caller.tenant_id:
        raise NotFoundError("strike policy", "of this id")
    if row.state != "proposed":
        raise IllegalTransitionError(
            Told("the policy is %(state)s: only a proposed one is decided on", state=row.state)
        )
    return row


def _note(session: Session, row: StrikePolicyVersion, caller: Caller, now: datetime) -> None:
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=StrikePolicyMoved(
            policy_version=row.policy_hash, state=row.state, single_operator=row.single_operator
        ),
        now=now,
        actor=caller.actor,
    )


@lru_cache(maxsize=256)
def _read(text: str) -> PolicyInForce:
    return strike_policy.read(text)


def strikes_count(session: Session, account_id: str, now: datetime) -> bool:
    """Whether strikes count against an account: only copyright notices give them."""
    query = select(Strike.id).where(
        Strike.account_id == account_id, Strike.state == "active", col(Strike.expires_at) > now
    )
    return session.exec(query.limit(1)).first() is not None
