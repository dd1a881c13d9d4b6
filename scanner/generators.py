"""What makes takes here: whether it is installed, what it can be asked for, and in which words."""

import base64
import hashlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from scanner import engine_access
from scanner.declarations import DeclarationError
from scanner.tables import Generation, Preview
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

BUILTIN: Final = "clearance"
"""The engine that makes takes if no other is named."""
MELODY_BYTES: Final = 100_000
"""Most that a MIDI file to build on has."""
_SEED_BYTES: Final = 6
_OURS: Final = frozenset({"stems", "engine", "parent", "away_from", "audio_reference", "endless"})
"""Parameters that are the service's own."""


def installed() -> dict[str, Any]:
    """Say whether takes can be made here, and if not, what to install."""
    from generator.rendering import SOUNDFONT

    missing = []
    if find_spec("fluidsynth") is None:
        missing.append("the extra `scores`")
    if not SOUNDFONT.exists():
        missing.append("the packages libfluidsynth3 and fluid-soundfont-gm")
    if missing:
        detail = Told(
            "what is allowed stays queued until %(missing)s is installed",
            missing=" and ".join(missing),
        )
        return {"installed": False, "detail": detail}
    return {"installed": True, "detail": "takes are made here, and cleared like any upload"}


def built_in() -> dict[str, str]:
    """Return the name and version of the engine that plays previews."""
    from generator import engine

    return {"engine": BUILTIN, "engine_version": engine(BUILTIN).version}


def check(wanted_fields: dict[str, Any], *, longest: float) -> None:
    """Refuse a request that no engine could answer.

    Raises
    ------
    DeclarationError
        With what to write instead.
    """
    from generator import InvalidRequestError, request_of
    from generator.given_melody import given_melody

    try:
        wanted = request_of(wanted_fields)
        if wanted.melody_midi is not None:
            given_melody(wanted.melody_midi)
    except InvalidRequestError as error:
        raise DeclarationError([{"field": "request", "detail": str(error)}]) from error
    if (wanted.seconds or 0) > longest:
        told = Told("at most %(longest)s s are made at once here", longest=f"{longest:g}")
        raise DeclarationError([{"field": "seconds", "detail": told}])


def fields(prompt: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what an engine is asked; whether stems are wanted, it need not know."""
    return {"prompt": prompt} | {
        name: value for name, value in parameters.items() if name not in _OURS
    }


def varied(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return in what a variation differs from its parent; engines count bars from 0."""
    changed = {name: parameters[name] for name in ("locked", "amount") if name in parameters}
    return changed | {"locked_bars": [bar - 1 for bar in parameters.get("locked_bars", ())]}


def seed_of(row: Generation | Preview) -> int:
    """Return the seed that was asked for, else one that is its own."""
    given = row.parameters.get("seed")
    if isinstance(given, int):
        return given
    return int.from_bytes(hashlib.sha256(row.id.encode()).digest()[:_SEED_BYTES])


def fields_of(row: Generation) -> dict[str, Any]:
    """Return a generation as a request to an engine."""
    if "parent" in row.parameters:
        return varied(row.parameters) | {"seed": seed_of(row)}
    return fields(row.prompt, row.parameters) | {"seed": seed_of(row)}


def engine_of(row: Generation) -> str:
    """Return the name of the engine that is to make a generation's take."""
    return str(row.parameters.get("engine", BUILTIN))


def asked_of(
    service: "Service", row: Generation, audio_reference: str | None = None
) -> dict[str, Any]:
    """Return what the child that makes a take is told.

    Parameters
    ----------
    audio_reference : str, optional
        SHA-256 of the cleared audio that the generation names.
    """
    named = {} if audio_reference is None else {"audio_reference": audio_reference}
    if row.melody_sha256 is not None:
        with service.store.path_or_copy(row.tenant_id, row.melody_sha256) as kept:
            named["melody_midi"] = base64.b64encode(kept.read_bytes()).decode()
    return {
        **engine_access.told_of(service.settings, engine_of(row)),
        "fields": fields_of(row) | named,
    }
