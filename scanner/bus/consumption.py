"""One Kafka consumer: handles records one by one in a side thread while it keeps polling.

The consumer's own thread polls all the time, with the partitions it works on paused, so a handler
that runs longer than ``max.poll.interval`` keeps its partition. An offset is committed after the
record's verdict: delivery is at least once, in order within a partition.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from scanner.bus.dispatch import Again, Verdict

BUSY_POLL_MS: Final = 10
IDLE_POLL_MS: Final = 200
BATCH: Final = 16
GROUP_HEADER: Final = "clearance-group"
ATTEMPTS_HEADER: Final = "clearance-attempts"
NOT_BEFORE_HEADER: Final = "clearance-not-before"

log = structlog.get_logger()

Handle = Callable[[Any, int], Verdict]
Retry = Callable[[Any, Again, int], None]


def header(record: Any, name: str) -> str | None:
    """Return a record's header as text, or None."""
    for key, value in record.headers or ():
        if key == name and value is not None:
            return bytes(value).decode("utf-8", "replace")
    return None


def attempts_of(record: Any) -> int:
    """Return how often a record failed before; nonsense counts as never."""
    text = header(record, ATTEMPTS_HEADER) or "0"
    return int(text) if text.isdigit() and len(text) < 6 else 0


def due_at(record: Any) -> float:
    """Return the time (Unix, seconds) before which a record must wait."""
    text = header(record, NOT_BEFORE_HEADER) or "0"
    return int(text) / 1000 if text.isdigit() and len(text) < 16 else 0.0


class Consumption:
    """Feeds one group's records to ``handle``.

    Parameters
    ----------
    topics : sequence of str
        Topics to read, ``.retry`` ones included.
    group : str
        The group's short name; retry records of other groups are passed over.
    handle : callable
        Record and number of failed tries to a verdict; must not raise.
    retry : callable
        Puts a record by for another try; what it raises leaves the record unacknowledged.
    """

    def __init__(
        self,
        config: dict[str, Any],
        topics: Sequence[str],
        group: str,
        handle: Handle,
        retry: Retry,
    ) -> None:
        self._config = config
        self._topics = list(topics)
        self._group = group
        self._handle = handle
        self._retry = retry
        self._buffers: dict[TopicPartition, deque[Any]] = {}
        self._running: tuple[TopicPartition, Any, Future[Verdict]] | None = None

    def run(self, stopping: Callable[[], bool]) -> None:
        """Consume until told to stop; the record in hand is finished and acknowledged."""
        consumer = KafkaConsumer(
            group_id=f"clearance-{self._group}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=BATCH,
            **self._config,
        )
        with ThreadPoolExecutor(1, thread_name_prefix=f"handle-{self._group}") as pool:
            try:
                consumer.subscribe(self._topics)
                while not stopping():
                    self._turn(consumer, pool)
                self._drain(consumer)
            finally:
                consumer.close(autocommit=False)

    def _turn(self, consumer: KafkaConsumer, pool: ThreadPoolExecutor) -> None:
        busy = self._running is not None or any(self._buffers.values())
        polled = consumer.poll(timeout_ms=BUSY_POLL_MS if busy else IDLE_POLL_MS)
        for partition, records in polled.items():
            self._buffers.setdefault(partition, deque()).extend(records)
            consumer.pause(partition)
        self._forget_lost(consumer)
        if self._running is not None and self._running[2].done():
            self._settle(consumer)
        if self._running is None:
            self._start(pool)
        emptied = [partition for partition in consumer.paused() if not self._holds(partition)]
        if emptied:
            consumer.resume(*emptied)

    def _forget_lost(self, consumer: KafkaConsumer) -> None:
        """Drop what waits for partitions that another consumer has now."""
        assigned = consumer.assignment()
        for partition in [each for each in self._buffers if each not in assigned]:
            del self._buffers[partition]

    def _holds(self, partition: TopicPartition) -> bool:
        running = self._running is not None and self._running[0] == partition
        return running or bool(self._buffers.get(partition))

    def _start(self, pool: ThreadPoolExecutor) -> None:
        """Begin the oldest record that is due."""
        now = time.time()
        due = [
            (buffer[0].timestamp, partition)
            for partition, buffer in self._buffers.items()
            if buffer and due_at(buffer[0]) <= now
        ]
        if not due:
            return
        _, partition = min(due, key=lambda each: each[0])
        record = self._buffers[partition].popleft()
        self._running = (partition, record, pool.submit(self._judge, record))

    def _judge(self, record: Any) -> Verdict:
        attempts = attempts_of(record)
        verdict = self._handle(record, attempts)
        if isinstance(verdict, Again):
            self._retry(record, verdict, attempts)
        return verdict

    def _settle(self, consumer: KafkaConsumer) -> None:
        assert self._running is not None
        partition, record, future = self._running
        self._running = None
        if (error := future.exception()) is not None:
            log.error("record_failed", group=self._group, exc_info=error)
            buffer = self._buffers.get(partition)
            if buffer is not None:  # not acknowledged: take it up again
                time.sleep(0.5)
                buffer.appendleft(record)
            return
        if partition not in consumer.assignment():
            return  # its new owner gets it again and sees that it is handled
        try:
            consumer.commit({partition: OffsetAndMetadata(record.offset + 1, "", -1)})
        except KafkaError as problem:
            log.warning("commit_failed", group=self._group, detail=str(problem))

    def _drain(self, consumer: KafkaConsumer) -> None:
        while self._running is not None:
            consumer.pause(*consumer.assignment())
            consumer.poll(timeout_ms=BUSY_POLL_MS)
            if self._running[2].done():
                self._settle(consumer)
                self._buffers.clear()
