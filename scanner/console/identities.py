"""Who looks at a page: a person, their role, and what that role may do as a caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session

from scanner import consents, entry_links, keys
from scanner.callers import Caller
from scanner.errors import ForbiddenError
from scanner.journal import Actor
from scanner.role_scopes import HOLDER_SCOPES
from scanner.tables import Account, ConsoleSession, EntryLink, Guardian, Tenant, User

SCOPES_OF: Final[Mapping[str, frozenset[str]]] = {
    "admin": frozenset({"operations", "webhooks", "tracks:read", "tracks:write"}),
    "reviewer": frozenset({"cases:read", "cases:decide", "tracks:read", "tracks:write"}),
    "appeals_officer": frozenset({"cases:read", "cases:decide", "tracks:read", "tracks:write"}),
    "policy_lead": frozenset({"policies:write", "policies:approve"}),
    "auditor": frozenset({"audit:read"}),
    "rights_holder": frozenset(HOLDER_SCOPES),
}
"""What a role may do; a role that is not named here may do nothing by itself."""
HOLDERS: Final = "rights_holder"
NOBODY: Final = "none"
"""Stands for the holder of a login that names none: nothing is theirs."""


@dataclass(frozen=True)
class Identity:
    """Somebody at a browser.

    Attributes
    ----------
    caller : Caller
        They, as the service's functions know who asks.
    role : str
        Of :data:`scanner.keys.ROLES`.
    name : str
        What the header calls them.
    child_id : str or None
        Of a parent: the account whose parent they are.
    language : str or None
        The language they chose.
    csrf : str
        What their forms carry.
    user_id : str or None
        Of who logged in: their login.
    """

    caller: Caller
    role: str
    name: str
    platform: str
    language: str | None = None
    csrf: str = ""
    child_id: str | None = None
    user_id: str | None = None


def identity_of(
    session: Session, user: User, *, language: str | None = None, csrf: str = ""
) -> Identity:
    """Return a login as an identity.

    Raises
    ------
    ForbiddenError
        If it can't be told which platform the login is of.
    """
    tenant = _platform(session, user)
    if user.role == HOLDERS:
        caller = _for_holder(tenant, user)
    else:
        caller = Caller(
            tenant_id=tenant.id,
            actor=Actor(user.id, user.role),
            scopes=SCOPES_OF.get(user.role, frozenset()),
            user_id=user.id,
        )
    return Identity(caller, user.role, user.email, tenant.name, language, csrf, user_id=user.id)


def _for_holder(tenant: Tenant, user: User) -> Caller:
    """Return a caller as a holder's key is one: it acts for the holder alone, not as staff.

    A login that names no holder may do nothing.
    """
    return Caller(
        tenant_id=tenant.id,
        actor=Actor(user.id, user.role),
        scopes=SCOPES_OF[user.role] if user.holder_id else frozenset(),
        holder_id=user.holder_id or NOBODY,
    )


def identity_at(
    session: Session, kept: ConsoleSession, now: datetime, csrf: str
) -> Identity | None:
    """Return whose a session is; None once the link, the consent or the login that it was begun by lets in no more.

    Raises
    ------
    ForbiddenError
        As :func:`identity_of`.
    """
    if kept.user_id is not None:
        user = session.get_one(User, kept.user_id)
        if user.disabled_at is not None or user.role == keys.NO_ROLE:
            return None
        return identity_of(session, user, language=kept.language, csrf=csrf)
    account = session.get_one(Account, kept.account_id)
    platform = session.get_one(Tenant, account.tenant_id).name
    if kept.guardian_id is not None:
        if not consents.is_open(session, kept.consent_id, now):
            return None
        parent = session.get_one(Guardian, kept.guardian_id)
        caller = Caller(account.tenant_id, Actor(parent.id, consents.PARENT), frozenset())
        name = parent.external_id
        return Identity(
            caller, consents.PARENT, name, platform, kept.language, csrf, child_id=account.id
        )
    link = session.get_one(EntryLink, kept.link_id)
    if not entry_links.is_good(link, now):
        return None
    caller = entry_links.creator(link)
    return Identity(caller, caller.actor.role, account.external_id, platform, kept.language, csrf)


def _platform(session: Session, user: User) -> Tenant:
    """Return a login's platform: the one it names, or the only one there is."""
    if user.tenant_id is not None:
        tenant = session.get(Tenant, user.tenant_id)
        if tenant is not None:
            return tenant
    found = keys.tenants(session)
    if user.tenant_id is None and len(found) == 1:
        return found[0]
    raise ForbiddenError(
        "this login belongs to no platform: there is more than one, or none; ask for a login made "
        "with `clearance user add EMAIL --tenant NAME`"
    )
