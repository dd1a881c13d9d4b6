"""The six months in which somebody may complain: they stand still while their complaints are suspended (DSA-20, DSA-23)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner import deadlines
from scanner.complaints import whose
from scanner.journal import PIPELINE
from scanner.sanctions import COMPLAINTS
from scanner.tables import Deadline, Dispute, Notice, Sanction

if TYPE_CHECKING:
    from scanner.service import Service

RULE: Final = "complaint-window"
Span = tuple[datetime, datetime]


def prolonged(began: datetime, until: datetime, suspended: Iterable[Span]) -> datetime:
    """Return when a window ends that stands still in some spans of time."""
    counted = began
    for start, end in sorted(suspended):
        if start >= until:
            break
        if end > counted:
            until, counted = until + (end - max(start, counted)), end
    return until


def suspensions(
    session: Session, tenant_id: str, kind: str, party_ids: Collection[str]
) -> Mapping[str, list[Span]]:
    """Return by party in which spans of time its complaints are or were suspended; one query for all."""
    query = select(Sanction).where(
        Sanction.tenant_id == tenant_id,
        Sanction.party_kind == kind,
        col(Sanction.party_id).in_(party_ids),
        Sanction.what == COMPLAINTS,
        Sanction.kind == "suspension",
        col(Sanction.state).in_(["in_force", "lifted", "expired"]),
    )
    found = defaultdict(list)
    for row in session.exec(query):
        if row.starts_at is not None and row.ends_at is not None:
            found[row.party_id].append((row.starts_at, row.ends_at))
    return found


def until(
    session: Session,
    tenant_id: str,
    subject: tuple[str, str, str | None],
    window: Span,
) -> datetime:
    """Return until when something can be appealed: its kind, its id and the account that it hits.

    A sanction can be appealed by whoever is suspended, so that window never stands still.
    """
    party = whose(session, *subject) if subject[0] != "sanction" else None
    if party is None:
        return window[1]
    return prolonged(*window, suspensions(session, tenant_id, party.kind, [party.id])[party.id])


def first(session: Session, row: Dispute | Notice) -> Span:
    """Return the window as it began, however often it was prolonged or an appeal was taken back."""
    query = select(Deadline).where(
        Deadline.matter_kind == row.KIND, Deadline.matter_id == row.id, Deadline.rule == RULE
    )
    clock = session.exec(query.order_by(col(Deadline.id)).limit(1)).first()
    return (
        (row.since, row.due_at or row.since) if clock is None else (clock.starts_at, clock.due_at)
    )


def ends(session: Session, rows: Sequence[Dispute]) -> Mapping[str, datetime | None]:
    """Return by dispute until when somebody may act in it: an upheld claim can be appealed as long as `until` says."""
    found = {row.id: row.due_at for row in rows}
    upheld = [row for row in rows if row.state == "upheld"]
    if not upheld:
        return found
    query = select(Deadline).where(
        Deadline.matter_kind == Dispute.KIND,
        col(Deadline.matter_id).in_([row.id for row in upheld]),
        Deadline.rule == RULE,
    )
    clocks = session.exec(query.order_by(col(Deadline.id).desc())).all()
    began = {clock.matter_id: (clock.starts_at, clock.due_at) for clock in clocks}
    accounts = {row.account_id for row in upheld if row.account_id is not None}
    still = suspensions(session, upheld[0].tenant_id, "account", accounts)
    for row in upheld:
        window = began.get(row.id) or (row.since, row.due_at or row.since)
        found[row.id] = prolonged(*window, still.get(row.account_id or "", ()))
    return found


def keep_open(service: "Service", session: Session, row: Dispute | Notice) -> bool:
    """Let a locked matter whose window would be over stay open, if it stood still; a clock goes on."""
    account_id = row.account_id if isinstance(row, Dispute) else None
    now, subject = service.now(), (row.KIND, row.id, account_id)
    ends = until(session, row.tenant_id, subject, first(session, row))
    if ends <= now:
        return False
    deadlines.end(session, row, now, PIPELINE, stopped=True)
    deadlines.go_on(session, row, ends, now, PIPELINE)
    row.due_at = ends
    session.flush()
    return True
