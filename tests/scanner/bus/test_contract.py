"""One contract for both transports: once, in order, retried, buried, replayed, drained."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from sqlmodel import col, func, select

from scanner.bus import dead_letters
from scanner.bus.dispatch import once
from scanner.bus.groups import Group
from scanner.bus.worker import environment
from scanner.clock import utc_now
from scanner.errors import PoisonError, TransientError
from scanner.events import TRACKS, TrackWithdrawn
from scanner.journal import Event, record
from scanner.service import Service
from scanner.tables import DeadLetter, Delivery, Handled
from tests.running import working
from tests.servers import free_port, running_broker, wait_until


class Recorder:
    """A handler whose effect is one counted row, and that fails as often as told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[tuple[str, int]] = []
        self.failures: dict[tuple[str, int], list[Exception]] = {}
        self.seconds: dict[tuple[str, int], float] = {}
        self.running = threading.Event()
        self.gave_up: list[str] = []

    def __call__(self, service: Service, event: Event) -> None:
        key = (event.subject, event.version)
        self.running.set()
        time.sleep(self.seconds.get(key, 0))
        if self.failures.get(key):
            raise self.failures[key].pop(0)
        with once(service, self.name, event):
            self.seen.append(key)

    def group(self) -> Group:
        return Group(
            name=self.name,
            topics=(TRACKS,),
            handlers={TrackWithdrawn.type: self},
            gave_up=lambda _service, event, _why: self.gave_up.append(event.subject),
        )


class RecordingService(Service):
    """A service whose pipeline is one recorder."""

    recorder = Recorder("recorder")

    @property
    def groups(self) -> tuple[Group, ...]:
        return (self.recorder.group(),)


@pytest.fixture(scope="module")
def module_broker() -> Iterator[str]:
    port = free_port()
    with running_broker(port):
        yield f"127.0.0.1:{port}"


@pytest.fixture(params=["embedded", "kafka"])
def bus(request, make_service, monkeypatch) -> Iterator[RecordingService]:
    """A service on each transport; its group's name is its own, so tests share one broker."""
    changes: dict[str, object] = {}
    if request.param == "kafka":
        changes = {
            "kafka": request.getfixturevalue("module_broker"),
            "kafka_max_poll_interval_ms": 2000,
            "republish_seconds": 30.0,
        }
    plain = make_service(**changes)
    service = RecordingService(plain.settings)
    service.recorder = Recorder(f"recorder-{os.urandom(4).hex()}")
    with service:
        yield service


def happen(service: Service, subject: str, version: int = 1) -> Event:
    with service.database.transaction() as session:
        return record(
            session,
            tenant_id="tenant",
            subject=subject,
            version=version,
            data=TrackWithdrawn(reason="test"),
            now=utc_now(),
        )


def handled(service: Service) -> int:
    with service.database.reading() as session:
        return session.exec(
            select(func.count())
            .select_from(Handled)
            .where(Handled.group == service.groups[0].name, Handled.outcome == "done")
        ).one()


def unique(name: str) -> str:
    return f"{name}-{os.urandom(4).hex()}"


def test_every_event_is_handled_once_and_in_order_for_its_subject(bus: RecordingService) -> None:
    subjects = [unique("s") for _ in range(4)]
    with working(bus):
        for version in range(1, 6):
            for subject in subjects:
                happen(bus, subject, version)
        wait_until(lambda: handled(bus) == 20, 60, "handling")

    seen = bus.recorder.seen
    assert len(seen) == len(set(seen)) == 20
    for subject in subjects:
        assert [version for each, version in seen if each == subject] == [1, 2, 3, 4, 5]


def test_a_failing_event_is_retried_and_holds_back_only_its_own_subject(bus) -> None:
    slow, quick = unique("slow"), unique("quick")
    bus.recorder.failures[slow, 1] = [TransientError("not now"), TransientError("not yet")]
    with working(bus):
        happen(bus, slow, 1)
        happen(bus, slow, 2)
        happen(bus, quick, 1)
        wait_until(lambda: handled(bus) == 3, 60, "handling")

    seen = bus.recorder.seen
    assert seen.index((slow, 1)) < seen.index((slow, 2))
    assert seen[0] == (quick, 1)


def test_poison_goes_to_the_dead_letters_at_once_and_blocks_nothing(bus) -> None:
    bad = unique("bad")
    bus.recorder.failures[bad, 1] = [PoisonError("no good")]
    with working(bus):
        happen(bus, bad, 1)
        happen(bus, bad, 2)
        wait_until(lambda: handled(bus) == 1, 60, "handling")

    assert bus.recorder.seen == [(bad, 2)]
    assert bus.recorder.gave_up == [bad]
    with bus.database.reading() as session:
        (letter,) = session.exec(select(DeadLetter)).all()
    assert (letter.error, letter.attempts, letter.subject) == ("PoisonError", 1, bad)


def test_what_keeps_failing_is_buried_after_its_retries(bus) -> None:
    bad = unique("bad")
    bus.recorder.failures[bad, 1] = [TransientError("never")] * 10
    with working(bus):
        happen(bus, bad, 1)
        wait_until(lambda: bus.recorder.gave_up, 60, "giving up")

    with bus.database.reading() as session:
        (letter,) = session.exec(select(DeadLetter)).all()
    assert letter.attempts == bus.settings.retries + 1


