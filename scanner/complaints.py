"""Complaints by who sent them: whose an appeal is, how often theirs were unfounded, whom that concerns (DSA-23)."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, func, select

import appeals
from appeals.standing import Submissions
from scanner import misuse
from scanner.clock import new_id
from scanner.notice_senders import COPY, Party, notice_of_copy, party_of
from scanner.openings import enqueue
from scanner.sanctions import COMPLAINTS
from scanner.tables import Appeal, Notice, Sanction

if TYPE_CHECKING:
    from scanner.service import Service

_ID: Final = 36
"""Characters of a digest by which an appeal keeps who filed it."""


def whose(session: Session, kind: str, subject_id: str, account_id: str | None) -> Party | None:
    """Return whose complaint about a subject it is; None if they can't be told apart from others."""
    if kind == Notice.KIND:
        return party_of(session.get_one(Notice, subject_id))
    if kind == COPY:
        return party_of(notice_of_copy(session, subject_id))
    if kind == "sanction":
        row = session.get_one(Sanction, subject_id)
        return Party(row.party_kind, row.party_id)  # type: ignore[arg-type]  # one of its four
    return Party("account", account_id) if account_id is not None else None


def sent_by(session: Session, appeal: Appeal, now: datetime) -> tuple[Party, Submissions] | None:
    """Return who complained and how their complaints were found; None if they can't be told apart."""
    party = whose(session, appeal.subject_kind, appeal.subject_id, appeal.account_id)
    return None if party is None else (party, _sent(session, appeal.tenant_id, party, now))


def weigh(service: "Service", session: Session, appeal: Appeal) -> None:
    """Ask a person to warn or suspend somebody whose complaints are frequently unfounded (DSA-23)."""
    session.flush()
    misuse.one_at_a_time(session, appeal.tenant_id)
    found = sent_by(session, appeal, service.now())
    if found is None:
        return
    party, sent = found
    reason = misuse.reason(session, appeal.tenant_id, party, COMPLAINTS, sent, service.now())
    if reason is None:
        return
    enqueue(
        session,
        appeals.open_case(
            case_id=new_id(),
            tenant_id=appeal.tenant_id,
            kind="misuse",
            reasons=[reason],
            now=service.now(),
            matter=(appeal.KIND, appeal.id),
        ),
    )


def _sent(session: Session, tenant_id: str, party: Party, now: datetime) -> Submissions:
    """Count what came lately and was decided; a finding falls with the denial that it came with."""
    own = col(Appeal.account_id) if party.kind == "account" else col(Appeal.filed_by)
    query = (
        select(Appeal.misuse, Appeal.outcome_kind, func.count())
        .where(
            Appeal.tenant_id == tenant_id,
            own == party.id[:_ID],
            col(Appeal.created_at) > misuse.since(now),
            col(Appeal.outcome_kind).is_not(None),
        )
        .group_by(col(Appeal.misuse), col(Appeal.outcome_kind))
    )
    return misuse.counted(
        (finding if outcome == "denied" else None, count)
        for finding, outcome, count in session.exec(query)
    )
