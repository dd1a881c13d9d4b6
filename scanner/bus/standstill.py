"""Notices a consumer that reads nothing though the broker has something for it.

Two ways into it were seen with brokers that come back empty. A log that was filled again can end before
the position that a consumer has kept: Kafka answers such a fetch with an error, after which the client
begins at the log's start, but not every broker does. And kafka-python 3.0.12 asks before each poll
whether the partitions that it knows of changed: if they did, it sets its own aside and joins its group
again, and if they are as before by the next poll, it forgets about the join that is under way. Its
partitions stay set aside for good, and it sends no heartbeat.
"""

import time
from typing import Final

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import MemberState

from scanner.errors import TransientError

LOOK_SECONDS: Final = 15.0
JOIN_SECONDS: Final = 60.0
ANSWER_MS: Final = 5000

log = structlog.get_logger()


class Standstill:
    """Looks after one consumer, from the thread that polls it.

    Parameters
    ----------
    group : str
        The group's short name, for messages.
    """

    def __init__(self, group: str) -> None:
        self._group = group
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._stood: dict[TopicPartition, int | None] = {}
        self._member_at = time.monotonic()

    def look(self, consumer: KafkaConsumer) -> set[TopicPartition]:
        """Return the partitions whose log ends before the consumer's position: they begin anew.

        The broker is asked where its logs end, once in a while.

        Raises
        ------
        TransientError
            If a partition has had something to read for two looks and its position stayed where it was, or
            if the consumer was no member of its group for a minute; only a new one gets out of that.
        """
        if time.monotonic() < self._look_at:
            return set()
        self._look_at = time.monotonic() + LOOK_SECONDS
        if consumer.group_metadata().state == MemberState.STABLE:
            self._member_at = time.monotonic()
        elif time.monotonic() - self._member_at > JOIN_SECONDS:
            raise TransientError(f"the consumer of {self._group} does not come to join its group")
        try:
            behind, beyond = _measured(consumer)
            for partition in beyond:
                log.warning("log_ends_before_position", group=self._group, partition=str(partition))
                consumer.seek_to_beginning(partition)
        except (KafkaError, ValueError) as error:  # away, or a partition was just taken away
            log.debug("standstill_unknown", group=self._group, detail=str(error))
            return set()
        stuck = [each for each, at in behind.items() if self._stood.get(each, -1) == at]
        self._stood = behind
        if stuck:
            names = ", ".join(sorted(f"{each.topic}/{each.partition}" for each in stuck))
            raise TransientError(
                f"the consumer of {self._group} holds {names} and does not read it"
            )
        return beyond


def _measured(
    consumer: KafkaConsumer,
) -> tuple[dict[TopicPartition, int | None], set[TopicPartition]]:
    """Return where partitions stand that have something to read, and those beyond their log's end."""
    held = sorted(consumer.assignment() - consumer.paused())
    if not held:
        return {}, set()
    at = {each: consumer.position(each, timeout_ms=ANSWER_MS // len(held)) for each in held}
    ends = consumer.end_offsets(held, timeout_ms=ANSWER_MS)
    behind: dict[TopicPartition, int | None] = {}
    beyond = set()
    for each in held:
        # Of a log's end only a fetch is believed: some brokers say, asked, where its last batch begins.
        fetched_end = consumer.highwater(each)
        if (position := at[each]) is None or position < ends[each]:
            behind[each] = position
        elif fetched_end is not None and position > fetched_end:
            beyond.add(each)
    return behind, beyond
