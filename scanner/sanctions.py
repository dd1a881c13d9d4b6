"""Warnings, suspensions and ends: given by people, after a warning, for a time (DSA-23, DMCA-RI).

A warning is one officer's. A suspension and the end of an account take a second officer, by their
signature or by the verdict on the sanction's case. Whoever is hit is told why, until when, and where to appeal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from sqlmodel import Session, col, or_, select

import appeals
from appeals.roles import SENIOR
from appeals.standing import MisusePolicy, Submissions, misuse
from scanner import parties, redress, sanction_letters, setbacks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.journal import PIPELINE, Actor, record
from scanner.privacy.person_keys import Person
from scanner.sanction_cases import close_cases, open_case
from scanner.standing_events import (
    SanctionEvent,
    SanctionExpired,
    SanctionInForce,
    SanctionKept,
    SanctionLifted,
    SanctionProposed,
    SanctionRefused,
)
from scanner.tables import Account, Case, Flagger, Holder, Notice, Sanction
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

Party = Literal["account", "holder", "flagger", "notifier"]
What = Literal["uploads", "notices", "complaints", "account"]
Kind = Literal["warning", "suspension", "termination"]
COMPLAINTS: Final = "complaints"
STOOD: Final = frozenset({"in_force", "expired"})
"""States of what took force and was not taken back: it counts, and can be contested for six months (DSA-20)."""
LONGEST_DAYS: Final = 365
TERMINATION: Final = "termination"
BATCH: Final = 50
"""Sanctions that end in one round."""
BY_VERDICT: Final[Mapping[str, Kind]] = {
    "warn": "warning",
    "suspend": "suspension",
    "terminate": "termination",
}
"""What a verdict on a case about a sanction makes of it."""


class SuspendedError(ForbiddenError):
    """Who sends this is suspended; ``sanction_id`` is that of the sanction that says so."""

    def __init__(self, detail: str, sanction_id: str) -> None:
        super().__init__(detail)
        self.sanction_id = sanction_id


class CaseVerdict(Protocol):
    """A reviewer's verdict, as far as a sanction needs it."""

    @property
    def verdict(self) -> str:
        """What was decided: warn, suspend, terminate or dismiss."""

    @property
    def text(self) -> str | None:
        """What whom it hits reads of it."""


@dataclass(frozen=True)
class SanctionAsked:
    """What somebody proposes, and the four factors as they weigh them (DSA-23).

    Attributes
    ----------
    days : int, optional
        How long a suspension lasts.
    sent : Submissions
        Number, share, gravity and intent.
    found : str, optional
        What those are that count; without it, by what is suspended.
    """

    party_kind: Party
    party_id: str
    what: What
    kind: Kind
    reason: str
    sent: Submissions
    days: int | None = None
    found: str | None = None


def in_force(
    session: Session,
    tenant_id: str,
    party_kind: str,
    party_id: str,
    what: str,
    now: datetime,
) -> Sanction | None:
    """Return what suspends somebody from something now; an end of the account suspends them from all but complaints.

    Whose account ended can contest that, and what led to it (DSA-20): only misuse of complaints ends those (DSA-23).
    """
    covers = [what] if what == COMPLAINTS else [what, "account"]
    query = select(Sanction).where(
        Sanction.tenant_id == tenant_id,
        Sanction.party_kind == party_kind,
        Sanction.party_id == party_id,
        col(Sanction.what).in_(covers),
        Sanction.state == "in_force",
        Sanction.kind != "warning",
        or_(col(Sanction.ends_at).is_(None), col(Sanction.ends_at) > now),
    )
    return session.exec(query.order_by(col(Sanction.id))).first()


def require(
    session: Session,
    tenant_id: str,
    party_kind: str,
    party_id: str,
    what: str,
    now: datetime,
) -> None:
    """Raise ``SuspendedError`` if somebody is suspended from uploads, notices or complaints."""
    row = in_force(session, tenant_id, party_kind, party_id, what, now)
    if row is None:
        return
    until: str = "for good"
    if row.ends_at:
        until = Told("until %(day)s UTC", day=f"{row.ends_at:%Y-%m-%d %H:%M}")
    about = {"party_kind": party_kind, "what": row.what, "until": until, "id": row.id}
    if row.open_to_appeal:
        told = Told(
            "the %(party_kind)s is suspended from %(what)s %(until)s by the sanction %(id)s: "
            'appeal it with POST /v1/appeals {"sanction": …}',
            **about,
        )
    else:
        told = Told(
            "the %(party_kind)s is suspended from %(what)s %(until)s by the sanction %(id)s",
            **about,
        )
    raise SuspendedError(told, row.id)


