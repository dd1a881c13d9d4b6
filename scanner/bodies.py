"""Bodies as they come, for as long as they come at a fair pace."""

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio
from fastapi import HTTPException, Request

from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.settings import Settings


async def chunks(request: Request, *, is_live: bool = False) -> AsyncIterator[bytes]:
    """Yield a body piece by piece.

    Only the time in which the client is waited for counts, not what the server does with a piece.

    Parameters
    ----------
    is_live : bool
        Whether it comes as slowly as it plays: no rate is asked of it then.

    Raises
    ------
    HTTPException
        408, if nothing comes for ``upload_stall_seconds`` or, after so many seconds, less than
        ``upload_bytes_per_second`` on average.
    starlette.requests.ClientDisconnect
        If the client went away.
    """
    settings: Settings = request.app.state.service.settings
    stall = settings.upload_stall_seconds
    rate = 0 if is_live else settings.upload_bytes_per_second
    stream, waited, received = aiter(request.stream()), 0.0, 0
    while True:
        started = time.monotonic()
        try:
            with anyio.fail_after(stall):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(
                408, Told("nothing came for %(stall)s s: send it again", stall=f"{stall:g}")
            ) from None
        waited += time.monotonic() - started
        received += len(chunk)
        if waited > stall and received < rate * waited:
            raise HTTPException(
                408,
                Told(
                    "less than %(rate)s bytes came in a second: send it over a faster line",
                    rate=rate,
                ),
            )
        if chunk:
            yield chunk
