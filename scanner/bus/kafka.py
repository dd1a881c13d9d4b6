"""The Kafka transport (kafka-python): topics with ``.retry`` and ``.dead`` beside them.

At least once: an event is on the broker before the relay's cursor moves, and an offset is
committed after the handler's verdict. The journal stays the truth: what a consumer reads is only
the name of a journal row, so a forged message does nothing, and a broker that lost everything is
filled again by `Republisher`.
"""

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError
from sqlalchemy import delete
from sqlmodel import Session, col

from scanner.bus import dead_letters, intake
from scanner.bus.consumption import (
    ATTEMPTS_HEADER,
    GROUP_HEADER,
    NOT_BEFORE_HEADER,
    RETRY,
    Consumption,
    Handle,
    Retry,
    header,
)
from scanner.bus.dispatch import Again, Finished, Verdict, dispatch
from scanner.bus.envelope import to_cloudevent
from scanner.bus.groups import Group
from scanner.bus.republisher import Republisher
from scanner.database import Database
from scanner.errors import PoisonError, TransientError
from scanner.events import (
    ACCOUNTS,
    CASES,
    GENERATIONS,
    REFERENCES,
    STREAMS,
    SUBMISSIONS,
    TOPICS,
    TRACKS,
)
from scanner.journal import Event, event_of
from scanner.tables import HandlerStart, JournalRow

if TYPE_CHECKING:
    from scanner.service import Service

CONSUMED: Final = (SUBMISSIONS, TRACKS, CASES, ACCOUNTS, REFERENCES, GENERATIONS, STREAMS)
DEAD: Final = ".dead"
ANSWER_SECONDS: Final = 10  # how long the broker may take
CLOSE_SECONDS: Final = 5.0
REQUEST_SECONDS: Final = 5
RECONNECT_MS: Final = 2000
FETCH_WAIT_MS: Final = 250  # some brokers answer a fetch only at its end, so this delays a hop
CHECK_SECONDS: Final = 3
DEPTH_SECONDS: Final = 0.5
MAX_MESSAGE: Final = 4 << 20

log = structlog.get_logger()


def all_topics() -> list[str]:
    """Return every topic: each consumed one has ``.retry`` and ``.dead`` beside it."""
    return [
        *TOPICS,
        *(topic + suffix for topic in CONSUMED for suffix in (RETRY, DEAD)),
    ]


