"""Matters in the database: opened and moved by their machines, with their events and clocks.

`move` is the one way in which a notice, counter-notice, claim, dispute, appeal, strike or case moves;
row, event and clock are written in the caller's transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sqlmodel import Session

import appeals
from appeals.matter_tables import Appeal, AppealDecider, MatterRow, PriorDecider
from scanner import deadlines
from scanner.clock import new_id
from scanner.errors import NotFoundError
from scanner.events import CaseClosed, EventData
from scanner.journal import PIPELINE, Actor, Event, record
from scanner.matter_events import MATTER_EVENTS
from scanner.privacy.person_keys import Person
from scanner.tables import Case

if TYPE_CHECKING:
    from scanner.service import Service

Row = TypeVar("Row", bound=MatterRow | Case)
New = TypeVar("New", bound=MatterRow)
CLOCK = appeals.Actor(appeals.Role.SYSTEM, PIPELINE.id)
"""Who moves what the clock or a rule moves."""
_CODES = ("form", "right", "remedy", "subject_kind", "filed_as", "ground_kind")
"""Columns of new matters that their first event repeats: what is counted by them (DSA-24/15)."""


def new(model: type[New], tenant_id: str, now: datetime, **columns: Any) -> New:
    """Return a new matter in its first state; `opened` puts it into the database."""
    machine = appeals.MACHINES[model.KIND]
    return model(
        id=new_id(),
        tenant_id=tenant_id,
        state=machine.initial,
        since=now,
        created_at=now,
        **columns,
    )


def opened(
    service: "Service",
    session: Session,
    row: MatterRow,
    actor: appeals.Actor,
    *,
    cause: Event | None = None,
    detail: Mapping[str, Any] | None = None,
    rule: str | None = None,
) -> None:
    """Put a new matter into the database, with its event and its first clock.

    ``rule`` is the clock's, where it is another than the machine's.
    """
    machine = appeals.MACHINES[row.KIND]
    now = service.now()
    step = machine.opened(now, frozenset(row.deciders))
    step = step if rule is None else replace(step, deadline=rule)
    row.state, row.since = step.matter.state, now
    session.add(row)
    session.flush()
    if isinstance(row, Appeal):
        _keep_deciders(session, row, PriorDecider, row.deciders, now)
    _set_clock(service, session, row, step, now, actor)
    _note(session, row, "open", None, now, actor, cause, _codes(row) | dict(detail or {}))


def move(
    service: "Service",
    session: Session,
    row: MatterRow | Case,
    action: str,
    actor: appeals.Actor,
    *,
    parts: Mapping[str, Any] | None = None,
    cause: Event | None = None,
    detail: Mapping[str, Any] | None = None,
    zone: str | None = None,
    longer: bool = False,
    lasts: timedelta | None = None,
) -> appeals.Step:
    """Move a locked matter.

    Parameters
    ----------
    parts : mapping, optional
        What the machine asks for with this move.
    detail : mapping, optional
        Ids and codes for the event; nothing personal.
    zone : str, optional
        IANA name of the zone whose days count; the service's by default.
    lasts : timedelta, optional
        How long it stays so, where a setting says otherwise than the machine.

    Raises
    ------
    appeals.IllegalTransitionError, appeals.NotAllowedError, appeals.MissingPartError
        As :meth:`appeals.Machine.advance`.
    """
    machine = appeals.MACHINES[row.KIND]
    now = service.now()
    before = matter_of(row)
    step = machine.advance(before, appeals.Command(action, actor, parts or {}), now)
    if lasts is not None:
        step = replace(step, matter=replace(step.matter, due_at=now + lasts))
    after = step.matter
    kept = step.deadline is None and after.due_at is not None and after.due_at == before.due_at
    if isinstance(row, Appeal):  # before its state, which the database lets nobody change without
        _keep_deciders(session, row, AppealDecider, after.deciders - before.deciders, now)
        row.left_seconds = None if after.left is None else after.left.total_seconds()
    row.state, row.since, row.holder = after.state, now, after.holder
    if isinstance(row, Case) and action == "escalate":
        row.passed_up = True
    row.deciders = sorted(after.deciders)
    if not kept:
        row.due_at = after.due_at
        if isinstance(row, MatterRow):
            row.opens_at = after.opens_at
            stopped = after.left is not None
            deadlines.end(session, row, now, actor_of(actor), stopped=stopped)
        _set_clock(service, session, row, step, now, actor, zone, longer, before)
    if isinstance(row, Case) and after.state == "closed":
        row.closed_at = now
    _note(session, row, action, before.state, now, actor, cause, detail)
    return step


def matter_of(row: MatterRow | Case) -> appeals.Matter:
    """Return what the machine must know of a row."""
    left = row.left_seconds if isinstance(row, Appeal) else None
    return appeals.Matter(
        row.state,
        row.since or row.opened_at if isinstance(row, Case) else row.since,
        opens_at=None if isinstance(row, Case) else row.opens_at,
        due_at=row.due_at,
        holder=row.holder,
        deciders=frozenset(row.deciders),
        left=None if left is None else timedelta(seconds=left),
        appointed=row.appointed if isinstance(row, Case) else None,
        passed_up=isinstance(row, Case) and row.passed_up,
    )


def locked(session: Session, model: type[Row], tenant_id: str, matter_id: str) -> Row:
    """Return a tenant's matter, locked until the transaction ends, or raise ``NotFoundError``."""
    row = session.get(model, matter_id, with_for_update=True, populate_existing=True)
    if row is None or row.tenant_id != tenant_id:
        raise NotFoundError(model.KIND.replace("_", "-"), "of this id")
    return row


