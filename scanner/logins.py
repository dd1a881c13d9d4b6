"""Logins of a platform's people: listed, given another role, put out of use and back."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete
from sqlmodel import Session, col, func, or_, select

from scanner import keys
from scanner.callers import Caller
from scanner.errors import (
    BadKeyRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnauthorisedError,
)
from scanner.events import Administered
from scanner.idempotency import check_version
from scanner.journal import Actor, record
from scanner.tables import ConsoleSession, Holder, LoginLink, User
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service


def listed(
    session: Session, tenant_id: str, *, limit: int = 100, after: str | None = None
) -> list[User]:
    """Return a platform's logins by address; those of no platform are its own only where it is the only one."""
    query = select(User).where(_own(session, tenant_id)).order_by(col(User.email)).limit(limit)
    if after is not None:
        query = query.where(User.email > after)
    return list(session.exec(query))


def find(session: Session, tenant_id: str, user_id: str) -> User:
    """Return a platform's login, or raise ``NotFoundError``."""
    user = session.exec(select(User).where(_own(session, tenant_id), User.id == user_id)).first()
    if user is None:
        raise NotFoundError("login", "of this id")
    return user


def by_email(session: Session, tenant_id: str, email: str) -> User:
    """Return a platform's login by its address, or raise ``NotFoundError``."""
    wanted = User.email == keys.checked_email(email)
    user = session.exec(select(User).where(_own(session, tenant_id), wanted)).first()
    if user is None:
        raise NotFoundError("login", "with this e-mail address")
    return user


def change(
    service: "Service",
    caller: Caller,
    user_id: str,
    *,
    role: str | None = None,
    disabled: bool | None = None,
    expected_version: int | None = None,
) -> User:
    """Give a login another role, put it out of use, or back into it; it is the platform's own from now on.

    Out of use it is refused with its password, its keys and at the identity provider; its sessions end, and so do the
    links by which its password can be set: back in use, it needs a new one.

    Raises
    ------
    BadKeyRequestError
        If there is no such role.
    ConflictError
        If it is the caller's own: so an admin is always left.
    ForbiddenError
        If somebody put the caller's own login out of use, or took its role, meanwhile.
    """
    check_role(role)
    if user_id == caller.user_id:
        raise ConflictError("nobody changes their own login: ask another admin")
    with service.database.transaction() as session:
        find(session, caller.tenant_id, user_id)
        user = _locked(session, caller, user_id)
        check_version(user.version, expected_version)
        user.tenant_id = caller.tenant_id
        if role == "rights_holder" and user.holder_id is None:
            raise BadKeyRequestError("a rights holder's login is made for a holder: add one")
        if role is not None and role != user.role:
            give_role(session, user, role, service.now(), caller.actor)
        if disabled is not None and disabled != (user.disabled_at is not None):
            user.disabled_at = service.now() if disabled else None
            action = "user.disabled" if disabled else "user.enabled"
            note(session, user, action, service.now(), caller.actor)
        if user.disabled_at is not None:
            end_sessions(session, user.id)
            end_links(session, user.id)
        return user


def check_role(role: str | None) -> None:
    """Refuse a role that is none, or has no pages that a login opens."""
    if role is not None and role not in keys.LOGIN_ROLES:
        known = ", ".join(keys.LOGIN_ROLES)
        raise BadKeyRequestError(
            Told(
                "role %(role)s is none of %(known)s; creators and parents enter by links",
                role=repr(role),
                known=known,
            )
        )


def refuse_changed(session: Session, checked: User) -> None:
    """Lock a login that was found to be whose it says, and refuse it if it is not the same any more.

    Raises
    ------
    UnauthorisedError
    """
    user = session.get_one(User, checked.id, with_for_update=True, populate_existing=True)
    same = (user.password_hash, user.role) == (checked.password_hash, checked.role)
    if not same or user.disabled_at is not None:
        raise UnauthorisedError(keys.WRONG)


def end_sessions(session: Session, user_id: str, *, but: str | None = None) -> None:
    """End somebody's sessions at the console; ``but`` is the digest of one that goes on."""
    theirs = delete(ConsoleSession).where(col(ConsoleSession.user_id) == user_id)
    session.execute(theirs.where(col(ConsoleSession.digest) != (but or "")))


def end_links(session: Session, user_id: str) -> None:
    """End the links by which somebody may set their password."""
    session.execute(delete(LoginLink).where(col(LoginLink.user_id) == user_id))


def _locked(session: Session, caller: Caller, user_id: str) -> User:
    """Lock a login and the caller's own, so that two admins who change each other come one after the other."""
    query = select(User).where(col(User.id).in_([user_id, caller.user_id])).order_by(col(User.id))
    query = query.with_for_update().execution_options(populate_existing=True)
    found = {each.id: each for each in session.exec(query)}
    own = found.get(caller.user_id or "")
    if own is not None and (own.disabled_at is not None or own.role != caller.actor.role):
        raise ForbiddenError("your own login was changed meanwhile")
    return found[user_id]


def give_role(session: Session, user: User, role: str, now: datetime, actor: Actor) -> None:
    """Change a locked login's role."""
    before, user.role = user.role, role
    note(session, user, "user.role_changed", now, actor, {"before": before, "role": role})


def note(
    session: Session,
    user: User,
    action: str,
    now: datetime,
    actor: Actor,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write a change of a locked login into the journal."""
    user.version += 1
    record(
        session,
        tenant_id=user.tenant_id,
        subject=user.id,
        version=user.version,
        data=Administered(action=action, object_id=user.id, detail=detail or {}),
        now=now,
        actor=actor,
    )


def holders(session: Session, tenant_id: str, *, limit: int) -> list[Holder]:
    """Return the rights holders that a login of the platform may act for, by name."""
    query = select(Holder).where(
        Holder.tenant_id == tenant_id, col(Holder.named), col(Holder.peer_key).is_(None)
    )
    return list(session.exec(query.order_by(col(Holder.name)).limit(limit)))


def last_seen(session: Session, user_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when those who are, or just were, at the console were last seen there."""
    query = (
        select(ConsoleSession.user_id, func.max(ConsoleSession.seen_at))
        .where(col(ConsoleSession.user_id).in_(user_ids))
        .group_by(col(ConsoleSession.user_id))
    )
    return {str(user_id): seen for user_id, seen in session.exec(query)}


def describe(user: User) -> dict[str, Any]:
    """Return a login as JSON."""
    return {
        "id": user.id,
        "email": user.email,
        "role": user.role,
        "skills": user.skills,
        "version": user.version,
        "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
        "created_at": user.created_at.isoformat(),
        "by_provider": user.subject_digest is not None,
    }


def _own(session: Session, tenant_id: str) -> Any:
    platforms = keys.tenants(session)
    if len(platforms) == 1 and platforms[0].id == tenant_id:
        return or_(User.tenant_id == tenant_id, col(User.tenant_id).is_(None))
    return User.tenant_id == tenant_id
