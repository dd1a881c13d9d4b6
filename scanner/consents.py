"""Verifiable parental consent: asked for, granted, withdrawn, expired (COPPA, GDPR-8, UKGDPR-8).

A parent moves a consent by the token in their link, which is good for one move; the platform by its
key, on the parent's word. What a withdrawn consent had allowed is pulled by
:mod:`scanner.reconsideration`, on the event that is written here.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import rfc8785
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from policy.facts import ConsentScope
from scanner import people
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import IllegalTransitionError, NotFoundError, ScannerError
from scanner.journal import PIPELINE, Actor, record
from scanner.people_events import (
    ConsentEvent,
    ConsentExpired,
    ConsentGranted,
    ConsentRequested,
    ConsentWithdrawn,
)
from scanner.people_states import CONSENT_MOVES, ConsentMove, ConsentState, advance
from scanner.tables import Account, Consent, Guardian
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

METHODS: Final = (
    "signed-form",
    "payment",
    "phone",
    "video-call",
    "government-id",
    "face-match",
    "knowledge",
    "text-plus",
    "email-plus",
)
"""How a parent was verified: those of 16 CFR 312.5(b)(2), in short."""
EMAIL_PLUS: Final = "email-plus"
WEAK: Final = frozenset({"text-plus", EMAIL_PLUS})
"""Enough only where nothing of the child's is disclosed to others."""
DISCLOSING: Final = frozenset({"publish", "monetise", "voice"})
ANSWER_DAYS: Final = 14
"""How long a parent has to answer; the request is forgotten after that."""
LINK_PREFIX: Final = "clr_parent_"
PARENT: Final = "parent"


class BadConsentError(ScannerError):
    """A consent can't be asked for, or granted, so."""


@dataclass(frozen=True)
class ConsentAsked:
    """What a parent is asked.

    Parameters
    ----------
    guardian
        The platform's own name for the parent.
    text, text_version, language
        The words that the parent is shown, their version and BCP 47 tag.
    lasts_days
        How long consent lasts once granted; None: until it is withdrawn.
    """

    guardian: str
    scopes: tuple[ConsentScope, ...]
    text: str
    text_version: str
    language: str = "en"
    lasts_days: int | None = None
    method: str = EMAIL_PLUS


@dataclass(frozen=True)
class Linked:
    """A consent, and the token of the parent's next link; None if no move is left."""

    consent: Consent
    token: str | None


def request(service: "Service", caller: Caller, external_id: str, asked: ConsentAsked) -> Linked:
    """Ask a parent; the platform sends them the link with the token.

    Raises
    ------
    BadConsentError
        If the account would be its own parent.
    """
    if asked.guardian == external_id:
        raise BadConsentError("nobody is their own parent: name the guardian's own account")
    now = service.now()
    token = _new_token()
    with service.database.transaction() as session:
        account = people.locked(session, caller.tenant_id, external_id, now)
        row = Consent(
            id=new_id(),
            tenant_id=caller.tenant_id,
            account_id=account.id,
            guardian_id=_guardian(session, account, asked.guardian, now).id,
            state=ConsentState.REQUESTED,
            scopes=_ordered(asked.scopes),
            text_version=asked.text_version,
            text=asked.text,
            text_sha256=hashlib.sha256(asked.text.encode()).hexdigest(),
            language=asked.language,
            method=asked.method,
            token_digest=_digest(token),
            lasts_days=asked.lasts_days,
            requested_at=now,
            expires_at=now + timedelta(days=ANSWER_DAYS),
        )
        session.add(row)
        data = ConsentRequested(
            account_id=account.id,
            scopes=row.scopes,
            text_version=row.text_version,
            text_sha256=row.text_sha256,
        )
        _note(session, row, data, now, caller.actor)
        return Linked(row, token)


def grant(
    service: "Service",
    consent_id: str,
    actor: Actor,
    method: str | None = None,
    scopes: Collection[str] | None = None,
    token: str | None = None,
) -> Linked:
    """Write down that a parent has agreed, and make the token of the link that takes it back.

    Parameters
    ----------
    method : str, optional
        How the parent was verified, one of `METHODS`; by a link it is what the platform said when it
        asked, for whoever holds the link can't vouch for themselves (COPPA).
    scopes : collection of str, optional
        What of the scopes asked for the parent agrees to; None: all.
    token : str, optional
        Of the parent's link; it must still be good under the lock.

    Raises
    ------
    BadConsentError
        If the scopes were not asked for, or the method is too weak for them.
    IllegalTransitionError
        If the consent is not asked for any more.
    """
    now = service.now()
    fresh = _new_token()
    with service.database.transaction() as session:
        row = _locked(session, consent_id, token)
        _refuse_expired(row, now)
        row.state = _moved(row, ConsentMove.GRANT)
        row.scopes = _agreed(row.scopes, scopes)
        said = row.method or EMAIL_PLUS
        if token is not None and method not in {None, said}:
            raise BadConsentError(
                Told(
                    "the link was made for %(said)s: how a parent is verified is the "
                    "platform's to say",
                    said=said,
                )
            )
        method = method or said
        if method in WEAK and DISCLOSING & set(row.scopes):
            raise BadConsentError(
                Told(
                    "%(method)s is not enough for %(disclosing)s, by which others get what "
                    "is the child's: verify the parent in another way",
                    method=method,
                    disclosing=", ".join(sorted(DISCLOSING & set(row.scopes))),
                )
            )
        row.method, row.granted_at, row.token_digest = method, now, _digest(fresh)
        row.expires_at = now + timedelta(days=row.lasts_days) if row.lasts_days else None
        row.receipt_sha256 = hashlib.sha256(rfc8785.dumps(receipt(session, row))).hexdigest()
        data = ConsentGranted(
            account_id=row.account_id,
            scopes=row.scopes,
            method=method,
            receipt_sha256=row.receipt_sha256,
            expires_at=row.expires_at.isoformat() if row.expires_at else None,
        )
        _note(session, row, data, now, actor)
        return Linked(row, fresh)