def note_refusal(service: "Service", error: SuspendedError, entrance: str) -> None:
    """Write down, after the transaction that it undid, that somebody suspended was refused."""
    with service.database.transaction() as session:
        row = session.get(Sanction, error.sanction_id, with_for_update=True)
        if row is not None:
            _note(session, row, SanctionKept, service.now(), PIPELINE, entrance=entrance)


def propose(service: "Service", caller: Caller, asked: SanctionAsked) -> Sanction:
    """Give a warning, or propose more: that opens a case and waits for a second officer.

    Raises
    ------
    NotAllowedError, ForbiddenError
        If the caller is no appeals officer.
    IllegalTransitionError
        If nobody warned them within the frame of misuse, or a suspension has no length.
    """
    actor = _officer(caller)
    with service.database.transaction() as session:
        _known(session, caller.tenant_id, asked)
        return proposed(service, session, caller.tenant_id, asked, actor)


def proposed(
    service: "Service", session: Session, tenant_id: str, asked: SanctionAsked, actor: appeals.Actor
) -> Sanction:
    """Propose a sanction in the caller's transaction."""
    now = service.now()
    warned = was_warned(session, tenant_id, asked.party_kind, asked.party_id, asked.what, now)
    _check(asked, warned)
    of_senders = asked.what in {"notices", COMPLAINTS}
    counted = asked.found or ("manifestly unfounded" if of_senders else "manifestly illegal")
    found = misuse(asked.sent, warned, found=counted)
    row = Sanction(
        id=new_id(),
        tenant_id=tenant_id,
        party_kind=asked.party_kind,
        party_id=asked.party_id,
        what=asked.what,
        kind=asked.kind,
        state="proposed",
        factors={
            "count": found.count,
            "total": asked.sent.total,
            "share": round(found.share, 4),
            "gravity": found.gravity,
            "intent": found.intent,
            "suggests": found.suggests,
            "because": list(found.because),
            "days": asked.days,
        },
        reason=asked.reason,
        signed_by=actor.id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    if asked.kind == "warning":
        _note(session, row, SanctionProposed, now, _journal(actor))
        _take_force(service, session, row, _journal(actor))
        return row
    case = open_case(service, session, row, _journal(actor))
    _note(session, row, SanctionProposed, now, _journal(actor), case_id=case.id)
    return row


def sign(
    service: "Service", caller: Caller, sanction_id: str, agrees: bool, reason: str
) -> Sanction:
    """Sign a proposed sanction as the second officer, or refuse it.

    Raises
    ------
    IllegalTransitionError
        If it is not proposed (any more), or the caller proposed it.
    """
    actor = _officer(caller)
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, sanction_id)
        _settle(service, session, row, actor.id, agrees, reason, _journal(actor))
        close_cases(service, session, row, reason, _journal(actor))
        return row


def apply(
    service: "Service", session: Session, case: Case, verdict: CaseVerdict, actor: Actor
) -> None:
    """Give a verdict on the case of a sanction its effect; the verdict is the second signature."""
    row = locked(session, case.tenant_id, str(case.matter_id))
    kind = BY_VERDICT.get(verdict.verdict)
    refuse_junior(verdict.verdict, actor.role)
    if TERMINATION in {kind, row.kind} and kind is not None and row.kind != kind:
        raise IllegalTransitionError(
            Told("a %(kind)s was proposed, which is no %(kind2)s", kind=row.kind, kind2=kind)
        )
    if kind is not None:
        row.kind = kind
    _settle(service, session, row, actor.id, kind is not None, verdict.text or row.reason, actor)


