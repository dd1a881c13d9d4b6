"""Links by which people without a password enter: a platform's for a creator, a consent's for a parent."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from scanner import consents, entry_links
from scanner.errors import UnauthorisedError


@dataclass(frozen=True)
class Entrance:
    """Whom a link lets in.

    Attributes
    ----------
    account_id : str
        The creator's; of a parent, their child's.
    link_id, guardian_id : str, optional
        The creator's link, or who the parent is: one of the two.
    consent_id : str, optional
        Of a parent: the consent whose link it is; what was begun by it ends with the consent.
    until : datetime, optional
        When the link ends, and with it what was begun by it.
    """

    account_id: str
    link_id: str | None = None
    guardian_id: str | None = None
    consent_id: str | None = None
    until: datetime | None = None


def entrance_of(session: Session, token: str, now: datetime) -> Entrance:
    """Return whom a token lets in.

    Raises
    ------
    UnauthorisedError
        If it is none, ran out, was revoked or used up; all read the same.
    """
    link = entry_links.link_of(session, token, now)
    if link is not None:
        return Entrance(link.account_id, link_id=link.id, until=link.expires_at)
    consent = consents.of_token(session, token, now)
    if consent is not None:
        return Entrance(consent.account_id, guardian_id=consent.guardian_id, consent_id=consent.id)
    raise UnauthorisedError("this link is not known, or not good any more")
