"""Answers with bytes of the store: whole, in one range, or not at all where the client has them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Header, Response
from fastapi.responses import StreamingResponse

from scanner import byte_ranges

if TYPE_CHECKING:
    from scanner.service import Service

WEBM: Final = "audio/webm"
BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}


class AudioResponse(StreamingResponse):
    """Bytes of an audio file."""

    media_type = "audio/*"


class WebmResponse(Response):
    """A short sound, held in memory."""

    media_type = WEBM


class ArchiveResponse(StreamingResponse):
    """Bytes of an archive."""

    media_type = "application/zip"


class FileResponse(StreamingResponse):
    """Bytes of a file of any kind."""

    media_type = "application/octet-stream"


@dataclass(frozen=True)
class Wanted:
    """What of a file a client asks for."""

    range: str | None
    if_range: str | None
    if_none_match: str | None


def wanted(
    range_: Annotated[str | None, Header(alias="Range", description="`bytes=FIRST-LAST`")] = None,
    if_range: Annotated[str | None, Header(alias="If-Range")] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Wanted:
    """Return what the headers ask for."""
    return Wanted(range_, if_range, if_none_match)


WantedDep = Annotated[Wanted, Depends(wanted)]


def answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of what `answer` may answer."""
    content = {media_type: BINARY}
    return {
        200: {"description": "The whole file.", "content": content},
        206: {"description": "The bytes that were asked for.", "content": content},
        304: {"description": "`If-None-Match` names the bytes there are."},
    }


def answer(
    service: "Service",
    tenant_id: str,
    sha256: str,
    media_type: str,
    wanted: Wanted,
    file_name: str | None = None,
) -> Response:
    """Answer with a blob.

    Parameters
    ----------
    file_name : str, optional
        What a browser is to call it: plain letters, digits, dots and dashes.
    """
    tag = f'"{sha256}"'
    named = f'; filename="{file_name}"' if file_name else ""
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if wanted.if_none_match is not None and (
        tag in wanted.if_none_match or wanted.if_none_match.strip() == "*"
    ):
        return Response(status_code=304, headers=headers)
    size = service.store.size(tenant_id, sha256)
    whole = wanted.if_range not in {None, tag}
    part = None if whole else byte_ranges.requested(wanted.range, size)
    start, end = (part.start, part.end) if part else (0, size)
    headers |= {"Content-Length": str(end - start), "Content-Disposition": f"attachment{named}"}
    if part is not None:
        headers["Content-Range"] = part.content_range
    return StreamingResponse(
        part_of(service, tenant_id, sha256, start, end),
        206 if part else 200,
        headers=headers,
        media_type=media_type,
    )


def part_of(
    service: "Service", tenant_id: str, sha256: str, start: int, end: int
) -> Iterator[bytes]:
    """Yield bytes of a blob."""
    return service.store.read_range(tenant_id, sha256, start, end)
