"""The queue in the database: one holder a delivery, in order, by an index, on both databases."""

import contextlib
import threading
import time
from datetime import timedelta

from sqlalchemy.dialects import postgresql
from sqlmodel import col, select

from scanner.bus import dead_letters
from scanner.bus.dispatch import Finished, dispatch
from scanner.bus.embedded import DUE, DeliveryQueue
from scanner.bus.groups import Group
from scanner.bus.relay import Relay, seal_batch
from scanner.clock import utc_now
from scanner.database import Database
from scanner.errors import PoisonError
from scanner.events import TRACKS, TrackWithdrawn
from scanner.journal import Event
from scanner.service import Service
from scanner.tables import Delivery, Handled, JournalSeal
from tests.journalling import note
from tests.recording import handled, happen, letters, unique
from tests.running import working
from tests.servers import wait_until


def _nothing(_service: Service, _event: Event) -> None:
    pass


GROUP = Group("g", (TRACKS,), {TrackWithdrawn.type: _nothing})


def queued(database: Database, subjects: int, versions: int = 1) -> DeliveryQueue:
    """Return a queue with events of each subject in it."""
    queue = DeliveryQueue(database, (GROUP,), lease_seconds=30)
    for version in range(1, versions + 1):
        for n in range(subjects):
            note(database, f"s{n}", version, sealed=True)
    with database.transaction() as session:
        seals = session.exec(select(JournalSeal).order_by(col(JournalSeal.position))).all()
        session.add_all(
            Delivery(
                group="g",
                event_id=seal.journal_id,
                subject=f"s{n % subjects}",
                position=seal.position,
                not_before=utc_now(),
            )
            for n, seal in enumerate(seals)
        )
    return queue


def test_many_workers_claim_each_delivery_once_and_a_subject_in_order(database: Database) -> None:
    queue = queued(database, subjects=8, versions=5)
    taken: list[tuple[str, int, str]] = []
    lock = threading.Lock()

    def work(name: str) -> None:
        idle = 0
        while idle < 20:
            claimed = queue.claim("g", name)
            if claimed is None:
                idle += 1
                time.sleep(0.01)
                continue
            delivery, event = claimed
            with lock:
                taken.append((event.subject, event.version, "begins"))
            time.sleep(0.001)
            with lock:
                taken.append((event.subject, event.version, "ends"))
            queue.settle(delivery, name, Finished("done"))

    workers = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    for subject in {subject for subject, _, _ in taken}:
        own = [(version, what) for each, version, what in taken if each == subject]
        assert own == [(v, what) for v in range(1, 6) for what in ("begins", "ends")]
    assert len(taken) == 8 * 5 * 2


