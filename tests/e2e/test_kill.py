"""Workers are killed again and again while tracks run; nothing is lost, nothing happens twice."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from scanner import audit, events, references, tracks
from scanner.bus.worker import environment
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.service import Service
from scanner.tables import (
    Analysis,
    DeadLetter,
    Delivery,
    Handled,
    JournalPending,
    JournalRow,
    PolicyDecision,
    StatementOfReasons,
    Track,
)
from scanner.track_states import FINAL
from tests.forked_program import Started, forked
from tests.program import PROGRAM
from tests.running import add_tenant
from tests.servers import free_port, running_broker, wait_until
from tests.songs import RATE, song, write

STAGES = ("analyse", "decide", "release", "notify")
HYGIENE = (
    *("guard", "retro", "rehearse", "people", "notices", "claims", "presumed-uses", "strikes"),
    "generate",
)
"""What watches references, in one process; it is killed too."""
EFFECTS = (events.TrackReleased.type, events.TrackBlocked.type, events.TrackQuarantined.type)


class Workers:
    """One process a stage, one of the hygiene; a killed one is started again."""

    def __init__(self, service: Service) -> None:
        self._environment = os.environ | environment(service.settings)
        self._running = {stage: self._start(stage) for stage in (*STAGES, HYGIENE[0])}

    def _start(self, stage: str) -> Started:
        stages = HYGIENE if stage in HYGIENE else (stage,)
        words = (word for each in stages for word in ("--stage", each))
        return forked().start([PROGRAM, "worker", *words], self._environment)

    def kill(self, stage: str) -> None:
        self._running[stage].kill()
        self._running[stage].wait()
        self._running[stage] = self._start(stage)

    def end(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(60)


@pytest.fixture(params=["embedded", "kafka"])
def service(request, make_service) -> Iterator[Service]:
    if request.param == "embedded":
        yield make_service(lease_seconds=1.0)
        return
    port = free_port()
    with running_broker(port):
        yield make_service(
            kafka=f"127.0.0.1:{port}", kafka_session_timeout_ms=2000, republish_seconds=5.0
        )


def submit(service: Service, caller: Caller, path: Path) -> str:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    return tracks.submit(service, caller, source, Declaration(), entrance="cli", key=new_id())


def final(service: Service) -> int:
    with service.database.reading() as session:
        query = select(func.count()).select_from(Track).where(col(Track.state).in_(FINAL))
        return session.exec(query).one()


def waiting(service: Service, stage: str) -> bool:
    """Tell whether a stage has something to do right now."""
    group = next(group for group in service.groups if group.name == stage)
    with service.database.reading() as session:
        done = select(Handled.event_id).where(Handled.group == stage)
        query = select(JournalRow.id).where(
            col(JournalRow.type).in_(list(group.handlers)), ~col(JournalRow.id).in_(done)
        )
        return session.exec(query.limit(1)).first() is not None


def run(service: Service, folder: Path, *, count: int, kills_a_stage: dict[str, int]) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    caller = add_tenant(service)
    known = song(1, 20)
    references.add(
        service, caller, path=write(folder / "known.wav", known), title="known", operator=True
    )
    files = [write(folder / f"{n}.wav", song(100 + n, 6)) for n in range(4)]
    files.append(write(folder / "copy.wav", known[2 * RATE : 14 * RATE]))
    ids = [submit(service, caller, files[n % len(files)]) for n in range(count)]
    left = Counter(kills_a_stage)
    workers = Workers(service)
    try:
        while final(service) < count or sum(left.values()):
            due = [stage for stage in left if left[stage] > 0 and waiting(service, stage)]
            if due:
                stage = dice.choice(due)
                workers.kill(stage)
                left[stage] -= 1
            elif final(service) == count and sum(left.values()):
                ids.append(submit(service, caller, files[0]))  # something for the next kill to hit
                count += 1
            time.sleep(dice.uniform(0.02, 0.6))
        everyone = (*STAGES, *HYGIENE)
        wait_until(
            lambda: not any(waiting(service, stage) for stage in everyone),
            120,
            "handling",
            pause=0.1,
        )
        wait_until(lambda: _empty(service), 60, "an empty queue", pause=0.1)
    finally:
        workers.end()
    print(f"{sum(kills_a_stage.values())} kills, {count} tracks")
    _check(service, ids)


def _empty(service: Service) -> bool:
    with service.database.reading() as session:
        return not any(
            session.exec(select(func.count()).select_from(table)).one()
            for table in (Delivery, JournalPending)
        )


def _check(service: Service, ids: list[str]) -> None:
    with service.database.reading() as session:
        rows = session.exec(select(Track)).all()
        assert {row.id for row in rows} == set(ids)
        assert {row.state for row in rows} <= {"released", "blocked"}
        assert len([row for row in rows if row.state == "blocked"]) >= 1
        per_track = Counter(
            (row.subject, row.type)
            for row in session.exec(select(JournalRow).where(JournalRow.topic == events.TRACKS))
        )
        for track in rows:
            assert per_track[track.id, events.TrackAnalysed.type] == 1
            assert per_track[track.id, events.TrackDecided.type] == 1
            assert sum(per_track[track.id, effect] for effect in EFFECTS) == 1
        for table in (Analysis, PolicyDecision):
            assert session.exec(select(func.count()).select_from(table)).one() == len(ids)
        blocked = [row.id for row in rows if row.state == "blocked"]
        stated = session.exec(select(StatementOfReasons.track_id)).all()
        assert sorted(stated) == sorted(blocked)
        assert session.exec(select(DeadLetter)).all() == []
        assert set(session.exec(select(Handled.outcome))) == {"done"}
        for group in service.groups:
            due = session.exec(
                select(func.count())
                .select_from(JournalRow)
                .where(col(JournalRow.type).in_(list(group.handlers)))
            ).one()
            marks = session.exec(
                select(func.count()).select_from(Handled).where(Handled.group == group.name)
            ).one()
            assert marks == due
        assert audit.verify(session).whole


@pytest.mark.timeout(400)
def test_six_kills_lose_nothing_and_repeat_nothing(service, tmp_path) -> None:
    once = dict.fromkeys((*STAGES[1:], HYGIENE[0]), 1)
    run(service, tmp_path, count=20, kills_a_stage={"analyse": 2} | once)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_forty_kills_over_two_hundred_tracks_lose_nothing(service, tmp_path) -> None:
    run(service, tmp_path, count=200, kills_a_stage=dict.fromkeys(STAGES, 10))
