"""JSON that can be stored: what RFC 8259 and both databases allow."""

import json
import re
from typing import Any, Final

_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""How `json.dumps` writes NUL: an odd number of backslashes, then the code."""


def strict_json(raw: bytes | str) -> Any:
    """Parse JSON that can be stored: no NaN, no NUL, no lone surrogate, no endless nesting.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
        plain = json.dumps(value, ensure_ascii=False, allow_nan=False)
        plain.encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _NUL.search(plain):  # PostgreSQL can't keep it
        raise ValueError("NUL")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
