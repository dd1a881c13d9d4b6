"""Logging in and out, the language, and where everybody begins."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner.console import sessions
from scanner.console.access import (
    COOKIE,
    ConsoleRoute,
    Posted,
    Visiting,
    anybody_logged_in,
    cookie_name,
    own_path,
    secure,
    set_cookie,
    token_of,
)
from scanner.console.browsers import kind_of
from scanner.console.identities import Identity
from scanner.console.languages import LANGUAGES
from scanner.console.navigation import _, home_of
from scanner.console.rendering import LANGUAGE_COOKIE, page, redirect
from scanner.dependencies import ServiceDep, address_of
from scanner.errors import ForbiddenError, UnauthorisedError
from scanner.keys import ProviderLoginError
from scanner.limits import RateLimits
from scanner.problems import HttpError
from scanner.service import Service
from scanner.wording import Told

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)

LONGEST: Final = 1000
"""Characters of an address or a password; a longer one is wrong, and is not hashed."""
SIGN_IN_WORDS: Final[Mapping[str, str]] = {
    "provider": _("Your organisation's login can't be used just now. Try again later."),
    "old": _("This login took too long, or began in another window. Begin again."),
    "refused": _("Your organisation's login let nobody in. Begin again."),
    "only": _("You log in with your organisation's account; there is no password for it here."),
    "unknown": _("You have no login here, or none that fits your groups. Ask an administrator."),
}
_YEAR: Final = 365 * 24 * 3600
Next = Annotated[str | None, Query(alias="next", max_length=LONGEST)]


@router.get("/")
def begin(request: Request, identity: Visiting) -> Response:
    """Go to the role's first page, or to the login."""
    return redirect(request, home_of(identity.role) if identity else "/login")


@router.get("/login")
def read_login(
    request: Request,
    identity: Visiting,
    service: ServiceDep,
    wanted: Next = None,
    is_set: Annotated[bool, Query(alias="set")] = False,
) -> Response:
    """The form; ``set`` says that a password was just set."""
    if identity is not None:
        return redirect(request, own_path(wanted) or home_of(identity.role))
    return login_page(request, service, next_=own_path(wanted), is_set=is_set)


def login_page(
    request: Request,
    service: Service,
    status: int = 200,
    *,
    next_: str | None = None,
    email: str = "",
    wrong: str | None = None,
    is_set: bool = False,
) -> Response:
    """Return the form, with what went wrong: ``login``, ``platform`` or a kind of ``SignInError``."""
    return page(
        request,
        "login.html",
        status,
        next=next_,
        email=email,
        wrong=wrong,
        is_set=is_set,
        sign_in_words=SIGN_IN_WORDS,
        provider=service.settings.oidc_issuer is not None,
    )


@router.post("/login")
def log_in(request: Request, identity: Visiting, service: ServiceDep, form: Posted) -> Response:
    """Begin a session under a new token, or say that something is wrong."""
    limits: RateLimits = request.app.state.rate_limits
    email, password = form.get("email", ""), form.get("password", "")
    limits.count_login(address_of(request), email[:LONGEST].strip().lower())
    try:
        if max(len(email), len(password)) > LONGEST:
            raise UnauthorisedError("the e-mail address or the password is wrong")
        language = request.cookies.get(LANGUAGE_COOKIE)
        token = sessions.log_in(
            service,
            email,
            password,
            former=token_of(request),
            language=language if language in LANGUAGES else None,
            browser=kind_of(request.headers.get("user-agent")),
        )
    except (UnauthorisedError, ForbiddenError) as error:
        wrong = "login" if isinstance(error, UnauthorisedError) else "platform"
        wrong = "only" if isinstance(error, ProviderLoginError) else wrong
        next_ = own_path(form.get("next"))
        return login_page(request, service, 401, next_=next_, email=email[:320], wrong=wrong)
    response = redirect(request, own_path(form.get("next")) or "/")
    set_cookie(request, response, COOKIE, token)
    return response


@router.post("/logout")
def log_out(
    request: Request,
    identity: Annotated[Identity, Depends(anybody_logged_in)],
    service: ServiceDep,
    form: Posted,
) -> Response:
    """End the session."""
    if (token := token_of(request)) is not None:
        sessions.log_out(service, token)
    response = redirect(request, "/login")
    name = cookie_name(request, COOKIE)
    response.delete_cookie(name, httponly=True, samesite="lax", secure=secure(request))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.post("/language")
def choose_language(
    request: Request, identity: Visiting, service: ServiceDep, form: Posted
) -> Response:
    """Keep the reader's language: with the session, or in a cookie of its own."""
    language, token = form.get("language", ""), token_of(request)
    if language not in LANGUAGES:
        raise HttpError(
            "bad-fields", Told("choose one of: %(languages)s", languages=", ".join(LANGUAGES))
        )
    response = redirect(request, own_path(form.get("next")) or "/")
    if identity is not None and token is not None:
        sessions.choose_language(service, token, language)
    else:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_YEAR, samesite="lax", secure=secure(request)
        )
    return response
