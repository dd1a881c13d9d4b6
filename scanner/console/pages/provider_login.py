"""Logging in at the identity provider: there and back."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner.console import sessions, sign_ins
from scanner.console.access import COOKIE, ConsoleRoute, Visiting, own_path, set_cookie, token_of
from scanner.console.browsers import kind_of
from scanner.console.identity_provider import Client, IdentityProvider, SignInError, staff
from scanner.console.languages import LANGUAGES
from scanner.console.navigation import home_of
from scanner.console.pages.logins import LONGEST, Next, login_page
from scanner.console.rendering import LANGUAGE_COOKIE, redirect
from scanner.dependencies import ServiceDep
from scanner.errors import ForbiddenError, NotFoundError, UnauthorisedError
from scanner.service import Service

router = APIRouter(
    prefix="/login/oidc", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
log = structlog.get_logger()

Word = Annotated[str | None, Query(max_length=2 * LONGEST)]


@router.get("")
def leave(
    request: Request, identity: Visiting, service: ServiceDep, wanted: Next = None
) -> Response:
    """Send the browser to the provider."""
    provider = provider_of(request, service)
    if identity is not None:
        return redirect(request, own_path(wanted) or home_of(identity.role))
    try:
        address = sign_ins.begin(service, provider, request.state.visitor, own_path(wanted))
    except SignInError as error:
        return _refused(request, service, error.kind, str(error))
    return redirect(request, address)


@router.get("/callback")
def come_back(
    request: Request,
    identity: Visiting,
    service: ServiceDep,
    state: Word = None,
    code: Word = None,
    error: Word = None,
    iss: Word = None,
) -> Response:
    """Begin a session for whom the provider vouches for, or say what is wrong."""
    provider = provider_of(request, service)
    if identity is not None:
        return redirect(request, home_of(identity.role))
    said = {"state": state, "code": code, "error": error, "iss": iss}
    answer = {name: value for name, value in said.items() if value is not None}
    language = request.cookies.get(LANGUAGE_COOKIE)
    try:
        user, next_path = sign_ins.finish(service, provider, request.state.visitor, answer)
        token = sessions.begin(
            service,
            user,
            former=token_of(request),
            language=language if language in LANGUAGES else None,
            browser=kind_of(request.headers.get("user-agent")),
        )
    except SignInError as refused:
        return _refused(request, service, refused.kind, str(refused))
    except ForbiddenError as refused:
        return _refused(request, service, "platform", str(refused))
    except UnauthorisedError as refused:
        return _refused(request, service, "unknown", str(refused))
    response = redirect(request, own_path(next_path) or "/")
    set_cookie(request, response, COOKIE, token)
    return response


def provider_of(request: Request, service: Service) -> IdentityProvider:
    """Return the provider that staff sign in at, or raise ``NotFoundError`` if there is none."""
    return known_provider(request, staff(service.settings))


def known_provider(request: Request, client: Client | None) -> IdentityProvider:
    """Return a provider, the same for each request, or raise ``NotFoundError`` if there is none."""
    if client is None:
        raise NotFoundError("page", "of this address")
    state = request.app.state
    if not hasattr(state, "identity_providers"):
        state.identity_providers = {}
    provider: IdentityProvider | None = state.identity_providers.get(client)
    if provider is None:  # two at once make two, of which one is kept
        provider = state.identity_providers.setdefault(client, IdentityProvider(client))
    return provider


def _refused(request: Request, service: Service, kind: str, detail: str) -> Response:
    log.warning("sign_in_refused", kind=kind, detail=detail)
    return login_page(request, service, 401, wrong=kind)
