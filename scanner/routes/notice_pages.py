"""The pages on which anybody sends a notice and follows it by the link in their letter.

No login; they work without a script, and nothing is from elsewhere. A GET changes nothing, since programs that
look into mail follow links. Nobody's rights are used but those of the link, so the forms need no token.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import select
from starlette.concurrency import run_in_threadpool

import appeals
from appeals.forms import FORMS, TEXTS, validate
from scanner import counter_notices, matters, notice_appeals, notice_views, notices, problems
from scanner.console import holder_words
from scanner.console.access import ConsoleRoute, visiting
from scanner.console.holder_forms import elements as _elements
from scanner.console.rendering import language_of, page
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError, ScannerError
from scanner.keys import tenants
from scanner.notice_senders import day
from scanner.routing import media_type_of
from scanner.service import Service
from scanner.tables import CounterNotice, Notice, Tenant
from scanner.wording import Told

router = APIRouter(
    prefix="/public",
    route_class=ConsoleRoute,
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[Depends(visiting)],
)

LANGUAGES: Final = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
FORM_TYPE: Final = "application/x-www-form-urlencoded"
LONGEST_FIELD_COUNT: Final = 240
"""A notice may have as many copies to tick as one letter tells of."""


@router.get("/notices/new")
def read_form(
    request: Request,
    service: ServiceDep,
    form: Annotated[str, Query(max_length=20)] = "dmca",
    platform: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """The empty form."""
    _tenant(service, platform)
    return _form(request, _known(form), platform)


@router.post("/notices")
async def send_form(request: Request, service: ServiceDep) -> HTMLResponse:
    """Take the form; what is wrong is said beside each element."""
    given = await fields(request)
    return await run_in_threadpool(_sent, request, service, given)


@router.get("/notices/{notice_id}")
def read_state(
    request: Request,
    service: ServiceDep,
    notice_id: str,
    token: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """The sender's notice and its state."""
    return _state(request, service, _linked(service, notice_id, token), token)


@router.post("/notices/{notice_id}/confirm")
async def confirm_address(request: Request, service: ServiceDep, notice_id: str) -> HTMLResponse:
    """Confirm the sender's address."""
    return await _moved(
        request,
        service,
        notice_id,
        lambda notice, given: notices.confirm(service, notice.id, given["token"]),
    )


@router.post("/notices/{notice_id}/cure")
async def complete(request: Request, service: ServiceDep, notice_id: str) -> HTMLResponse:
    """Give what was missing (DMCA-NC)."""

    def move(notice: Notice, given: Mapping[str, str]) -> object:
        elements = _elements(notice.form, given)
        wanted = {name: value for name, value in elements.items() if name in notice.missing}
        return notices.cure(service, notice, wanted, token=given["token"])

    return await _moved(request, service, notice_id, move)


@router.post("/notices/{notice_id}/retraction")
async def take_back(request: Request, service: ServiceDep, notice_id: str) -> HTMLResponse:
    """Take the notice back."""
    return await _moved(
        request,
        service,
        notice_id,
        lambda notice, given: notices.retract(service, notice, token=given["token"]),
    )


@router.post("/notices/{notice_id}/court-action")
async def tell_of_court(request: Request, service: ServiceDep, notice_id: str) -> HTMLResponse:
    """Tell that a court was asked (DMCA-R)."""

    def move(notice: Notice, given: Mapping[str, str]) -> object:
        with service.database.reading() as session:
            counter = matters.find(
                session, CounterNotice, notice.tenant_id, given.get("counter", "")
            )
        if counter.notice_id != notice.id:
            raise NotFoundError("counter-notice", "of this notice")
        filing = given.get("filing", "").strip()[:5000]
        return counter_notices.file_action(service, counter, filing, token=given["token"])

    return await _moved(request, service, notice_id, move)


@router.post("/notices/{notice_id}/appeal")
async def appeal_refusal(request: Request, service: ServiceDep, notice_id: str) -> HTMLResponse:
    """Have somebody else look at what was left of a notice (DSA-20)."""

    def move(notice: Notice, given: Mapping[str, str]) -> object:
        return notice_appeals.file(service, None, notice, given.get("reason", ""), given["token"])

    return await _moved(request, service, notice_id, move)


@router.post("/notices/{notice_id}/copies-appeal")
async def appeal_copies(request: Request, service: ServiceDep, notice_id: str) -> HTMLResponse:
    """Have somebody else look at copies that were left (DSA-20)."""

    def move(notice: Notice, given: Mapping[str, str]) -> object:
        return notice_appeals.file_of_copies(service, None, notice, given, given["token"])

    return await _moved(request, service, notice_id, move)


@router.post("/notices/{notice_id}/appeal-answer")
async def answer_officer(request: Request, service: ServiceDep, notice_id: str) -> HTMLResponse:
    """Answer what the officer who has the appeal asks."""

    def move(notice: Notice, given: Mapping[str, str]) -> object:
        about = (given.get("text", ""), given["token"], given.get("track"))
        return notice_appeals.answer(service, None, notice, *about)

    return await _moved(request, service, notice_id, move)


