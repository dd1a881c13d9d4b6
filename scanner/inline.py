"""Runs a track's stages in this process: the command line's way, with no worker needed.

It calls the same handlers as the bus, for the same journal rows; the mark *handled* keeps a worker
that gets the event later, or at the same time, from repeating an effect.
"""

import time
from typing import TYPE_CHECKING

from sqlalchemy import exists
from sqlmodel import col, select

from scanner import retro, upkeep
from scanner.bus.dispatch import Again, dispatch
from scanner.consumer_groups import GROUPS
from scanner.errors import TransientError
from scanner.journal import Event, event_of
from scanner.tables import Handled, JournalRow, RetroSweep, Track
from scanner.track_states import FINAL, State

if TYPE_CHECKING:
    from scanner.bus.groups import Group
    from scanner.service import Service


def drive(service: "Service", track_id: str, seconds: float = 600) -> State:
    """Bring a track to a final state and return that state.

    Raises
    ------
    TransientError
        If it is not there within ``seconds``.
    """
    upkeep.wake_due(service)  # a worker does so by the second; here there may be none
    deadline = time.monotonic() + seconds
    attempts: dict[tuple[str, str], int] = {}
    while True:
        open_ = _open_events(service, track_id)
        if not open_:
            state = _state(service, track_id)
            if state in FINAL:
                return state
        for group, event in open_:
            key = (group.name, event.id)
            verdict = dispatch(service, group, event, attempts.get(key, 0))
            if isinstance(verdict, Again):
                attempts[key] = attempts.get(key, 0) + int(verdict.counts)
                time.sleep(verdict.delay)
                break
        if time.monotonic() > deadline:
            raise TransientError(f"track {track_id} is not decided after {seconds:.0f} s")
        if not open_:
            time.sleep(service.settings.poll_seconds)


def drive_retro(service: "Service", tenant_id: str) -> tuple[int, int]:
    """Compare a tenant's stored tracks with what is due, in this process.

    Returns
    -------
    int, int
        Tracks that were compared, and references that were found in them.
    """
    (group,) = (each for each in GROUPS if each.name == retro.GROUP)
    before = _swept(service, tenant_id)
    drive_group(service, group, tenant_id)
    after = _swept(service, tenant_id)
    return after[0] - before[0], after[1] - before[1]


def _swept(service: "Service", tenant_id: str) -> tuple[int, int]:
    with service.database.reading() as session:
        sweeps = session.exec(select(RetroSweep).where(RetroSweep.tenant_id == tenant_id)).all()
    return sum(sweep.compared for sweep in sweeps), sum(sweep.found for sweep in sweeps)


def drive_generation(service: "Service", generation_id: str) -> None:
    """Handle what a generation is still to lead to, in this process: its take, or that there is none."""
    attempts: dict[tuple[str, str], int] = {}
    while open_ := _open_events(service, generation_id):
        for group, event in open_:
            key = (group.name, event.id)
            verdict = dispatch(service, group, event, attempts.get(key, 0))
            if isinstance(verdict, Again):
                attempts[key] = attempts.get(key, 0) + int(verdict.counts)
                time.sleep(verdict.delay)
                break


def drive_group(service: "Service", group: "Group", tenant_id: str) -> None:
    """Handle every event of a tenant that a group has not handled, and what they lead to."""
    attempts: dict[str, int] = {}
    while events := _unhandled(service, group, tenant_id):
        for event in events:
            verdict = dispatch(service, group, event, attempts.get(event.id, 0))
            if isinstance(verdict, Again):
                attempts[event.id] = attempts.get(event.id, 0) + int(verdict.counts)
                time.sleep(verdict.delay)


def _unhandled(service: "Service", group: "Group", tenant_id: str) -> list[Event]:
    handled = exists().where(
        col(Handled.group) == group.name, col(Handled.event_id) == col(JournalRow.id)
    )
    query = select(JournalRow).where(
        JournalRow.tenant_id == tenant_id,
        col(JournalRow.type).in_(list(group.handlers)),
        ~handled,
    )
    with service.database.reading() as session:
        return [event_of(row) for row in session.exec(query.order_by(col(JournalRow.id)))]


def _open_events(service: "Service", track_id: str) -> list[tuple["Group", Event]]:
    """Return the events of a track, or another subject, that a group has not handled, oldest first."""
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow)
            .where(JournalRow.subject == track_id)
            .order_by(col(JournalRow.version))
        ).all()
        marks = set(
            session.exec(
                select(Handled.group, Handled.event_id).where(
                    col(Handled.event_id).in_([row.id for row in rows])
                )
            )
        )
    return [
        (group, event_of(row))
        for row in rows
        for group in GROUPS
        if row.type in group.handlers and (group.name, row.id) not in marks
    ]


def _state(service: "Service", track_id: str) -> State:
    with service.database.reading() as session:
        return State(session.get_one(Track, track_id).state)
