"""My account: the password, where one is logged in, the language, and the way to what spares reviewers."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from scanner import login_links, passwords
from scanner.console import sessions
from scanner.console.access import Allowed, ConsoleRoute, Posted, token_of
from scanner.console.identities import Identity
from scanner.console.languages import LANGUAGES
from scanner.console.navigation import ACCOUNT_HOLDERS, CASE_READERS
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, address_of
from scanner.errors import ScannerError, UnauthorisedError
from scanner.limits import RateLimits
from scanner.passwords import WeakPasswordError
from scanner.problems import HttpError
from scanner.service import Service
from scanner.tables import User
from scanner.wording import Told

router = APIRouter(prefix="/account", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Owner = Annotated[Identity, Depends(Allowed(ACCOUNT_HOLDERS))]
DONE: Final = frozenset({"password", "ended", "language"})


@router.get("")
def read_account(
    request: Request, identity: Owner, service: ServiceDep, done: str = ""
) -> Response:
    """The page; ``done`` says what was just changed."""
    return _account_page(request, identity, service, done=done if done in DONE else "")


@router.post("/password")
def change_password(
    request: Request, identity: Owner, service: ServiceDep, form: Posted
) -> Response:
    """Change the password by the old one; the sessions at other browsers end."""
    limits: RateLimits = request.app.state.rate_limits
    limits.count_login(address_of(request), identity.name)
    old, new = form.get("old", ""), form.get("password", "")
    if new != form.get("again", ""):
        return _account_page(request, identity, service, 422, wrong="unlike")
    try:
        login_links.change_password(
            service,
            str(identity.user_id),
            old[: passwords.MAXIMUM],
            new,
            session_digest=sessions.digest_of(token_of(request) or ""),
        )
    except (UnauthorisedError, WeakPasswordError) as error:
        return _account_page(request, identity, service, 422, wrong=weakness_of(error))
    return redirect(request, "/account?done=password")


@router.post("/sessions/others")
def end_others(request: Request, identity: Owner, service: ServiceDep, form: Posted) -> Response:
    """End one's sessions at all other browsers."""
    sessions.end_others(service, str(identity.user_id), token_of(request) or "")
    return redirect(request, "/account?done=ended")


@router.post("/sessions/{digest}/end")
def end_session(
    request: Request, identity: Owner, service: ServiceDep, digest: str, form: Posted
) -> Response:
    """End one's session at one browser."""
    sessions.end(service, str(identity.user_id), digest[:64])
    return redirect(request, "/account?done=ended")


@router.post("/language")
def keep_language(request: Request, identity: Owner, service: ServiceDep, form: Posted) -> Response:
    """Keep a language with the login."""
    language, token = form.get("language", ""), token_of(request)
    if language not in LANGUAGES or token is None:
        raise HttpError(
            "bad-fields", Told("choose one of: %(languages)s", languages=", ".join(LANGUAGES))
        )
    sessions.keep_language(service, str(identity.user_id), token, language)
    return redirect(request, "/account?done=language")


def weakness_of(error: ScannerError) -> str:
    """Return which words a page has for a password that is not taken: its weakness, or ``old``."""
    return error.weakness if isinstance(error, WeakPasswordError) else "old"


def _account_page(
    request: Request,
    identity: Identity,
    service: Service,
    status: int = 200,
    *,
    done: str = "",
    wrong: str | None = None,
) -> Response:
    with service.database.reading() as session:
        user = session.get_one(User, identity.user_id)
        open_ = sessions.of_user(session, user.id, service.now())
    return page(
        request,
        "account.html",
        status,
        user=user,
        by_provider=service.settings.provider_only and user.subject_digest is not None,
        sessions=open_,
        here_digest=sessions.digest_of(token_of(request) or ""),
        reviews=identity.role in CASE_READERS,
        minimum=passwords.MINIMUM,
        done=done,
        wrong=wrong,
    )
