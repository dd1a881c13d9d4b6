"""HTTP resources for notices: sent by platforms, rights holders and trusted flaggers with their keys."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response, Security
from fastapi.responses import JSONResponse

from scanner import cursors, notice_views, notices
from scanner.callers import Caller
from scanner.dependencies import Cursor, Holding, Limit, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.routing import Route
from scanner.schemas import notices as shapes
from scanner.schemas.common import Asked
from scanner.service import Service
from scanner.tables import Notice

router = APIRouter(prefix="/v1/notices", tags=["notices"], route_class=Route)

NoticesReader = Annotated[Caller, Security(Holding("notices:read"))]
NoticesWriter = Annotated[Caller, Security(Holding("notices:write"))]
CaseDecider = Annotated[Caller, Security(Holding("cases:decide"))]
NoticeId = Annotated[str, Path(description="The notice's id.")]
POSTED: Any = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)


def visible(service: Service, caller: Caller, notice_id: str) -> Notice:
    """Return the notice in a path, or raise ``NotFoundError``."""
    if not is_id(notice_id):
        raise NotFoundError("notice", "of this id")
    return notice_views.find(service, caller, notice_id)


def readable(caller: NoticesReader, service: ServiceDep, notice_id: NoticeId) -> Notice:
    """Return the notice in the path for reading."""
    return visible(service, caller, notice_id)


def writable(caller: NoticesWriter, service: ServiceDep, notice_id: NoticeId) -> Notice:
    """Return the notice in the path for its sender to move."""
    return visible(service, caller, notice_id)


def decidable(caller: CaseDecider, service: ServiceDep, notice_id: NoticeId) -> Notice:
    """Return the notice in the path for staff."""
    return visible(service, caller, notice_id)


ReadableNotice = Annotated[Notice, Depends(readable)]
WritableNotice = Annotated[Notice, Depends(writable)]
DecidableNotice = Annotated[Notice, Depends(decidable)]


@router.get(
    "",
    response_model=shapes.Notices,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_notices(
    caller: NoticesReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[
        str | None, Query(max_length=20, description="Only notices in this state.")
    ] = None,
    form: Annotated[
        str | None, Query(max_length=20, description="Only notices of this form.")
    ] = None,
) -> dict[str, Any]:
    """List notices, newest first; a holder or flagger sees their own. Needs `notices:read`."""
    before: Any = cursors.decode("notices", cursor, datetime, str)
    with service.database.reading() as session:
        found = notice_views.listed(
            session, caller, limit=limit + 1, before=before, state=state, form=form
        )
        page = found[:limit]
        items = [notice_views.describe(session, each, caller) for each in page]
    more = len(found) > limit
    next_cursor = cursors.encode("notices", page[-1].created_at, page[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=shapes.NoticeAnswer,
    responses=problems("suspended", "not-found", *POSTED),
)
def send_notice(
    request: Request,
    caller: NoticesWriter,
    once: OnceDep,
    wanted: shapes.NoticeAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Send a notice; `missing` says what is to be cured, element by element. Needs `notices:write`."""

    def work() -> Answer:
        made = notices.file(service, caller, notices.Filing(**wanted.model_dump()))
        return answer(service, made, 201, {"Location": f"/v1/notices/{made.id}"})

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get("/{notice_id}", response_model=shapes.NoticeAnswer, responses=problems("not-found"))
def read_notice(
    notice: ReadableNotice, caller: NoticesReader, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """One notice. Needs the scope `notices:read`."""
    response.headers.update(etag(notice.version))
    with service.database.reading() as session:
        return notice_views.describe(session, notice, caller)


@router.post(
    "/{notice_id}/cure",
    response_model=shapes.NoticeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def cure_notice(
    request: Request,
    notice: WritableNotice,
    caller: NoticesWriter,
    once: OnceDep,
    wanted: shapes.ElementsAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Give what was missing, within 14 days (DMCA-NC). Needs the scope `notices:write`."""
    return moved(
        service,
        request,
        once,
        wanted,
        lambda: notices.cure(service, notice, wanted.elements, caller),
    )


@router.post(
    "/{notice_id}/retraction",
    response_model=shapes.NoticeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def retract_notice(
    request: Request,
    notice: WritableNotice,
    caller: NoticesWriter,
    once: OnceDep,
    wanted: Asked,
    service: ServiceDep,
) -> JSONResponse:
    """Take a notice back: what it took down comes back. Needs the scope `notices:write`."""
    return moved(service, request, once, wanted, lambda: notices.retract(service, notice, caller))


@router.post(
    "/{notice_id}/referral",
    response_model=shapes.NoticeAnswer,
    responses=problems("not-found", *POSTED),
)
def refer_notice(
    request: Request,
    notice: DecidableNotice,
    caller: CaseDecider,
    once: OnceDep,
    wanted: shapes.ReferralAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Record that an authority was told of a threat to life (DSA-18). Needs `cases:decide`."""
    return moved(
        service,
        request,
        once,
        wanted,
        lambda: notices.refer(service, caller, notice, wanted.authority, wanted.text),
    )


def answer(
    service: Service, notice: Notice, status: int, headers: dict[str, str] | None = None
) -> Answer:
    """Return a notice as an answer."""
    with service.database.reading() as session:
        view = notice_views.describe(session, notice)
    return Answer(status, view, etag(notice.version) | (headers or {}))


def moved(
    service: Service, request: Request, once: Once, wanted: Asked, move: Callable[[], Notice]
) -> JSONResponse:
    """Do a move once for each Idempotency-Key."""
    return once.answer(
        identity_of(request.url.path, wanted.model_dump_json().encode()),
        lambda: answer(service, move(), 200),
    )