def test_a_dead_letter_is_replayed_under_its_old_id(bus) -> None:
    bad = unique("bad")
    bus.recorder.failures[bad, 1] = [PoisonError("first time")]
    with working(bus):
        event = happen(bus, bad, 1)
        wait_until(lambda: bus.recorder.gave_up, 60, "giving up")
        with bus.database.reading() as session:
            (letter,) = session.exec(select(DeadLetter)).all()
        dead_letters.replay(bus, letter.id, "tenant")
        wait_until(lambda: handled(bus) == 1, 60, "the replay")

    with bus.database.reading() as session:
        mark = session.get_one(Handled, (bus.groups[0].name, event.id))
        assert mark.outcome == "done"
        assert session.get_one(DeadLetter, letter.id).state == "replayed"


def test_an_event_delivered_again_has_its_effect_once(bus) -> None:
    subject = unique("twice")
    with working(bus):
        event = happen(bus, subject, 1)
        wait_until(lambda: handled(bus) == 1, 60, "handling")
        bus.transport.redeliver(bus.groups[0].name, event)
        last = unique("last")
        happen(bus, last, 1)
        wait_until(lambda: handled(bus) == 2, 60, "handling")
        time.sleep(0.5)

    assert bus.recorder.seen == [(subject, 1), (last, 1)]


def test_a_handler_longer_than_the_poll_interval_keeps_its_event(bus) -> None:
    subject = unique("long")
    bus.recorder.seconds[subject, 1] = 4.0  # lease 2 s, max.poll.interval 2 s
    with working(bus):
        happen(bus, subject, 1)
        wait_until(lambda: handled(bus) == 1, 60, "handling")

    assert bus.recorder.seen == [(subject, 1)]


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_in_hand(bus) -> None:
    subject = unique("drain")
    bus.recorder.seconds[subject, 1] = 1.0
    with working(bus) as stopping:
        happen(bus, subject, 1)
        assert bus.recorder.running.wait(60)
        stopping.set()

    assert bus.recorder.seen == [(subject, 1)]
    assert handled(bus) == 1


def test_depth_counts_what_waits(bus) -> None:
    with working(bus, stages=[]):
        for n in range(3):
            happen(bus, unique(f"waits{n}"), 1)
        wait_until(lambda: bus.transport.depth(bus.groups[0].name) == 3, 30, "the queue")


# --- the embedded queue alone


def test_two_workers_never_hold_one_delivery(make_service, database_url) -> None:
    service = RecordingService(make_service(database_url=database_url).settings)
    service.recorder = Recorder("recorder")
    with service, contextlib.ExitStack() as workers:
        for _ in range(4):
            workers.enter_context(working(service))
        for n in range(40):
            happen(service, f"s{n % 5}", n // 5 + 1)
        wait_until(lambda: handled(service) == 40, 60, "handling")

    assert len(service.recorder.seen) == len(set(service.recorder.seen)) == 40
    for subject in {subject for subject, _ in service.recorder.seen}:
        own = [version for each, version in service.recorder.seen if each == subject]
        assert own == sorted(own)


def test_the_lease_of_a_silent_worker_runs_out(make_service) -> None:
    service = RecordingService(make_service(lease_seconds=0.3).settings)
    service.recorder = Recorder("recorder")
    with service:
        with working(service, stages=[]):
            happen(service, "s", 1)
            wait_until(lambda: service.transport.depth("recorder") == 1, 30, "the queue")
        claimed = service.transport.queue.claim("recorder", "a worker that dies")
        assert claimed is not None
        assert service.transport.queue.claim("recorder", "another") is None
        time.sleep(0.4)
        assert service.transport.queue.claim("recorder", "another") is not None


def test_claiming_uses_an_index_however_long_the_queue(make_service) -> None:
    service = make_service()
    with service.database.transaction() as session:
        session.add_all(
            Delivery(
                group="recorder",
                event_id=f"{n}",
                subject=f"s{n % 100}",
                position=n,
                not_before=utc_now(),
            )
            for n in range(5000)
        )
    query = service.transport.queue._due("recorder", utc_now()).limit(1)
    with service.database.reading() as session:
        compiled = query.compile(session.connection(), compile_kwargs={"literal_binds": False})
        plan = session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {compiled}",
            tuple(compiled.params[k] for k in compiled.positiontup),
        )
        steps = " ".join(str(row) for row in plan)

    assert "SCAN delivery" not in steps
    assert "ix_delivery_due" in steps
    assert "ix_delivery_subject" in steps


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_process_drains_on_a_signal(make_service, signum) -> None:
    service = make_service()
    worker = subprocess.Popen(
        [sys.executable, "-m", "scanner.bus.worker"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment(service.settings),
    )
    assert worker.stderr is not None
    for line in worker.stderr:
        if b"worker_started" in line:
            break
    worker.send_signal(signum)

    assert worker.wait(20) == 128 + signum
    worker.stderr.close()
    assert worker.stdin is not None
    worker.stdin.close()


def test_a_broker_that_comes_back_empty_is_filled_from_the_journal(make_service) -> None:
    port = free_port()
    plain = make_service(kafka=f"127.0.0.1:{port}", republish_seconds=2.0)
    service = RecordingService(plain.settings)
    service.recorder = Recorder("recorder")
    with service:
        with running_broker(port), working(service, stages=[]):
            happen(service, "lost", 1)
            wait_until(lambda: _published(service) == 1, 30, "publishing")
        with running_broker(port), working(service):
            wait_until(lambda: handled(service) == 1, 90, "handling")


def _published(service: Service) -> int:
    from scanner.tables import BusCursor

    with service.database.reading() as session:
        cursor = session.exec(select(BusCursor).where(col(BusCursor.name) == "published")).first()
        return cursor.position if cursor else 0
