"""Tenants, API keys and logins: made, listed, revoked, recognised.

Of an API key only the SHA-256 is kept; of a password only its Argon2id hash. Each secret is returned once, by the function that makes it.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import update
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from scanner import entry_links, passwords
from scanner.callers import SCOPES, Caller
from scanner.clock import new_id
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
from scanner.role_scopes import scopes_for_holders, scopes_for_role, scopes_now
from scanner.tables import ApiKey, Holder, Tenant, User
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

LIVE: Final = "clr_live_"
TEST: Final = "clr_test_"
KEY_BYTES: Final = 32
ROLES: Final = (
    "admin",
    "reviewer",
    "appeals_officer",
    "policy_lead",
    "auditor",
    "creator",
    "parent",
    "rights_holder",
)
LOGIN_ROLES: Final = tuple(role for role in ROLES if role not in {"creator", "parent"})
"""Roles of logins: creators and parents enter by links, and a login of theirs would have no page."""
NO_ROLE: Final = "none"
"""Of a login whose groups at the identity provider give it no role any more: it lets nobody in."""
USE_NOTED: Final = timedelta(minutes=10)
"""How exactly it is known when a key was last used."""
OPERATOR: Final = Actor("operator", "admin")
"""Who acts at the command line."""

_TOKEN: Final = re.compile(r"clr_(live|test)_[A-Za-z0-9_-]{43}")
WRONG: Final = "the e-mail address or the password is wrong"
_EMAIL: Final = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,255}")


class ProviderLoginError(UnauthorisedError):
    """The password is right, and its owner logs in at the identity provider alone."""


def create_tenant(service: "Service", name: str, actor: Actor = OPERATOR) -> Tenant:
    """Make a platform; its name must be new, since commands find it by that."""
    now = service.now()
    tenant = Tenant(id=new_id(), name=named(name), created_at=now)
    with service.database.transaction() as session:
        if session.exec(select(Tenant.id).where(Tenant.name == tenant.name)).first() is not None:
            raise ConflictError("there is a tenant of this name already")
        session.add(tenant)
        session.flush()
        administered(session, tenant.id, tenant.id, 1, "tenant.created", now, actor)
    return tenant


def create_key(
    service: "Service",
    tenant_id: str,
    name: str,
    scopes: Collection[str] = SCOPES,
    *,
    sandbox: bool = False,
    user: str | None = None,
    holder_id: str | None = None,
    flagger_id: str | None = None,
    expires_at: datetime | None = None,
    actor: Actor = OPERATOR,
) -> tuple[ApiKey, str]:
    """Make an API key; the key itself is returned this once.

    Parameters
    ----------
    tenant_id : str
        The platform. A sandbox key acts on the platform's sandbox twin, which is made with the
        first such key.
    scopes : collection of str, optional
        All that whose key it is may have, if none is named. Beyond what the role of ``user`` is for, none can be.
    user : str, optional
        E-mail address of the login whose key it is: it acts as that person, a rights holder's for the holder.
    holder_id, flagger_id : str, optional
        The rights holder or trusted flagger whose key it is: it acts for them alone.
    expires_at : datetime, optional
        From when on it is refused.

    Returns
    -------
    ApiKey, str
        What is kept, and the bearer token: ``clr_live_`` or ``clr_test_`` and 256 random bits.
    """
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise BadKeyRequestError(
            Told(
                "unknown scope %(unknown)s; there are: %(scopes)s",
                unknown=", ".join(unknown),
                scopes=", ".join(SCOPES),
            )
        )
    if not scopes:
        raise BadKeyRequestError(
            Told("name at least one scope of: %(scopes)s", scopes=", ".join(SCOPES))
        )
    if holder_id is not None:
        scopes = scopes_for_holders(scopes)
    token = (TEST if sandbox else LIVE) + secrets.token_urlsafe(KEY_BYTES)
    now = service.now()
    if expires_at is not None and expires_at <= now:
        raise BadKeyRequestError("a key ends in the future, or not at all")
    with service.database.transaction() as session:
        tenant = session.get(Tenant, tenant_id, with_for_update=True)
        if tenant is None:
            raise NotFoundError("tenant", tenant_id)
        if sandbox and tenant.sandbox_of is None:
            tenant = _sandbox_twin(session, tenant, now)
        if not sandbox and tenant.sandbox_of is not None:
            raise BadKeyRequestError("a sandbox has sandbox keys only")
        person = _login(session, user, tenant.id) if user else None
        if person is not None and person.role == "rights_holder":
            holder_id = _own_holder(person, holder_id)
            scopes = scopes_for_holders(scopes)
        elif person is not None:
            if holder_id is not None:
                raise BadKeyRequestError("only a login of the role rights_holder acts for a holder")
            scopes = scopes_for_role(scopes, person.role)
        key = ApiKey(
            id=new_id(),
            tenant_id=tenant.id,
            name=named(name),
            user_id=person.id if person else None,
            holder_id=holder_id,
            flagger_id=flagger_id,
            hint=f"{token[:13]}…{token[-4:]}",
            digest=_digest(token),
            scopes=sorted(set(scopes)),
            created_at=now,
            expires_at=expires_at,
        )
        session.add(key)
        detail = {"scopes": key.scopes, "sandbox": sandbox}
        administered(session, tenant.id, key.id, 1, "key.created", now, actor, detail)
    return key, token


def _own_holder(person: User, holder_id: str | None) -> str:
    """Return for whom a rights holder's login acts: its key does so for nobody else."""
    if person.holder_id is None or holder_id not in {None, person.holder_id}:
        raise BadKeyRequestError(
            "a rights holder's login acts for its own holder, and for no other"
        )
    return person.holder_id


