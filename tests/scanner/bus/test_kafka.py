"""What only a broker can do to us: be away, forget, hold forgeries, send more than we can take."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata
from sqlmodel import select

from scanner.bus import consumption, standstill
from scanner.bus.consumption import Consumption
from scanner.bus.dispatch import Again, Finished
from scanner.bus.kafka import all_topics
from scanner.bus.windows import FULL
from scanner.consumer_groups import GROUPS
from scanner.errors import TransientError
from scanner.events import TRACKS
from scanner.tables import BusCursor, DeadLetter, HandlerStart
from tests.recording import handled, happen, letters, unique
from tests.running import working
from tests.servers import free_port, running_broker, wait_until


def published(service) -> int:
    with service.database.reading() as session:
        cursor = session.get(BusCursor, "published:kafka")
        return cursor.position if cursor else 0


def test_every_topic_is_made_with_its_retry_and_dead_ones(make_recording, broker) -> None:
    service = make_recording(kafka=broker, kafka_partitions=2)
    service.transport.ensure_topics()
    service.transport.ensure_topics()

    consumer = KafkaConsumer(bootstrap_servers=broker)
    try:
        made = {name: consumer.partitions_for_topic(name) for name in all_topics()}
    finally:
        consumer.close()
    assert all(numbers == {0, 1} for numbers in made.values())
    read = {topic for group in GROUPS for topic in group.topics}
    assert {topic + suffix for topic in read for suffix in (".retry", ".dead")} <= set(made)


def test_a_broker_that_is_away_is_named_and_waited_for(make_recording) -> None:
    port = free_port()
    service = make_recording(kafka=f"127.0.0.1:{port}")
    with pytest.raises(TransientError, match="Kafka"):
        service.transport.check()

    with working(service):
        happen(service, "early", 1)
        time.sleep(0.5)
        with running_broker(port):
            wait_until(lambda: handled(service) == 1, 90, "handling")
            service.transport.check()


def test_a_broker_that_comes_back_empty_is_filled_from_the_journal(make_recording) -> None:
    port = free_port()
    service = make_recording(kafka=f"127.0.0.1:{port}", republish_seconds=2.0)
    service.recorder.failures["retried", 1] = [TransientError("not now")] * 2
    service.recorder.free.clear()
    with working(service):
        with running_broker(port):
            for n in range(5):
                happen(service, f"lost{n}", 1)
            happen(service, "retried", 1)
            wait_until(lambda: published(service) == 6, 60, "publishing")
            assert service.recorder.running.wait(60)  # one in hand, five on the broker
        service.recorder.free.set()
        with running_broker(port):
            happen(service, "new", 1)
            wait_until(lambda: handled(service) == 7, 90, "handling")

    assert len(service.recorder.seen) == len(set(service.recorder.seen)) == 7


def test_a_forged_event_is_buried_and_the_journals_word_counts(make_recording, broker) -> None:
    service = make_recording(kafka=broker)
    real = happen(service, unique("real"), 1)
    service.transport.ensure_topics()
    producer = KafkaProducer(bootstrap_servers=broker)
    marker = unique("forged")
    forged: list[bytes | None] = [
        b"\xff",
        None,
        b"[" * 50_000,
        json.dumps({"id": marker, "type": "clearance.track.withdrawn"}).encode(),
        json.dumps({"id": "\ud800"}).encode(),
        json.dumps({"id": real.id[:-1] + "\u0000"}).encode(),
        json.dumps({"id": 5}).encode(),
        json.dumps({"id": real.id, "subject": "somebody else's track"}).encode(),
    ]
    try:
        producer.send(TRACKS, key=b"", value=None)
        for value in forged:
            producer.send(TRACKS, key=marker.encode(), value=value)
        producer.flush()
    finally:
        producer.close()

    with working(service):
        wait_until(lambda: handled(service) == 1, 60, "handling the real one")
        wait_until(lambda: len(_foreign(service, marker)) == 7, 60, "burying the forged ones")
        time.sleep(0.5)

    assert service.recorder.seen == [(real.subject, 1)]
    assert letters(service) == []


def test_an_event_that_kills_its_workers_is_buried(make_recording, broker) -> None:
    bus = make_recording(kafka=broker, retries=3)
    killer, next_ = unique("killer"), unique("next")
    event = happen(bus, killer, 1)
    happen(bus, next_, 1)
    with bus.database.transaction() as session:  # four workers died with it in hand
        session.add(HandlerStart(group=bus.recorder.name, event_id=event.id, starts=4))
    with working(bus):
        wait_until(lambda: bus.recorder.gave_up == [killer], 60, "burying it")
        wait_until(lambda: handled(bus) == 1, 60, "what follows")

    assert bus.recorder.seen == [(next_, 1)]
    assert len(letters(bus)) == 1
    with bus.database.reading() as session:
        assert session.exec(select(HandlerStart)).all() == []


def _foreign(service, key: str) -> list[DeadLetter]:
    with service.database.reading() as session:
        return list(session.exec(select(DeadLetter).where(DeadLetter.subject == key)))


class Feed:
    """A consumption of its own topic, in a thread, that keeps what it handles."""

    def __init__(self, broker: str, partitions: int = 1) -> None:
        self.broker = broker
        self.group = f"feed-{os.urandom(4).hex()}"
        self.topic = f"{self.group}-topic"
        self.handled: list[tuple[int, int]] = []
        self.free = threading.Event()
        self.stopping = threading.Event()
        self.stumbles = 0
        admin = KafkaAdminClient(bootstrap_servers=broker)
        admin.create_topics([NewTopic(self.topic, partitions, 1)])
        admin.close()
        config = {
            "bootstrap_servers": broker,
            "session_timeout_ms": 6000,
            "heartbeat_interval_ms": 1000,
        }
        self.consumption = Consumption(
            config, [self.topic], self.group, self._handle, self._retry, longest_wait=60
        )
        self.thread = threading.Thread(target=self.consumption.run, args=(self.stopping.is_set,))

    def _handle(self, record: Any, _attempts: int) -> Finished | Again:
        assert self.free.wait(60)
        if self.stumbles:
            self.stumbles -= 1
            return Again(0.1)
        self.handled.append((record.partition, record.offset))
        return Finished("done")

    def _retry(self, _record: Any, _verdict: Again, _attempts: int) -> None:
        raise TransientError("the broker does not take the retry")

    def send(self, count: int, size: int) -> None:
        producer = KafkaProducer(bootstrap_servers=self.broker)
        for n in range(count):
            producer.send(self.topic, key=str(n).encode(), value=os.urandom(size))
        producer.flush()
        producer.close()

    def commit(self, offset: int) -> None:
        consumer = KafkaConsumer(
            bootstrap_servers=self.broker,
            group_id=f"clearance-{self.group}",
            enable_auto_commit=False,
        )
        partition = TopicPartition(self.topic, 0)
        consumer.assign([partition])
        consumer.commit({partition: OffsetAndMetadata(offset, "", -1)})
        consumer.close()

    def committed(self) -> int:
        consumer = KafkaConsumer(bootstrap_servers=self.broker, group_id=f"clearance-{self.group}")
        try:
            return consumer.committed(TopicPartition(self.topic, 0)) or 0
        finally:
            consumer.close()

    def stop(self) -> None:
        self.stopping.set()
        self.free.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def test_a_slow_handler_holds_the_reading_back_and_nothing_is_skipped(broker) -> None:
    count = 3 * FULL
    feed = Feed(broker)
    feed.send(count, 1000)
    feed.thread.start()
    try:
        wait_until(lambda: _held(feed) >= FULL, 90, "reading")
        time.sleep(1)
        assert _held(feed) == FULL
        assert feed.handled == []
        feed.free.set()
        wait_until(lambda: len(feed.handled) == count, 60, "handling")
    finally:
        feed.stop()

    assert feed.handled == [(0, n) for n in range(count)]
    assert feed.committed() == count


def test_a_record_that_could_not_be_put_by_is_not_acknowledged(broker) -> None:
    feed = Feed(broker)
    feed.stumbles = 1
    feed.free.set()
    feed.send(3, 10)
    feed.thread.start()
    try:
        wait_until(lambda: len(feed.handled) == 3, 90, "handling")
    finally:
        feed.stop()

    assert feed.handled == [(0, 0), (0, 1), (0, 2)]
    assert feed.committed() == 3


def test_a_position_beyond_the_end_of_a_log_that_was_lost_is_given_up(
    broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standstill, "LOOK_SECONDS", 0.5)
    feed = Feed(broker)
    feed.commit(50)  # what the group had acknowledged before the log was lost
    feed.send(3, 10)
    feed.free.set()
    feed.thread.start()
    try:
        wait_until(lambda: len(feed.handled) == 3, 60, "reading from the start")
        wait_until(lambda: feed.committed() == 3, 30, "acknowledging")
    finally:
        feed.stop()

    assert feed.handled == [(0, 0), (0, 1), (0, 2)]


def test_a_consumer_that_holds_a_partition_and_never_fetches_ends_for_a_new_one(
    broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standstill, "LOOK_SECONDS", 0.5)
    clients = []

    class Lamed(KafkaConsumer):
        """Sets its partitions aside, as for a join that it then forgets about."""

        is_lame = False

        def poll(self, *given: Any, **named: Any) -> Any:
            self._subscription.mark_pending_revocation(self.assignment())
            self.is_lame = bool(self.assignment())
            return super().poll(*given, **named)

    def connect(**config: Any) -> KafkaConsumer:
        clients.append((KafkaConsumer if clients else Lamed)(**config))
        return clients[-1]

    monkeypatch.setattr(consumption, "KafkaConsumer", connect)
    feed = Feed(broker)
    feed.free.set()
    with ThreadPoolExecutor(1) as pool:
        ran = pool.submit(feed.consumption.run, feed.stopping.is_set)
        wait_until(lambda: clients and clients[0].is_lame, 60, "taking the partition")
        feed.send(2, 10)
        with pytest.raises(TransientError, match="does not read it"):
            ran.result(60)
    feed.thread.start()
    try:
        wait_until(lambda: len(feed.handled) == 2, 60, "handling by a new consumer")
    finally:
        feed.stop()

    assert len(clients) == 2


def test_a_consumer_that_does_not_come_to_join_its_group_ends_for_a_new_one(
    broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standstill, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(standstill, "JOIN_SECONDS", 0.2)
    monkeypatch.setattr(consumption, "JOIN_SECONDS", 0.05)  # here it takes three seconds
    feed = Feed(broker)
    with pytest.raises(TransientError, match="join its group"):
        feed.consumption.run(feed.stopping.is_set)


def _held(feed: Feed) -> int:
    return sum(len(window) for window in list(feed.consumption._windows.values()))
