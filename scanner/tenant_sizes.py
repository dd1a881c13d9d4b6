"""The size of a platform: micro and small enterprises are exempt from a part of the DSA (DSA-19).

The exemption goes on for twelve months after a platform has lost that size. Whether it then offers what it is exempt
from is its own choice: it does unless it says otherwise. A platform whose size is not known is not exempt.
"""

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, func, select

import appeals
from scanner.errors import ConflictError
from scanner.events import Administered
from scanner.journal import Actor, record
from scanner.tables import JournalRow, Tenant

if TYPE_CHECKING:
    from scanner.service import Service


def is_micro_or_small(service: "Service", tenant: Tenant) -> bool:
    """Whether a platform is that small; one whose size nobody set is as the setting ``micro_or_small`` says."""
    if tenant.micro_or_small is None:
        return service.settings.micro_or_small
    return tenant.micro_or_small


def is_exempt(service: "Service", tenant: Tenant) -> bool:
    """Whether a platform is exempt from Articles 20 to 28, save 24(3): it is small, or was within twelve months."""
    if is_micro_or_small(service, tenant):
        return True
    lost = tenant.small_until
    if lost is None:
        return False
    return (
        service.now() < appeals.deadline("small-no-more", lost, service.settings.legal_zone).due_at
    )


def choose(service: "Service", tenant_id: str, offered: bool, actor: Actor) -> Tenant:
    """Set whether a platform offers appeals, bodies out of court and a lead of trusted flaggers though it is exempt.

    Raises
    ------
    ConflictError
        If it is not exempt and would not offer them.
    """
    with service.database.transaction() as session:
        tenant = session.get_one(Tenant, tenant_id, with_for_update=True)
        if not offered and not is_exempt(service, tenant):
            raise ConflictError(
                "only a micro or small enterprise may go without appeals (DSA-19): if the platform is one, say so "
                "with `clearance tenant size micro-or-small`"
            )
        if tenant.offers_means != offered:
            tenant.offers_means = offered
            _note(service, session, tenant, "tenant.means", {"offered": offered}, actor)
        return tenant


def resize(service: "Service", tenant_id: str, micro_or_small: bool | None, actor: Actor) -> Tenant:
    """Set whether a platform is micro or small; with None the setting holds.

    The twelve months begin where one that was said to be small is said to be larger; whose size was not known lost none.
    """
    with service.database.transaction() as session:
        tenant = session.get_one(Tenant, tenant_id, with_for_update=True)
        if tenant.micro_or_small != micro_or_small:
            loses = tenant.micro_or_small is True and micro_or_small is False
            tenant.micro_or_small = micro_or_small
            tenant.small_until = service.now() if loses else None
            _note(service, session, tenant, "tenant.resized", _told(tenant), actor)
        return tenant


def _told(tenant: Tenant) -> dict[str, Any]:
    until = tenant.small_until
    more = {"small_until": until.isoformat()} if until is not None else {}
    return {"micro_or_small": tenant.micro_or_small, **more}


def _note(
    service: "Service",
    session: Session,
    tenant: Tenant,
    action: str,
    detail: dict[str, Any],
    actor: Actor,
) -> None:
    record(
        session,
        tenant_id=tenant.id,
        subject=tenant.id,
        version=_versions(session, tenant.id) + 1,
        data=Administered(action=action, object_id=tenant.id, detail=detail),
        now=service.now(),
        actor=actor,
    )


def _versions(session: Session, tenant_id: str) -> int:
    query = select(func.max(col(JournalRow.version))).where(JournalRow.subject == tenant_id)
    return session.exec(query).one() or 0
