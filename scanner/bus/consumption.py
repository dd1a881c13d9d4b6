"""One Kafka consumer: handles records one by one in a side thread while it keeps polling.

The consumer's own thread polls all the time, so a handler that runs longer than
``max.poll.interval`` keeps its partition; a partition whose window is full is paused meanwhile. An
offset is committed after the record's verdict: delivery is at least once, and in order within a
partition (on ``.retry`` each record waits for its own time instead).
"""

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import MemberState, OffsetAndMetadata

from scanner.bus.dispatch import Again, Hold, Verdict
from scanner.bus.standstill import Standstill
from scanner.bus.windows import FULL, LOW, Waiting, Window

BUSY_SECONDS: Final = 0.05
IDLE_SECONDS: Final = 0.2
# A poll that ends while the consumer joins its group may lose that: what came of the join between two polls
# is thrown away by kafka-python 3.0.12, which begins another.
JOIN_SECONDS: Final = 5.0
COMMIT_SECONDS: Final = 0.2
COMMIT_TIMEOUT_MS: Final = 5000
CLOSE_MS: Final = 5000
STUMBLE_SECONDS: Final = 1.0
RETRY: Final = ".retry"
# One poll must return all that was fetched: kafka-python 3.0.12 forgets the rest of a batch whose
# partition is paused before it was read out.
WHOLE_FETCH: Final = 1_000_000
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
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def due_at(record: Any) -> float:
    """Return the time (Unix, seconds) before which a record must wait."""
    text = header(record, NOT_BEFORE_HEADER) or "0"
    return int(text) / 1000 if text.isascii() and text.isdigit() and len(text) < 16 else 0.0


def _put_by(record: Any) -> bool:
    return bool(record.topic.endswith(RETRY))


@dataclass(frozen=True)
class _Running:
    partition: TopicPartition
    entry: Waiting
    future: "Future[Verdict]"


