"""Cursors: where a page of a list ended, opaque to the client and checked when it comes back."""

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from scanner.problems import HttpError

_WORD: Final = re.compile(r"[0-9a-zA-Z:._-]{1,100}")


def encode(kind: str, *values: Any) -> str:
    """Return a cursor for a list of this kind."""
    parts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([kind, *parts]).encode()).decode().rstrip("=")


def decode(kind: str, cursor: str | None, *types: type) -> tuple[Any, ...] | None:
    """Return the values of a cursor of this kind, or None if there is no cursor.

    Raises
    ------
    HttpError
        ``bad-cursor``, if it is not one that `encode` made for this kind of list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if name != kind or len(values) != len(types):
            raise ValueError("of another list")
        return tuple(map(_typed, types, values))
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        raise HttpError(
            "bad-cursor", "give a `next_cursor` of this list, or none to begin anew"
        ) from None


def _typed(wanted: type, value: Any) -> Any:
    if wanted is datetime:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError("naive time")
        return at.astimezone(UTC)
    if type(value) is not wanted:
        raise ValueError("wrong type")
    if isinstance(value, str) and not _WORD.fullmatch(value):
        raise ValueError("no id")
    if isinstance(value, int) and not 0 <= value < 2**62:
        raise ValueError("out of range")
    return value
