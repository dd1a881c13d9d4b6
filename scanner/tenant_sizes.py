"""The size of a platform: micro and small enterprises are exempt from a part of the DSA (DSA-19)."""

from typing import TYPE_CHECKING

from sqlmodel import Session, col, func, select

from scanner.events import Administered
from scanner.journal import Actor, record
from scanner.tables import JournalRow, Tenant

if TYPE_CHECKING:
    from scanner.service import Service


def is_micro_or_small(service: "Service", tenant: Tenant) -> bool:
    """Whether a platform is exempt; one whose size nobody set is as the setting ``micro_or_small`` says."""
    if tenant.micro_or_small is None:
        return service.settings.micro_or_small
    return tenant.micro_or_small


def resize(service: "Service", tenant_id: str, micro_or_small: bool | None, actor: Actor) -> Tenant:
    """Set whether a platform is micro or small; with None the setting holds."""
    with service.database.transaction() as session:
        tenant = session.get_one(Tenant, tenant_id, with_for_update=True)
        if tenant.micro_or_small != micro_or_small:
            tenant.micro_or_small = micro_or_small
            detail = {"micro_or_small": micro_or_small}
            record(
                session,
                tenant_id=tenant_id,
                subject=tenant_id,
                version=_versions(session, tenant_id) + 1,
                data=Administered(action="tenant.resized", object_id=tenant_id, detail=detail),
                now=service.now(),
                actor=actor,
            )
        return tenant


def _versions(session: Session, tenant_id: str) -> int:
    query = select(func.max(col(JournalRow.version))).where(JournalRow.subject == tenant_id)
    return session.exec(query).one() or 0
