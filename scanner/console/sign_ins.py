"""Signing in at the identity provider: the way there, the way back, and whose login it is."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import entry_links, keys, logins
from scanner.callers import Caller
from scanner.console import sessions
from scanner.console.identities import identity_of
from scanner.console.identity_provider import IdentityProvider, SignInError, Way
from scanner.errors import BadKeyRequestError, ConflictError, NotFoundError
from scanner.journal import Actor
from scanner.tables import SignIn, User

if TYPE_CHECKING:
    from scanner.service import Service

LIFE: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""
STAFF, CREATORS = "staff:", "creators:"
VERIFIED_BY: Final[Mapping[str, str]] = {
    "email": "email_verified",
    "phone_number": "phone_number_verified",
}
"""Claims that anybody may have typed at the provider, and those that say that it looked (OpenID Connect Core 1.0, 5.1)."""
PROVIDER: Final = Actor("oidc", "system")
"""Who changes a login by the provider's word."""


def begin(
    service: "Service",
    provider: IdentityProvider,
    browser: str,
    next_path: str | None,
    *,
    door: str = STAFF,
) -> str:
    """Return the provider's address for a browser, by the secret of its cookie.

    Parameters
    ----------
    door : str
        :data:`STAFF` or :data:`CREATORS`: who left by one does not come back by the other.
    """
    way = Way(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(64))
    address = provider.address(way)
    row = SignIn(
        digest=_digest(door + way.state),
        browser=_digest(browser),
        nonce=way.nonce,
        verifier=way.verifier,
        next_path=next_path,
        expires_at=service.now() + LIFE,
    )
    with service.database.transaction() as session:
        session.add(row)
    return address


def finish(
    service: "Service",
    provider: IdentityProvider,
    browser: str,
    answer: Mapping[str, str],
) -> tuple[User, str | None]:
    """Return whose login it is, and where they wanted to go.

    Parameters
    ----------
    answer : mapping
        What the provider sent along: ``state`` with ``code``, or with ``error``.

    Raises
    ------
    SignInError
        If the way began at another browser, too long ago, or was gone already, or the provider's word is not good.
    ForbiddenError
        If it can't be told which platform the login is of.
    """
    claims, next_path = _claims(service, provider, browser, answer, STAFF)
    return person(service, claims), next_path


def finish_creator(
    service: "Service", provider: IdentityProvider, browser: str, answer: Mapping[str, str]
) -> str:
    """Return the token of a new link of the account whom the provider vouches for.

    The link ends after :data:`sessions.LIFE`; the platform sees it among the account's and can revoke it.

    Raises
    ------
    SignInError
        As :func:`finish`; also if the claim names no account of the platform: none is made, or was not verified.
    """
    claims, _ = _claims(service, provider, browser, answer, CREATORS)
    name = _account_name(claims, service.settings.creator_oidc_claim)
    with service.database.reading() as session:
        wanted = service.settings.creator_oidc_tenant
        found = [each for each in keys.tenants(session) if wanted in (None, each.name)]
    if len(found) != 1:
        raise SignInError("account", "CLEARANCE_CREATOR_OIDC_TENANT does not name one platform")
    caller = Caller(found[0].id, PROVIDER, frozenset())
    hours = round(sessions.LIFE / timedelta(hours=1))
    try:
        return entry_links.make(service, caller, name, hours)[1]
    except NotFoundError as error:
        raise SignInError("account", "the platform has no account of this name") from error


def _account_name(claims: Mapping[str, Any], claim: str) -> str:
    """Return the name of the account that a claim gives; an address or number counts once the provider has verified it."""
    name = claims.get(claim)
    if not isinstance(name, str) or not name or "\0" in name:
        raise SignInError("account", "the ID token lacks the claim that names the account")
    proof = VERIFIED_BY.get(claim)
    if proof is not None and claims.get(proof) is not True:
        raise SignInError("account", f"the provider has not verified this person's {claim}")
    return name


def _claims(
    service: "Service",
    provider: IdentityProvider,
    browser: str,
    answer: Mapping[str, str],
    door: str,
) -> tuple[dict[str, Any], str | None]:
    """Return what the provider says of who comes back by a door, and where they wanted to go."""
    state = answer.get("state", "")
    row = _taken(service, door + state, browser)
    if "code" not in answer:
        raise SignInError("refused", f"the provider let nobody in: {answer.get('error', '')[:100]}")
    way = Way(state, row.nonce, row.verifier)
    return provider.claims(answer["code"], way, answer.get("iss")), row.next_path


