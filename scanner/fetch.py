"""Fetches a claim check into the store, under the guard and under limits."""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

import fsspec
import httpcore
from botocore.exceptions import BotoCoreError, ClientError
from fsspec.asyn import sync

from scanner.errors import ScannerError
from scanner.guarded_http import header, request
from scanner.store import connection_errors
from scanner.url_guard import Target, UnresolvedError, UrlGuard, UrlRefusedError
from scanner.wording import Told

MAX_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
CHUNK: Final = 1 << 18
_BAD_REDIRECT: Final = "a redirect leads to an address that is not fetched"


class Sink(Protocol):
    """Takes a file's bytes and counts them."""

    @property
    def size(self) -> int:
        """Bytes so far."""

    def write(self, chunk: bytes, /) -> None:
        """Take the next bytes."""


class FetchError(ScannerError):
    """The address gave no file.

    ``problem`` is the stable name of what went wrong, ``transient`` whether another try may help.
    """

    def __init__(self, problem: str, detail: str, *, transient: bool = False) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.transient = transient


@dataclass(frozen=True)
class FetchLimits:
    """How much and how long.

    Parameters
    ----------
    max_bytes : int
    seconds : float
        For the whole fetch, redirects included.
    """

    max_bytes: int
    seconds: float


@dataclass(frozen=True)
class Fetched:
    """What came."""

    content_type: str | None
    size: int


def fetch(
    url: str,
    guard: UrlGuard,
    limits: FetchLimits,
    writer: Sink,
    s3_options: dict[str, Any] | None = None,
) -> Fetched:
    """Stream what is at ``url`` into ``writer``, in constant memory; the caller commits.

    Raises
    ------
    FetchError
        ``url-refused``, ``url-unreachable``, ``url-status``, ``url-too-large``, ``url-timeout``
        or ``url-encoded``.
    """
    deadline = time.monotonic() + limits.seconds
    try:
        if urlsplit(url).scheme == "s3":
            guard.check_form(url)
            _copy(_s3_chunks(url, s3_options or {}, deadline), writer, limits)
            return Fetched(None, writer.size)
        return _fetch_http(url, guard, limits, writer, deadline)
    except UrlRefusedError as error:
        raise FetchError("url-refused", error.detail) from error
    except UnresolvedError as error:
        # The same words as for a refused address: a private name must not read otherwise.
        raise FetchError("url-refused", str(error)) from error
    except httpcore.TimeoutException as error:
        raise FetchError(
            "url-timeout",
            Told(
                "the address gave no whole file in %(seconds)s s", seconds=f"{limits.seconds:.0f}"
            ),
            transient=True,
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
        raise FetchError(
            "url-unreachable", "the server at this address does not answer", transient=True
        ) from error


def _fetch_http(
    url: str, guard: UrlGuard, limits: FetchLimits, writer: Sink, deadline: float
) -> Fetched:
    headers = {"User-Agent": "clearance", "Accept": "*/*", "Accept-Encoding": "identity"}
    for hop in range(MAX_REDIRECTS + 1):
        target = guard.target(url) if hop == 0 else redirected(guard, url)
        with request(
            target, "GET", headers=headers | {"Host": target.authority}, deadline=deadline
        ) as response:
            location = header(response, "location")
            if response.status in REDIRECTS and location:
                url = joined(url, location)
                continue
            if response.status != 200:
                raise FetchError(
                    "url-status",
                    Told(
                        "the server answered %(status)s instead of the file", status=response.status
                    ),
                    transient=response.status in {408, 425, 429} or response.status >= 500,
                )
            if (header(response, "content-encoding") or "identity").strip().lower() != "identity":
                raise FetchError("url-encoded", "send the file itself, without Content-Encoding")
            declared = header(response, "content-length")
            if declared and declared.isdigit() and int(declared) > limits.max_bytes:
                raise _too_large(limits)
            _copy(response.iter_stream(), writer, limits)
            return Fetched(header(response, "content-type"), writer.size)
    raise FetchError(
        "url-refused", Told("more than %(max_redirects)s redirects", max_redirects=MAX_REDIRECTS)
    )


def joined(url: str, location: str) -> str:
    """Return where a redirect leads."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise UrlRefusedError("form", _BAD_REDIRECT) from None


def redirected(guard: UrlGuard, url: str) -> Target:
    """Return the target of a redirect, refused in one wording whatever is behind it."""
    try:
        return guard.target(url)
    except (UrlRefusedError, UnresolvedError) as error:
        # One wording for both: whether a private name exists must not show.
        raise UrlRefusedError("address", _BAD_REDIRECT) from error


def _copy(source: Iterable[bytes], writer: Sink, limits: FetchLimits) -> None:
    for chunk in source:
        if writer.size + len(chunk) > limits.max_bytes:
            raise _too_large(limits)
        writer.write(chunk)


def _too_large(limits: FetchLimits) -> FetchError:
    return FetchError(
        "url-too-large",
        Told("the file is larger than %(max_bytes)s bytes", max_bytes=limits.max_bytes),
    )


def _s3_chunks(url: str, options: dict[str, Any], deadline: float) -> Iterator[bytes]:
    """Yield what is under a key, by one GET of which each step ends by the deadline."""
    # Not `fsspec.open`: that would take "::" and "*" in a key for more than they are.
    files = fsspec.filesystem("s3", **options | {"use_listings_cache": False})
    bucket, _, key = url.removeprefix("s3://").partition("/")

    def wait(step: Coroutine[Any, Any, Any]) -> Any:
        return sync(files.loop, _within, step, deadline)

    try:
        body = wait(files._call_s3("get_object", Bucket=bucket, Key=key))["Body"]
        try:
            while chunk := wait(body.read(CHUNK)):
                yield chunk
        finally:
            files.loop.call_soon_threadsafe(body.close)
    except FileNotFoundError as error:
        raise FetchError("url-status", "the bucket has no such key") from error
    except TimeoutError as error:
        raise httpcore.ReadTimeout("deadline") from error
    except (OSError, BotoCoreError, ClientError, *connection_errors()) as error:
        raise FetchError("url-unreachable", "the bucket can't be read", transient=True) from error


async def _within(step: Coroutine[Any, Any, Any], deadline: float) -> Any:
    return await asyncio.wait_for(step, max(0.0, deadline - time.monotonic()))
