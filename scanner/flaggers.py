"""Trusted flaggers: their notices come first, and below a floor of precision no longer (DSA-22)."""

from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

from scanner import keys, redress
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import NotFoundError, ScannerError
from scanner.journal import PIPELINE, Actor, record
from scanner.letters import Recipient, write
from scanner.notice_events import FlaggerChanged
from scanner.tables import ApiKey, Flagger, Notice
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

SCOPES: Final = ("notices:write", "notices:read")
LONGEST_REASON: Final = 500
_WRONG: Final = ("refused", "countered", "retracted")


class BadRemovalError(ScannerError):
    """A flagger can't be removed as asked; the message says why."""


def add(service: "Service", caller: Caller, name: str, email: str) -> tuple[Flagger, str]:
    """Trust a flagger; return them and their key, which is shown this once."""
    now = service.now()
    flagger = Flagger(
        id=new_id(),
        tenant_id=caller.tenant_id,
        name=name,
        email=email,
        state="trusted",
        created_at=now,
    )
    with service.database.transaction() as session:
        session.add(flagger)
        session.flush()
        _note(service, session, flagger, 0, 0, caller.actor)
    _, token = keys.create_key(
        service,
        caller.tenant_id,
        f"flagger {name}"[:200],
        SCOPES,
        flagger_id=flagger.id,
        actor=caller.actor,
    )
    return flagger, token


def listed(session: Session, tenant_id: str) -> list[Flagger]:
    """Return a platform's flaggers, those that lost the status too, oldest first."""
    query = select(Flagger).where(Flagger.tenant_id == tenant_id)
    return list(session.exec(query.order_by(col(Flagger.id))))


def find(session: Session, tenant_id: str, flagger_id: str) -> Flagger:
    """Return a flagger, or raise ``NotFoundError``."""
    flagger = session.get(Flagger, flagger_id)
    if flagger is None or flagger.tenant_id != tenant_id:
        raise NotFoundError("flagger", "of this id")
    return flagger


def is_trusted(session: Session, notice: Notice) -> bool:
    """Whether a notice is of a flagger who is trusted now."""
    flagger = session.get(Flagger, notice.flagger_id) if notice.flagger_id else None
    return flagger is not None and flagger.state == "trusted"


def comes_first(service: "Service", session: Session, notice: Notice) -> bool:
    """Whether a notice is looked at before others: of a trusted flagger, where its platform offers that (DSA-19, DSA-22)."""
    return is_trusted(session, notice) and redress.offered(service, session, notice.tenant_id)


def precision(session: Session, flagger_id: str) -> tuple[int, int]:
    """Return how many notices of a flagger were decided, and how many of these were right.

    Wrong are those that were refused, taken back after they were acted on, or countered.
    """
    query = (
        select(Notice.state, Notice.remedy.is_not(None), func.count())  # type: ignore[union-attr]
        .where(Notice.flagger_id == flagger_id)
        .group_by(Notice.state, Notice.remedy.is_not(None))  # type: ignore[union-attr]
    )
    decided = right = 0
    for state, actioned, count in session.exec(query):
        if actioned or state in {"refused", "closed"}:
            decided += count
            right += count if actioned and state not in _WRONG else 0
    return decided, right


def judge(service: "Service", session: Session, notice: Notice) -> None:
    """Take the status from a flagger whose notices are too often wrong, and tell them (DSA-22)."""
    if notice.flagger_id is None:
        return
    flagger = session.get(Flagger, notice.flagger_id, with_for_update=True, populate_existing=True)
    settings = service.settings
    if flagger is None or flagger.state != "trusted":
        return
    session.flush()
    decided, right = precision(session, flagger.id)
    if decided < settings.flagger_minimum or right >= settings.flagger_precision * decided:
        return
    flagger.state, flagger.lost_at = "lost", service.now()
    _note(service, session, flagger, decided, right, PIPELINE)
    write(
        session,
        Recipient("notifier", flagger.id, flagger.email, notice.language),
        "flagger-lost",
        {"name": flagger.name, "decided": decided, "right": right},
        tenant_id=flagger.tenant_id,
        now=service.now(),
        legal_basis=("DSA-22",),
    )


def remove(service: "Service", caller: Caller, flagger_id: str, reason: str) -> Flagger:
    """Take the status from a flagger by hand, revoke their keys and tell them why (DSA-22); lost once, lost it stays.

    Raises
    ------
    NotFoundError
        If the platform has no such flagger.
    BadRemovalError
        If no reason is given.
    """
    reason, now = reason.strip(), service.now()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise BadRemovalError(
            Told("say why, in at most %(longest_reason)s characters", longest_reason=LONGEST_REASON)
        )
    with service.database.transaction() as session:
        find(session, caller.tenant_id, flagger_id)
        flagger = session.get_one(Flagger, flagger_id, with_for_update=True, populate_existing=True)
        if flagger.state == "trusted":
            flagger.state, flagger.lost_at = "lost", now
            decided, right = precision(session, flagger.id)
            _note(service, session, flagger, decided, right, caller.actor, reason)
            write(
                session,
                Recipient("notifier", flagger.id, flagger.email),
                "flagger-removed",
                {"name": flagger.name, "reason": reason},
                tenant_id=flagger.tenant_id,
                now=now,
                legal_basis=("DSA-22",),
            )
    with service.database.reading() as session:
        own = (ApiKey.flagger_id == flagger.id, col(ApiKey.revoked_at).is_(None))
        held = session.exec(select(ApiKey.id).where(*own)).all()
    for key_id in held:
        keys.revoke(service, caller.tenant_id, key_id, caller.actor)
    return flagger


def describe(session: Session, flagger: Flagger) -> dict[str, Any]:
    """Return a flagger as JSON, with their precision; null before anything was decided."""
    decided, right = precision(session, flagger.id)
    return {
        "id": flagger.id,
        "name": flagger.name,
        "email": flagger.email,
        "state": flagger.state,
        "version": flagger.version,
        "decided": decided,
        "precision": right / decided if decided else None,
        "created_at": flagger.created_at.isoformat(),
        "lost_at": flagger.lost_at.isoformat() if flagger.lost_at else None,
    }


def _note(
    service: "Service",
    session: Session,
    flagger: Flagger,
    decided: int,
    right: int,
    actor: Actor,
    reason: str | None = None,
) -> None:
    flagger.version += 1
    session.flush()
    record(
        session,
        tenant_id=flagger.tenant_id,
        subject=flagger.id,
        version=flagger.version,
        data=FlaggerChanged(state=flagger.state, decided=decided, right=right, reason=reason),
        now=service.now(),
        actor=actor,
    )