def authenticate(service: "Service", token: str) -> Caller:
    """Return who holds a token.

    Raises
    ------
    UnauthorisedError
        If the token is not known, was revoked or has run out; all read the same.
    """
    now = service.now()
    if _TOKEN.fullmatch(token):
        with service.database.reading() as session:
            key = session.exec(
                select(ApiKey).where(
                    ApiKey.digest == _digest(token), col(ApiKey.revoked_at).is_(None)
                )
            ).first()
            user = session.get(User, key.user_id) if key is not None and key.user_id else None
        if key is not None and _is_good(key, user, now):
            _note_use(service, key, now)
            return Caller(
                tenant_id=key.tenant_id,
                actor=_actor(key, user),
                scopes=scopes_now(key.scopes, user.role if user is not None else None),
                sandbox=token.startswith(TEST),
                user_id=None if key.holder_id else key.user_id,  # a holder's login is no staff
                holder_id=key.holder_id,
                flagger_id=key.flagger_id,
            )
    with service.database.reading() as session:
        creator = entry_links.caller_of(session, token, now)
    if creator is not None:
        return creator
    raise UnauthorisedError("this API key is not known: check it, or ask for a new one")


def _is_good(key: ApiKey, user: User | None, now: datetime) -> bool:
    if key.expires_at is not None and key.expires_at <= now:
        return False
    if user is None:
        return True
    # Who became a rights holder, or is one no more, acts for another than the key was made for.
    acts_for = user.holder_id if user.role == "rights_holder" else None
    return user.disabled_at is None and user.role != NO_ROLE and key.holder_id == acts_for


def _note_use(service: "Service", key: ApiKey, now: datetime) -> None:
    """Write down that a key is used, at most once in :data:`USE_NOTED`."""
    if key.used_at is not None and now < key.used_at + USE_NOTED:
        return
    with service.database.transaction() as session:
        session.execute(update(ApiKey).where(col(ApiKey.id) == key.id).values(used_at=now))


def _actor(key: ApiKey, user: User | None) -> Actor:
    if user is not None:
        return Actor(user.id, user.role)
    if key.holder_id is not None:
        return Actor(key.holder_id, "rights_holder")
    if key.flagger_id is not None:
        return Actor(key.flagger_id, "notifier")
    return Actor(key.id, "platform")