def person(service: "Service", claims: Mapping[str, Any]) -> User:
    """Return the login of whom the provider vouches for, with the role that their groups give.

    A login is found by the subject; the first time by an address that the provider has verified, or, where the
    settings allow its domain, made.

    Raises
    ------
    SignInError
        If there is none, it is another's, of another platform than the provider's or out of use, or no role
        follows from the groups.
    """
    roles = _roles(service, claims)
    subject = hashlib.sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()
    with service.database.reading() as session:
        known = _by_subject(session, subject) is not None
        email = None if known else _verified_email(claims)
        if email is not None and _by_email(session, email) is None:
            tenant_id = _platform_of_new(service, session, email)
        else:
            tenant_id = None
    if tenant_id is not None and email is not None:
        _make(service, email, _role(None, roles), tenant_id)
    _drop_lost_role(service, subject, roles)
    with service.database.transaction() as session:
        user = _by_subject(session, subject) or _linked(service, session, subject, email)
        if user.disabled_at is not None:
            raise SignInError("unknown", "this login is out of use")
        if (role := _role(user.role, roles)) != user.role:
            logins.give_role(session, user, role, service.now(), PROVIDER)
        session.flush()
        platform = identity_of(session, user).platform
        if service.settings.oidc_tenant not in (None, platform):
            raise SignInError("unknown", "this login is of another platform than the provider's")
    return user


def _drop_lost_role(service: "Service", subject: str, roles: frozenset[str] | None) -> None:
    """End the sessions of a login whose groups do not give its role any more; if they give no other, it has none."""
    if roles is None:
        return
    with service.database.transaction() as session:
        user = _by_subject(session, subject)
        if user is None or user.role in roles:
            return
        if len(roles) != 1 and user.role != keys.NO_ROLE:
            logins.give_role(session, user, keys.NO_ROLE, service.now(), PROVIDER)
        logins.end_sessions(session, user.id)


def _taken(service: "Service", way: str, browser: str) -> SignIn:
    """Take a way's row away, whether it is good or not: nobody comes back twice."""
    with service.database.transaction() as session:
        row = session.get(SignIn, _digest(way), with_for_update=True)
        if row is not None:
            session.delete(row)
    good = (
        row is not None
        and service.now() < row.expires_at
        and hmac.compare_digest(row.browser, _digest(browser))
    )
    if row is None or not good:
        raise SignInError("old", "this sign-in began elsewhere, too long ago, or is over")
    return row


def _linked(service: "Service", session: Session, subject: str, email: str | None) -> User:
    user = _by_email(session, email) if email is not None else None
    if user is None:
        raise SignInError("unknown", "there is no login for this person")
    if user.subject_digest is not None:
        raise SignInError("unknown", "this address is another person's at the provider")
    user.subject_digest = subject
    logins.note(session, user, "user.linked", service.now(), PROVIDER)
    return user


def _make(service: "Service", email: str, role: str, tenant_id: str) -> None:
    try:
        keys.create_user(service, email, role, actor=PROVIDER, tenant_id=tenant_id)
    except ConflictError:
        return  # the same person at another browser was first


def _platform_of_new(service: "Service", session: Session, email: str) -> str:
    """Return the platform that a login is made for, or raise if none is to be made."""
    settings = service.settings
    domains = {each.lower() for each in settings.oidc_domains}
    if email.rpartition("@")[2] not in domains or not settings.oidc_roles:
        raise SignInError("unknown", "there is no login for this person, and none is made")
    platforms = keys.tenants(session)
    wanted = [each for each in platforms if settings.oidc_tenant in (None, each.name)]
    if len(wanted) != 1:
        raise SignInError("unknown", "CLEARANCE_OIDC_TENANT does not name one platform")
    return wanted[0].id


def _roles(service: "Service", claims: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the roles that the groups of somebody map to; None where the settings map none."""
    settings = service.settings
    if not settings.oidc_roles:
        return None
    said = claims.get(settings.oidc_role_claim, [])
    groups = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    return frozenset(
        settings.oidc_roles[each]
        for each in groups
        if isinstance(each, str) and each in settings.oidc_roles
    )


def _role(present: str | None, roles: frozenset[str] | None) -> str:
    """Return the role that somebody is to have: their present one, if their groups give it too."""
    if present not in {None, keys.NO_ROLE} and (roles is None or present in roles):
        return str(present)
    if roles is None or len(roles) != 1:
        raise SignInError("unknown", "the groups of this person give no role, or several")
    return next(iter(roles))


def _verified_email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        raise SignInError("unknown", "the provider has not verified this person's e-mail address")
    try:
        return keys.checked_email(email)
    except BadKeyRequestError as error:
        raise SignInError("unknown", str(error)) from error


def _by_subject(session: Session, subject: str) -> User | None:
    return session.exec(
        select(User).where(User.subject_digest == subject).with_for_update()
    ).first()


def _by_email(session: Session, email: str) -> User | None:
    return session.exec(select(User).where(col(User.email) == email).with_for_update()).first()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
