"""Appeals filed, assigned, asked about, answered, withdrawn: the way to a decision by somebody else (DSA-20)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals.roles import AFFECTED, Role
from scanner import (
    appeal_letters,
    complaint_windows,
    complaints,
    dispute_appeals,
    evidence,
    matters,
    parties,
    people,
    sanction_links,
    sanctions,
)
from scanner.appeal_subjects import SubjectKind, contested, token_fits, window_until
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError, UnauthorisedError
from scanner.evidence_blobs import keep as keep_evidence
from scanner.notice_senders import COPY, notice_of_copy
from scanner.tables import Appeal, Claim, Dispute, Message, Notice, Sanction
from scanner.tracks import locked as locked_track
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

GERMANY: Final = "DE"


@dataclass(frozen=True)
class AppealAsked:
    """What somebody contests and why; of a copy that was left, its notice and ``track_id``."""

    kind: SubjectKind
    subject_id: str
    reason: str
    evidence: str | None = None
    token: str | None = None
    track_id: str | None = None


def file(service: "Service", caller: Caller | None, asked: AppealAsked) -> Appeal:
    """File an appeal: free, within six months from the day that the person was told.

    Raises
    ------
    IllegalTransitionError
        If it comes too late, or was appealed before.
    SuspendedError
        If the appellant's complaints are suspended (DSA-23); not where that is what they appeal.
    """
    try:
        with service.database.transaction() as session:
            return _file(service, session, caller, asked)
    except sanctions.SuspendedError as error:
        sanctions.note_refusal(service, error, "complaint")
        raise


def _file(
    service: "Service", session: Session, caller: Caller | None, asked: AppealAsked
) -> Appeal:
    what = (asked.kind, asked.subject_id, asked.token, asked.track_id)
    subject, actor = contested(service, session, caller, *what)
    tenant_id = _tenant_of(session, caller, asked)
    now = service.now()
    until = window_until(service, session, tenant_id, subject)
    if now >= until:
        raise IllegalTransitionError(
            Told(
                "it is too late: this could be appealed before %(until)s UTC (DSA-20)",
                until=f"{until:%Y-%m-%d %H:%M}",
            )
        )
    _refuse_again(session, subject.kind, subject.id)
    if subject.kind != "sanction":
        party = complaints.whose(session, subject.kind, subject.id, subject.account_id)
        if party is not None:
            who = (tenant_id, party.kind, party.id)
            sanctions.require(session, *who, sanctions.COMPLAINTS, now)
    row = matters.new(
        Appeal,
        tenant_id,
        now,
        subject_kind=subject.kind,
        subject_id=subject.id,
        track_id=subject.track_id,
        account_id=subject.account_id,
        filed_by=actor.id,
        filed_as=actor.role.value,
        reason=asked.reason,
        window_until=until,
        deciders=sorted(subject.deciders),
    )
    rule = "appeal-target-de" if _german(service, session, subject.account_id) else None
    detail = {"subject_kind": subject.kind, "subject_id": subject.id}
    matters.opened(service, session, row, actor, detail=detail, rule=rule)
    if asked.evidence:
        keep_evidence(service, session, row, actor, "evidence.txt", asked.evidence)
    if subject.kind == "dispute":
        dispute = matters.locked(session, Dispute, tenant_id, subject.id)
        if dispute.due_at is not None and dispute.due_at <= now:  # its clock is a moment late
            complaint_windows.keep_open(service, session, dispute)
        matters.move(service, session, dispute, "appeal", actor, parts={"reason": asked.reason})
        appeal_letters.tell_holder(service, session, row, dispute)
    appeal_letters.acknowledge(service, session, row)
    return row


def withdraw(
    service: "Service", caller: Caller | None, appeal_id: str, token: str | None
) -> Appeal:
    """Take an appeal back; what was decided stands."""
    with service.database.transaction() as session:
        row, actor = of_appellant(service, session, caller, appeal_id, token)
        matters.move(service, session, row, "withdraw", actor)
        dispute_appeals.reopen(service, session, row)
        return row


def say(
    service: "Service", caller: Caller | None, appeal_id: str, text: str, token: str | None = None
) -> Message:
    """Answer a question, or say something unasked; a holder speaks to an appeal of a claim of theirs."""
    with service.database.transaction() as session:
        row, actor = spoken_for(service, session, caller, appeal_id, token)
        if row.state not in {"filed", "assigned", "questions"}:
            raise IllegalTransitionError(
                Told("the appeal is %(state)s: nobody reads more about it", state=row.state)
            )
        if row.subject_kind == "dispute" and actor.role is Role.RIGHTS_HOLDER:
            _speak(service, session, row, actor, text)
        elif row.state == "questions":
            matters.move(service, session, row, "answer", actor, parts={"answer": text})
            return _message(service, session, row, "answer", actor, text)
        return _message(service, session, row, "statement", actor, text)


def add_evidence(
    service: "Service",
    caller: Caller | None,
    appeal_id: str,
    name: str,
    text: str,
    token: str | None = None,
) -> Any:
    """Put a text forward as evidence, as long as nobody has decided."""
    with service.database.transaction() as session:
        row, actor = spoken_for(service, session, caller, appeal_id, token)
        evidence.refuse_over(row)
        return keep_evidence(service, session, row, actor, name, text)


def takes_files_of(session: Session, caller: Caller, appeal_id: str) -> Appeal:
    """Return an appeal to which a party may add a file now.

    Raises
    ------
    NotFoundError
        If the caller is no party to it.
    ForbiddenError
        If they are staff.
    IllegalTransitionError
        If it is decided.
    """
    if caller.user_id is not None:
        raise ForbiddenError("only a party says this; officers ask, or decide")
    row = find(session, caller, appeal_id)
    evidence.refuse_over(row)
    return row


def assign(service: "Service", caller: Caller, appeal_id: str) -> Appeal:
    """Take an appeal on, as an officer who had no part in what it is about."""
    return moved(service, caller, appeal_id, "assign", {})


def hand_over(service: "Service", caller: Caller, appeal_id: str, note: str) -> Appeal:
    """Take an appeal over from another officer; the note is for colleagues only."""
    return moved(service, caller, appeal_id, "hand_over", {"note": note}, internal=True)


def ask(service: "Service", caller: Caller, appeal_id: str, question: str) -> Appeal:
    """Ask the appellant; the clock of the target stands still until they answer."""
    return moved(service, caller, appeal_id, "ask", {"question": question})


def moved(
    service: "Service",
    caller: Caller,
    appeal_id: str,
    action: str,
    parts: Mapping[str, str],
    *,
    internal: bool = False,
) -> Appeal:
    """Move an appeal as an officer; what they say with it is kept."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        row = matters.locked(session, Appeal, caller.tenant_id, appeal_id)
        matters.move(service, session, row, action, actor, parts=parts)
        for kind, text in parts.items():
            _message(service, session, row, kind, actor, text, internal=internal)
            if kind == "question":
                appeal_letters.ask(service, session, row, text)
        return row


