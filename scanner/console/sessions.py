"""Who is logged in: sessions kept on the server, known to a browser by a token of 256 random bits."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, select

from scanner import keys, logins
from scanner.console.entrances import entrance_of
from scanner.console.identities import Identity, identity_at, identity_of
from scanner.tables import ConsoleSession, User

if TYPE_CHECKING:
    from scanner.service import Service

LIFE: Final = timedelta(hours=12)
"""After so long everybody logs in again."""
IDLE: Final = timedelta(hours=1)
NOTED: Final = timedelta(minutes=1)
"""How exactly it is known when a session was last used."""
TOKEN_BYTES: Final = 32
TOKEN_LENGTH: Final = 43


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def csrf_of(token: str) -> str:
    """Return what a form must carry to prove that it came from a page of this token's browser."""
    return hashlib.sha256(f"csrf:{token}".encode()).hexdigest()


def csrf_holds(token: str | None, given: str | None) -> bool:
    """Tell whether a form carries what a page of this browser held."""
    if token is None or given is None:
        return False
    return hmac.compare_digest(csrf_of(token).encode(), given.encode())


def log_in(
    service: "Service",
    email: str,
    password: str,
    *,
    former: str | None,
    language: str | None,
    browser: str | None = None,
) -> str:
    """Begin a session under a new token; the browser's former one ends.

    Raises
    ------
    UnauthorisedError
        If address or password is wrong; both read the same.
    ProviderLoginError
        If they are right, and of somebody who logs in at the identity provider alone.
    ForbiddenError
        If it can't be told which platform the login is of.
    """
    with (
        service.database.reading() as session
    ):  # it takes a while, and nobody waits for a lock meanwhile
        only = service.settings.provider_only
        user = keys.check_password(session, email, password, provider_only=only)
        identity_of(session, user)
    return begin(service, user, former=former, language=language, browser=browser)


def enter(service: "Service", link_token: str, *, former: str | None, language: str | None) -> str:
    """Begin a session of the creator or parent whose link it is; a creator's ends with the link.

    Raises
    ------
    UnauthorisedError
        If the link lets nobody in.
    """
    now = service.now()
    with service.database.transaction() as session:
        found = entrance_of(session, link_token, now)
        return _begin(
            session,
            now,
            former=former,
            language=language,
            until=found.until,
            account_id=found.account_id,
            link_id=found.link_id,
            guardian_id=found.guardian_id,
            consent_id=found.consent_id,
        )


def begin(
    service: "Service",
    user: User,
    *,
    former: str | None,
    language: str | None,
    browser: str | None = None,
) -> str:
    """Begin a session, under a new token, of a login that was found to be theirs; the former one ends.

    Raises
    ------
    UnauthorisedError
        If the login was changed, or put out of use, meanwhile.
    """
    with service.database.transaction() as session:
        logins.refuse_changed(session, user)
        return _begin(
            session,
            service.now(),
            former=former,
            language=user.language or language,
            user_id=user.id,
            browser=browser,
        )


def find(service: "Service", token: str | None, *, in_use: bool = True) -> Identity | None:
    """Return who a token stands for; None once its session has ended, by age or by idleness.

    Parameters
    ----------
    in_use : bool
        Whether to ask counts as use of the session, so that it is not idle.
    """
    if token is None or len(token) != TOKEN_LENGTH:
        return None
    now = service.now()
    with service.database.reading() as session:
        kept = session.exec(select(ConsoleSession).where(_is(token))).first()
        if kept is None or now >= kept.expires_at or now >= kept.seen_at + IDLE:
            return None
        identity = identity_at(session, kept, now, csrf_of(token))
    if in_use and now >= kept.seen_at + NOTED:
        _seen(service, token)
    return identity


def goes_on(service: "Service", token: str | None) -> bool:
    """Tell whether a token still stands for somebody; to ask is no use of its session."""
    return find(service, token, in_use=False) is not None


def choose_language(service: "Service", token: str, language: str) -> None:
    """Keep a language with a session."""
    with service.database.transaction() as session:
        kept = session.exec(select(ConsoleSession).where(_is(token)).with_for_update()).first()
        if kept is not None:
            kept.language = language


def keep_language(service: "Service", user_id: str, token: str, language: str) -> None:
    """Keep a language with a login and with the browser that asks, for its letters and for when it enters again."""
    with service.database.transaction() as session:
        session.get_one(User, user_id, with_for_update=True).language = language
    choose_language(service, token, language)


def of_user(session: Session, user_id: str, now: datetime) -> list[ConsoleSession]:
    """Return somebody's sessions that have not ended, the one used last first."""
    query = select(ConsoleSession).where(
        ConsoleSession.user_id == user_id,
        col(ConsoleSession.expires_at) > now,
        col(ConsoleSession.seen_at) > now - IDLE,
    )
    return list(session.exec(query.order_by(col(ConsoleSession.seen_at).desc())))


def end(service: "Service", user_id: str, digest: str) -> None:
    """End one of somebody's sessions; one that has ended, or is another's, is none of theirs."""
    with service.database.transaction() as session:
        own = delete(ConsoleSession).where(col(ConsoleSession.user_id) == user_id)
        session.execute(own.where(col(ConsoleSession.digest) == digest))


def end_others(service: "Service", user_id: str, token: str) -> None:
    """End somebody's sessions but the one of a token."""
    with service.database.transaction() as session:
        logins.end_sessions(session, user_id, but=digest_of(token))


def log_out(service: "Service", token: str) -> None:
    """End a session; its token is worth nothing from now on."""
    with service.database.transaction() as session:
        session.execute(delete(ConsoleSession).where(_is(token)))


def _begin(
    session: Session,
    now: datetime,
    *,
    former: str | None,
    language: str | None,
    until: datetime | None = None,
    **whose: str | None,
) -> str:
    """Begin a session in the caller's transaction."""
    token = new_token()
    if former is not None:
        session.execute(delete(ConsoleSession).where(_is(former)))
    session.add(
        ConsoleSession(
            digest=digest_of(token),
            language=language,
            created_at=now,
            seen_at=now,
            expires_at=min(now + LIFE, until or now + LIFE),
            **whose,
        )
    )
    return token


def _seen(service: "Service", token: str) -> None:
    with service.database.transaction() as session:
        kept = session.exec(select(ConsoleSession).where(_is(token)).with_for_update()).first()
        if kept is not None:
            kept.seen_at = max(kept.seen_at, service.now())


def _is(token: str) -> ColumnElement[bool]:
    return col(ConsoleSession.digest) == digest_of(token)


def digest_of(token: str) -> str:
    """Return what is kept of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()