class _Revocations(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers, in kafka-python's own thread, which partitions were taken away."""

    def __init__(self) -> None:
        self._taken: queue.SimpleQueue[TopicPartition] = queue.SimpleQueue()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for partition in revoked:
            self._taken.put(partition)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        pass

    def take(self) -> set[TopicPartition]:
        """Return what was revoked since the last call."""
        taken = set()
        while not self._taken.empty():
            taken.add(self._taken.get())
        return taken


class Consumption:
    """Feeds one group's records to ``handle``.

    Parameters
    ----------
    topics : sequence of str
        Topics to read, ``.retry`` ones included.
    group : str
        The group's short name; retry records of other groups are passed over.
    handle : callable
        Record and number of failed tries to a verdict. What it raises, and what ``retry`` raises,
        leaves the record unacknowledged; it is taken up again a second later.
    retry : callable
        Puts a record by for another try.
    longest_wait : float
        Seconds: what a record on ``.retry`` says of its own time is believed up to here.
    """

    def __init__(
        self,
        config: dict[str, Any],
        topics: Sequence[str],
        group: str,
        handle: Handle,
        retry: Retry,
        longest_wait: float,
    ) -> None:
        self._config = config
        self._topics = list(topics)
        self._group = group
        self._handle = handle
        self._retry = retry
        self._longest_wait = longest_wait
        self._revocations = _Revocations()
        self._windows: dict[TopicPartition, Window] = {}
        self._commits: dict[TopicPartition, int] = {}
        self._running: _Running | None = None
        self._standstill = Standstill(group)
        self._poll_at = 0.0
        self._commit_at = 0.0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Consume until told to stop; the record in hand is finished and acknowledged.

        Raises
        ------
        TransientError
            If the consumer holds partitions and does not read them; begin with a new one.
        """
        consumer = KafkaConsumer(
            group_id=f"clearance-{self._group}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=WHOLE_FETCH,
            **self._config,
        )
        with ThreadPoolExecutor(1, thread_name_prefix=f"handle-{self._group}") as pool:
            try:
                consumer.subscribe(self._topics, listener=self._revocations)
                while not stopping():
                    self._turn(consumer, pool)
                while self._running is not None:  # drain
                    self._await_running()
                    self._poll(consumer)
                self._commit(consumer)
            finally:
                consumer.close(autocommit=False, timeout_ms=CLOSE_MS)

    def _turn(self, consumer: KafkaConsumer, pool: ThreadPoolExecutor) -> None:
        if self._running is None:
            self._start(pool)
        if self._running is not None:
            self._await_running()
        if time.monotonic() >= self._poll_at or not self._busy():
            self._poll(consumer)
        if self._commits and (time.monotonic() >= self._commit_at or not self._busy()):
            self._commit(consumer)

    def _busy(self) -> bool:
        now = time.time()
        return self._running is not None or any(
            window.next_due(now) is not None for window in self._windows.values()
        )

    def _start(self, pool: ThreadPoolExecutor) -> None:
        """Begin the oldest record that is due."""
        now = time.time()
        due = [
            (entry, partition)
            for partition, window in self._windows.items()
            if (entry := window.next_due(now)) is not None
        ]
        if not due:
            return
        entry, partition = min(due, key=lambda each: each[0].record.timestamp)
        entry.running = True
        self._running = _Running(partition, entry, pool.submit(self._judge, entry.record))

    def _judge(self, record: Any) -> Verdict:
        # Only this service writes to .retry; on the other topics anybody may have set the headers.
        attempts = attempts_of(record) if _put_by(record) else 0
        verdict = self._handle(record, attempts)
        if isinstance(verdict, Again) and not verdict.counts and _put_by(record):
            return Hold(verdict.delay)  # it is off the main road already, and another copy no help
        if isinstance(verdict, Again):
            self._retry(record, verdict, attempts)
        return verdict

    def _await_running(self) -> None:
        """Wait for the verdict, but not past the next poll."""
        running = self._running
        assert running is not None
        if not wait([running.future], max(0.0, self._poll_at - time.monotonic())).done:
            return
        self._running = None
        running.entry.running = False
        if (error := running.future.exception()) is not None:
            log.error("record_failed", group=self._group, exc_info=error)
            running.entry.due = time.time() + STUMBLE_SECONDS
            return
        if isinstance(verdict := running.future.result(), Hold):
            running.entry.due = time.time() + verdict.delay
            return
        running.entry.done = True
        window = self._windows.get(running.partition)
        # A window that was lost meanwhile: its new owner gets the record and sees it is handled.
        if window is not None and (offset := window.acknowledge()) is not None:
            self._commits[running.partition] = offset

    def _poll(self, consumer: KafkaConsumer) -> None:
        if consumer.group_metadata().state != MemberState.STABLE:
            timeout = JOIN_SECONDS
        else:
            timeout = 0.0 if self._busy() else self._idle_seconds()
        polled = consumer.poll(timeout_ms=int(timeout * 1000))
        self._poll_at = time.monotonic() + BUSY_SECONDS
        for lost in self._revocations.take() | self._standstill.look(consumer):
            self._windows.pop(lost, None)
            self._commits.pop(lost, None)
        assigned = consumer.assignment()
        for partition, records in polled.items():
            if partition not in assigned:
                continue
            if partition not in self._windows:
                self._windows[partition] = Window(not partition.topic.endswith(RETRY))
            window = self._windows[partition]
            taken = records[: FULL - len(window)]
            window.extend(Waiting(each, self._due(each)) for each in taken)
            if len(taken) < len(records):  # read again later: brokers send more than was asked for
                consumer.seek(partition, records[len(taken)].offset)
        self._hold_back(consumer, assigned)

    def _hold_back(self, consumer: KafkaConsumer, assigned: set[TopicPartition]) -> None:
        """Read no further where too much waits already."""
        paused = consumer.paused()
        for partition in assigned:
            waiting = len(self._windows.get(partition, ()))
            if waiting >= FULL and partition not in paused:
                consumer.pause(partition)
            elif waiting <= LOW and partition in paused:
                consumer.resume(partition)

    def _due(self, record: Any) -> float:
        if not _put_by(record) or header(record, GROUP_HEADER) != self._group:
            return 0.0
        return min(due_at(record), time.time() + self._longest_wait)

    def _idle_seconds(self) -> float:
        """How long a poll may wait: until something becomes due, or the usual while."""
        dues = [due for each in self._windows.values() if (due := each.earliest_due()) is not None]
        return min([IDLE_SECONDS, *(max(0.0, due - time.time()) for due in dues)])

    def _commit(self, consumer: KafkaConsumer) -> None:
        if not self._commits:
            return
        commits, self._commits = self._commits, {}
        offsets = {
            partition: OffsetAndMetadata(offset, "", -1) for partition, offset in commits.items()
        }
        self._commit_at = time.monotonic() + COMMIT_SECONDS
        try:
            consumer.commit(offsets, timeout_ms=COMMIT_TIMEOUT_MS)
        except KafkaError as problem:
            self._commits = commits | self._commits
            log.warning("commit_failed", group=self._group, detail=str(problem))