def listed(
    session: Session,
    caller: Caller,
    *,
    limit: int,
    before: str | None = None,
    state: str | None = None,
    subject_kind: str | None = None,
) -> list[Appeal]:
    """Return a tenant's appeals that the caller may see, newest first."""
    query = select(Appeal).where(Appeal.tenant_id == caller.tenant_id)
    if caller.account_id is not None:
        query = query.where(Appeal.account_id == caller.account_id)
    elif (own := caller.holder_id or caller.flagger_id) is not None:
        query = query.where(Appeal.filed_by == own)
    if state is not None:
        query = query.where(Appeal.state == state)
    if subject_kind is not None:
        query = query.where(Appeal.subject_kind == subject_kind)
    if before is not None:
        query = query.where(col(Appeal.id) < before)
    return list(session.exec(query.order_by(col(Appeal.id).desc()).limit(limit)))


def find(session: Session, caller: Caller, appeal_id: str) -> Appeal:
    """Return an appeal that the caller may see, or raise ``NotFoundError``."""
    row = matters.find(session, Appeal, caller.tenant_id, appeal_id)
    strange = caller.account_id is not None and row.account_id != caller.account_id
    other = caller.holder_id or caller.flagger_id
    if strange or (other is not None and other not in {row.filed_by, _holder(session, row)}):
        raise NotFoundError("appeal", "of this id")
    return row


def conversation(session: Session, row: Appeal, *, internal: bool) -> list[Message]:
    """Return what was said about an appeal, in order; notes for colleagues only to them."""
    query = select(Message).where(Message.matter_kind == row.KIND, Message.matter_id == row.id)
    if not internal:
        query = query.where(col(Message.internal).is_(False))
    return list(session.exec(query.order_by(col(Message.id))))


def _speak(
    service: "Service", session: Session, row: Appeal, actor: appeals.Actor, text: str
) -> None:
    dispute = matters.locked(session, Dispute, row.tenant_id, row.subject_id)
    if dispute.due_at is not None:
        matters.move(service, session, dispute, "speak", actor, parts={"reason": text})


