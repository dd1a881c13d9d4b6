"""Ogg pages (RFC 3533): where chained streams begin, whether pages are whole, whether all ended."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Final

_PAGE: Final = b"OggS"
_HEADER: Final = 27
_CRC: Final = slice(22, 26)
_BEGIN: Final = 2
_END: Final = 4
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Pages:
    """What a look at all pages tells.

    Parameters
    ----------
    chains : tuple of (int, int)
        Byte range of each chained stream, at least one.
    ended : bool
        Whether the last page is whole and ends its stream.
    damaged : int
        Pages that are not whole, and bytes between pages.
    """

    chains: tuple[tuple[int, int], ...]
    ended: bool
    damaged: int


def read_pages(file: IO[bytes], size: int) -> Pages:
    """Read every page.

    A chained stream begins at a page with the flag *begin of stream* that follows a page without
    it; several such pages in a row are streams side by side.
    """
    starts: list[int] = []
    ended = in_headers = False
    damaged = 0
    end = 0
    for at, page, whole in _pages(file, size):
        damaged += at != end
        end = at + len(page)
        if not whole:
            damaged += 1
            ended = False
            continue
        begins = bool(page[5] & _BEGIN)
        if begins and not in_headers:
            starts.append(at)
        in_headers = begins
        ended = bool(page[5] & _END)
    bounds = [0, *starts[1:], size]
    return Pages(tuple(pairwise(bounds)), ended, damaged + (end != size))


def _pages(file: IO[bytes], size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield each page with its place and whether it is whole; after damage, look for the next."""
    at = 0
    while at + _HEADER <= size:
        file.seek(at)
        header = file.read(_HEADER)
        if header[:4] != _PAGE:
            found = _next_page(file, at + 1, size)
            if found is None:
                return
            at = found
            continue
        lacing = file.read(header[26])
        page = header + lacing + file.read(sum(lacing))
        whole = _is_whole(page)
        yield at, page, whole
        at += len(page) if whole else len(_PAGE)


def _next_page(file: IO[bytes], at: int, size: int) -> int | None:
    """Find the next page after damage."""
    while at < size:
        file.seek(at)
        block = file.read(65536)
        found = block.find(_PAGE)
        if found >= 0:
            return at + found
        at += max(1, len(block) - 3)
    return None


def _is_whole(page: bytes) -> bool:
    """Tell whether the page's CRC is right.

    Ogg's CRC-32 has zlib's polynomial, but runs from the highest bit and starts from 0; zlib's,
    fed with mirrored bytes and undone at both ends, is its mirror image.
    """
    blank = page[: _CRC.start] + bytes(4) + page[_CRC.stop :]
    mirrored = zlib.crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_MIRRORED) == page[_CRC]
