"""Who somebody is to a matter: staff, the person whom a decision hits, or who claims or notifies."""

from typing import Final

from sqlmodel import Session

import appeals
from appeals.roles import SENIOR, STAFF, Role
from scanner.callers import Caller
from scanner.errors import ForbiddenError, NotFoundError
from scanner.tables import Account, Track

READ_JOURNAL: Final = frozenset({"auditor", "admin"})
"""Roles of staff whose keys read the whole journal."""


def staff(caller: Caller) -> appeals.Actor:
    """Return the reviewer or appeals officer whose key this is.

    Raises
    ------
    ForbiddenError
        If it is not the key of a person in one of these roles: people decide cases, not platforms.
    """
    if caller.user_id is None or caller.actor.role not in STAFF:
        raise ForbiddenError(
            "only a reviewer or an appeals officer does this: use a key made with "
            "`clearance key create --user EMAIL`"
        )
    return appeals.Actor(Role(caller.actor.role), caller.user_id)


def senior(caller: Caller) -> appeals.Actor:
    """Return the appeals officer whose key this is, or raise ``ForbiddenError``."""
    actor = staff(caller)
    if actor.role not in SENIOR:
        raise ForbiddenError("only an appeals officer does this")
    return actor


def journal_reader(caller: Caller) -> None:
    """Raise ``ForbiddenError`` for staff who work on what the journal tells: verdicts that they are to check unseen are in it."""
    if caller.user_id is not None and caller.actor.role not in READ_JOURNAL:
        raise ForbiddenError("of staff only an auditor or an admin reads the journal")


def affected(session: Session, caller: Caller, track: Track) -> appeals.Actor:
    """Return whom a decision on a track hits, or the platform that speaks for them.

    Raises
    ------
    NotFoundError
        If a creator asks about somebody else's track.
    ForbiddenError
        If it is the key of staff, a rights holder or a flagger.
    """
    if caller.account_id is not None:
        if track.account_id != caller.account_id:
            raise NotFoundError("track", "of this id")
        return appeals.Actor(Role.CREATOR, caller.account_id)
    if caller.user_id or caller.holder_id or caller.flagger_id:
        raise ForbiddenError("only the creator, or the platform for them, does this")
    return appeals.Actor(Role.PLATFORM, caller.actor.id)


def claimant(caller: Caller, holder_id: str) -> appeals.Actor:
    """Return the rights holder, or the platform that speaks for one that has no key.

    Raises
    ------
    NotFoundError
        If it is another holder's.
    ForbiddenError
        If it is the key of staff, a creator or a flagger.
    """
    if caller.holder_id is not None:
        if caller.holder_id != holder_id:
            raise NotFoundError("claim", "of this id")
        return appeals.Actor(Role.RIGHTS_HOLDER, holder_id)
    if caller.user_id or caller.account_id or caller.flagger_id:
        raise ForbiddenError("only the rights holder, or the platform for them, does this")
    return appeals.Actor(Role.RIGHTS_HOLDER, holder_id)


def account_of(session: Session, tenant_id: str, account_id: str | None) -> Account | None:
    """Return a track's account, if it has one."""
    account = session.get(Account, account_id) if account_id else None
    return account if account is not None and account.tenant_id == tenant_id else None
