"""The clocks of matters: started with their windows, told when near, and acted on when due.

What the clock itself does is in `scanner/clockwork.py`. A clock is never counted anew: a change ends it and
starts another.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

import appeals
from appeals.deadlines import NEAR
from appeals.matter_tables import MatterRow
from scanner import setbacks
from scanner.clock import new_id
from scanner.journal import PIPELINE, Actor, record
from scanner.matter_events import (
    DeadlineDue,
    DeadlineEnded,
    DeadlineEvent,
    DeadlineMissed,
    DeadlineNear,
    DeadlineOpened,
)
from scanner.tables import Case, Deadline

if TYPE_CHECKING:
    from scanner.service import Service

OPEN: Final = "open"
STOPPED: Final = "ended"
ENDED: Final = "ended"
BATCH: Final = 100
RIGHTS: Final = frozenset({"complaint-window"})
"""Rules of time in which somebody may act and need not: when it is over nothing is missed."""


def start(
    session: Session,
    row: MatterRow | Case,
    window: appeals.Window,
    zone: str,
    actor: Actor = PIPELINE,
) -> Deadline:
    """Start a clock of a matter."""
    clock = Deadline(
        id=new_id(),
        tenant_id=row.tenant_id,
        matter_kind=row.KIND,
        matter_id=row.id,
        rule=window.rule,
        calendar=window.calendar,
        zone=zone,
        state=OPEN,
        starts_at=window.starts_at,
        opens_at=window.opens_at,
        due_at=window.due_at,
        near_at=window.near_at[0],
        window_at=window.opens_at if window.opens_at > window.starts_at else None,
    )
    session.add(clock)
    session.flush()
    _note(session, clock, DeadlineOpened, window.starts_at, actor, calendar=clock.calendar)
    return clock


def go_on(
    session: Session, row: MatterRow | Case, due_at: datetime, now: datetime, actor: Actor
) -> Deadline:
    """Start a clock for what was left of the one that was stopped last."""
    query = select(Deadline).where(
        Deadline.matter_kind == row.KIND, Deadline.matter_id == row.id, Deadline.state == STOPPED
    )
    last = session.exec(query.order_by(col(Deadline.id).desc())).first()
    rule, zone = (last.rule, last.zone) if last is not None else (f"{row.KIND}-{row.state}", "UTC")
    return start(session, row, appeals.Window(rule, now, now, due_at, ""), zone, actor)


def end(
    session: Session,
    row: MatterRow | Case,
    now: datetime,
    actor: Actor = PIPELINE,
    *,
    stopped: bool = False,
) -> None:
    """End the clocks of a matter that moves on: met, unless what was due came too late.

    ``stopped`` ones go on later, as clocks of their own.
    """
    query = select(Deadline).where(
        Deadline.matter_kind == row.KIND, Deadline.matter_id == row.id, Deadline.state == OPEN
    )
    for clock in session.exec(query.with_for_update()):
        late = now >= clock.due_at and actor != PIPELINE
        over = "missed" if late else "met"
        clock.state, clock.ended_at, clock.near_at, clock.window_at = (
            STOPPED if stopped else over,
            now,
            None,
            None,
        )
        _note(session, clock, DeadlineEnded, now, actor, state=clock.state)


def tick(service: "Service") -> int:
    """Tell what is near, act on what opens or is due; return how many clocks were looked at.

    Each clock is a transaction of its own: one that fails comes again later (`scanner/setbacks.py`).
    """
    now = service.now()
    with service.database.reading() as session:
        due = session.exec(
            select(Deadline.id)
            .where(
                Deadline.state == OPEN,
                (col(Deadline.due_at) <= now)
                | (col(Deadline.near_at) <= now)
                | (col(Deadline.window_at) <= now),
                setbacks.ready("clock", col(Deadline.id), now),
            )
            .order_by(col(Deadline.due_at))
            .limit(BATCH)
        ).all()

    def act(clock_id: str) -> None:
        with service.database.transaction() as session:
            _act(service, session, clock_id)

    return setbacks.each(service, "clock", due, act)


def _act(service: "Service", session: Session, clock_id: str) -> None:
    from scanner import clockwork

    seen = session.get_one(Deadline, clock_id)
    row = clockwork.matter(
        session, seen.matter_kind, seen.matter_id
    )  # locks are taken in this order
    clock = session.get_one(Deadline, clock_id, with_for_update=True, populate_existing=True)
    now = service.now()
    if clock.state != OPEN:
        return
    if clock.due_at <= now:
        clock.near_at = clock.window_at = None
        _note(session, clock, DeadlineDue, now)
        if row is not None:
            clockwork.when_due(service, session, row, clock.rule)
        session.refresh(clock)
        if clock.state == OPEN and clock.rule in RIGHTS:
            clock.state, clock.ended_at = ENDED, now
            _note(session, clock, DeadlineEnded, now, state=ENDED)
        elif clock.state == OPEN:
            clock.state, clock.ended_at = "missed", now
            _note(session, clock, DeadlineMissed, now)
            if row is not None:
                clockwork.when_missed(service, session, row, clock.rule)
        return
    if clock.window_at is not None and clock.window_at <= now:
        clock.window_at = None
        if row is not None:
            session.flush()
            clockwork.when_open(service, session, row, clock.rule)
            session.refresh(clock)
            if clock.state != OPEN:
                return
    if clock.near_at is not None and clock.near_at <= now:
        length = clock.due_at - clock.starts_at
        passed = [share for share in NEAR if clock.starts_at + share * length <= now]
        ahead = [clock.starts_at + share * length for share in NEAR if share not in passed]
        clock.near_at = ahead[0] if ahead else None
        _note(session, clock, DeadlineNear, now, share=max(passed))


def _note(
    session: Session,
    clock: Deadline,
    kind: type[DeadlineEvent],
    now: datetime,
    actor: Actor = PIPELINE,
    **more: object,
) -> None:
    clock.version += 1
    session.flush()
    record(
        session,
        tenant_id=clock.tenant_id,
        subject=clock.id,
        version=clock.version,
        data=kind.model_validate(
            {
                "matter_kind": clock.matter_kind,
                "matter_id": clock.matter_id,
                "rule": clock.rule,
                "opens_at": clock.opens_at.isoformat(),
                "due_at": clock.due_at.isoformat(),
                **more,
            }
        ),
        now=now,
        actor=actor,
    )
