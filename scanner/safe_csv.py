"""CSV files that people open in spreadsheets: no cell is taken for a formula (CWE-1236)."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def written(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as RFC 4180 with a byte order mark, by which spreadsheets know UTF-8."""
    text = io.StringIO()
    csv.writer(text).writerows([cell(each) for each in row] for row in rows)
    return "\ufeff" + text.getvalue()


def cell(value: Any) -> str:
    """Return a value as a cell that stays text: an apostrophe stands before what begins a formula."""
    text = "" if value is None else str(value)
    quoted = text.startswith(FORMULA) or (text[:1] == "'" and text[1:].startswith(FORMULA))
    return f"'{text}" if quoted else text


def plain(text: str) -> str:
    """Return a cell as it was before :func:`cell`."""
    bare = text[1:] if text[:1] == "'" else ""
    return bare if bare.startswith((*FORMULA, "'")) else text
