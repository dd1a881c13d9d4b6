"""Server-Sent Events of one subject, from the journal, until nothing more will follow."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from sqlmodel import Session, col, select
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from scanner.bus.envelope import to_cloudevent
from scanner.journal import event_of, readable
from scanner.progress import Progress
from scanner.service import Service
from scanner.tables import JournalRow

PING_SECONDS: Final = 15
MOST_AT_ONCE: Final = 500

Following = Callable[[int], tuple[list[JournalRow], bool]]
"""Takes a version; gives the events after it, and whether nothing more will follow them."""


class EventStream(EventSourceResponse):
    """Server-Sent Events; the class itself says its type, which its base does not."""

    media_type = "text/event-stream"


async def frames(
    service: Service,
    progress: Progress,
    subject: str,
    last: int,
    mark: dict[str, Any],
    following: Following,
) -> AsyncIterator[ServerSentEvent]:
    """Yield a subject's events after a version as they come.

    Parameters
    ----------
    mark : dict
        Fields that every frame has too.
    """
    with progress.following(subject) as moved:
        while True:
            moved.clear()
            rows, over = await run_in_threadpool(following, last)
            for row in rows:
                event = readable(event_of(row), service.person_keys)
                data = json.dumps(to_cloudevent(event) | mark)
                yield ServerSentEvent(data, event=row.type, id=row.id)
                last = row.version
            if over:
                return
            if len(rows) < MOST_AT_ONCE:
                await moved.wait()


def since(session: Session, subject: str, last: int) -> list[JournalRow]:
    """Return a subject's next events after a version."""
    newer = select(JournalRow).where(JournalRow.subject == subject, JournalRow.version > last)
    return list(session.exec(newer.order_by(col(JournalRow.version)).limit(MOST_AT_ONCE)))


def version_of(service: Service, subject: str, event_id: str | None) -> int:
    """Return the version of an event of this subject; 0, the beginning, if there is none such."""
    if not event_id or len(event_id) > 36 or not event_id.isascii():
        return 0
    with service.database.reading() as session:
        row = session.get(JournalRow, event_id)
    return row.version if row is not None and row.subject == subject else 0