class KafkaTransport(AbstractContextManager["KafkaTransport"]):
    """Publishes to and consumes from the broker of the settings."""

    name = "kafka"

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._lock = threading.Lock()
        self._topics_exist = False
        self._depths: dict[str, tuple[float, int]] = {}
        self.republisher = Republisher(service, self.send, self._lags)

    def __exit__(self, *_: object) -> None:
        self._drop_producer(self.__dict__.get("_producer"), ())

    def send(self, events: Iterable[Event]) -> None:
        """Send events to their topics; return when the broker has them all.

        Raises
        ------
        TransientError
            If the broker does not take them; nothing is lost, they are sent again.
        """
        if not self._topics_exist:
            self.ensure_topics()
        given = self._produce(
            (event.topic, event.subject, json.dumps(to_cloudevent(event)).encode(), [])
            for event in events
            if event.topic in TOPICS
        )
        for topic, partition, offset in given:
            self.republisher.saw(topic, partition, offset)

    def publish(self, session: Session, events: Sequence[tuple[int, Event]]) -> None:
        """Do nothing more: the events were sent before the cursor moves."""

    def tend(self) -> None:
        """Fill a broker that forgot: its topics, and what no group has handled."""
        if self.republisher.due():
            self.ensure_topics()
            self.republisher.run_once()

    def consume(self, group: Group, stopping: Callable[[], bool], worker: str) -> None:
        """Handle the group's events until told to stop."""
        self.ensure_topics()
        topics = [topic + suffix for topic in group.topics for suffix in ("", RETRY)]

        def handle(record: Any, attempts: int) -> Verdict:
            if record.topic.endswith(RETRY) and header(record, GROUP_HEADER) != group.name:
                return Finished("ignored")
            return self._dispatch(group, record, attempts)

        retry = self._retry_for(group.name)
        self._consumption(topics, group.name, handle, retry).run(stopping)

    def side_jobs(self, stopping: Callable[[], bool]) -> Sequence[tuple[str, Callable[[], None]]]:
        """Return the intake of submissions."""

        def take_in() -> None:
            self.ensure_topics()
            self._consumption(
                [SUBMISSIONS, SUBMISSIONS + RETRY],
                intake.GROUP,
                self._take_in,
                self._retry_for(intake.GROUP),
            ).run(stopping)

        return (("intake", take_in),)

    def _consumption(
        self, topics: Sequence[str], group: str, handle: Handle, retry: Retry
    ) -> Consumption:
        longest_wait = self._service.settings.retry_cap_seconds
        return Consumption(self._consumer_config(), topics, group, handle, retry, longest_wait)

    def redeliver(self, group: str, event: Event) -> None:
        """Bring an event to one group again, under its old id."""
        self.republisher.rewind(group, event)
        payload = json.dumps(to_cloudevent(event)).encode()
        self._produce([(event.topic + RETRY, event.subject, payload, _headers(group, 0, 0.0))])

    def settled(self, group: str) -> int | None:
        """Return up to where the group has handled everything: ``.retry`` overtakes."""
        return self.republisher.settled(group)

    def depth(self, group: str) -> int:
        """Return how many journalled events a group has not handled, counted once in a while."""
        counted_at, depth = self._depths.get(group, (float("-inf"), 0))
        if time.monotonic() - counted_at >= DEPTH_SECONDS:
            depth = self.republisher.depth(group)
            self._depths[group] = (time.monotonic(), depth)
        return depth

    def check(self) -> None:
        """Raise ``TransientError`` if the broker can't be reached."""
        try:
            config = self._client_config() | {"bootstrap_timeout_ms": CHECK_SECONDS * 1000}
            admin = KafkaAdminClient(**config)
            try:
                admin.list_topics()
            finally:
                admin.close()
        except (KafkaError, OSError) as error:
            raise TransientError("the Kafka broker does not answer") from error

    def ensure_topics(self) -> None:
        """Create the topics that the broker lacks, with the configured partitions.

        Raises
        ------
        TransientError
            If the broker does not answer.
        """
        settings = self._service.settings
        try:
            admin = KafkaAdminClient(**self._client_config())
            try:
                present = set(admin.list_topics())
                for name in all_topics():
                    if name in present:
                        continue
                    topic = NewTopic(name, settings.kafka_partitions, settings.kafka_replication)
                    try:
                        admin.create_topics([topic])
                    except TopicAlreadyExistsError:
                        continue
                self._topics_exist = True
            finally:
                admin.close()
        except (KafkaError, OSError) as error:
            raise TransientError("the Kafka broker does not answer") from error

    def _lags(self, group: Group) -> bool:
        """Tell whether the broker holds events that the group has not acknowledged."""
        name = f"clearance-{group.name}"
        topics = [topic + suffix for topic in group.topics for suffix in ("", RETRY)]
        try:
            admin = KafkaAdminClient(**self._client_config())
            try:
                committed = admin.list_group_offsets([name])[name]
            finally:
                admin.close()
            consumer = KafkaConsumer(**self._client_config())
            try:
                partitions = [
                    TopicPartition(topic, number)
                    for topic in topics
                    for number in consumer.partitions_for_topic(topic) or ()
                ]
                ends = consumer.end_offsets(partitions)
            finally:
                consumer.close()
        except (KafkaError, OSError) as error:
            raise TransientError("the Kafka broker does not answer") from error
        return any(
            end > (committed[partition].offset if partition in committed else 0)
            for partition, end in ends.items()
        )

    def _dispatch(self, group: Group, record: Any, attempts: int) -> Verdict:
        try:
            event = self._journalled(record)
        except PoisonError as error:
            self._bury(record, error)
            return Finished("dead")
        if event.type not in group.handlers:
            return Finished("ignored")
        with self._started(group.name, event.id) as unfinished:
            verdict = dispatch(self._service, group, event, attempts + unfinished)
        if verdict == Finished("dead"):
            self._copy_to_dead(record)
        return verdict

    @contextmanager
    def _started(self, group: str, event_id: str) -> Iterator[int]:
        """Give the number of starts that never came to a verdict: their workers died.

        An event that kills its workers would else hold its partition for good.
        """
        with self._service.database.transaction() as session:
            start = session.get(HandlerStart, (group, event_id), with_for_update=True)
            unfinished = start.starts if start is not None else 0
            if start is not None:
                start.starts += 1
            else:
                Database.insert_if_absent(
                    session, HandlerStart(group=group, event_id=event_id, starts=1)
                )
        try:
            yield unfinished
        finally:
            own = (col(HandlerStart.group) == group, col(HandlerStart.event_id) == event_id)
            with self._service.database.transaction() as session:
                session.execute(delete(HandlerStart).where(*own))

    def _journalled(self, record: Any) -> Event:
        """Return the journal's own event that a record names, whatever else the record says."""
        try:
            if len(record.value) > intake.MAX_MESSAGE:
                raise ValueError("too long")
            event_id = str(uuid.UUID(json.loads(record.value)["id"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise PoisonError("not an event of this service") from None
        with self._service.database.reading() as session:
            row = session.get(JournalRow, event_id)
            if row is None:
                raise PoisonError("no journal row has this id")
            return event_of(row)

    def _take_in(self, record: Any, attempts: int) -> Verdict:
        if record.topic.endswith(RETRY) and header(record, GROUP_HEADER) != intake.GROUP:
            return Finished("ignored")
        verdict = intake.take_in(self._service, record.value, attempts)
        if verdict == Finished("dead"):
            self._copy_to_dead(record)
        return verdict

    def _bury(self, record: Any, error: Exception) -> None:
        dead_letters.bury_foreign(
            self._service,
            topic=record.topic.removesuffix(RETRY),
            key=_text(record.key),
            payload=record.value or b"",
            error=error,
        )
        self._copy_to_dead(record)

    def _copy_to_dead(self, record: Any) -> None:
        """Put a copy on ``.dead`` for other tools; the table is what is listed and replayed."""
        topic = record.topic.removesuffix(RETRY) + DEAD
        try:
            self._produce([(topic, _text(record.key), record.value or b"", [])])
        except Exception as error:  # noqa: BLE001 - a copy for others must not stop the record
            log.warning("dead_copy_failed", detail=str(error))

    def _retry_for(self, group: str) -> Callable[[Any, Again, int], None]:
        def put_by(record: Any, verdict: Again, attempts: int) -> None:
            topic = record.topic.removesuffix(RETRY) + RETRY
            due = time.time() + verdict.delay
            headers = _headers(group, attempts + int(verdict.counts), due)
            self._produce([(topic, _text(record.key), record.value, headers)])

        return put_by

    def _produce(
        self, messages: Iterable[tuple[str, str | None, bytes, list[tuple[str, bytes]]]]
    ) -> list[tuple[str, int, int]]:
        """Send and wait; return the topic, partition and offset of each message."""
        sent: list[Any] = []
        producer = None
        try:
            with self._lock:
                producer = self._producer
            for topic, key, value, headers in messages:
                encoded = key.encode() if key else None
                sent.append(producer.send(topic, value=value, key=encoded, headers=headers))
            answers = [future.get(timeout=2 * ANSWER_SECONDS) for future in sent]
        except (KafkaError, OSError) as error:
            self._topics_exist = False
            self._drop_producer(producer, sent)
            raise TransientError("the Kafka broker does not take messages") from error
        return [(answer.topic, answer.partition, answer.offset) for answer in answers]

    @cached_property
    def _producer(self) -> KafkaProducer:
        return KafkaProducer(
            acks="all",
            max_block_ms=ANSWER_SECONDS * 1000,
            delivery_timeout_ms=ANSWER_SECONDS * 1000,
            request_timeout_ms=REQUEST_SECONDS * 1000,
            max_request_size=MAX_MESSAGE,
            **self._client_config(),
        )

    def _drop_producer(self, producer: Any, sent: Sequence[Any]) -> None:
        """Begin with a fresh producer: an idempotent one does not survive a broker that forgot.

        Another thread may have begun with one already: only ``producer`` is dropped.

        kafka-python closes a producer only once each of its messages has arrived or failed, which
        the delivery timeout sees to.
        """
        with self._lock:
            ours = producer is not None and self.__dict__.get("_producer") is producer
            if not ours:
                return
            del self.__dict__["_producer"]
        for future in sent:
            with contextlib.suppress(KafkaError):
                future.get(timeout=2 * ANSWER_SECONDS)
        try:
            producer.close(timeout=1)
        except KafkaError as error:
            log.warning("producer_not_closed", detail=str(error))
            # It gave up before stopping its thread, which would look for the broker for ever.
            producer._sender.force_close()
            producer._sender.join(CLOSE_SECONDS)
            with contextlib.suppress(KafkaError):
                producer.close(timeout=1)

    def _client_config(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._service.settings.kafka,
            "bootstrap_timeout_ms": ANSWER_SECONDS * 1000,
            "client_id": "clearance",
            "reconnect_backoff_max_ms": RECONNECT_MS,
        }

    def _consumer_config(self) -> dict[str, Any]:
        settings = self._service.settings
        return self._client_config() | {
            "session_timeout_ms": settings.kafka_session_timeout_ms,
            "heartbeat_interval_ms": min(1000, settings.kafka_session_timeout_ms // 3),
            "max_poll_interval_ms": settings.kafka_max_poll_interval_ms,
            "fetch_max_wait_ms": FETCH_WAIT_MS,
            "metadata_max_age_ms": 30_000,
        }


def _headers(group: str, attempts: int, due: float) -> list[tuple[str, bytes]]:
    return [
        (GROUP_HEADER, group.encode()),
        (ATTEMPTS_HEADER, str(attempts).encode()),
        (NOT_BEFORE_HEADER, str(int(due * 1000)).encode()),
    ]


def _text(key: bytes | None) -> str | None:
    return key.decode("utf-8", "replace") if key is not None else None
