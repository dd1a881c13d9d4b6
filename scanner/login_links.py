"""Links by which people set the password of their login: mailed, or shown once to whoever made it where no mail is sent.

A link is good once and for a while; a new one ends those before it. Its secret follows from its id and the
installation's key, so neither the database nor the letter that is kept holds it: `filled` puts it into a mail
when that goes out.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from sqlmodel import Session, col, select

from scanner import keys, letters, logins, passwords
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import BadKeyRequestError, ConflictError, UnauthorisedError
from scanner.journal import Actor
from scanner.letters import Recipient
from scanner.tables import Letter, LoginLink, Tenant, User

if TYPE_CHECKING:
    from scanner.service import Service

Reason = Literal["invited", "forgotten"]
LASTS: Final[dict[Reason, timedelta]] = {
    "invited": timedelta(days=7),
    "forgotten": timedelta(hours=1),
}
PREFIX: Final = "clr_login_"
PURPOSE: Final = "login link"
TEMPLATES: Final[dict[Reason, str]] = {"invited": "login-invited", "forgotten": "login-forgotten"}
_PLACE: Final = re.compile(r"#\[([0-9a-f-]{36})\]")


@dataclass(frozen=True)
class Invited:
    """A login whose owner is to set a password; ``link`` only where nothing is mailed, to be handed over."""

    user: User
    link: str | None


def invite(
    service: "Service", caller: Caller, email: str, role: str, *, holder_id: str | None = None
) -> Invited:
    """Make a login and the link by which its owner sets the password.

    Raises
    ------
    BadKeyRequestError
        If the address is none, there is no such role, or a rights holder's login names no holder.
    ConflictError
        If there is a login with this address.
    """
    logins.check_role(role)
    if (role == "rights_holder") != (holder_id is not None):
        raise BadKeyRequestError("a rights holder's login, and no other, names its holder")
    user, _ = keys.create_user(
        service,
        email,
        role,
        actor=caller.actor,
        tenant_id=caller.tenant_id,
        holder_id=holder_id,
    )
    return renew(service, caller, user.id)


def renew(service: "Service", caller: Caller, user_id: str) -> Invited:
    """Make a new link for a login of the caller's platform; the password it has stays until then.

    Raises
    ------
    ConflictError
        If the login is out of use, or of somebody who logs in at the identity provider alone.
    """
    with service.database.transaction() as session:
        user = logins.find(session, caller.tenant_id, user_id)
        user = session.get_one(User, user.id, with_for_update=True, populate_existing=True)
        if not _may_have_password(service, user):
            raise ConflictError("this login is out of use, or has no password here")
        link = _make(service, session, user, "invited", caller.actor)
    return Invited(user, None if mails(service) else address(service, link))


def forgotten(service: "Service", email: str) -> None:
    """Mail a link to whoever has a login with this address; tell nobody whether there is one."""
    if not mails(service):
        return
    with service.database.transaction() as session:
        query = select(User).where(User.email == email.strip().lower()).with_for_update()
        user = session.exec(query).first()
        if user is not None and _may_have_password(service, user):
            _make(service, session, user, "forgotten", Actor(user.id, user.role))


def set_password(service: "Service", token: str, password: str) -> User:
    """Set a login's password by its link, which is used up; all its sessions end.

    Raises
    ------
    UnauthorisedError
        If the link is none, was used or has run out; all read the same.
    WeakPasswordError
        If the password would soon be guessed; the link stays good.
    """
    link_id = _link_of(service, token)
    with service.database.reading() as session:
        passwords.check(password, _owner(service, session, link_id).email)
    kept = passwords.hashed(password)
    with service.database.transaction() as session:
        user = _owner(service, session, link_id, locked=True)
        user.password_hash = kept
        logins.end_links(session, user.id)
        logins.end_sessions(session, user.id)
        logins.note(session, user, "user.password_set", service.now(), Actor(user.id, user.role))
        return user


def change_password(
    service: "Service", user_id: str, old: str, new: str, *, session_digest: str
) -> None:
    """Change a password by whoever knows the old one; their other sessions, and all links, end.

    Raises
    ------
    UnauthorisedError
        If the old password is wrong.
    ConflictError
        If the login has no password here.
    WeakPasswordError
        If the new one would soon be guessed.
    """
    with service.database.reading() as session:
        user = session.get_one(User, user_id)
    if not _may_have_password(service, user):
        raise ConflictError("this login has no password here")
    if not passwords.holds(user.password_hash, old):
        raise UnauthorisedError("the old password is wrong")
    passwords.check(new, user.email)
    kept = passwords.hashed(new)
    with service.database.transaction() as session:
        known = user.password_hash
        user = session.get_one(User, user_id, with_for_update=True, populate_existing=True)
        if user.password_hash != known or not _may_have_password(service, user):
            raise UnauthorisedError("the old password is wrong")  # changed meanwhile, as by a link
        user.password_hash = kept
        logins.end_links(session, user.id)
        logins.end_sessions(session, user.id, but=session_digest)
        actor = Actor(user.id, user.role)
        logins.note(session, user, "user.password_changed", service.now(), actor)


def mails(service: "Service") -> bool:
    """Tell whether links are mailed."""
    return service.settings.smtp_host is not None


def address(service: "Service", link_id: str) -> str:
    """Return a link; its secret comes after the #, which no server, history or Referer keeps."""
    return f"{_page(service)}#{_token(service, link_id)}"