def test_workers_of_one_service_share_the_work(make_recording, database_url) -> None:
    service = make_recording(database_url=database_url)
    with contextlib.ExitStack() as workers:
        for _ in range(3):
            workers.enter_context(working(service))
        for n in range(30):
            happen(service, f"s{n % 5}", n // 5 + 1)
        wait_until(lambda: handled(service) == 30, 60, "handling")

    seen = service.recorder.seen
    assert len(seen) == len(set(seen)) == 30
    for subject in {subject for subject, _ in seen}:
        own = [version for each, version in seen if each == subject]
        assert own == sorted(own)


def test_the_lease_of_a_silent_worker_runs_out(database: Database) -> None:
    queue = queued(database, subjects=1)
    claimed = queue.claim("g", "a worker that dies")
    assert claimed is not None
    assert queue.claim("g", "another") is None
    with database.transaction() as session:
        delivery = session.get_one(Delivery, claimed[0].id)
        delivery.leased_until = utc_now() - timedelta(seconds=1)

    again = queue.claim("g", "another")

    assert again is not None
    queue.settle(claimed[0], "a worker that dies", Finished("done"))  # too late: not its own
    assert queue.depth("g") == 1
    queue.settle(again[0], "another", Finished("done"))
    assert queue.depth("g") == 0


def test_claiming_walks_an_index_however_long_the_queue(database: Database) -> None:
    with database.transaction() as session:
        session.add_all(
            Delivery(
                group="g",
                event_id=f"{n}",
                subject=f"s{n % 1000}",
                position=n,
                not_before=utc_now(),
            )
            for n in range(5000)
        )
    query = DUE.params(group="g", now=utc_now())
    with database.engine.connect() as connection:
        if database.is_sqlite:
            text = query.compile(connection, compile_kwargs={"literal_binds": True})
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
        else:
            connection.exec_driver_sql("ANALYZE delivery")
            dialect = postgresql.dialect()
            text = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
            rows = connection.exec_driver_sql(f"EXPLAIN {text}".replace("%", "%%")).all()
    plan = " ".join(str(row) for row in rows)

    assert "ix_delivery_due" in plan
    assert "ix_delivery_subject" in plan
    assert "SCAN delivery" not in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


def test_what_the_command_line_handled_itself_is_not_queued(make_recording) -> None:
    service = make_recording()
    event = happen(service, "done by hand", 1)
    with service.database.transaction() as session:
        mark = Handled(group=service.recorder.name, event_id=event.id, outcome="done", at=utc_now())
        session.add(mark)
    happen(service, "left", 1)

    Relay(service.database, service.transport, service.settings.home).run_once()

    assert service.transport.depth(service.recorder.name) == 1


def test_two_replayed_events_of_a_subject_keep_their_order(make_recording) -> None:
    service = make_recording()
    subject = unique("both")
    bad = [PoisonError("no")]
    service.recorder.failures = {(subject, 1): list(bad), (subject, 2): list(bad)}
    with working(service):
        happen(service, subject, 1)
        happen(service, subject, 2)
        wait_until(lambda: len(letters(service)) == 2, 30, "burying")
    for letter in reversed(letters(service)):
        dead_letters.replay(service, letter.id, None)

    with working(service):
        wait_until(lambda: handled(service) == 2, 30, "the replay")

    assert service.recorder.seen == [(subject, 1), (subject, 2)]


def test_an_event_that_kills_its_workers_is_buried(make_recording) -> None:
    bus = make_recording(retries=3, lease_seconds=0.01)
    event = happen(bus, unique("killer"), 1)
    Relay(bus.database, bus.transport, bus.settings.home).run_once()
    (group,) = bus.groups
    for _ in range(4):  # each worker dies with it in hand
        assert bus.transport.queue.claim(group.name, "worker") is not None
        time.sleep(0.02)
    delivery, again = bus.transport.queue.claim(group.name, "worker")

    assert dispatch(bus, group, again, delivery.attempts) == Finished("dead")
    assert bus.recorder.seen == []
    assert bus.recorder.gave_up == [event.subject]
    assert len(letters(bus)) == 1


def test_a_buried_event_whose_group_cannot_be_told_holds_up_no_later_one(make_recording) -> None:
    bus = make_recording(retry_base_seconds=0.2, retry_cap_seconds=0.2)
    subject = unique("stuck")
    bus.recorder.failures[subject, 1] = [PoisonError("no good")]
    bus.recorder.giving_up_fails = [RuntimeError("not now")] * 20
    with working(bus):
        happen(bus, subject, 1)
        happen(bus, subject, 2)
        wait_until(lambda: bus.recorder.seen == [(subject, 2)], 30, "what follows the buried one")
        assert bus.recorder.gave_up == []
        wait_until(lambda: bus.recorder.gave_up == [subject], 30, "telling the group")


def test_what_was_replayed_before_the_relay_came_is_queued_once(make_recording) -> None:
    bus = make_recording()
    event = happen(bus, unique("early"), 1)
    seal_batch(bus.database)
    bus.transport.redeliver(bus.recorder.name, event)
    Relay(bus.database, bus.transport, bus.settings.home).run_once()
    assert bus.transport.depth(bus.recorder.name) == 1