def withdraw(service: "Service", consent_id: str, actor: Actor, token: str | None = None) -> Linked:
    """Take consent back, or say no to what is asked: it holds no more from this moment on."""
    now = service.now()
    with service.database.transaction() as session:
        row = _locked(session, consent_id, token)
        _refuse_expired(row, now)
        data = ConsentWithdrawn(
            account_id=row.account_id,
            scopes=row.scopes,
            was_granted=row.state == ConsentState.GRANTED,
        )
        row.state = _moved(row, ConsentMove.WITHDRAW)
        row.ended_at, row.token_digest = now, None
        _note(session, row, data, now, actor)
        return Linked(row, None)


def expire_due(service: "Service") -> int:
    """End the consents and requests whose time is over; return how many.

    They have not held since that moment (`scanner.people.consented`); this pulls what they allowed.
    """
    with service.database.reading() as session:
        due = session.exec(select(Consent.id).where(*_overdue(service.now()))).all()
    return sum(_expired(service, consent_id) for consent_id in due)


def find(session: Session, tenant_id: str, account_id: str, consent_id: str) -> Consent:
    """Return an account's consent, or raise ``NotFoundError``."""
    row = session.get(Consent, consent_id)
    if row is None or (row.tenant_id, row.account_id) != (tenant_id, account_id):
        raise NotFoundError("consent", "of this id")
    return row


def of_platform(session: Session, tenant_id: str, external_id: str, consent_id: str) -> Consent:
    """Return a consent that a platform names, or raise ``NotFoundError``."""
    account = people.find(session, tenant_id, external_id)
    return find(session, tenant_id, account.id, consent_id)


def of_parent(session: Session, external_id: str, consent_id: str) -> Consent:
    """Return the consent that a parent's link is about, or raise ``NotFoundError``.

    Nothing of it may be told or changed before `grant` or `withdraw` has looked at the token.
    """
    row = session.get(Consent, consent_id)
    account = session.get(Account, row.account_id) if row else None
    if row is None or account is None or account.external_id != external_id:
        raise NotFoundError("consent", "of this id")
    return row


def of_token(session: Session, token: str, now: datetime) -> Consent | None:
    """Return the consent whose link has this token; None if there is none, or its time is over."""
    if not token.startswith(LINK_PREFIX):
        return None
    row = session.exec(select(Consent).where(Consent.token_digest == _digest(token))).first()
    return None if row is None or _is_over(row, now) else row


def is_open(session: Session, consent_id: str | None, now: datetime) -> bool:
    """Tell whether a parent is still asked, or has agreed and not taken it back; None and what was erased are over."""
    row = session.get(Consent, consent_id) if consent_id is not None else None
    is_asked = row is not None and row.state in {ConsentState.REQUESTED, ConsentState.GRANTED}
    return row is not None and is_asked and not _is_over(row, now)


def of_guardian(session: Session, guardian_id: str) -> Sequence[Consent]:
    """Return what one parent was asked, newest first."""
    query = select(Consent).where(Consent.guardian_id == guardian_id)
    return session.exec(query.order_by(col(Consent.id).desc())).all()


def listed(
    session: Session, account_id: str, *, limit: int, before: str | None = None
) -> Sequence[Consent]:
    """Return an account's consents, newest first; ``before`` is the last one's id."""
    query = select(Consent).where(Consent.account_id == account_id)
    if before is not None:
        query = query.where(col(Consent.id) < before)
    return session.exec(query.order_by(col(Consent.id).desc()).limit(limit)).all()


