"""A pipeline of one handler that records what it does, for tests of the bus."""

import os
import threading
import time
from datetime import datetime

from sqlmodel import col, func, select

from scanner.bus.dispatch import once
from scanner.bus.groups import Group
from scanner.clock import utc_now
from scanner.events import TRACKS, TrackWithdrawn
from scanner.journal import Event, record
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import DeadLetter, Handled


class Recorder:
    """A handler whose effect is one entry, and that fails, waits and blocks as told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[tuple[str, int]] = []
        self.failures: dict[tuple[str, int], list[Exception]] = {}
        self.seconds: dict[tuple[str, int], float] = {}
        self.running = threading.Event()
        self.free = threading.Event()
        self.free.set()
        self.gave_up: list[str] = []
        self.giving_up_fails: list[Exception] = []

    def __call__(self, service: Service, event: Event) -> None:
        key = (event.subject, event.version)
        self.running.set()
        time.sleep(self.seconds.get(key, 0))
        assert self.free.wait(60)
        if self.failures.get(key):
            raise self.failures[key].pop(0)
        with once(service, self.name, event):
            self.seen.append(key)

    def group(self) -> Group:
        return Group(
            name=self.name,
            topics=(TRACKS,),
            handlers={TrackWithdrawn.type: self},
            gave_up=self._give_up,
        )

    def _give_up(self, _service: Service, event: Event, _why: str) -> None:
        if self.giving_up_fails:
            raise self.giving_up_fails.pop(0)
        self.gave_up.append(event.subject)


class RecordingService(Service):
    """A service whose pipeline is one recorder."""

    def __init__(self, settings: Settings, recorder: Recorder) -> None:
        super().__init__(settings)
        self.recorder = recorder

    @property
    def groups(self) -> tuple[Group, ...]:
        return (self.recorder.group(),)


def happen(service: Service, subject: str, version: int = 1, at: datetime | None = None) -> Event:
    """Journal one event of a subject."""
    with service.database.transaction() as session:
        return record(
            session,
            tenant_id="tenant",
            subject=subject,
            version=version,
            data=TrackWithdrawn(reason="test"),
            now=at or utc_now(),
        )


def handled(service: Service) -> int:
    """Count what the group has dealt with."""
    with service.database.reading() as session:
        return session.exec(
            select(func.count())
            .select_from(Handled)
            .where(Handled.group == service.groups[0].name, Handled.outcome == "done")
        ).one()


def letters(service: RecordingService) -> list[DeadLetter]:
    """Return what the group has buried."""
    with service.database.reading() as session:
        query = select(DeadLetter).where(DeadLetter.group == service.recorder.name)
        return list(session.exec(query.order_by(col(DeadLetter.id))))


def unique(name: str) -> str:
    """Return a subject that no other test uses."""
    return f"{name}-{os.urandom(4).hex()}"
