"""What people are told of appeals: that it came, what is asked, what became of it, and where to go next."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, or_, select

import appeals
from appeals import strike_policy
from scanner import judgements, letters, notice_tracks, recipients, statements
from scanner.letter_dates import Day, day
from scanner.letters import Recipient
from scanner.notice_senders import COPY, notice_of_copy
from scanner.tables import (
    Appeal,
    Claim,
    Dispute,
    Letter,
    Notice,
    NoticeTrack,
    PolicyDecision,
    Sanction,
    StatementOfReasons,
    Track,
)
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

GRANTED: Final = "appeal.granted"
"""Code of the reason for which a decision falls on appeal."""
_KINDS = {"rights_holder": "holder", "notifier": "notifier"}


def acknowledge(service: "Service", session: Session, row: Appeal) -> None:
    """Tell the appellant that it came, and by when it is to be decided."""
    words = {"id": row.id, "due": _last_day(service, row.due_at)}
    _write(service, session, row, appellant(service, session, row), "appeal-received", words)


def ask(service: "Service", session: Session, row: Appeal, question: str) -> None:
    """Ask the appellant."""
    words = {"id": row.id, "question": question}
    _write(service, session, row, appellant(service, session, row), "appeal-question", words)


def tell_holder(service: "Service", session: Session, row: Appeal, dispute: Dispute) -> None:
    """Tell the holder that they have seven days to speak, else the claim is released (DSM-17-9)."""
    claim = session.get_one(Claim, dispute.claim_id)
    words = {
        "id": row.id,
        "claim_id": claim.id,
        "reason": row.reason,
        "due": _last_day(service, dispute.due_at),
    }
    to = recipients.party(service, session, "holder", claim.holder_id)
    _write(service, session, row, to, "appeal-holder", words)


def tell_outcome(
    service: "Service", session: Session, row: Appeal, template: str = "appeal-decided"
) -> None:
    """Tell the appellant with the way out of court, and everyone who was told of what it is about."""
    added = service.settings.out_of_court_bodies
    names = [each["name"] for each in strike_policy.out_of_court()["bodies"]] + list(added)
    words = {
        "id": row.id,
        "outcome": row.outcome_kind or row.state,
        "reason": row.body_outcome or row.outcome or "",
        "body": row.body or "",
        "bodies": names,
        "until": _last_day(service, row.due_at),
    }
    first = appellant(service, session, row)
    words |= _still(service, session, row, first.language) | {"stays": _stays(session, row)}
    _write(service, session, row, first, template, words)
    for each in told(service, session, row):
        if (each.kind, each.id) != (first.kind, first.id):
            _write(service, session, row, each, "appeal-told", words)


def _still(service: "Service", session: Session, row: Appeal, language: str) -> dict[str, Any]:
    """What holds a track back still although the appeal was won, and until when that can be appealed (DSA-20)."""
    nothing: dict[str, Any] = {"still": [], "contest_until": None}
    track = session.get(Track, row.track_id) if row.track_id else None
    if row.subject_kind == COPY:
        return nothing  # they asked for what holds it back
    if track is None or track.decision_id is None or row.outcome_kind != "granted":
        return nothing
    decision = session.get_one(PolicyDecision, track.decision_id)
    if decision.decision == "clear" or track.state == State.WITHDRAWN:
        return nothing
    still = [
        str((each.get("texts") or {}).get(language) or each["text"])
        for each in judgements.limits(decision)
        if each["rule"] != GRANTED
    ]
    query = select(StatementOfReasons.contest_until).where(
        StatementOfReasons.decision_id == decision.id
    )
    until = session.exec(query).first()  # of one that takes effect only now there is none yet
    if until is None and statements.can_be_appealed(service, session, track, decision):
        zone = service.settings.legal_zone
        until = appeals.deadline("complaint-window", service.now(), zone).due_at
    return {"still": list(dict.fromkeys(still)), "contest_until": _last_day(service, until)}


def _stays(session: Session, row: Appeal) -> list[str]:
    """Return which tracks of a notice keep what their uploaders' appeals or counter-notices gave back (DSA-20).

    More is done about the others only, so a sender who reads no more would take it for all.
    """
    if row.subject_kind != Notice.KIND or row.outcome_kind not in {"granted", "partly"}:
        return []
    rows = notice_tracks.of_notice(session, row.subject_id, "restored", *notice_tracks.HOLDING)
    return sorted(
        each.track_id
        for each in rows
        if each.state == "restored" or notice_tracks.left_of(session, each) is not None
    )


def _last_day(service: "Service", until: datetime | None) -> Day | None:
    return day(until, service.settings.legal_zone, last=True)


def appellant(service: "Service", session: Session, row: Appeal) -> Recipient:
    """Return who filed it: the account, or the sender of the notice."""
    if row.account_id is not None:
        return recipients.account(service, session, row.account_id, row.track_id)
    if row.subject_kind == "notice":
        return _sender(session.get_one(Notice, row.subject_id))
    if row.subject_kind == COPY:
        return _sender(notice_of_copy(session, row.subject_id))
    if row.subject_kind == "sanction":
        hit = session.get_one(Sanction, row.subject_id)
        return recipients.party(service, session, hit.party_kind, hit.party_id)
    kind = _KINDS.get(row.filed_as, "account")
    return recipients.party(service, session, kind, row.filed_by)


def told(service: "Service", session: Session, row: Appeal) -> list[Recipient]:
    """Return everyone who was told of what an appeal is about, each once.

    Of a copy that was left only its notice's sender was: whoever put it up is told if it is taken down.
    """
    if row.subject_kind == COPY:
        return [appellant(service, session, row)]
    found: dict[tuple[str, str], Recipient] = {}
    about = [col(Letter.matter_id) == row.subject_id]
    about += [col(Letter.matter_id) == row.id]
    if row.track_id is not None:
        about.append(col(Letter.track_id) == row.track_id)
    query = select(Letter).where(Letter.tenant_id == row.tenant_id, or_(*about))
    for letter in session.exec(query.order_by(col(Letter.id))):
        key = (letter.recipient_kind, letter.recipient_id)
        found[key] = Recipient(*key, letter.address, letter.language)
    for each in _parties(service, session, row):
        found.setdefault((each.kind, each.id), each)
    return list(found.values())


def _parties(service: "Service", session: Session, row: Appeal) -> list[Recipient]:
    """Return those who are parties, whether they were told or not."""
    some: list[Recipient] = []
    if row.track_id is not None:
        some += [
            _sender(notice)
            for notice in session.exec(
                select(Notice)
                .join(NoticeTrack, col(NoticeTrack.notice_id) == col(Notice.id))
                .where(
                    NoticeTrack.track_id == row.track_id,
                    # who has a copy that nobody took down for them has no part in what is decided on it
                    (col(NoticeTrack.origin) != "found")
                    | col(NoticeTrack.state).not_in(["found", "refused"]),
                )
                .order_by(col(Notice.id))
            )
        ]
        lost = select(Claim.holder_id).where(
            Claim.track_id == row.track_id, Claim.state == "released", Claim.ground == Appeal.KIND
        )
        some += [
            recipients.party(service, session, "holder", each)
            for each in session.exec(lost.order_by(col(Claim.id)))
        ]
    if row.subject_kind == "dispute":
        claim = session.get_one(Claim, session.get_one(Dispute, row.subject_id).claim_id)
        some.append(recipients.party(service, session, "holder", claim.holder_id))
    return some


def _sender(notice: Notice) -> Recipient:
    if notice.holder_id is not None:
        return Recipient("holder", notice.holder_id, notice.notifier_email, notice.language)
    who = notice.notifier_digest or notice.id
    return Recipient("notifier", who, notice.notifier_email, notice.language)


def _write(
    service: "Service",
    session: Session,
    row: Appeal,
    to: Recipient,
    template: str,
    words: dict[str, Any],
) -> None:
    letters.write(
        session,
        to,
        template,
        words,
        tenant_id=row.tenant_id,
        now=service.now(),
        matter=row,
        # so that who is told of a track's letters later is not told of what concerns its sender alone
        track_id=None if row.subject_kind == COPY else row.track_id,
        legal_basis=["DSA-20", "DSA-21"],
    )
