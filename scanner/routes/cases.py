"""HTTP resources for cases: what a person should look at."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import and_, or_
from sqlmodel import col, select

from appeals.tables import Case
from scanner import cursors, schemas
from scanner.dependencies import CasesReader, Cursor, Limit, OwnCase, ServiceDep, etag
from scanner.problems import problems
from scanner.routing import Route

router = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=Route)


@router.get(
    "",
    response_model=schemas.Cases,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_cases(
    caller: CasesReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[
        str | None, Query(max_length=20, description="Only cases in this state.")
    ] = None,
    kind: Annotated[
        str | None, Query(max_length=30, description="Only cases of this kind.")
    ] = None,
    track_id: Annotated[
        str | None, Query(max_length=36, description="Only cases of this track.")
    ] = None,
    reference_id: Annotated[
        str | None, Query(max_length=36, description="Only cases of this reference.")
    ] = None,
) -> dict[str, Any]:
    """List cases, newest first. Needs the scope `cases:read`."""
    query = select(Case).where(Case.tenant_id == caller.tenant_id)
    for column, wanted in (
        (Case.state, state),
        (Case.kind, kind),
        (Case.track_id, track_id),
        (Case.reference_id, reference_id),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if (before := cursors.decode("cases", cursor, datetime, str)) is not None:
        at, case_id = before
        older = and_(col(Case.opened_at) == at, col(Case.id) < case_id)
        query = query.where(or_(col(Case.opened_at) < at, older))
    order = (col(Case.opened_at).desc(), col(Case.id).desc())
    with service.database.reading() as session:
        found = session.exec(query.order_by(*order).limit(limit + 1)).all()
    page = found[:limit]
    more = len(found) > limit
    next_cursor = cursors.encode("cases", page[-1].opened_at, page[-1].id) if more else None
    return {"items": [shown(case) for case in page], "next_cursor": next_cursor}


@router.get(
    "/{case_id}",
    response_model=schemas.CaseAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_case(case: OwnCase, response: Response) -> dict[str, Any]:
    """One case. Needs the scope `cases:read`."""
    response.headers.update(etag(case.version))
    return shown(case)


def shown(case: Case) -> dict[str, Any]:
    """Return a case as JSON."""
    return {
        "id": case.id,
        "track_id": case.track_id,
        "reference_id": case.reference_id,
        "kind": case.kind,
        "state": case.state,
        "priority": case.priority,
        "decision_id": case.decision_id,
        "reasons": case.reasons,
        "version": case.version,
        "opened_at": case.opened_at.isoformat(),
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
    }
