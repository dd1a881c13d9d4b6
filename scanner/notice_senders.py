"""Who sent a notice: where they are told, their link, and whether they are suspended (DSA-23)."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

import appeals
from appeals.roles import Role
from scanner import letter_dates, sanctions
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ForbiddenError, NotFoundError
from scanner.journal import Actor, record
from scanner.letter_dates import Day
from scanner.letters import Recipient, write
from scanner.notice_events import NoticeTurnedAway
from scanner.tables import Case, Letter, Notice
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

WHAT: Final = "notices"
"""What a sanction suspends."""
COPY: Final = "copy"
"""Kind of an appeal about a copy of a notice's work; its subject is the case in which the copy was left."""


class SenderSuspendedError(ForbiddenError):
    """The sender's notices are not taken for a time (DSA-23)."""


@dataclass(frozen=True)
class Party:
    """Whose misuse is counted: an account, a holder, a flagger, or whoever writes from an address.

    Attributes
    ----------
    kind : {"account", "holder", "flagger", "notifier"}
    id : str
        For a notifier the digest of the address.
    """

    kind: sanctions.Party
    id: str


def digest_of(tenant_id: str, email: str) -> str:
    """SHA-256 of an address within a platform: the same sender is known again, without the address."""
    return hashlib.sha256(f"{tenant_id}\n{email.strip().lower()}".encode()).hexdigest()


def party_of(notice: Notice) -> Party | None:
    """Return whose notice it is; None if nobody can be told apart (the platform's own, no address)."""
    if notice.holder_id:
        return Party("holder", notice.holder_id)
    if notice.flagger_id:
        return Party("flagger", notice.flagger_id)
    return Party("notifier", notice.notifier_digest) if notice.notifier_digest else None


def notice_of_copy(session: Session, case_id: str) -> Notice:
    """Return the notice of a copy of its work, by the copy's case."""
    return session.get_one(Notice, session.get_one(Case, case_id).matter_id)


def sender_of(caller: Caller, notice: Notice) -> appeals.Actor:
    """Return the sender, or the platform that speaks for one who has no key of their own.

    Raises
    ------
    NotFoundError
        If it is another holder's or flagger's.
    ForbiddenError
        If it is the key of staff or a creator.
    """
    if caller.user_id or caller.account_id:
        raise ForbiddenError("only who sent the notice, or the platform for them, does this")
    if (caller.holder_id or notice.holder_id) != notice.holder_id or (
        caller.flagger_id or notice.flagger_id
    ) != notice.flagger_id:
        raise NotFoundError("notice", "of this id")
    return appeals.Actor(_role(notice), caller.actor.id)


def by_link(notice: Notice) -> appeals.Actor:
    """Return the sender who has nothing but the link."""
    return appeals.Actor(_role(notice), notice.id)


def _role(notice: Notice) -> Role:
    return Role.RIGHTS_HOLDER if notice.holder_id else Role.NOTIFIER


def recipient(notice: Notice) -> Recipient:
    """Return where the sender is told."""
    kind = "holder" if notice.holder_id else "authority" if notice.form == "order" else "notifier"
    party = party_of(notice)
    return Recipient(kind, party.id if party else notice.id, notice.notifier_email, notice.language)


def token_of(service: "Service", notice: Notice) -> str:
    """Return the token in the sender's link: what was sent first stays good when the secret key changes."""
    tokens = service.secrets.link_tokens("notice", notice.id)
    return next((each for each in tokens if opens(notice, each)), tokens[0])


def digest_of_token(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def opens(notice: Notice, token: str) -> bool:
    """Whether a token is that of the notice's link."""
    return hmac.compare_digest(notice.token_digest or "", digest_of_token(token))


def link(service: "Service", notice: Notice) -> str:
    """Return the sender's link."""
    base = service.settings.public_url
    return f"{base}/public/notices/{notice.id}?token={token_of(service, notice)}"


def tell(
    service: "Service",
    session: Session,
    notice: Notice,
    template: str,
    *,
    legal_basis: tuple[str, ...] = (),
    **words: Any,
) -> Letter:
    """Write a letter to the sender, with their link."""
    return write(
        session,
        recipient(notice),
        template,
        {"notice_id": notice.id, "link": link(service, notice)} | words,
        tenant_id=notice.tenant_id,
        now=service.now(),
        matter=notice,
        legal_basis=legal_basis,
    )


def day(service: "Service", moment: datetime | None, *, last: bool = False) -> Day | None:
    """Return a day in the zone of law; of the end of a window its last day."""
    return letter_dates.day(moment, service.settings.legal_zone, last=last)


def refuse_suspended(
    service: "Service", tenant_id: str, party: Party | None, form: str, actor: Actor
) -> None:
    """Turn a suspended sender away, and write that down.

    Raises
    ------
    SenderSuspendedError
        With the reason and until when.
    """
    if party is None:
        return
    now = service.now()
    with service.database.transaction() as session:
        sanction = sanctions.in_force(session, tenant_id, party.kind, party.id, WHAT, now)
        if sanction is None:
            return
        until = sanction.ends_at.isoformat() if sanction.ends_at else None
        record(
            session,
            tenant_id=tenant_id,
            subject=new_id(),
            version=1,
            data=NoticeTurnedAway(form=form, sanction_id=sanction.id, until=until),
            now=now,
            actor=actor,
        )
    words: str = "until further notice"
    if sanction.ends_at:
        words = Told("until %(day)s", day=day(service, sanction.ends_at))
    raise SenderSuspendedError(
        Told(
            "your notices are not taken %(words)s (DSA-23): %(reason)s",
            words=words,
            reason=sanction.reason,
        )
    )
