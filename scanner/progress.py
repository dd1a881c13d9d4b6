"""Tells waiting requests that a track moved, by one query for all of them.

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
from scanner.tables import Track

POLL_SECONDS: Final = 0.2

log = structlog.get_logger()


class Progress:
    """Watches the versions of the tracks that somebody follows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: dict[str, set[asyncio.Event]] = {}
        self._versions: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def following(self, track_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when the track moves; the follower clears it."""
        moved = asyncio.Event()
        self._followers.setdefault(track_id, set()).add(moved)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        try:
            yield moved
        finally:
            self._followers[track_id].discard(moved)
            if not self._followers[track_id]:
                del self._followers[track_id]
                self._versions.pop(track_id, None)

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
            for track_id, version in found.items():
                if self._versions.get(track_id) != version and track_id in self._followers:
                    self._versions[track_id] = version
                    for moved in self._followers[track_id]:
                        moved.set()
            await asyncio.sleep(POLL_SECONDS)

    def _read(self, track_ids: list[str]) -> dict[str, int]:
        with self._database.reading() as session:
            return {
                track_id: version
                for start in range(0, len(track_ids), 500)
                for track_id, version in session.exec(
                    select(Track.id, Track.version).where(
                        col(Track.id).in_(track_ids[start : start + 500])
                    )
                )
            }
