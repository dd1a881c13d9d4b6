"""What a reviewer does: take, hold, put off, ask, note, pass up, decide, take back; the next case opens by itself."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

import appeals
from appeals.machines.case import State
from scanner import case_effects, cases, reviewer_care, second_reviews, verdicts
from scanner.callers import Caller
from scanner.console import queue, review
from scanner.console.access import ConsoleRoute, Posted, own_path
from scanner.console.pages.cases import OwnCase, Reader
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep
from scanner.errors import IllegalTransitionError
from scanner.service import Service
from scanner.tables import Case
from scanner.wording import Told

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)

MOST_TEXT: Final = 4000


def said(form: Posted) -> str:
    """Return what somebody wrote; it must be something."""
    text = form.get("text", "").strip()
    if not text:
        raise IllegalTransitionError("write something first")
    if len(text) > MOST_TEXT:
        raise IllegalTransitionError(
            Told("write at most %(most_text)s characters", most_text=MOST_TEXT)
        )
    return text


Said = Annotated[str, Depends(said)]


@router.post("/queue/next")
def take_next(request: Request, identity: Reader, service: ServiceDep, form: Posted) -> Response:
    """Take the most pressing case and open it."""
    return _next(request, service, identity.caller, form)


@router.post("/cases/{case_id}/take")
def take(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Take a case, and open it."""
    cases.lease(service, identity.caller, case.id)
    return redirect(request, _address(case.id, form))


@router.post("/cases/{case_id}/renew")
def renew(identity: Reader, case: OwnCase, service: ServiceDep, form: Posted) -> Response:
    """Hold a case for longer, since its page is still open."""
    if case.holder != identity.caller.user_id or case.state not in {
        State.LEASED,
        State.SECOND_REVIEW,
    }:
        raise appeals.IllegalTransitionError("you no longer hold this case")
    cases.lease(service, identity.caller, case.id)
    return Response(status_code=204)


@router.post("/cases/{case_id}/release")
def release(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Give a case back."""
    cases.release(service, identity.caller, case.id)
    return redirect(request, "/queue")


@router.post("/cases/{case_id}/later")
def put_off(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Give a case back, not to be given it again for an hour, and open the next one."""
    reviewer_care.put_off(service, identity.caller, case.id)
    return _next(request, service, identity.caller, form)


@router.post("/cases/{case_id}/notes")
def note(
    request: Request,
    identity: Reader,
    case: OwnCase,
    service: ServiceDep,
    form: Posted,
    text: Said,
) -> Response:
    """Write an internal note."""
    cases.note(service, identity.caller, case.id, text)
    return redirect(request, _address(case.id, form))


@router.post("/cases/{case_id}/ask")
def ask(
    request: Request,
    identity: Reader,
    case: OwnCase,
    service: ServiceDep,
    form: Posted,
    text: Said,
) -> Response:
    """Ask whom the case affects, and open the next one."""
    cases.ask(service, identity.caller, case.id, text)
    return _next(request, service, identity.caller, form)


@router.post("/cases/{case_id}/escalate")
def escalate(
    request: Request,
    identity: Reader,
    case: OwnCase,
    service: ServiceDep,
    form: Posted,
    text: Said,
) -> Response:
    """Pass a case up to an appeals officer, and open the next one."""
    cases.escalate(service, identity.caller, case.id, text)
    return _next(request, service, identity.caller, form)


@router.post("/cases/{case_id}/preview")
def preview(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """What a verdict would tell whom it affects, in their language."""
    if not (form.get("verdict") and form.get("reason")):
        return page(request, "review_preview.html", told=None, language="en")
    told = case_effects.previewed(service, identity.caller, case.id, review.verdict_of(form))
    return page(request, "review_preview.html", told=told, language=case.language or "en")


@router.post("/cases/{case_id}/verdict")
def decide(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Decide a case, or judge one that another decided, unseen; then open the next one."""
    wanted = review.verdict_of(form)
    act: Callable[..., Case] = (
        second_reviews.answer if case.state == State.SECOND_REVIEW else verdicts.decide
    )
    act(service, identity.caller, case.id, wanted)
    return _next(request, service, identity.caller, form)


@router.post("/cases/{case_id}/undo")
def undo(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Take a verdict back; the case is held again."""
    verdicts.undo(service, identity.caller, case.id)
    return redirect(request, _address(case.id, form))


@router.post("/cases/{case_id}/second-opinion")
def ask_second_opinion(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Let somebody else decide as well before one's verdict takes effect."""
    second_reviews.ask(service, identity.caller, case.id)
    return redirect(request, own_path(form.get("next_path")) or "/queue")


def _next(request: Request, service: Service, caller: Caller, form: Mapping[str, str]) -> Response:
    """Go on to the case that was left for an undo, to the next of the shift, or to the queue if there is none."""
    with service.database.reading() as session:
        held = queue.held_by(session, caller, service.now())
    if form.get("after") in held:
        return redirect(request, _address(form["after"], {**form, "after": ""}))
    filters = queue.kept(form)
    with service.database.reading() as session:
        wanted = queue.narrowed(session, caller, filters)
    case = reviewer_care.take_next(service, caller, wanted)
    if case is None:
        return redirect(request, "/queue?" + urlencode(filters.query() | {"none": "1"}))
    return redirect(request, _address(case.id, form))


def _address(case_id: str, form: Mapping[str, str]) -> str:
    after = {"after": form["after"]} if form.get("after") else {}
    kept = urlencode(queue.kept(form).query() | after)
    return f"/cases/{case_id}" + (f"?{kept}" if kept else "")
