"""The page on which a notifier without a login sees a sanction and appeals it, by the link in their letter (DSA-20, DSA-23)."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from scanner import notice_appeals, problems, sanction_links
from scanner.console.access import ConsoleRoute, visiting
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError, ScannerError
from scanner.routes.notice_pages import fields
from scanner.service import Service
from scanner.tables import Sanction

router = APIRouter(
    prefix="/public/sanctions",
    route_class=ConsoleRoute,
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[Depends(visiting)],
)


@router.get("/{sanction_id}")
def read_sanction(
    request: Request,
    service: ServiceDep,
    sanction_id: str,
    token: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """What was decided, why, and the appeal of it."""
    return _shown(request, service, _linked(service, sanction_id, token), token)


@router.post("/{sanction_id}/appeal")
async def appeal_sanction(request: Request, service: ServiceDep, sanction_id: str) -> HTMLResponse:
    """Have somebody else look at it."""
    do = notice_appeals.file_of_sanction
    return await _done(request, service, sanction_id, "reason", do)


@router.post("/{sanction_id}/appeal-answer")
async def answer_officer(request: Request, service: ServiceDep, sanction_id: str) -> HTMLResponse:
    """Answer what the officer who has the appeal asks."""
    do = notice_appeals.answer_of_sanction
    return await _done(request, service, sanction_id, "text", do)


async def _done(
    request: Request,
    service: Service,
    sanction_id: str,
    field: str,
    do: Callable[[Service, Sanction, str, str], object],
) -> HTMLResponse:
    given = await fields(request)
    token = given.get("token", "")

    def work() -> HTMLResponse:
        row = _linked(service, sanction_id, token)
        try:
            do(service, row, given.get(field, ""), token)
        except ScannerError as error:
            said = problems.document(error)
            return _shown(request, service, row, token, said["status"], said["detail"])
        return _shown(request, service, _linked(service, sanction_id, token), token)

    return await run_in_threadpool(work)


def _linked(service: Service, sanction_id: str, token: str) -> Sanction:
    if not is_id(sanction_id):
        raise NotFoundError("sanction", "of this link")
    return sanction_links.find(service, sanction_id, token)


def _shown(
    request: Request,
    service: Service,
    row: Sanction,
    token: str,
    status: int = 200,
    problem: str | None = None,
) -> HTMLResponse:
    with service.database.reading() as session:
        appeal = notice_appeals.of_sanction(service, session, row)
    response = page(
        request,
        "sanction_state.html",
        status,
        sanction=row,
        appeal=appeal,
        token=token,
        problem=problem,
    )
    response.headers["Referrer-Policy"] = "no-referrer"  # the address holds the token
    response.headers["Cache-Control"] = "no-store"
    return response
