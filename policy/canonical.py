"""Canonical JSON (RFC 8785) of what is hashed: as slow as need be, as fast as can be.

Python's own encoder writes the same bytes but for floats and for the order of names beyond the Basic
Multilingual Plane. Where a value could tell the two apart, the slower library writes it.
"""

import json
from typing import Any, Final

import rfc8785

# Between these JavaScript, which RFC 8785 follows, and Python write the same digits.
SMALLEST_PLAIN: Final = 1e-4
LARGEST_PLAIN: Final = 1e15
ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)


class _UnlikeError(Exception):
    """The two may differ here."""


def canonical(value: Any) -> bytes:
    """RFC 8785 canonical JSON of maps, lists and scalars, in UTF-8."""
    try:
        return ENCODER.encode(_alike(value)).encode()
    except (_UnlikeError, UnicodeEncodeError):
        written: bytes = rfc8785.dumps(value)
        return written


def _alike(value: Any) -> Any:
    """The same value with whole floats as integers, which is how they are written."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is float:
        if value.is_integer() and abs(value) < LARGEST_PLAIN:
            return int(value)
        if SMALLEST_PLAIN <= abs(value) < LARGEST_PLAIN:
            return value
        raise _UnlikeError
    if kind is int:
        if abs(value) < LARGEST_PLAIN:
            return value
        raise _UnlikeError
    if kind is dict:
        if not all(type(name) is str and name.isascii() for name in value):
            raise _UnlikeError
        return {name: _alike(item) for name, item in value.items()}
    if kind is list:
        return [_alike(item) for item in value]
    raise _UnlikeError
