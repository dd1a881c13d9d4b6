"""Tells waiting requests that a track or a stream moved, by one query a kind for all of them.

A client that waits holds neither a thread nor a database connection: only its place in a table of
this process.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select
from starlette.concurrency import run_in_threadpool

from scanner.database import Database
from scanner.tables import Stream, Track

POLL_SECONDS: Final = 0.2

log = structlog.get_logger()


class Progress:
    """Watches the versions of what somebody follows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: dict[str, set[asyncio.Event]] = {}
        self._versions: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def following(self, subject: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when a track or stream moves; the follower clears it."""
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
                found = await run_in_threadpool(self._read, sorted(self._followers))
            except SQLAlchemyError as error:
                log.warning("progress_unknown", detail=type(error).__name__)
                found = {}
            for subject, version in found.items():
                if self._versions.get(subject) != version and subject in self._followers:
                    self._versions[subject] = version
                    for moved in self._followers[subject]:
                        moved.set()
            await asyncio.sleep(POLL_SECONDS)

    def _read(self, ids: list[str]) -> dict[str, int]:
        with self._database.reading() as session:
            return {
                found: version
                for table in (Track, Stream)
                for start in range(0, len(ids), 500)
                for found, version in session.exec(
                    select(table.id, table.version).where(
                        col(table.id).in_(ids[start : start + 500])
                    )
                )
            }
