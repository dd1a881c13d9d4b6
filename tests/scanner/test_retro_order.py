"""No reference is missed in a stored track, in whatever order and by whatever clocks things happen."""

import os
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from itertools import cycle, permutations
from pathlib import Path

import pytest
from sqlmodel import select

import fingerprint
from scanner import banks, inline, reference_checks, retro, temporary, tracks
from scanner.bus.dispatch import AlreadyHandledError, dispatch
from scanner.callers import Caller
from scanner.clock import new_id, utc_now
from scanner.consumer_groups import GROUPS
from scanner.declarations import Declaration
from scanner.events import REFERENCES
from scanner.journal import Event, event_of
from scanner.reference_events import RetroAdvanced, RetroStarted
from scanner.service import Service
from scanner.tables import (
    JournalRow,
    Reference,
    RetroMatch,
    RetroSweep,
    Track,
    TrackMatch,
)
from tests.running import add_tenant
from tests.songs import RATE, song

STAGES = {group.name: group for group in GROUPS}


@cache
def sound(seed: int) -> fingerprint.Fingerprint:
    return fingerprint.fingerprint(song(seed, 10)[None], RATE)


def submitted(service: Service, caller: Caller, seed: int) -> str:
    """Submit a song as the fingerprint that a client sends: nothing is decoded."""
    blob = service.store.put_bytes(caller.tenant_id, sound(seed).to_bytes())
    source = tracks.Source(fingerprint_sha256=blob.sha256)
    declared = Declaration.parse({})
    return tracks.submit(service, caller, source, declared, entrance="cli", key=new_id())


def added(service: Service, caller: Caller, seed: int, bank: str | None = None) -> Reference:
    """Make a song a reference, of one label always."""
    blob = service.store.put_bytes(caller.tenant_id, sound(seed).to_bytes())
    new = reference_checks.New(
        title=f"Song {seed}",
        duration=sound(seed).duration,
        fingerprint_sha256=blob.sha256,
        holder="Label",
        bank=bank,
    )
    return reference_checks.take_in(service, caller, new, sound(seed))


def waiting(service: Service, caller: Caller, stage: str) -> list[Event]:
    """What a stage may be handed next: of each subject the first event that it did not handle."""
    first: dict[str, Event] = {}
    for event in inline._unhandled(service, STAGES[stage], caller.tenant_id):
        first.setdefault(event.subject, event)
    return list(first.values())


def handled(service: Service, caller: Caller, *stages: str) -> None:
    """Have stages handle all that there is for them, one after the other."""
    for stage in stages:
        inline.drive_group(service, STAGES[stage], caller.tenant_id)


def found(service: Service) -> set[tuple[str, str]]:
    with service.database.reading() as session:
        rows = session.exec(select(RetroMatch)).all()
    return {(row.track_id, row.reference_id) for row in rows}


STEPS = ("search", "written", "compared", "decided", "comes", "swept")
"""Of a track: its analysis searches and is written down, its own event compares it, it is decided.
Of a reference: it comes, a sweep compares the tracks with it."""
FIRST = (
    ("search", "written"),
    ("written", "compared"),
    ("written", "decided"),
    ("comes", "swept"),
)
ORDERS = [
    order
    for order in permutations(STEPS)
    if all(order.index(one) < order.index(other) for one, other in FIRST)
]


class Story:
    """A track and a reference of the same song, whose steps come in some order."""

    def __init__(self, service: Service, bank_is_off: bool, hours: float) -> None:
        self.service = service
        self.caller = add_tenant(service, new_id())
        self.hours = hours
        self.bank = None
        if bank_is_off:  # it is there already, and what comes is that its bank is switched on
            self.bank = banks.create(service, self.caller, "new", enabled=False)
            self.reference = added(service, self.caller, 1, "new")
            self._step("swept")
        self.track = submitted(service, self.caller, 1)

    def told(self, order: Sequence[str]) -> bool:
        """Whether the track knows the reference, once all has happened."""
        for number, step in enumerate(order):
            if step == "search":
                end = order.index("written")
                self._analysed(order[number + 1 : end])
                return self.told(order[end + 1 :])
            self._step(step)
        with self.service.database.reading() as session:
            analysis = session.get_one(Track, self.track).analysis_id
            by_search = select(TrackMatch.reference_id).where(TrackMatch.analysis_id == analysis)
            later = select(RetroMatch.reference_id).where(RetroMatch.track_id == self.track)
            known = {*session.exec(by_search), *session.exec(later)}
        return known == {self.reference.id}

    def _analysed(self, meanwhile: Sequence[str]) -> None:
        """Analyse the track on a machine with a clock of its own, while other things happen."""
        write = self.service.store.put_bytes

        def put(tenant_id: str, content: bytes) -> object:
            self.service.store.put_bytes = write
            for step in meanwhile:
                self._step(step)
            self.service.now = lambda: utc_now() + timedelta(hours=self.hours)
            return write(tenant_id, content)

        self.service.store.put_bytes = put
        handled(self.service, self.caller, "analyse")
        self.service.now = utc_now

    def _step(self, step: str) -> None:
        service, caller = self.service, self.caller
        if step == "comes" and self.bank is not None:
            banks.change(service, caller, self.bank.id, {"enabled": True})
        elif step == "comes":
            self.reference = added(service, caller, 1)
        elif step == "compared":
            (event,) = (each for each in self._waiting() if each.subject == self.track)
            dispatch(service, STAGES[retro.GROUP], event, 0)
        elif step == "swept":
            while open_ := [each for each in self._waiting() if each.topic == REFERENCES]:
                dispatch(service, STAGES[retro.GROUP], open_[0], 0)
        else:
            handled(service, caller, "decide")

    def _waiting(self) -> list[Event]:
        return waiting(self.service, self.caller, retro.GROUP)


