"""HTTP resources for counter-notices, below the notice that they answer."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response, Security
from fastapi.responses import JSONResponse

from scanner import counter_notices
from scanner.callers import Caller
from scanner.dependencies import Holding, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.routes.notices import POSTED, CaseDecider, NoticeId, NoticesWriter, visible
from scanner.routing import Route
from scanner.schemas import notices as shapes
from scanner.schemas.common import Asked
from scanner.service import Service
from scanner.tables import CounterNotice, Notice

router = APIRouter(prefix="/v1/notices/{notice_id}", tags=["notices"], route_class=Route)

ContestReader = Annotated[Caller, Security(Holding("contest:read"))]
ContestWriter = Annotated[Caller, Security(Holding("contest:write"))]
CounterId = Annotated[str, Path(description="The counter-notice's id.")]


def answered(caller: ContestWriter, service: ServiceDep, notice_id: NoticeId) -> Notice:
    """Return the notice in the path for who answers it."""
    return visible(service, caller, notice_id)


def _found(service: Service, caller: Caller, notice_id: str, counter_id: str) -> CounterNotice:
    visible(service, caller, notice_id)
    if not is_id(counter_id):
        raise NotFoundError("counter-notice", "of this id")
    return counter_notices.find(service, caller, notice_id, counter_id)


def readable(
    caller: ContestReader, service: ServiceDep, notice_id: NoticeId, counter_id: CounterId
) -> CounterNotice:
    """Return the counter-notice in the path for reading."""
    return _found(service, caller, notice_id, counter_id)


def writable(
    caller: ContestWriter, service: ServiceDep, notice_id: NoticeId, counter_id: CounterId
) -> CounterNotice:
    """Return the counter-notice in the path for who sent it."""
    return _found(service, caller, notice_id, counter_id)


def opposed(
    caller: NoticesWriter, service: ServiceDep, notice_id: NoticeId, counter_id: CounterId
) -> CounterNotice:
    """Return the counter-notice in the path for who sent the notice."""
    return _found(service, caller, notice_id, counter_id)


def decidable(
    caller: CaseDecider, service: ServiceDep, notice_id: NoticeId, counter_id: CounterId
) -> CounterNotice:
    """Return the counter-notice in the path for an appeals officer."""
    return _found(service, caller, notice_id, counter_id)


AnsweredNotice = Annotated[Notice, Depends(answered)]
ReadableCounter = Annotated[CounterNotice, Depends(readable)]
WritableCounter = Annotated[CounterNotice, Depends(writable)]
OpposedCounter = Annotated[CounterNotice, Depends(opposed)]
DecidableCounter = Annotated[CounterNotice, Depends(decidable)]


@router.post(
    "/counter-notice",
    status_code=201,
    response_model=shapes.CounterNoticeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def send_counter_notice(
    request: Request,
    notice: AnsweredNotice,
    caller: ContestWriter,
    once: OnceDep,
    wanted: shapes.CounterNoticeAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Say that a takedown was a mistake (DMCA-CN); only to DMCA notices. Needs `contest:write`."""

    def work() -> Answer:
        made = counter_notices.file(service, caller, notice, wanted.track_id, wanted.elements)
        location = {"Location": f"/v1/notices/{notice.id}/counter-notices/{made.id}"}
        return Answer(201, counter_notices.describe(made), etag(made.version) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "/counter-notices/{counter_id}",
    response_model=shapes.CounterNoticeAnswer,
    responses=problems("not-found"),
)
def read_counter_notice(counter: ReadableCounter, response: Response) -> dict[str, Any]:
    """One counter-notice, with its clock. Needs the scope `contest:read`."""
    response.headers.update(etag(counter.version))
    return counter_notices.describe(counter)


@router.post(
    "/counter-notices/{counter_id}/cure",
    response_model=shapes.CounterNoticeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def cure_counter_notice(
    request: Request,
    counter: WritableCounter,
    caller: ContestWriter,
    once: OnceDep,
    wanted: shapes.ElementsAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Give what was missing. Needs the scope `contest:write`."""
    return _moved(
        request,
        once,
        wanted,
        lambda: counter_notices.cure(service, caller, counter, wanted.elements),
    )


@router.post(
    "/counter-notices/{counter_id}/withdrawal",
    response_model=shapes.CounterNoticeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def withdraw_counter_notice(
    request: Request,
    counter: WritableCounter,
    caller: ContestWriter,
    once: OnceDep,
    wanted: Asked,
    service: ServiceDep,
) -> JSONResponse:
    """Take a counter-notice back. Needs the scope `contest:write`."""
    return _moved(request, once, wanted, lambda: counter_notices.withdraw(service, caller, counter))


@router.post(
    "/counter-notices/{counter_id}/court-action",
    response_model=shapes.CounterNoticeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def file_court_action(
    request: Request,
    counter: OpposedCounter,
    caller: NoticesWriter,
    once: OnceDep,
    wanted: shapes.FilingAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Stop the clock: a court was asked (DMCA-R). Needs the scope `notices:write`."""
    return _moved(
        request,
        once,
        wanted,
        lambda: counter_notices.file_action(service, counter, wanted.filing, caller),
    )


@router.post(
    "/counter-notices/{counter_id}/restoration",
    response_model=shapes.CounterNoticeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def restore_by_officer(
    request: Request,
    counter: DecidableCounter,
    caller: CaseDecider,
    once: OnceDep,
    wanted: shapes.ReasonAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Restore by an appeals officer who did not decide on the notice. Needs `cases:decide`."""
    return _moved(
        request,
        once,
        wanted,
        lambda: counter_notices.override(service, caller, counter, wanted.reason),
    )


def _moved(
    request: Request, once: Once, wanted: Asked, move: Callable[[], CounterNotice]
) -> JSONResponse:
    def work() -> Answer:
        row = move()
        return Answer(200, counter_notices.describe(row), etag(row.version))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)