def _refuse_again(session: Session, kind: str, subject_id: str) -> None:
    """One appeal of one thing: after that, a body out of court (DSA-21)."""
    query = select(Appeal).where(
        Appeal.subject_kind == kind,
        Appeal.subject_id == subject_id,
        Appeal.state != "withdrawn",
    )
    if (first := session.exec(query).first()) is not None:
        raise IllegalTransitionError(
            Told(
                "this was appealed already, by the appeal %(id)s, which is %(state)s; "
                "against what was decided there you can go to an out-of-court body "
                "(DSA-21)",
                id=first.id,
                state=first.state,
            )
        )


def _tenant_of(session: Session, caller: Caller | None, asked: AppealAsked) -> str:
    if caller is not None:
        return caller.tenant_id
    if asked.kind == "sanction":
        return session.get_one(Sanction, asked.subject_id).tenant_id
    return session.get_one(Notice, asked.subject_id).tenant_id


def _german(service: "Service", session: Session, account_id: str | None) -> bool:
    """Whether DE-URHDAG's week is the target: by the account's country, else the service's."""
    assurance = people.assured(session, account_id, service.now()) if account_id else None
    country = assurance.country if assurance is not None else None
    return (country or service.settings.legal_country) == GERMANY


def _holder(session: Session, row: Appeal) -> str | None:
    if row.subject_kind != "dispute":
        return None
    dispute = session.get_one(Dispute, row.subject_id)
    return session.get_one(Claim, dispute.claim_id).holder_id


def of_appellant(
    service: "Service", session: Session, caller: Caller | None, appeal_id: str, token: str | None
) -> tuple[Appeal, appeals.Actor]:
    """Return an appeal, locked, and its appellant whom the caller is or speaks for."""
    row, actor = spoken_for(service, session, caller, appeal_id, token)
    if actor.role not in AFFECTED and actor.id != row.filed_by:
        raise ForbiddenError("only who filed the appeal does this")
    return row, actor


def spoken_for(
    service: "Service", session: Session, caller: Caller | None, appeal_id: str, token: str | None
) -> tuple[Appeal, appeals.Actor]:
    """Return an appeal, locked after its track, and the party that the caller is or speaks for."""
    if caller is None:
        return _of_link(service, session, appeal_id, token)
    if caller.user_id is not None:
        raise ForbiddenError("only a party says this; officers ask, or decide")
    seen = find(session, caller, appeal_id)
    if seen.track_id is not None:
        locked_track(session, caller.tenant_id, seen.track_id)
    row = matters.locked(session, Appeal, caller.tenant_id, appeal_id)
    if caller.holder_id is not None:
        return row, appeals.Actor(Role.RIGHTS_HOLDER, caller.holder_id)
    if caller.flagger_id is not None or Role(row.filed_as) not in AFFECTED:
        return row, appeals.Actor(Role(row.filed_as), row.filed_by)
    if caller.account_id is not None:
        return row, appeals.Actor(Role.CREATOR, caller.account_id)
    return row, appeals.Actor(Role.PLATFORM, caller.actor.id)


def _of_link(
    service: "Service", session: Session, appeal_id: str, token: str | None
) -> tuple[Appeal, appeals.Actor]:
    if token is None:
        raise UnauthorisedError("send an API key, or the `token` of the link in your letter")
    row = session.get(Appeal, appeal_id, with_for_update=True, populate_existing=True)
    if row is None or not _opens(service, session, row, token):
        raise NotFoundError("appeal", "of this id")
    return row, appeals.Actor(Role(row.filed_as), row.filed_by)


def _opens(service: "Service", session: Session, row: Appeal, token: str) -> bool:
    if row.subject_kind == "sanction":
        return sanction_links.opens(service, session.get_one(Sanction, row.subject_id), token)
    if row.subject_kind == COPY:
        return token_fits(notice_of_copy(session, row.subject_id).token_digest, token)
    if row.subject_kind != Notice.KIND:
        return False
    return token_fits(session.get_one(Notice, row.subject_id).token_digest, token)


def _message(
    service: "Service",
    session: Session,
    row: Appeal,
    kind: str,
    actor: appeals.Actor,
    text: str,
    *,
    internal: bool = False,
) -> Message:
    message = Message(
        id=new_id(),
        tenant_id=row.tenant_id,
        matter_kind=row.KIND,
        matter_id=row.id,
        kind=kind,
        by_kind=actor.role.value,
        by_id=actor.id,
        text=text,
        internal=internal,
        created_at=service.now(),
    )
    session.add(message)
    session.flush()
    return message