def refuse_junior(verdict: str, role: str) -> None:
    """Refuse a verdict that warns, suspends or ends, unless it is an appeals officer's (DSA-23).

    Raises
    ------
    appeals.NotAllowedError
    """
    if verdict in BY_VERDICT and role not in {str(each) for each in SENIOR}:
        raise appeals.NotAllowedError(
            Told(
                "only an appeals officer decides to %(verdict)s somebody: escalate the "
                "case, or dismiss it",
                verdict=verdict,
            )
        )


def lift(service: "Service", caller: Caller, sanction_id: str, reason: str) -> Sanction:
    """Take a sanction back before its time, as an officer."""
    actor = _officer(caller)
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, sanction_id)
        lifted(service, session, row, reason, _journal(actor))
        return row


def lifted(service: "Service", session: Session, row: Sanction, reason: str, actor: Actor) -> None:
    """Lift a locked sanction that is in force, or was: it counts no more; in the caller's transaction."""
    if row.state not in STOOD:
        raise IllegalTransitionError(
            Told("the sanction is %(state)s: only one that took force is lifted", state=row.state)
        )
    now = service.now()
    ended = now if row.ends_at is None else min(now, row.ends_at)
    row.state, row.ends_at, row.ended_for = "lifted", ended, reason[:200]
    _note(session, row, SanctionLifted, now, actor)
    sanction_letters.tell_lifted(service, session, row, reason, actor)


def expire_due(service: "Service") -> int:
    """End the suspensions whose time is over, each by itself; return how many were due."""
    due = (
        Sanction.state == "in_force",
        col(Sanction.ends_at) <= service.now(),
        setbacks.ready("sanction-expiry", col(Sanction.id), service.now()),
    )
    with service.database.reading() as session:
        query = select(Sanction.id).where(*due).order_by(col(Sanction.ends_at)).limit(BATCH)
        row_ids = session.exec(query).all()

    def act(row_id: str) -> None:
        with service.database.transaction() as session:
            row = session.get_one(Sanction, row_id, with_for_update=True, populate_existing=True)
            now = service.now()
            if row.state == "in_force" and row.ends_at is not None and row.ends_at <= now:
                row.state, row.ended_for = "expired", "its time is over"
                _note(session, row, SanctionExpired, now, PIPELINE)

    return setbacks.each(service, "sanction-expiry", row_ids, act)


def was_warned(
    session: Session, tenant_id: str, party_kind: str, party_id: str, what: str, now: datetime
) -> bool:
    """Tell whether somebody was warned about this before, and the warning stands and counts.

    It counts as long as what was sent does; a suspension warns from its end on (DSA-23).
    """
    since = now - MisusePolicy().frame
    covers = {what, "account"} if what != "account" else {"uploads", "account"}
    query = select(Sanction.id).where(
        Sanction.tenant_id == tenant_id,
        Sanction.party_kind == party_kind,
        Sanction.party_id == party_id,
        col(Sanction.what).in_(covers),
        col(Sanction.state).in_(STOOD),
        or_(col(Sanction.created_at) >= since, col(Sanction.ends_at) >= since),
    )
    return session.exec(query.limit(1)).first() is not None


def locked(session: Session, tenant_id: str, sanction_id: str) -> Sanction:
    """Return a tenant's sanction, locked, or raise ``NotFoundError``."""
    row = session.get(Sanction, sanction_id, with_for_update=True, populate_existing=True)
    if row is None or row.tenant_id != tenant_id:
        raise NotFoundError("sanction", "of this id")
    return row


def find(session: Session, caller: Caller, sanction_id: str) -> Sanction:
    """Return a sanction that the caller may see: their own, or any if they are staff or the platform."""
    row = session.get(Sanction, sanction_id)
    if row is None or row.tenant_id != caller.tenant_id or not _visible(caller, row):
        raise NotFoundError("sanction", "of this id")
    return row


def listed(
    session: Session, caller: Caller, *, limit: int, before: str | None = None
) -> list[Sanction]:
    """Return the sanctions that the caller may see, newest first."""
    query = select(Sanction).where(Sanction.tenant_id == caller.tenant_id)
    if (own := _party_of(caller)) is not None:
        query = query.where(Sanction.party_kind == own[0], Sanction.party_id == own[1])
    if before is not None:
        query = query.where(col(Sanction.id) < before)
    return list(session.exec(query.order_by(col(Sanction.id).desc()).limit(limit)))


