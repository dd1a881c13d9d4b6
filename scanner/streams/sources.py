"""Audio that a server sends for as long as it likes, under the guard of addresses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpcore

from scanner.fetch import MAX_REDIRECTS, REDIRECTS, FetchError, joined, redirected
from scanner.guarded_http import Deadline, header, request
from scanner.url_guard import UnresolvedError, UrlGuard, UrlRefusedError

STALL_SECONDS: Final = 15.0
_HEADERS: Final = {"User-Agent": "clearance", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Block:
    """Bytes as they came.

    Parameters
    ----------
    is_live : bool
        Whether the server does not say how much it will send.
    """

    data: bytes
    is_live: bool


def blocks(url: str, guard: UrlGuard, deadline: Deadline) -> Iterator[Block]:
    """Yield what a server sends, until it ends by itself what it promised.

    Parameters
    ----------
    deadline : callable
        Tells until when to go on; it moves on as long as there is sound in what comes.

    Raises
    ------
    FetchError
        ``url-refused``, ``url-unreachable``, ``url-status``, ``url-encoded``, ``url-timeout`` if
        nothing comes for a while, or ``url-ended`` if a live server hangs up.
    """
    try:
        yield from _blocks(url, guard, deadline)
    except (UrlRefusedError, UnresolvedError) as error:
        raise FetchError("url-refused", str(error)) from error
    except httpcore.TimeoutException as error:
        raise FetchError(
            "url-timeout", "nothing, or nothing that sounds, came for a while", transient=True
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
        raise FetchError(
            "url-unreachable", "the server hung up or does not speak HTTP", transient=True
        ) from error


def _blocks(url: str, guard: UrlGuard, deadline: Deadline) -> Iterator[Block]:
    for hop in range(MAX_REDIRECTS + 1):
        target = guard.target(url) if hop == 0 else redirected(guard, url)
        headers = _HEADERS | {"Host": target.authority}
        with request(
            target, "GET", headers=headers, deadline=deadline, stall=STALL_SECONDS
        ) as answer:
            location = header(answer, "location")
            if answer.status in REDIRECTS and location:
                url = joined(url, location)
                continue
            if answer.status != 200:
                raise FetchError(
                    "url-status",
                    f"the server answered {answer.status} instead of a stream",
                    transient=True,  # a station that is off air answers 404
                )
            if (header(answer, "content-encoding") or "identity").strip().lower() != "identity":
                raise FetchError("url-encoded", "send the stream itself, without Content-Encoding")
            is_live = header(answer, "content-length") is None
            for data in answer.iter_stream():
                yield Block(data, is_live)
            if is_live:
                raise FetchError("url-ended", "the server ended the stream", transient=True)
            return
    raise FetchError("url-refused", f"more than {MAX_REDIRECTS} redirects")
