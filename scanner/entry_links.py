"""Links by which creators enter: a platform makes one for an account, and its token is that account alone."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import people
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import NotFoundError
from scanner.events import Administered
from scanner.idempotency import check_version
from scanner.journal import Actor, record
from scanner.tables import Account, EntryLink

if TYPE_CHECKING:
    from scanner.service import Service

PREFIX: Final = "clr_creator_"
SCOPES: Final = frozenset({"contest:read", "contest:write"})
"""All that a creator may do: see what hits them, and contest it."""
MAX_HOURS: Final = 720
_TOKEN: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


def make(service: "Service", caller: Caller, external_id: str, hours: int) -> tuple[EntryLink, str]:
    """Make a link for an account; its token is returned this once.

    Raises
    ------
    NotFoundError
        If the tenant has no account of this name.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    now = service.now()
    with service.database.transaction() as session:
        account = people.find(session, caller.tenant_id, external_id, lock=True)
        link = EntryLink(
            id=new_id(),
            tenant_id=caller.tenant_id,
            account_id=account.id,
            digest=_digest(token),
            hint=f"{token[: len(PREFIX) + 4]}…",
            sandbox=caller.sandbox,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
        )
        session.add(link)
        _administered(session, link, 1, "entry_link.created", now, caller.actor)
    return link, token


def caller_of(session: Session, token: str, now: datetime) -> Caller | None:
    """Return the creator whose token this is; None if it is none, ran out or was revoked."""
    link = link_of(session, token, now)
    return None if link is None else creator(link)


def link_of(session: Session, token: str, now: datetime) -> EntryLink | None:
    """Return the link whose token this is; None if there is none, or it is over."""
    if not _TOKEN.fullmatch(token):
        return None
    link = session.exec(select(EntryLink).where(EntryLink.digest == _digest(token))).first()
    return link if link is not None and is_good(link, now) else None


def is_good(link: EntryLink, now: datetime) -> bool:
    """Tell whether a link still lets its creator in."""
    return link.revoked_at is None and link.expires_at > now


def creator(link: EntryLink) -> Caller:
    """Return the creator whose link it is."""
    return Caller(
        tenant_id=link.tenant_id,
        actor=Actor(link.account_id, "creator"),
        scopes=SCOPES,
        sandbox=link.sandbox,
        account_id=link.account_id,
    )


def listed(session: Session, account: Account) -> Sequence[EntryLink]:
    """Return an account's links, newest first, those that ended included."""
    own = select(EntryLink).where(
        EntryLink.tenant_id == account.tenant_id, EntryLink.account_id == account.id
    )
    return session.exec(own.order_by(col(EntryLink.id).desc())).all()


def find(session: Session, account: Account, link_id: str) -> EntryLink:
    """Return one link of an account, or raise ``NotFoundError``."""
    link = session.get(EntryLink, link_id)
    if link is None or (link.tenant_id, link.account_id) != (account.tenant_id, account.id):
        raise NotFoundError("link", "of this id")
    return link


def revoke(
    service: "Service", caller: Caller, account: Account, link_id: str, expected: int | None = None
) -> EntryLink:
    """End a link at once; one that was revoked stays as it is."""
    now = service.now()
    with service.database.transaction() as session:
        find(session, account, link_id)
        link = session.get_one(EntryLink, link_id, with_for_update=True, populate_existing=True)
        check_version(version_of(link), expected)
        if link.revoked_at is None:
            link.revoked_at = now
            _administered(session, link, 2, "entry_link.revoked", now, caller.actor)
        return link


def version_of(link: EntryLink) -> int:
    """Return how often a link changed: it is made, and perhaps revoked."""
    return 1 if link.revoked_at is None else 2


def describe(link: EntryLink) -> dict[str, Any]:
    """Return a link as JSON, without what only its holder knows."""
    return {
        "id": link.id,
        "hint": link.hint,
        "version": version_of(link),
        "created_at": link.created_at.isoformat(),
        "expires_at": link.expires_at.isoformat(),
        "revoked_at": link.revoked_at.isoformat() if link.revoked_at else None,
    }


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _administered(
    session: Session, link: EntryLink, version: int, action: str, now: datetime, actor: Actor
) -> None:
    record(
        session,
        tenant_id=link.tenant_id,
        subject=link.id,
        version=version,
        data=Administered(action=action, object_id=link.id, detail={}),
        now=now,
        actor=actor,
    )
