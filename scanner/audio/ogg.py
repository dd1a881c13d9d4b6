"""Ogg pages (RFC 3533): where chained streams begin, and whether the last one was ended."""

from itertools import pairwise
from typing import IO, Final

_PAGE: Final = b"OggS"
_HEADER: Final = 27
_BEGIN: Final = 2
_END: Final = 4


def chains(file: IO[bytes], size: int) -> tuple[list[tuple[int, int]], bool]:
    """Return the byte range of each chained stream, and whether the last page ends its stream.

    A chain begins at a page with the flag *begin of stream* that follows a page without it.
    """
    starts: list[int] = []
    ended = False
    in_headers = False
    at = 0
    while at + _HEADER <= size:
        file.seek(at)
        header = file.read(_HEADER)
        if header[:4] != _PAGE:
            found = _next_page(file, at, size)
            if found is None:
                break
            at = found
            continue
        begins = bool(header[5] & _BEGIN)
        if begins and not in_headers:
            starts.append(at)
        in_headers = begins
        ended = bool(header[5] & _END)
        lacing = file.read(header[26])
        at += _HEADER + len(lacing) + sum(lacing)
    ended = ended and at <= size
    bounds = [*starts, size]
    return list(pairwise(bounds)) or [(0, size)], ended


def _next_page(file: IO[bytes], at: int, size: int) -> int | None:
    """Find the next page after damage."""
    at += 1
    while at < size:
        file.seek(at)
        block = file.read(65536)
        found = block.find(_PAGE)
        if found >= 0:
            return at + found
        at += max(1, len(block) - 3)
    return None