@pytest.mark.parametrize("bank_is_off", [False, True])
def test_every_track_is_compared_with_every_reference_whatever_comes_first(
    make_service, database_url, bank_is_off
) -> None:
    service = make_service(database_url=database_url)
    assert len(ORDERS) == 30
    for order, hours in zip(ORDERS, cycle([-5, 0, 5, 0])):
        assert Story(service, bank_is_off, hours).told(order), order


def test_a_track_that_waits_for_its_decision_is_compared_by_the_sweep(service, caller) -> None:
    track = submitted(service, caller, 1)
    handled(service, caller, "analyse", retro.GROUP)
    reference = added(service, caller, 1)
    handled(service, caller, retro.GROUP)
    handled(service, caller, "decide", "release")
    assert found(service) == {(track, reference.id)}


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_worker_whose_clock_is_wrong_makes_a_sweep_miss_nothing(service, caller, hours) -> None:
    service.now = lambda: utc_now() + timedelta(hours=hours)
    track = submitted(service, caller, 1)
    handled(service, caller, "analyse", "decide", "release", retro.GROUP)
    service.now = utc_now
    reference = added(service, caller, 1)
    handled(service, caller, retro.GROUP)
    assert found(service) == {(track, reference.id)}


def test_what_an_analysis_has_looked_for_is_not_looked_for_again(service, caller) -> None:
    submitted(service, caller, 2)
    handled(service, caller, "analyse", "decide", "release", retro.GROUP)
    added(service, caller, 1)
    submitted(service, caller, 1)
    handled(service, caller, "analyse", "decide", "release")
    assert inline.drive_retro(service, caller.tenant_id)[0] == 1


# --- the index that a sweep makes for itself


def begun(service: Service, caller: Caller, count: int) -> tuple[Event, Reference]:
    """Tracks of one song, a reference of it, and the event that begins the sweep."""
    for _ in range(count):
        submitted(service, caller, 1)
    handled(service, caller, "analyse", "decide", "release", retro.GROUP)
    reference = added(service, caller, 1)
    (event,) = waiting(service, caller, retro.GROUP)
    dispatch(service, STAGES[retro.GROUP], event, 0)
    return next_of(service, RetroStarted.type), reference


def next_of(service: Service, kind: str) -> Event:
    with service.database.reading() as session:
        rows = select(JournalRow).where(JournalRow.type == kind).order_by(JournalRow.id.desc())
        return event_of(session.exec(rows).first())


def left(service: Service) -> list[Path]:
    return list(service.settings.temporary_folder.glob("retro-*"))


def test_two_workers_with_the_same_chunk_in_hand_leave_one_result_and_nothing_else(
    make_service, database_url
) -> None:
    one, two = (make_service(database_url=database_url, retro_chunk=3) for _ in range(2))
    caller = add_tenant(one)
    event, _ = begun(one, caller, 3)
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def advance(service: Service) -> None:
        start.wait()
        for each in (event, RetroAdvanced.type):
            try:
                retro.advance(service, each if isinstance(each, Event) else next_of(service, each))
                outcomes.append("done")
            except AlreadyHandledError:
                outcomes.append("duplicate")

    workers = [threading.Thread(target=advance, args=(service,)) for service in (one, two)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(outcomes) == ["done", "done", "duplicate", "duplicate"]
    assert len(found(one)) == 3
    with one.database.reading() as session:
        (sweep,) = session.exec(select(RetroSweep)).all()
    assert (sweep.compared, sweep.found, sweep.ended_at is None) == (3, 3, False)
    for service in (one, two):
        service.close()
    assert left(one) == []


def test_a_sweep_of_more_than_a_day_keeps_its_index_while_it_uses_it(
    make_service, monkeypatch
) -> None:
    service = make_service(retro_chunk=1)
    caller = add_tenant(service)
    event, _ = begun(service, caller, 2)
    retro.advance(service, event)
    (folder,) = left(service)
    long_ago = service.now().timestamp() - 3 * temporary.KEPT_SECONDS
    os.utime(folder, (long_ago, long_ago))
    read: Callable[..., object] = service.store.open

    def and_the_folder_is_swept(*blob: str) -> object:
        temporary.sweep(service.settings.temporary_folder, service.now())
        return read(*blob)

    monkeypatch.setattr(service.store, "open", and_the_folder_is_swept)
    retro.advance(service, next_of(service, RetroAdvanced.type))
    assert len(found(service)) == 2


def test_an_index_that_was_swept_while_its_sweep_rested_is_made_anew(make_service) -> None:
    service = make_service(retro_chunk=1)
    caller = add_tenant(service)
    event, _ = begun(service, caller, 2)
    retro.advance(service, event)
    temporary.sweep(service.settings.temporary_folder, service.now() + timedelta(days=2))
    assert left(service) == []
    retro.advance(service, next_of(service, RetroAdvanced.type))
    assert len(found(service)) == 2


def test_what_a_killed_worker_left_is_not_taken_for_the_index(service, caller) -> None:
    event, reference = begun(service, caller, 1)
    remains = service.settings.temporary_folder / f"retro-{event.subject}"
    fingerprint.SegmentIndex(remains).apply([], [], 1)  # an index, but of nothing
    handled(service, caller, retro.GROUP)
    assert {each for _, each in found(service)} == {reference.id}
    temporary.sweep(service.settings.temporary_folder, service.now() + timedelta(days=2))
    assert left(service) == []
