"""HTTP resources for cases: what a person should look at."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime
from sqlalchemy import and_, or_
from sqlmodel import col, select

from appeals.tables import Case
from scanner import case_views, cursors, parties, queues, schemas
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
    queue: Annotated[
        bool,
        Query(description="Only those that you may take now, most pressing first; one page."),
    ] = False,
    mine: Annotated[bool, Query(description="Only those that you hold now.")] = False,
    due: Annotated[
        AwareDatetime | None, Query(description="Only those that law wants answered by then.")
    ] = None,
) -> dict[str, Any]:
    """List cases, newest first, or your queue. Needs the scope `cases:read`."""
    now = service.now()
    query = select(Case).where(Case.tenant_id == caller.tenant_id)
    for column, wanted in (
        (Case.state, state),
        (Case.kind, kind),
        (Case.track_id, track_id),
        (Case.reference_id, reference_id),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if mine:
        query = query.where(Case.holder == parties.staff(caller).id, col(Case.due_at) > now)
    if due is not None:
        query = query.where(col(Case.legal_due_at) <= due)
    if (before := cursors.decode("cases", cursor, datetime, str)) is not None:
        at, case_id = before
        older = and_(col(Case.opened_at) == at, col(Case.id) < case_id)
        query = query.where(or_(col(Case.opened_at) < at, older))
    order: tuple[Any, ...] = (col(Case.opened_at).desc(), col(Case.id).desc())
    with service.database.reading() as session:
        case_views.check_reader(session, caller)
        if queue:
            order = queues.order()
            actor = parties.staff(caller)
            query = query.where(*queues.open_to(session, actor, caller.tenant_id, now))
        found = session.exec(query.order_by(*order).limit(limit + 1)).all()
        page = found[:limit]
        items = [case_views.shown(service, session, caller, case) for case in page]
    more = len(found) > limit and not queue
    next_cursor = cursors.encode("cases", page[-1].opened_at, page[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/{case_id}",
    response_model=schemas.CaseWhole,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_case(
    case: OwnCase, caller: CasesReader, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """One case; what it is about only while you hold it, if you are a reviewer. Needs `cases:read`."""
    response.headers.update(etag(case.version))
    with service.database.reading() as session:
        case_views.check_reader(session, caller, case)
        return case_views.whole(service, session, caller, case)