def describe(session: Session, row: Consent) -> dict[str, Any]:
    """Return a consent as JSON, with its receipt once there is one."""
    kept = ("id", "state", "scopes", "method", "text_version", "text", "text_sha256", "language")
    moments = ("requested_at", "granted_at", "expires_at", "ended_at")
    told = {name: getattr(row, name) for name in (*kept, "lasts_days", "version")}
    told |= {name: at.isoformat() if (at := getattr(row, name)) else None for name in moments}
    granted = row.granted_at is not None
    return told | {
        "account": session.get_one(Account, row.account_id).external_id,
        "guardian": session.get_one(Guardian, row.guardian_id).external_id,
        "receipt": receipt(session, row) | {"sha256": row.receipt_sha256} if granted else None,
    }


def receipt(session: Session, row: Consent) -> dict[str, Any]:
    """Return what a parent keeps: who agreed to what, when, how verified, in which words."""
    return {
        "consent": row.id,
        "account": session.get_one(Account, row.account_id).external_id,
        "guardian": session.get_one(Guardian, row.guardian_id).external_id,
        "scopes": row.scopes,
        "method": row.method,
        "text_version": row.text_version,
        "text_sha256": row.text_sha256,
        "language": row.language,
        "granted_at": row.granted_at.isoformat() if row.granted_at else None,
        "lasts_days": row.lasts_days,
    }


def parent_actor(row: Consent) -> Actor:
    """Return who acts when a parent's link is followed."""
    return Actor(row.guardian_id, PARENT)


def _guardian(session: Session, account: Account, name: str, now: datetime) -> Guardian:
    query = select(Guardian).where(Guardian.account_id == account.id, Guardian.external_id == name)
    known = session.exec(query).first()
    if known is None:
        new = Guardian(
            id=new_id(),
            tenant_id=account.tenant_id,
            account_id=account.id,
            external_id=name,
            created_at=now,
        )
        Database.insert_if_absent(session, new)
        known = session.exec(query).one()
    return known


def _locked(session: Session, consent_id: str, token: str | None) -> Consent:
    """Return the consent under its account's lock; a token is looked at once more then."""
    row = _find_locked(session, consent_id)
    if row is None:
        raise NotFoundError("consent", "of this id")
    if token is not None:
        _check_token(row, token)
    return row


def _find_locked(session: Session, consent_id: str) -> Consent | None:
    """Return a consent under its account's lock, as it is then; None if it was erased."""
    known = session.get(Consent, consent_id)
    if known is None or session.get(Account, known.account_id, with_for_update=True) is None:
        return None
    wanted = select(Consent).where(Consent.id == consent_id).with_for_update()
    return session.exec(wanted.execution_options(populate_existing=True)).first()


def _check_token(row: Consent, token: str) -> None:
    if not hmac.compare_digest(row.token_digest or "", _digest(token)):
        raise NotFoundError("consent", "of this id")


def _moved(row: Consent, move: ConsentMove) -> ConsentState:
    return advance(CONSENT_MOVES, ConsentState(row.state), move, "a consent")


def _agreed(asked: list[str], scopes: Collection[str] | None) -> list[str]:
    if scopes is None:
        return asked
    if not scopes or not set(scopes) <= set(asked):
        raise BadConsentError(
            Told("a parent agrees to some of what was asked: %(asked)s", asked=", ".join(asked))
        )
    return _ordered(scopes)


def _ordered(scopes: Collection[str]) -> list[str]:
    return [scope for scope in people.SCOPES if scope in scopes]


def _refuse_expired(row: Consent, now: datetime) -> None:
    """Refuse to move what is over, though no worker has said so yet."""
    if _is_over(row, now):
        raise IllegalTransitionError("the consent has expired; ask again")


def _is_over(row: Consent, now: datetime) -> bool:
    is_open = row.state in {ConsentState.REQUESTED, ConsentState.GRANTED}
    return is_open and row.expires_at is not None and row.expires_at <= now


def _overdue(now: datetime) -> tuple[ColumnElement[bool], ...]:
    open_ = (ConsentState.REQUESTED, ConsentState.GRANTED)
    return (col(Consent.state).in_(open_), col(Consent.expires_at) <= now)


def _expired(service: "Service", consent_id: str) -> bool:
    """End a consent under its account's lock, unless somebody has moved it meanwhile."""
    with service.database.transaction() as session:
        row = _find_locked(session, consent_id)
        if row is None or not _is_over(row, service.now()):
            return False
        _expire(session, row, service.now())
        return True


def _expire(session: Session, row: Consent, now: datetime) -> None:
    data = ConsentExpired(
        account_id=row.account_id,
        scopes=row.scopes,
        was_granted=row.state == ConsentState.GRANTED,
    )
    row.state = _moved(row, ConsentMove.EXPIRE)
    row.ended_at, row.token_digest = now, None
    _note(session, row, data, now, PIPELINE)


def _new_token() -> str:
    return LINK_PREFIX + secrets.token_urlsafe(32)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _note(session: Session, row: Consent, data: ConsentEvent, now: datetime, actor: Actor) -> None:
    row.version += 1
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=now,
        actor=actor,
        person=people.person_key(row.account_id),
    )
