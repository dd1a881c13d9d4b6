"""Statements of reasons, written in the transaction of the effect: row, event, letter, and outbox."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals.statements import SourceKind, restricts
from scanner import database_push, letters, recipients, redress
from scanner.clock import new_id
from scanner.errors import NotFoundError
from scanner.journal import Event, record
from scanner.packs_in_force import KEEPS
from scanner.statement_events import StatementWritten
from scanner.tables import (
    Appeal,
    Case,
    Notice,
    NoticeTrack,
    PolicyDecision,
    StatementOfReasons,
    Track,
)

if TYPE_CHECKING:
    from scanner.service import Service

_OTHERS: Final[dict[str, SourceKind]] = {
    "claim": "claim",
    "presumed_use": "claim",
    "counter_notice": "contest",
    "dispute": "contest",
    "appeal": "contest",
}
TEMPLATE: Final = "statement-of-reasons"


def write(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    effect: str,
    cause: Event | None = None,
) -> StatementOfReasons:
    """Write the statement of an effect, inside its transaction (DSA-17).

    Raises
    ------
    appeals.errors.MissingReasonError
        If the decision gives no reason: then it must not take effect.
    """
    now, zone = service.now(), service.settings.legal_zone
    source = source_of(session, decision)
    open_ = redress.of_decision(service, session, track, source, decision.reasons, decision)
    statement = appeals.state_reasons(
        statement_id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        decision_id=decision.id,
        effect=str(effect),
        restrictions=decision.restrictions,
        reasons=decision.reasons,
        automated_decision=decision.automation == "fully",
        now=now,
        outcomes=decision.outcomes,
        source=source,
        zone=zone,
        open_to_appeal=open_,
    )
    keep(service, session, statement, cause)
    if track.account_id is not None:
        _tell(service, session, track, statement)
    database_push.queue(service, session, track, statement)
    return statement


def keep(
    service: "Service", session: Session, statement: StatementOfReasons, cause: Event | None = None
) -> None:
    """Put a new statement into the database, with its event."""
    session.add(statement)
    session.flush()
    record(
        session,
        tenant_id=statement.tenant_id,
        subject=statement.id,
        version=1,
        data=_event(statement),
        now=service.now(),
        cause=cause,
    )


def can_be_appealed(
    service: "Service", session: Session, track: Track, decision: PolicyDecision
) -> bool:
    """Whether a decision's statement tells of an appeal, or will once it is written with the effect (DSA-19).

    What a letter says of one that is not written yet, the statement says too.
    """
    told = select(StatementOfReasons.open_to_appeal)
    kept = session.exec(told.where(StatementOfReasons.decision_id == decision.id)).first()
    if kept is not None:
        return kept
    source = source_of(session, decision)
    open_ = redress.of_decision(service, session, track, source, decision.reasons, decision)
    decision.explanation = decision.explanation | {redress.TOLD: open_}
    return open_


def source_of(session: Session, decision: PolicyDecision) -> appeals.Source:
    """Return what a decision goes back to: a notice, a claim, a contest, or our own look."""
    kind, ground_id = _ground(session, decision)
    if kind == "notice":
        notice = session.get(Notice, ground_id)
        if notice is None:
            return appeals.Source("notice", None, ground_id)
        about = session.get(NoticeTrack, (notice.id, decision.track_id))
        searched = about is not None and about.origin != "named"
        by: SourceKind = "notice" if notice.flagger_id is None else "trusted_flagger"
        if notice.form == "order":
            by = "order"
        return appeals.Source(by, notice.form, notice.id, searched)
    if kind in _OTHERS:
        first = _contested(session, kind, ground_id)
        return appeals.Source(_OTHERS[kind], None, ground_id, first.searched, first.kind)
    return appeals.Source()


def _contested(session: Session, kind: str, contest_id: str) -> appeals.Source:
    """Return what goes back to what somebody contests: its ground stays law where a notice led to it."""
    if kind == "counter_notice":
        return appeals.Source("notice")
    appeal = session.get(Appeal, contest_id) if kind == "appeal" else None
    if appeal is not None and appeal.subject_kind == "decision":
        contested = session.get(PolicyDecision, appeal.subject_id)
        if contested is not None:
            before = source_of(session, contested)
            return replace(before, kind=before.about or before.kind)
    return appeals.Source()


def of_track(session: Session, tenant_id: str, track_id: str) -> list[StatementOfReasons]:
    """Return the statements of a track, newest first."""
    query = select(StatementOfReasons).where(
        StatementOfReasons.tenant_id == tenant_id, StatementOfReasons.track_id == track_id
    )
    return list(session.exec(query.order_by(col(StatementOfReasons.id).desc())))


def find(session: Session, tenant_id: str, statement_id: str) -> StatementOfReasons:
    """Return a tenant's statement, or raise ``NotFoundError``."""
    statement = session.get(StatementOfReasons, statement_id)
    if statement is None or statement.tenant_id != tenant_id:
        raise NotFoundError("statement", "of this id")
    return statement


def describe(service: "Service", statement: StatementOfReasons, language: str) -> dict[str, Any]:
    """Return a statement as JSON: its fields, and its plain form in a language."""
    text = appeals.plain(statement, language, service.settings.legal_zone)
    return appeals.machine_form(statement, language) | {"language": language, "text": text}


def _ground(session: Session, decision: PolicyDecision) -> tuple[str, str]:
    """Kind and id of what a decision follows from; a case stands for its matter.

    What rules tightened since rests on what it keeps.
    """
    told = decision.explanation
    kept = session.get(PolicyDecision, told[KEEPS]) if KEEPS in told else None
    ground = told.get("ground") or (kept.explanation.get("ground") if kept else None)
    if not ground:
        return "", ""
    kind, ground_id = ground
    if kind == "case":
        case = session.get(Case, ground_id)
        if case is not None and case.matter_kind and case.matter_id:
            return case.matter_kind, case.matter_id
    return kind, ground_id


def _event(statement: StatementOfReasons) -> StatementWritten:
    until = statement.contest_until
    return StatementWritten(
        track_id=statement.track_id,
        decision_id=statement.decision_id,
        matter_kind=statement.matter_kind,
        matter_id=statement.matter_id,
        effect=statement.effect,
        restricts=restricts(statement),
        limits=sorted({str(each["kind"]) for each in statement.restrictions}),
        source=statement.source,
        source_form=statement.source_form,
        source_id=statement.source_id,
        ground=statement.ground,
        automated_detection=statement.automated_detection,
        automated_decision=statement.automated_decision,
        contest_until=until.isoformat() if until else "",
    )


def _tell(
    service: "Service", session: Session, track: Track, statement: StatementOfReasons
) -> None:
    to = recipients.account(service, session, str(track.account_id), track.id)
    words = {
        "track": track.external_id or track.id,
        "text": appeals.plain(statement, to.language, service.settings.legal_zone),
        "statement_id": statement.id,
    }
    letters.write(
        session,
        to,
        TEMPLATE,
        words,
        tenant_id=track.tenant_id,
        now=service.now(),
        track_id=track.id,
        legal_basis=("DSA-17",),
    )