def listed(
    session: Session, tenant_id: str, *, limit: int = 200, before: str | None = None
) -> list[ApiKey]:
    """Return a platform's keys, those of its sandbox included, newest first."""
    query = _keys_of(tenant_id)
    if before is not None:
        query = query.where(ApiKey.id < before)
    return list(session.exec(query.order_by(col(ApiKey.id).desc()).limit(limit)))


def find(session: Session, tenant_id: str, key_id: str) -> ApiKey:
    """Return one key of a platform or its sandbox, or raise ``NotFoundError``."""
    key = session.exec(_keys_of(tenant_id).where(ApiKey.id == key_id)).first()
    if key is None:
        raise NotFoundError("key", key_id)
    return key


def revoke(
    service: "Service",
    tenant_id: str,
    key_id: str,
    actor: Actor = OPERATOR,
    *,
    expected_version: int | None = None,
) -> ApiKey:
    """End a key's life at once; a key that is revoked already stays as it is."""
    now = service.now()
    with service.database.transaction() as session:
        find(session, tenant_id, key_id)
        key = session.get_one(ApiKey, key_id, with_for_update=True, populate_existing=True)
        check_version(version_of(key), expected_version)
        if key.revoked_at is None:
            key.revoked_at = now
            administered(session, key.tenant_id, key.id, 2, "key.revoked", now, actor)
        return key


def version_of(key: ApiKey) -> int:
    """Return how often a key changed: it is made, and perhaps revoked."""
    return 1 if key.revoked_at is None else 2


def describe(key: ApiKey) -> dict[str, Any]:
    """Return a key as JSON, without what only its holder knows."""
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "kind": "test" if key.hint.startswith(TEST) else "live",
        "version": version_of(key),
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "used_at": key.used_at.isoformat() if key.used_at else None,
    }


def check_maker(caller: Caller) -> None:
    """Raise ``ForbiddenError`` for staff who are no admins: what they make would act as the platform, not as them."""
    if caller.user_id is not None and caller.actor.role != "admin":
        raise ForbiddenError("of staff only an admin makes keys")


def require_scopes(caller: Caller, wanted: Collection[str]) -> None:
    """Raise ``ForbiddenError`` if a key would be stronger than the one that makes it."""
    if beyond := sorted(set(wanted) & set(SCOPES) - caller.scopes):
        raise ForbiddenError(
            Told(
                "this key has no scope %(beyond)s and can't give it away", beyond=", ".join(beyond)
            )
        )


def create_user(
    service: "Service",
    email: str,
    role: str,
    password: str | None = None,
    actor: Actor = OPERATOR,
    *,
    tenant_id: str | None = None,
    holder_id: str | None = None,
) -> tuple[User, str]:
    """Make a login; without a password one of 128 random bits is made.

    Parameters
    ----------
    tenant_id : str, optional
        The platform it is of; without one it is good for the console only where there is one platform.
    holder_id : str, optional
        Of the role ``rights_holder``: whom it acts for; the platform is the holder's.

    Returns
    -------
    User, str
        What is kept, and the password, this once.
    """
    if role not in ROLES:
        raise BadKeyRequestError(
            Told("role %(role)s is none of %(roles)s", role=repr(role), roles=", ".join(ROLES))
        )
    if holder_id is not None and role != "rights_holder":
        raise BadKeyRequestError("only a login of the role rights_holder acts for a holder")
    email = checked_email(email)
    password = password or secrets.token_urlsafe(16)
    now = service.now()
    user = User(
        id=new_id(),
        email=email,
        password_hash=passwords.hashed(password),
        role=role,
        tenant_id=tenant_id,
        holder_id=holder_id,
        created_at=now,
    )
    with service.database.transaction() as session:
        if holder_id is not None:
            user.tenant_id = _platform_of(session, holder_id, tenant_id)
        if tenant_id is not None and session.get(Tenant, tenant_id) is None:
            raise NotFoundError("tenant", tenant_id)
        if session.exec(select(User.id).where(User.email == email)).first() is not None:
            raise ConflictError("there is a login with this e-mail address already")
        session.add(user)
        administered(session, tenant_id, user.id, 1, "user.created", now, actor, {"role": role})
    return user, password