def _sent(request: Request, service: Service, given: Mapping[str, str]) -> HTMLResponse:
    form, platform = _known(given.get("form", "")), given.get("platform") or None
    tenant_id = _tenant(service, platform)
    elements = _elements(form, given)
    result = validate(form, elements)
    shown = dict(given) | elements
    if "email" in result.missing or (not result.complete and "as_is" not in given):
        return _form(request, form, platform, 422, given=shown, missing=result.missing)
    language = given.get("language", "en")
    filing = notices.Filing(
        form,
        elements,
        language if language in LANGUAGES else "en",
        isrc=given.get("isrc", "").strip() or None,
    )
    try:
        notices.file_publicly(service, tenant_id, filing)
    except ScannerError as error:
        members = problems.document(error)
        return _form(
            request, form, platform, members["status"], given=shown, problem=members["detail"]
        )
    return _page(request, "holder_notice_state.html", 201, notice=None, problem=None)


async def _moved(
    request: Request,
    service: Service,
    notice_id: str,
    move: Callable[[Notice, Mapping[str, str]], object],
) -> HTMLResponse:
    given = await fields(request)
    token = given.setdefault("token", "")

    def work() -> HTMLResponse:
        notice = _linked(service, notice_id, token)
        try:
            move(notice, given)
        except (ScannerError, appeals.MoveError) as error:
            members = problems.document(error)
            return _state(
                request,
                service,
                notice,
                token,
                members["status"],
                given=given,
                problem=members["detail"],
            )
        return _state(request, service, _linked(service, notice_id, token), token)

    return await run_in_threadpool(work)


async def fields(request: Request) -> dict[str, str]:
    if media_type_of(request) != FORM_TYPE:
        raise problems.HttpError(
            "unsupported-media-type", Told("send the form as %(form_type)s", form_type=FORM_TYPE)
        )
    text = (await request.body()).decode("utf-8", "replace").replace("\x00", "")
    try:
        parsed = parse_qs(text, max_num_fields=LONGEST_FIELD_COUNT)
    except ValueError:
        raise problems.HttpError("bad-request", "the form has too many fields") from None
    return {name: values[-1].replace("\x00", "") for name, values in parsed.items()}


def _known(form: str) -> str:
    if form not in holder_words.FORMS:
        raise problems.HttpError(
            "not-found",
            Told(
                "there is no such form; there are: %(forms)s", forms=", ".join(holder_words.FORMS)
            ),
        )
    return form


def _tenant(service: Service, platform: str | None) -> str:
    """Return the platform that a notice is for: the one that is named, or the only one."""
    with service.database.reading() as session:
        if platform is not None:
            query = select(Tenant).where(Tenant.name == platform)
            found = [each for each in session.exec(query) if each.sandbox_of is None]
        else:
            found = list(tenants(session))
    if len(found) != 1:
        raise NotFoundError("platform", "of this name: give its name as `?platform=NAME`")
    return found[0].id


def _linked(service: Service, notice_id: str, token: str) -> Notice:
    if not is_id(notice_id):
        raise NotFoundError("notice", "of this link")
    return notice_views.find_linked(service, notice_id, token)


def _form(
    request: Request,
    form: str,
    platform: str | None,
    status: int = 200,
    *,
    given: Mapping[str, Any] | None = None,
    missing: Mapping[str, str] | None = None,
    problem: str | None = None,
) -> HTMLResponse:
    return _page(
        request,
        "holder_notice_form.html",
        status,
        forms=holder_words.FORMS,
        form=form,
        platform=platform,
        elements=FORMS[form],
        written_in=LANGUAGES,
        given={"language": language_of(request)} | dict(given or {}),
        missing=missing or {},
        problem=problem,
    )


def _state(
    request: Request,
    service: Service,
    notice: Notice,
    token: str,
    status: int = 200,
    *,
    given: Mapping[str, str] | None = None,
    problem: str | None = None,
) -> HTMLResponse:
    with service.database.reading() as session:
        view = notice_views.describe(session, notice)
        counters = [
            counter_notices.describe(each) for each in counter_notices.of_notice(session, notice.id)
        ]
        appeal = notice_appeals.of(service, session, notice)
        copies = notice_appeals.of_copies(service, session, notice)
    return _page(
        request,
        "holder_notice_state.html",
        status,
        notice=view,
        counters=counters,
        appeal=appeal,
        copies=copies,
        most_ticked=notice_appeals.MOST_TICKED,
        given=given or {},
        token=token,
        elements=FORMS[notice.form],
        until=day(service, notice.due_at, last=True),
        retractable="retract" in appeals.MACHINES["notice"].allowed(notice.state),
        problem=problem,
    )


def _page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    response = page(
        request, name, status, texts=TEXTS, long=holder_words.LONG, words=holder_words, **values
    )
    response.headers["Referrer-Policy"] = "no-referrer"  # the address holds the sender's token
    response.headers["Cache-Control"] = "no-store"
    return response
