"""What makes takes here: whether it is installed, what it can be asked for, and in which words."""

import hashlib
from importlib.util import find_spec
from typing import Any, Final

from scanner.declarations import DeclarationError
from scanner.tables import Generation

_SEED_BYTES: Final = 6


def installed() -> dict[str, Any]:
    """Say whether takes can be made here, and if not, what to install."""
    from generator.rendering import SOUNDFONT

    missing = []
    if find_spec("fluidsynth") is None:
        missing.append("the extra `scores`")
    if not SOUNDFONT.exists():
        missing.append("the packages libfluidsynth3 and fluid-soundfont-gm")
    if missing:
        detail = f"what is allowed stays queued until {' and '.join(missing)} is installed"
        return {"installed": False, "detail": detail}
    return {"installed": True, "detail": "takes are made here, and cleared like any upload"}


def check(wanted_fields: dict[str, Any], *, longest: float) -> None:
    """Refuse a request that no engine could answer.

    Raises
    ------
    DeclarationError
        With what to write instead.
    """
    from generator import InvalidRequestError, request_of

    try:
        wanted = request_of(wanted_fields)
    except InvalidRequestError as error:
        raise DeclarationError([{"field": "request", "detail": str(error)}]) from error
    if (wanted.seconds or 0) > longest:
        told = f"at most {longest:g} s are made at once here"
        raise DeclarationError([{"field": "seconds", "detail": told}])


def fields(prompt: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what an engine is asked; whether stems are wanted, it need not know."""
    return {"prompt": prompt} | {
        name: value for name, value in parameters.items() if name != "stems"
    }


def seed_of(row: Generation) -> int:
    """Return the seed that was asked for, else one that is the generation's own."""
    given = row.parameters.get("seed")
    if isinstance(given, int):
        return given
    return int.from_bytes(hashlib.sha256(row.id.encode()).digest()[:_SEED_BYTES])


def fields_of(row: Generation) -> dict[str, Any]:
    """Return a generation as a request to an engine."""
    return fields(row.prompt, row.parameters) | {"seed": seed_of(row)}
