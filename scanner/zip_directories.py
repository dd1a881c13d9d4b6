"""How long a ZIP's directory is, by the records at its end (APPNOTE 4.3.14, 4.3.16): known before any of it is read."""

import struct
from pathlib import Path
from typing import Final

_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _LOCATOR_BYTES, _END_64_BYTES = 22, 20, 56
_COMMENT: Final = 0xFFFF
"""Longest comment behind the last record."""


def directory_bytes(path: Path) -> int | None:
    """Return how many bytes the directory of a ZIP says that it has; None if it is no ZIP.

    Whoever reads a directory reads so many bytes; how many files it names may be a lie. The record of
    large ZIPs, where it stands before the last one, is the one that counts.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _COMMENT - _END_BYTES - _LOCATOR_BYTES - _END_64_BYTES))
        tail = file.read()
    at = tail.rfind(_END, 0, max(0, len(tail) - _END_BYTES + len(_END)))
    if at < 0:
        return None
    (named,) = struct.unpack_from("<L", tail, at + 12)
    locator = at - _LOCATOR_BYTES
    record = locator - _END_64_BYTES
    large = (
        record >= 0 and tail.startswith(_LOCATOR_64, locator) and tail.startswith(_END_64, record)
    )
    (named_64,) = struct.unpack_from("<Q", tail, record + 40) if large else (0,)
    return int(named_64 if large else named)