def _party_of(caller: Caller) -> tuple[str, str] | None:
    for kind, own in (
        ("account", caller.account_id),
        ("holder", caller.holder_id),
        ("flagger", caller.flagger_id),
    ):
        if own is not None:
            return kind, own
    return None


def _visible(caller: Caller, row: Sanction) -> bool:
    own = _party_of(caller)
    return own is None or own == (row.party_kind, row.party_id)


def _officer(caller: Caller) -> appeals.Actor:
    actor = parties.staff(caller)
    if actor.role not in SENIOR:
        raise ForbiddenError("only an appeals officer gives, signs or lifts a sanction")
    return actor


_PARTIES: Final[Mapping[str, type[Any]]] = {
    "account": Account,
    "holder": Holder,
    "flagger": Flagger,
}


def _known(session: Session, tenant_id: str, asked: SanctionAsked) -> None:
    model = _PARTIES.get(asked.party_kind)
    if model is None:  # a notifier is a digest of what they gave as their address
        _sent_something(session, tenant_id, asked.party_id)
        return
    party: Any = session.get(model, asked.party_id, with_for_update=True)
    if party is None or party.tenant_id != tenant_id:
        raise NotFoundError(asked.party_kind, "of this id")


def _sent_something(session: Session, tenant_id: str, digest: str) -> None:
    """Refuse a digest by which nobody sent a notice: there would be nobody to tell, or to suspend."""
    query = select(Notice.id).where(Notice.tenant_id == tenant_id, Notice.notifier_digest == digest)
    if session.exec(query.limit(1)).first() is None:
        raise NotFoundError("notifier", "of this id")


def _check(asked: SanctionAsked, warned: bool) -> None:
    if asked.kind == TERMINATION and (asked.party_kind, asked.what) != ("account", "account"):
        raise IllegalTransitionError("only an account is ended: send party account, what account")
    if asked.kind != "warning" and not warned:
        raise IllegalTransitionError(
            Told(
                "nobody warned them about this in the last %(days)s days: give a warning first (DSA-23)",
                days=MisusePolicy().frame.days,
            )
        )
    if asked.kind == "suspension" and not asked.days:
        raise IllegalTransitionError(
            Told(
                "a suspension is for a reasonable time: send days, 1 to %(longest_days)s (DSA-23)",
                longest_days=LONGEST_DAYS,
            )
        )


def _settle(
    service: "Service",
    session: Session,
    row: Sanction,
    signer: str,
    agrees: bool,
    reason: str,
    actor: Actor,
) -> None:
    if row.state != "proposed":
        raise IllegalTransitionError(
            Told("the sanction is %(state)s: only a proposed one is signed", state=row.state)
        )
    if signer == row.signed_by:
        raise IllegalTransitionError("you proposed it: another officer signs")
    row.second_signer = signer
    if agrees:
        _take_force(service, session, row, actor)
        return
    row.state, row.ended_for = "refused", reason[:200]
    _note(session, row, SanctionRefused, service.now(), actor)


def _take_force(service: "Service", session: Session, row: Sanction, actor: Actor) -> None:
    now = service.now()
    days = int(row.factors.get("days") or 0)
    if row.kind == "suspension" and not days:
        raise IllegalTransitionError("nobody said how long: propose a suspension with days")
    row.state, row.starts_at = "in_force", now
    row.ends_at = now + timedelta(days=days) if row.kind == "suspension" else None
    until = row.ends_at.isoformat() if row.ends_at else None
    row.open_to_appeal = redress.offered(service, session, row.tenant_id)
    _note(session, row, SanctionInForce, now, actor, ends_at=until)
    sanction_letters.tell(service, session, row, actor)


def _journal(actor: appeals.Actor) -> Actor:
    return Actor(actor.id, actor.role.value)


def _note(
    session: Session,
    row: Sanction,
    kind: type[SanctionEvent],
    now: datetime,
    actor: Actor,
    **more: Any,
) -> None:
    row.version += 1
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=kind.model_validate(
            {"party_kind": row.party_kind, "what": row.what, "kind": row.kind, **more}
        ),
        now=now,
        actor=actor,
        person=Person("account", row.party_id) if row.party_kind == "account" else None,
    )
