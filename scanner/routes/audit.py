"""HTTP resources for the audit trail: the tenant's journal and the proof that it is whole."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import col, select

from scanner import audit, cursors, schemas
from scanner.dependencies import AuditReader, Cursor, Limit, ServiceDep
from scanner.privacy.person_keys import PersonKeys
from scanner.privacy.personal import opened
from scanner.problems import problems
from scanner.routing import Route
from scanner.tables import JournalRow, JournalSeal

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=Route)


@router.get(
    "",
    response_model=schemas.AuditRows,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_audit(
    caller: AuditReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    subject: Annotated[
        str | None, Query(max_length=100, description="Only what happened to this object.")
    ] = None,
    type_: Annotated[
        str | None, Query(alias="type", max_length=100, description="Only events of this type.")
    ] = None,
) -> dict[str, Any]:
    """List what happened, newest first. Needs the scope `audit:read`.

    `erased` names the fields of `data` whose person was erased, or whose time is over; they read so.
    """
    query = (
        select(JournalRow, JournalSeal)
        .outerjoin(JournalSeal, col(JournalSeal.journal_id) == col(JournalRow.id))
        .where(JournalRow.tenant_id == caller.tenant_id)
    )
    if subject is not None:
        query = query.where(JournalRow.subject == subject)
    if type_ is not None:
        query = query.where(JournalRow.type == type_)
    if (before := cursors.decode("audit", cursor, str)) is not None:
        query = query.where(JournalRow.id < before[0])
    with service.database.reading() as session:
        found = session.exec(query.order_by(col(JournalRow.id).desc()).limit(limit + 1)).all()
    page = found[:limit]
    next_cursor = cursors.encode("audit", page[-1][0].id) if len(found) > limit else None
    return {
        "items": [_shown(row, seal, service.person_keys) for row, seal in page],
        "next_cursor": next_cursor,
    }


@router.get("/verify", response_model=schemas.AuditVerdict, response_model_exclude_unset=True)
def verify_audit(caller: AuditReader, service: ServiceDep) -> dict[str, Any]:
    """Walk the tenant's hash chain and name the first break. Needs the scope `audit:read`.

    Rows that have no seal yet are counted as `unsealed`: a tail, no break.
    """
    with service.database.reading() as session:
        return audit.verify(session, caller.tenant_id).to_json()


def _shown(row: JournalRow, seal: JournalSeal | None, keys: PersonKeys) -> dict[str, Any]:
    data, erased = opened(keys, row.id, row.data)
    sealed = seal and {
        "sequence": seal.sequence,
        "previous_hash": seal.previous_hash,
        "hash": seal.hash,
    }
    return {
        "id": row.id,
        "type": row.type,
        "subject": row.subject,
        "version": row.version,
        "time": row.time.isoformat(),
        "actor": row.actor,
        "role": row.role,
        "causation_id": row.causation_id,
        "correlation_id": row.correlation_id,
        "data": data,
        "erased": erased,
        "seal": sealed,
    }
