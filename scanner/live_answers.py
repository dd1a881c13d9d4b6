"""A preview as an answer over HTTP: bytes as they come, and an end as soon as nobody listens."""

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import anyio
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from scanner import previews
from scanner.live_encoding import ENCODERS
from scanner.live_stream import AHEAD_SECONDS, LiveSession

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

STALL_SECONDS: Final = 20.0
"""Whoever takes nothing for so long listens no more: less than `previews.LOST_SECONDS`."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Disposition": "inline",
    "X-Accel-Buffering": "no",
}


class LiveResponse(StreamingResponse):
    """Sound while it is made; whatever ends the answer ends its making."""

    media_type = "audio/*"

    def __init__(self, session: LiveSession, media_type: str) -> None:
        self._session = session
        super().__init__(_chunks(session), media_type=media_type, headers=_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a connection that takes nothing any more keeps no process."""

        async def sent(message: Message) -> None:
            with anyio.fail_after(STALL_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, sent)
        except TimeoutError:
            raise ClientDisconnect from None
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._session.close)


def answer(service: "Service", caller: "Caller", preview_id: str, form: str) -> LiveResponse:
    """Begin a preview and return its sound as an answer; raises as :func:`scanner.previews.begin`."""
    asked_at = time.monotonic()
    row, key, payload = previews.begin(service, caller, preview_id)
    try:
        encoder = ENCODERS[form](44_100)
        session = LiveSession(service, row, key, payload, encoder, asked_at)
    except Exception:
        previews.finish(service, row.id, None, previews.TALLY)  # nothing was heard
        raise
    return LiveResponse(session, encoder.media_type)


async def _chunks(session: LiveSession) -> AsyncIterator[bytes]:
    while (content := await run_in_threadpool(session.next_chunk)) is not None:
        if content:
            yield content
        early = session.ahead_seconds - AHEAD_SECONDS
        if early > 0:
            await anyio.sleep(early)
    with anyio.CancelScope(shield=True):  # before the answer's end, by which a listener knows
        await run_in_threadpool(session.close)