def filled(service: "Service", letter: Letter) -> Letter:
    """Return a letter as it is mailed: with the secret of its link, if it is about one."""
    if letter.template not in TEMPLATES.values():
        return letter
    body = _PLACE.sub(lambda found: f"#{_token(service, found[1])}", letter.body)
    return Letter(**letter.model_dump() | {"body": body})


def _make(service: "Service", session: Session, user: User, reason: Reason, actor: Actor) -> str:
    """Make a link for a locked login, and the letter that brings it; return the link's id."""
    now, lasts = service.now(), LASTS[reason]
    logins.end_links(session, user.id)
    link = LoginLink(
        id=new_id(), user_id=user.id, reason=reason, created_at=now, expires_at=now + lasts
    )
    session.add(link)
    session.flush()
    logins.note(session, user, f"user.{reason}", now, actor)
    tenant = _platform(session, user)
    if mails(service) and tenant is not None:
        words = {
            "link": f"{_page(service)}#[{link.id}]",
            "until": link.expires_at,
            "platform": tenant.name,
        }
        to = Recipient("user", user.id, user.email, user.language or service.settings.language)
        letters.write(
            session, to, TEMPLATES[reason], words, tenant_id=tenant.id, now=now, actor=actor
        )
    return link.id


def _platform(session: Session, user: User) -> Tenant | None:
    if user.tenant_id is not None:
        return session.get(Tenant, user.tenant_id)
    found = keys.tenants(session)
    return found[0] if len(found) == 1 else None


def _may_have_password(service: "Service", user: User) -> bool:
    by_provider = service.settings.provider_only and user.subject_digest is not None
    return user.disabled_at is None and user.role in keys.LOGIN_ROLES and not by_provider


def _owner(service: "Service", session: Session, link_id: str, *, locked: bool = False) -> User:
    """Return whose link it is, or raise ``UnauthorisedError`` if it lets nobody set a password any more."""
    good = select(LoginLink.user_id).where(
        LoginLink.id == link_id, col(LoginLink.expires_at) > service.now()
    )
    user_id = session.exec(good).first()
    user = session.get(User, user_id, with_for_update=locked) if user_id else None
    used_meanwhile = locked and session.exec(good).first() is None
    if user is None or used_meanwhile or not _may_have_password(service, user):
        raise _not_good()
    return user


def _link_of(service: "Service", token: str) -> str:
    """Return the id of the link that a token is of, if it is one of this installation's."""
    link_id, _, given = token.removeprefix(PREFIX).partition(".")
    tokens = service.secrets.link_tokens(PURPOSE, link_id)
    if not token.startswith(PREFIX) or not any(
        hmac.compare_digest(each.encode(), given.encode()) for each in tokens
    ):
        raise _not_good()
    return link_id


def _not_good() -> UnauthorisedError:
    return UnauthorisedError("this link is not known, or not good any more: ask for a new one")


def _token(service: "Service", link_id: str) -> str:
    return f"{PREFIX}{link_id}.{service.secrets.link_token(PURPOSE, link_id)}"


def _page(service: "Service") -> str:
    return f"{service.settings.public_url}/password"
