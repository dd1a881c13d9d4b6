"""HTTP resources for the audit trail: the tenant's journal and the proof that it is whole."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from sqlmodel import col, select

from scanner import audit, audit_proofs, cursors, parties, schemas
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.dependencies import AnyCaller, AuditReader, Cursor, Limit, ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.events import Administered
from scanner.journal import record
from scanner.privacy.person_keys import PersonKeys
from scanner.privacy.personal import opened
from scanner.problems import problems
from scanner.pseudonyms import sees_ids
from scanner.routing import Route
from scanner.service import Service
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
    actor: Annotated[
        str | None,
        Query(max_length=100, description="Only what they did: an id, or the pseudonym of staff."),
    ] = None,
    since: Annotated[
        AwareDatetime | None, Query(description="Only what happened then or later.")
    ] = None,
    until: Annotated[AwareDatetime | None, Query(description="Only what happened before.")] = None,
) -> dict[str, Any]:
    """List what happened, newest first. Needs the scope `audit:read`; of staff only an auditor or admin reads it.

    Staff appear under pseudonyms; an auditor's own key is told their ids, and each such list is on record.

    `erased` names the fields of `data` whose person was erased, or whose time is over; they read so.
    """
    parties.journal_reader(caller)
    query = (
        select(JournalRow, JournalSeal)
        .outerjoin(JournalSeal, col(JournalSeal.journal_id) == col(JournalRow.id))
        .where(JournalRow.tenant_id == caller.tenant_id)
    )
    if subject is not None:
        query = query.where(JournalRow.subject == subject)
    if type_ is not None:
        query = query.where(JournalRow.type == type_)
    if since is not None:
        query = query.where(col(JournalRow.time) >= since)
    if until is not None:
        query = query.where(col(JournalRow.time) < until)
    if actor is not None:
        with service.database.reading() as session:
            actor = service.pseudonyms.behind(session, actor, caller.tenant_id) or actor
        query = query.where(JournalRow.actor == actor)
    if (before := cursors.decode("audit", cursor, str)) is not None:
        query = query.where(JournalRow.id < before[0])
    if sees_ids(caller):  # who was told whose work it was is on record before they are
        asked = {"subject": subject, "type": type_, "actor": actor, "cursor": cursor}
        _note_look(service, caller, {name: each for name, each in asked.items() if each})
    with service.database.reading() as session:
        found = session.exec(query.order_by(col(JournalRow.id).desc()).limit(limit + 1)).all()
        hidden = audit_proofs.Hidden(service, session, caller)
    page = found[:limit]
    next_cursor = cursors.encode("audit", page[-1][0].id) if len(found) > limit else None
    return {
        "items": [_shown(row, seal, service.person_keys, hidden) for row, seal in page],
        "next_cursor": next_cursor,
    }


@router.get("/verify", response_model=schemas.AuditVerdict, response_model_exclude_unset=True)
def verify_audit(caller: AuditReader, service: ServiceDep) -> dict[str, Any]:
    """Walk the tenant's hash chain and hold it against the signed checkpoints. Needs `audit:read`.

    Rows that have no seal yet are counted as `unsealed`: a tail, no break.
    """
    return audit.verify_signed(service, caller.tenant_id).to_json()


@router.get(
    "/checkpoint",
    response_model=schemas.CheckpointAnswer,
    responses=problems("not-found"),
)
def read_checkpoint(caller: AuditReader, service: ServiceDep) -> dict[str, Any]:
    """The tenant's last signed checkpoint, to be kept elsewhere. Needs the scope `audit:read`."""
    return audit_proofs.last_checkpoint(service, caller.tenant_id).to_json()


@router.get(
    "/proof/{object_id}",
    response_model=schemas.ProofAnswer,
    responses=problems("not-found"),
)
def read_proof(
    caller: AnyCaller,
    service: ServiceDep,
    object_id: Annotated[str, Path(description="Id of a track, a matter or a letter.")],
) -> dict[str, Any]:
    """What proves offline what happened to an object: `clearance audit check` looks at it.

    Needs the scope `audit:read`, or `contest:read` for a party's own tracks, matters and letters.
    """
    if not is_id(object_id):
        raise NotFoundError("proof", "of this id")
    return audit_proofs.make(service, caller, object_id)


def _note_look(service: Service, caller: Caller, asked: dict[str, str]) -> None:
    with service.database.transaction() as session:
        record(
            session,
            tenant_id=caller.tenant_id,
            subject=new_id(),
            version=1,
            data=Administered(
                action="audit.ids_read", object_id=str(caller.user_id), detail={"asked": asked}
            ),
            now=service.now(),
            actor=caller.actor,
        )


def _shown(
    row: JournalRow, seal: JournalSeal | None, keys: PersonKeys, hidden: audit_proofs.Hidden
) -> dict[str, Any]:
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
        "actor": hidden.actor(row, seal),
        "role": row.role,
        "causation_id": row.causation_id,
        "correlation_id": row.correlation_id,
        "data": hidden.data(data),
        "erased": erased,
        "seal": sealed,
    }
