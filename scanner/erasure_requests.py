"""A person asks that what is kept of them be erased (GDPR-17): the platform learns of it and has a month.

The platform is who decides, since law may need some of it; a creator's link alone erases nothing. The letter
to the creator is the record, and its event is how the platform hears of it.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from scanner import letters, recipients
from scanner.callers import Caller
from scanner.errors import ForbiddenError
from scanner.letter_dates import day
from scanner.tables import Account, Letter

if TYPE_CHECKING:
    from scanner.service import Service

TEMPLATE: Final = "erasure-asked"
MONTH: Final = timedelta(days=30)


def ask(service: "Service", caller: Caller) -> datetime:
    """Pass a creator's wish on; who asks again within the month is told when they first did.

    Raises
    ------
    ForbiddenError
        If it is not a creator's own link.
    """
    if caller.account_id is None:
        raise ForbiddenError("a creator asks by their own link; a platform erases with its key")
    now = service.now()
    with service.database.transaction() as session:
        account = session.get_one(Account, caller.account_id, with_for_update=True)
        # under the account's lock, two clicks are one wish
        asked = session.exec(_asked(caller, now)).first()
        if asked is not None:
            return asked
        to = recipients.account(service, session, account.id)
        words = {
            "account": account.external_id,
            "until": day(now + MONTH, service.settings.legal_zone),
        }
        letter = letters.write(
            session,
            to,
            TEMPLATE,
            words,
            tenant_id=account.tenant_id,
            now=now,
            legal_basis=("GDPR-17",),
            actor=caller.actor,
        )
        return letter.created_at


def asked_at(service: "Service", caller: Caller) -> datetime | None:
    """Return when a creator asked within the last month; None if they did not."""
    with service.database.reading() as session:
        return session.exec(_asked(caller, service.now())).first()


def _asked(caller: Caller, now: datetime) -> SelectOfScalar[datetime]:
    return (
        select(Letter.created_at)
        .where(
            Letter.tenant_id == caller.tenant_id,
            Letter.recipient_kind == "account",
            Letter.recipient_id == caller.account_id,
            Letter.template == TEMPLATE,
            col(Letter.created_at) > now - MONTH,
        )
        .order_by(col(Letter.id).desc())
    )
