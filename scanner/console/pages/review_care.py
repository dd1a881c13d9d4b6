"""What a reviewer wants to be spared: breaks, what is hard to hear, and kinds of words."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from policy.words import CATEGORIES
from scanner import reviewer_care
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.pages.cases import Reader
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep
from scanner.reviewer_care import BadWishError

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)


@router.get("/care")
def read_care(
    request: Request, identity: Reader, service: ServiceDep, saved: bool = False
) -> Response:
    """The form, with what was asked for before."""
    caller = identity.caller
    with service.database.reading() as session:
        wish = reviewer_care.wishes(session, str(caller.user_id), service.now())
    return page(request, "review_care.html", wish=wish, categories=CATEGORIES, saved=saved)


@router.post("/care")
def ask_for_care(request: Request, identity: Reader, service: ServiceDep, form: Posted) -> Response:
    """Keep it."""
    numbers = [form.get(name, "").strip() for name in ("break_cases", "break_minutes")]
    if not all(each.isdecimal() and len(each) < 5 for each in numbers):
        raise BadWishError("give whole numbers of cases and minutes; 0 is never")
    reviewer_care.ask(
        service,
        identity.caller,
        break_cases=int(numbers[0]),
        break_minutes=int(numbers[1]),
        calm="calm" in form,
        without=[each for each in CATEGORIES if f"without_{each}" in form],
    )
    return redirect(request, "/care?saved=true")


@router.post("/care/rest")
def rest(request: Request, identity: Reader, service: ServiceDep, form: Posted) -> Response:
    """Say that one had a break."""
    reviewer_care.rest(service, identity.caller)
    return redirect(request, "/queue")
