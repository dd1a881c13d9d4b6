"""A password that is forgotten, and one that is set by a link; the link's token comes after the #, as at the entrance."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.background import BackgroundTask

from scanner import login_links, passwords
from scanner.console.access import ConsoleRoute, Posted, Visiting
from scanner.console.pages.account import weakness_of
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, address_of
from scanner.errors import UnauthorisedError
from scanner.limits import RateLimits
from scanner.passwords import WeakPasswordError

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)
LONGEST = 320


@router.get("/login/forgotten")
def read_forgotten(request: Request, identity: Visiting, service: ServiceDep) -> Response:
    """The form, or whom to ask where no mail is sent."""
    return page(request, "account_forgotten.html", mails=login_links.mails(service), asked=None)


@router.post("/login/forgotten")
def ask_for_link(
    request: Request, identity: Visiting, service: ServiceDep, form: Posted
) -> Response:
    """Say the same to everybody, at once; the link is made and mailed afterwards, to who has a login."""
    email = form.get("email", "")[:LONGEST].strip().lower()
    limits: RateLimits = request.app.state.rate_limits
    limits.count_forgotten(address_of(request), email)
    answer = page(request, "account_forgotten.html", mails=login_links.mails(service), asked=email)
    answer.background = BackgroundTask(login_links.forgotten, service, email)
    return answer


@router.get("/password")
def read_password(request: Request, identity: Visiting) -> Response:
    """The form that a script fills with the link of the address; without one the link is pasted."""
    return _form(request)


@router.post("/password")
def set_password(
    request: Request, identity: Visiting, service: ServiceDep, form: Posted
) -> Response:
    """Set the password, and go on to the login."""
    link, password = form.get("link", "")[:1000], form.get("password", "")
    if password != form.get("again", ""):
        return _form(request, 422, link=link, wrong="unlike")
    try:
        login_links.set_password(service, link.strip().rsplit("#", 1)[-1], password)
    except WeakPasswordError as error:
        return _form(request, 422, link=link, wrong=weakness_of(error))
    except UnauthorisedError:
        return _form(request, 401, wrong="link")
    return redirect(request, "/login?set=true")


def _form(
    request: Request, status: int = 200, *, link: str = "", wrong: str | None = None
) -> Response:
    return page(
        request, "account_password.html", status, link=link, wrong=wrong, minimum=passwords.MINIMUM
    )
