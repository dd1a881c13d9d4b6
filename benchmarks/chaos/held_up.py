"""Groups into which the broker lets nobody.

Seen on Tansu: after the only worker of a group was killed, two newcomers waited in vain for the 75 s that were
watched. Apache Kafka ends a member that sends no heartbeat for its session timeout, six seconds here.
"""

import contextlib
import time
from typing import Final

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from scanner.bus.consumption import RETRY
from scanner.bus.groups import Group

PATIENCE_SECONDS: Final = 60.0


def is_held_up(kafka: str, group: Group) -> bool:
    """Tell whether a newcomer to a group, which has fewer members than partitions, gets nothing to read."""
    topics = [topic + suffix for topic in group.topics for suffix in ("", RETRY)]
    newcomer = KafkaConsumer(
        *topics,
        bootstrap_servers=kafka,
        group_id=f"clearance-{group.name}",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
    )
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while not newcomer.assignment():
            if time.monotonic() > until:
                return True
            with contextlib.suppress(KafkaError):
                newcomer.poll(timeout_ms=500)
        return False
    finally:
        newcomer.close(autocommit=False)
