"""What is done to an installation while it works. Each fault is over when it returns."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Final

from kafka import KafkaProducer
from sqlmodel import col, select

from benchmarks.chaos.stage import Stage
from scanner.bus.envelope import to_cloudevent
from scanner.events import SUBMISSIONS, TRACKS
from scanner.journal import event_of
from scanner.service import Service
from scanner.tables import JournalRow

Fault = Callable[[Stage, Service, random.Random], None]
PAUSE_SECONDS: Final = 20.0
CUT_SECONDS: Final = 8.0
FULL_SECONDS: Final = 10.0
AHEAD: Final = "+3h"


class NotHereError(Exception):
    """What the fault needs is not on this machine."""


def kill_worker(stage: Stage, _: Service, dice: random.Random) -> None:
    """SIGKILL of a worker at some moment of its work."""
    time.sleep(dice.uniform(0, 2))
    stage.workers[dice.choice(sorted(stage.workers))].kill()


def kill_api(stage: Stage, _: Service, __: random.Random) -> None:
    """SIGKILL of the API amid requests."""
    stage.api.kill()


def empty_broker(stage: Stage, _: Service, __: random.Random) -> None:
    """The broker dies and comes back without one message, topic or offset."""
    stage.broker.end()
    time.sleep(2)
    stage.broker.start()


def crash_database(stage: Stage, _: Service, __: random.Random) -> None:
    """PostgreSQL ends without a checkpoint and recovers."""
    stage.postgres.crash()


def cut_store(stage: Stage, _: Service, __: random.Random) -> None:
    """The store is away for a while."""
    stage.s3.cut()
    time.sleep(CUT_SECONDS)
    stage.s3.mend()


def fill_disk(stage: Stage, _: Service, __: random.Random) -> None:
    """Nothing more can be written to the folder of temporary files."""
    folder = stage.settings.temporary_folder
    if os.geteuid() != 0 or shutil.which("mount") is None:
        raise NotHereError("mounting a small disk needs root")
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False
    )
    if mounted.returncode != 0:
        raise NotHereError("a small disk can't be mounted here")
    try:
        (folder / "filling").write_bytes(bytes(48 << 10))
        time.sleep(FULL_SECONDS)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def jump_clock(stage: Stage, _: Service, __: random.Random) -> None:
    """One more worker whose clock is three hours ahead."""
    program = shutil.which("faketime")
    if program is None:
        raise NotHereError("faketime is not installed: apt-get install faketime")
    ahead = stage.beside("ahead", program, "-f", AHEAD)
    time.sleep(PAUSE_SECONDS)
    ahead.end()


def pause_worker(stage: Stage, _: Service, dice: random.Random) -> None:
    """A worker stands still for longer than its lease and goes on as if nothing were."""
    pid = stage.workers[dice.choice(sorted(stage.workers))].pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        os.kill(pid, signal.SIGCONT)


def repeat_events(stage: Stage, service: Service, dice: random.Random) -> None:
    """Events come once more, in another order than they happened."""
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow)
            .where(JournalRow.topic == TRACKS)
            .order_by(col(JournalRow.id).desc())
            .limit(100)
        ).all()
        again = [event_of(row) for row in rows]
    dice.shuffle(again)
    service.transport.send(again)


def poison(stage: Stage, service: Service, _: random.Random) -> None:
    """Messages that are no events, and one that looks like one of ours."""
    producer = KafkaProducer(bootstrap_servers=stage.settings.kafka)
    with contextlib.closing(producer):
        for topic in (SUBMISSIONS, TRACKS):
            producer.send(topic, b"\x00\xff no event", key=b"poison")
            producer.send(topic, b'{"specversion": "1.0"}', key=b"poison")
        with service.database.reading() as session:
            row = session.exec(select(JournalRow).where(JournalRow.topic == TRACKS)).first()
        if row is not None:
            producer.send(TRACKS, repr(to_cloudevent(event_of(row))).encode(), key=b"poison")
        producer.flush(30)


FAULTS: Final[dict[str, Fault]] = {
    "a worker is killed": kill_worker,
    "the API is killed": kill_api,
    "the broker dies and comes back empty": empty_broker,
    "the database crashes and recovers": crash_database,
    "the store can't be reached": cut_store,
    "the disk is full": fill_disk,
    "a worker's clock is three hours ahead": jump_clock,
    "a worker stands still beyond its lease": pause_worker,
    "events come again in another order": repeat_events,
    "messages that are no events": poison,
}
