"""Tells waiting requests that a track, a stream or a platform's queue moved, by one query a kind for all of them.

A client that waits holds neither a thread nor a database connection: only its place in a table of
this process.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select
from starlette.concurrency import run_in_threadpool

from appeals.machines.case import State
from scanner.database import Database
from scanner.tables import Case, Stream, Track

POLL_SECONDS: Final = 0.2
QUEUE_SECONDS: Final = 2.0
"""A queue is looked at less often: its open cases are counted."""
QUEUE: Final = "queue:"

log = structlog.get_logger()


def queue_of(tenant_id: str) -> str:
    """Return what to follow for the open cases of a platform."""
    return f"{QUEUE}{tenant_id}"


class Progress:
    """Watches the versions of what somebody follows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: dict[str, set[asyncio.Event]] = {}
        self._versions: dict[str, Any] = {}
        self._queues_at = -QUEUE_SECONDS
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def following(self, subject: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when a track, stream or queue moves; the follower clears it."""
        moved = asyncio.Event()
        self._followers.setdefault(subject, set()).add(moved)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        try:
            yield moved
        finally:
            self._followers[subject].discard(moved)
            if not self._followers[subject]:
                del self._followers[subject]
                self._versions.pop(subject, None)

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while self._followers:
            try:
                found = await run_in_threadpool(self._read, self._due())
            except SQLAlchemyError as error:
                log.warning("progress_unknown", detail=type(error).__name__)
                found = {}
            for subject, version in found.items():
                if self._versions.get(subject) != version and subject in self._followers:
                    self._versions[subject] = version
                    for moved in self._followers[subject]:
                        moved.set()
            await asyncio.sleep(POLL_SECONDS)

    def _due(self) -> list[str]:
        """Return what to look at in this turn."""
        now = time.monotonic()
        queues_too = now - self._queues_at >= QUEUE_SECONDS
        if queues_too:
            self._queues_at = now
        return sorted(each for each in self._followers if queues_too or not each.startswith(QUEUE))

    def _read(self, followed: list[str]) -> dict[str, Any]:
        queues = [each.removeprefix(QUEUE) for each in followed if each.startswith(QUEUE)]
        ids = [each for each in followed if not each.startswith(QUEUE)]
        with self._database.reading() as session:
            return _queues(session, queues) | {
                found: version
                for table in (Track, Stream)
                for start in range(0, len(ids), 500)
                for found, version in session.exec(
                    select(table.id, table.version).where(
                        col(table.id).in_(ids[start : start + 500])
                    )
                )
            }


def _queues(session: Session, tenants: Sequence[str]) -> dict[str, Any]:
    """Return what is otherwise once a case of a platform was opened, moved or closed."""
    found: dict[str, Any] = {queue_of(each): None for each in tenants}
    if tenants:
        query = (
            select(Case.tenant_id, func.count(), func.sum(Case.version), func.max(Case.opened_at))
            .where(col(Case.tenant_id).in_(tenants), Case.state != State.CLOSED)
            .group_by(Case.tenant_id)
        )
        found |= {queue_of(tenant): tuple(rest) for tenant, *rest in session.exec(query)}
    return found
