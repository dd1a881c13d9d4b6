"""Range requests (RFC 9110, section 14): which bytes of a file of known length were asked for."""

import re
from dataclasses import dataclass
from typing import Final

from scanner.problems import HttpError

_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes from ``start`` up to ``end``, exclusive, of ``size``."""

    start: int
    end: int
    size: int

    @property
    def content_range(self) -> str:
        """The header that names it."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"

    def __len__(self) -> int:
        return self.end - self.start


def requested(header: str | None, size: int) -> ByteRange | None:
    """Return the one range that was asked for, or None for the whole file.

    Several ranges, other units and what can't be read are ignored, as the RFC allows.

    Raises
    ------
    HttpError
        ``range-not-satisfiable``, if the file has none of these bytes.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise HttpError(
            "range-not-satisfiable",
            f"the file has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return ByteRange(start, end, size)
