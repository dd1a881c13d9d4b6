"""Who may see a page: the session's cookie, the roles of a route, the token of a form."""

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

import appeals
import watermark
from fingerprint import FingerprintError
from scanner import problems
from scanner.audio import AudioError
from scanner.console import error_words, sessions
from scanner.console.identities import Identity
from scanner.console.navigation import EVERYBODY
from scanner.console.rendering import language_of, page, redirect
from scanner.dependencies import ServiceDep, public
from scanner.errors import ForbiddenError, ScannerError
from scanner.limits import RateLimits
from scanner.problems import HttpError
from scanner.routing import Route
from scanner.wording import Told

LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
COOKIE: Final = "clearance_session"
VISITOR_COOKIE: Final = "clearance_visitor"
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
MOST_FIELDS: Final = 240
"""A notice may have as many copies to tick as one letter tells of."""
_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,1000}")


class LoginNeededError(ScannerError):
    """Nobody is logged in at this browser, and the page is for somebody."""


def secure(request: Request) -> bool:
    """Tell whether cookies are for TLS only: everywhere but on the operator's own machine."""
    return request.url.hostname not in LOCAL


def cookie_name(request: Request, name: str) -> str:
    """Return a cookie's name; under TLS no neighbouring host can set it (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if secure(request) else name


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Keep a secret at the browser until it is closed; no script reads it."""
    response.set_cookie(
        cookie_name(request, name),
        value,
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure(request),
    )


def token_of(request: Request) -> str | None:
    """Return the session's token that a browser sent."""
    return request.cookies.get(cookie_name(request, COOKIE))


def visiting(request: Request, service: ServiceDep) -> Identity | None:
    """Return who is at the browser; None for anybody, whose requests are counted by address."""
    identity = sessions.find(service, token_of(request))
    if identity is None:
        public(request)
        known = request.cookies.get(cookie_name(request, VISITOR_COOKIE))
        good = known is not None and len(known) == sessions.TOKEN_LENGTH
        request.state.visitor = known if known and good else sessions.new_token()
        request.state.csrf = sessions.csrf_of(request.state.visitor)
        return None
    limits: RateLimits = request.app.state.rate_limits
    request.state.rate_headers = limits.count_key(identity.caller.actor.id)
    request.state.caller = identity.caller
    request.state.identity = identity
    request.state.csrf = identity.csrf
    return identity


Visiting = Annotated[Identity | None, Depends(visiting)]


class Allowed:
    """Lets the roles of a page in, and nobody else."""

    def __init__(self, roles: frozenset[str]) -> None:
        self.roles = roles

    async def __call__(self, identity: Visiting) -> Identity:
        if identity is None:
            raise LoginNeededError("log in first")
        if identity.role not in self.roles:
            raise ForbiddenError(
                Told("this page is for: %(roles)s", roles=", ".join(sorted(self.roles)))
            )
        return identity


anybody_logged_in = Allowed(EVERYBODY)


async def posted(request: Request, identity: Visiting) -> dict[str, str]:
    """Return a form's fields, once it has proved that it came from a page of this browser.

    Raises
    ------
    HttpError
        ``forbidden`` without the token, ``bad-request`` for what is no form.
    """
    try:
        pairs = parse_qsl(
            (await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise HttpError("bad-request", "send a form with few fields") from error
    fields = dict(pairs)
    if any("\0" in text for text in fields.values()):
        raise HttpError("bad-request", "a field holds no NUL")  # PostgreSQL keeps none
    in_field = fields.pop(CSRF_FIELD, None)
    _prove(request, identity, request.headers.get(CSRF_HEADER, in_field))
    return fields


async def proved(request: Request, identity: Visiting) -> None:
    """Check the token of a request whose body is a file: it is in a header."""
    _prove(request, identity, request.headers.get(CSRF_HEADER))


def _prove(request: Request, identity: Identity | None, given: str | None) -> None:
    token = (
        token_of(request)
        if identity is not None
        else request.cookies.get(cookie_name(request, VISITOR_COOKIE))
    )
    if not sessions.csrf_holds(token, given):
        raise HttpError("forbidden", "this form is too old: open the page again and repeat it")


Posted = Annotated[Mapping[str, str], Depends(posted)]


def own_path(wanted: str | None) -> str | None:
    """Return an address of this service to go on to; None for any other."""
    return wanted if wanted and _PATH.fullmatch(wanted) else None


class ConsoleRoute(Route):
    """A route of the console: what goes wrong is a page too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the service's handler."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await handle(request)
            except LoginNeededError:
                response = redirect(request, _login_path(request))
            except _FORESEEN as error:
                response = _problem(request, error)
            visitor = getattr(request.state, "visitor", None)
            if visitor is not None and visitor not in request.cookies.values():
                set_cookie(request, response, VISITOR_COOKIE, visitor)
            return response

        return handler


_FORESEEN: Final = (
    ScannerError,
    appeals.AppealError,
    AudioError,
    FingerprintError,
    watermark.WatermarkError,
    HTTPException,
    RequestValidationError,
    SQLAlchemyError,
)


def _login_path(request: Request) -> str:
    if request.method != "GET" or request.headers.get("hx-request"):
        return "/login"
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/login?next={quote(request.url.path + query)}"


def _problem(request: Request, error: Exception) -> Response:
    answer = problems.answer(error, request)  # logs what nobody foresaw
    members = problems.document(error, request.state.request_id)
    members["detail"] = error_words.detail(error, members, language_of(request))
    response = page(
        request,
        "problem.html",
        answer.status_code,
        problem=members,
        fragment=bool(request.headers.get("hx-request")),
    )
    for name in ("retry-after", "ratelimit", "ratelimit-policy"):
        if name in answer.headers:
            response.headers[name] = answer.headers[name]
    return response
