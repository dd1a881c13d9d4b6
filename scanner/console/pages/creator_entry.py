"""Entering by a link, or by the word of the platform's identity provider.

A link's token comes after the #, so that no server, history or Referer keeps it.
"""

from collections.abc import Mapping
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from scanner.console import sessions, sign_ins
from scanner.console.access import COOKIE, ConsoleRoute, Posted, Visiting, set_cookie, token_of
from scanner.console.holder_words import _
from scanner.console.identity_provider import SignInError, creators
from scanner.console.languages import LANGUAGES
from scanner.console.pages.logins import SIGN_IN_WORDS
from scanner.console.pages.provider_login import Word, known_provider
from scanner.console.rendering import LANGUAGE_COOKIE, page, redirect
from scanner.dependencies import ServiceDep
from scanner.errors import UnauthorisedError
from scanner.service import Service

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)
LONGEST: Final = 1000
ENTRY_WORDS: Final[Mapping[str, str]] = {
    "provider": _("Your platform's sign-in can't be used just now. Try again later."),
    "old": SIGN_IN_WORDS["old"],
    "refused": _("Your platform's sign-in let nobody in. Begin again."),
    "account": _(
        "Nothing of yours is known here yet. Send your platform a track first, or ask them."
    ),
}
log = structlog.get_logger()


@router.get("/enter")
def read_entry(request: Request, identity: Visiting, service: ServiceDep) -> Response:
    """The form that a script fills from the address; without one the link is pasted."""
    return _entry(request, service)


@router.post("/enter")
def enter(request: Request, identity: Visiting, service: ServiceDep, form: Posted) -> Response:
    """Begin the session of whoever the link is for; the browser's former one ends."""
    try:
        return _entered(request, service, _token_in(form.get("link", "")))
    except UnauthorisedError:
        return _entry(request, service, 401, wrong="link")


@router.get("/enter/oidc")
def leave(request: Request, identity: Visiting, service: ServiceDep) -> Response:
    """Send a creator's browser to the provider."""
    provider = known_provider(request, creators(service.settings))
    if identity is not None:
        return redirect(request, "/")
    try:
        address = sign_ins.begin(
            service, provider, request.state.visitor, None, door=sign_ins.CREATORS
        )
    except SignInError as refused:
        return _refused(request, service, refused)
    return redirect(request, address)


@router.get("/enter/oidc/callback")
def come_back(
    request: Request,
    identity: Visiting,
    service: ServiceDep,
    state: Word = None,
    code: Word = None,
    error: Word = None,
    iss: Word = None,
) -> Response:
    """Begin the session of the account whom the provider vouches for, or say what is wrong."""
    provider = known_provider(request, creators(service.settings))
    if identity is not None:
        return redirect(request, "/")
    said = {"state": state, "code": code, "error": error, "iss": iss}
    answer = {name: value for name, value in said.items() if value is not None}
    try:
        link = sign_ins.finish_creator(service, provider, request.state.visitor, answer)
        return _entered(request, service, link)
    except SignInError as refused:
        return _refused(request, service, refused)


def _entered(request: Request, service: Service, link_token: str) -> Response:
    language = request.cookies.get(LANGUAGE_COOKIE)
    token = sessions.enter(
        service,
        link_token,
        former=token_of(request),
        language=language if language in LANGUAGES else None,
    )
    response = redirect(request, "/")
    set_cookie(request, response, COOKIE, token)
    return response


def _refused(request: Request, service: Service, refused: SignInError) -> Response:
    log.warning("sign_in_refused", kind=refused.kind, detail=str(refused))
    return _entry(request, service, 401, wrong=refused.kind)


def _entry(
    request: Request, service: Service, status: int = 200, *, wrong: str | None = None
) -> Response:
    return page(
        request,
        "creator_entry.html",
        status,
        wrong=wrong,
        sign_in_words=ENTRY_WORDS,
        provider=creators(service.settings) is not None,
    )


def _token_in(link: str) -> str:
    """Return the token of a whole link, or of what is pasted from it."""
    return link[:LONGEST].strip().rsplit("#", 1)[-1]