def _platform_of(session: Session, holder_id: str, tenant_id: str | None) -> str:
    """Return a holder's platform; one that nobody named, or another platform's, reads as unknown."""
    holder = session.get(Holder, holder_id)
    if holder is None or not holder.named or holder.peer_key is not None:
        raise NotFoundError("holder", "of this id")
    if tenant_id not in {None, holder.tenant_id}:
        raise NotFoundError("holder", "of this id")
    return holder.tenant_id


def checked_email(email: str) -> str:
    """Return an address as it is kept, or raise ``BadKeyRequestError``."""
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise BadKeyRequestError("this is no e-mail address")
    return email


def check_password(
    session: Session, email: str, password: str, *, provider_only: bool = False
) -> User:
    """Return the login; unknown and wrong read and cost the same.

    Parameters
    ----------
    provider_only : bool
        Who has come from the identity provider comes from nowhere else.

    Raises
    ------
    UnauthorisedError
        If address or password is wrong, or the login is out of use.
    ProviderLoginError
        If they are right, and of somebody who logs in at the provider.
    """
    user = session.exec(select(User).where(User.email == email.strip().lower())).first()
    right = passwords.holds(user.password_hash if user else None, password)
    if user is None or not right or user.disabled_at is not None or user.role == NO_ROLE:
        raise UnauthorisedError(WRONG)
    if provider_only and user.subject_digest is not None:
        raise ProviderLoginError("log in with your organisation's account")
    return user


def _login(session: Session, email: str, tenant_id: str) -> User:
    """Return the login that a key is to act as; it must be one of this platform's people."""
    user = session.exec(select(User).where(User.email == checked_email(email))).first()
    if user is None or user.tenant_id not in {None, tenant_id}:
        raise NotFoundError("login", "with this e-mail address")
    return user


def _sandbox_twin(session: Session, tenant: Tenant, now: datetime) -> Tenant:
    twin = session.exec(select(Tenant).where(Tenant.sandbox_of == tenant.id)).first()
    if twin is None:
        name = f"{tenant.name} (sandbox)"[:200]
        twin = Tenant(id=new_id(), name=name, sandbox_of=tenant.id, created_at=now)
        session.add(twin)
        session.flush()
    return twin


def _keys_of(tenant_id: str) -> SelectOfScalar[ApiKey]:
    twins = select(Tenant.id).where(Tenant.sandbox_of == tenant_id)
    return select(ApiKey).where(
        or_(ApiKey.tenant_id == tenant_id, col(ApiKey.tenant_id).in_(twins))
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def named(name: str) -> str:
    """Return the name of a key or platform, trimmed; ``BadKeyRequestError`` if it can't be one."""
    name = name.strip()
    if not name or len(name) > 200:
        raise BadKeyRequestError("a name has 1 to 200 characters")
    return name


def administered(
    session: Session,
    tenant_id: str | None,
    object_id: str,
    version: int,
    action: str,
    now: datetime,
    actor: Actor,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write into the journal what somebody changed about keys, users or platforms."""
    record(
        session,
        tenant_id=tenant_id,
        subject=object_id,
        version=version,
        data=Administered(action=action, object_id=object_id, detail=detail or {}),
        now=now,
        actor=actor,
    )


def tenants(session: Session) -> Sequence[Tenant]:
    """Return every platform, sandboxes excepted, oldest first."""
    query = select(Tenant).where(col(Tenant.sandbox_of).is_(None)).order_by(col(Tenant.id))
    return session.exec(query).all()