def find(session: Session, model: type[Row], tenant_id: str, matter_id: str) -> Row:
    """Return a tenant's matter, or raise ``NotFoundError``."""
    row = session.get(model, matter_id)
    if row is None or row.tenant_id != tenant_id:
        raise NotFoundError(model.KIND.replace("_", "-"), "of this id")
    return row


def _codes(row: MatterRow) -> dict[str, Any]:
    codes = {name: code for name in _CODES if (code := getattr(row, name, None))}
    return codes | ({"trusted": True} if getattr(row, "flagger_id", None) else {})


def actor_of(actor: appeals.Actor) -> Actor:
    """Return an actor as the journal names it."""
    return Actor(actor.id, actor.role.value)


def _keep_deciders(
    session: Session,
    row: Appeal,
    table: type[PriorDecider] | type[AppealDecider],
    ids: Iterable[str],
    now: datetime,
) -> None:
    """Write down who decided what an appeal is about, or the appeal (DSA-20)."""
    session.add_all(
        table(appeal_id=row.id, decider_id=each, tenant_id=row.tenant_id, created_at=now)
        for each in sorted(ids)
    )
    session.flush()


def _set_clock(
    service: "Service",
    session: Session,
    row: MatterRow | Case,
    step: appeals.Step,
    now: datetime,
    actor: appeals.Actor,
    zone: str | None = None,
    longer: bool = False,
    before: appeals.Matter | None = None,
) -> None:
    zone = zone or service.settings.legal_zone
    if step.deadline is not None:
        window = appeals.deadline(
            step.deadline, now, zone, country=service.settings.legal_country, longer=longer
        )
        row.due_at = window.due_at
        if isinstance(row, MatterRow):
            row.opens_at = window.opens_at
        deadlines.start(session, row, window, zone, actor_of(actor))
    elif before is not None and before.left is not None and step.matter.due_at is not None:
        row.due_at = step.matter.due_at
        deadlines.go_on(session, row, step.matter.due_at, now, actor_of(actor))
    elif step.matter.due_at is not None and isinstance(row, MatterRow):
        window = appeals.Window(f"{row.KIND}-{row.state}", now, now, step.matter.due_at, "")
        deadlines.start(session, row, window, "UTC", actor_of(actor))


def _note(
    session: Session,
    row: MatterRow | Case,
    action: str,
    was: str | None,
    now: datetime,
    actor: appeals.Actor,
    cause: Event | None,
    detail: Mapping[str, Any] | None,
) -> None:
    row.version += 1
    session.flush()
    track_id = getattr(row, "track_id", None)
    account_id = getattr(row, "account_id", None)
    if isinstance(row, Case) and row.state == "closed":
        data: EventData = CaseClosed(
            action=action,
            track_id=row.track_id,
            reference_id=row.reference_id,
            reason=str((detail or {}).get("reason", action)),
        )
    else:
        moment = {
            name: at.isoformat() if (at := getattr(row, name, None)) else None
            for name in ("due_at", "opens_at")
        }
        data = MATTER_EVENTS[row.KIND, row.state](
            action=action,
            was=was,
            track_id=track_id,
            legal_basis=legal_basis(row.KIND, action, was),
            detail=dict(detail or {}),
            **moment,
        )
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=now,
        actor=actor_of(actor),
        cause=cause,
        person=Person("account", account_id) if account_id else None,
    )


def legal_basis(kind: str, action: str, was: str | None) -> list[str]:
    """Return the ids of the rules that a move keeps."""
    return sorted(
        {
            rule
            for move in appeals.MACHINES[kind].moves
            if move.action == action and was in move.sources
            for rule in move.legal_basis
        }
    )
