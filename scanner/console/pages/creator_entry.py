"""Entering by a link: its token comes after the #, so that no server, history or Referer keeps it."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from scanner.console import sessions
from scanner.console.access import COOKIE, ConsoleRoute, Posted, Visiting, set_cookie, token_of
from scanner.console.languages import LANGUAGES
from scanner.console.rendering import LANGUAGE_COOKIE, page, redirect
from scanner.dependencies import ServiceDep
from scanner.errors import UnauthorisedError

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)
LONGEST: Final = 1000


@router.get("/enter")
def read_entry(request: Request, identity: Visiting) -> Response:
    """The form that a script fills from the address; without one the link is pasted."""
    return page(request, "creator_entry.html", wrong=False)


@router.post("/enter")
def enter(request: Request, identity: Visiting, service: ServiceDep, form: Posted) -> Response:
    """Begin the session of whoever the link is for; the browser's former one ends."""
    language = request.cookies.get(LANGUAGE_COOKIE)
    try:
        token = sessions.enter(
            service,
            _token_in(form.get("link", "")),
            former=token_of(request),
            language=language if language in LANGUAGES else None,
        )
    except UnauthorisedError:
        return page(request, "creator_entry.html", 401, wrong=True)
    response = redirect(request, "/")
    set_cookie(request, response, COOKIE, token)
    return response


def _token_in(link: str) -> str:
    """Return the token of a whole link, or of what is pasted from it."""
    return link[:LONGEST].strip().rsplit("#", 1)[-1]
