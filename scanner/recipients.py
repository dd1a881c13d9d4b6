"""Where people are told, and in which language: their own, as far as anybody said it."""

from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner.letters import Recipient
from scanner.tables import Flagger, Holder, Notice, Submission, Track

if TYPE_CHECKING:
    from scanner.service import Service

LOOKED_AT: Final = 20
"""Newest submissions of an account in which its language is looked for."""


def account(
    service: "Service", session: Session, account_id: str, track_id: str | None = None
) -> Recipient:
    """Return an account, in the language that was declared with the track, or last with another of its tracks.

    Where none was, in that of the setting ``language``.
    """
    own = select(Submission.declaration).where(Submission.track_id == track_id)
    latest = (
        select(Submission.declaration)
        .join(Track, col(Track.id) == col(Submission.track_id))
        .where(Track.account_id == account_id)
        .order_by(col(Track.id).desc())
        .limit(LOOKED_AT)
    )
    queries = (own, latest) if track_id is not None else (latest,)
    said = (each.get("language") for query in queries for each in session.exec(query))
    language = next((each for each in said if each), service.settings.language)
    return Recipient("account", account_id, language=str(language))


def party(service: "Service", session: Session, kind: str, party_id: str) -> Recipient:
    """Return somebody by what they are: an account, a holder, or whoever else."""
    if kind == "account":
        return account(service, session, party_id)
    who = session.get(Holder, party_id) if kind == "holder" else None
    if who is not None:
        return Recipient("holder", who.id, who.contact_email, who.language)
    if kind in {"flagger", "notifier"}:
        return _sender(service, session, kind, party_id)
    return Recipient(kind, party_id, language=service.settings.language)


def _sender(service: "Service", session: Session, kind: str, party_id: str) -> Recipient:
    """Return who sends notices, in the language of their newest; of a notifier only a confirmed address is written to."""
    own = Notice.flagger_id if kind == "flagger" else Notice.notifier_digest
    query = select(Notice).where(own == party_id, col(Notice.email_confirmed_at).is_not(None))
    newest = session.exec(query.order_by(col(Notice.id).desc()).limit(1)).first()
    flagger = session.get(Flagger, party_id) if kind == "flagger" else None
    address = newest.notifier_email if newest is not None else None
    language = newest.language if newest is not None else service.settings.language
    return Recipient(kind, party_id, flagger.email if flagger else address, language)
