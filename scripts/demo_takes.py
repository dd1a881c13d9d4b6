"""Takes for the demo: one that is new, and one that plays what somebody has registered."""

from pathlib import Path
from typing import Any, Final

from scanner import generators

PLANTED: Final = "Protected melody"
_PIECE: Final[dict[str, Any]] = {
    "prompt": "a calm piece for flute and piano",
    "key": "G major",
    "metre": "4/4",
    "instruments": ["flute", "piano"],
    "bars": 12,
    "form": "ABA",
    "tempo": 100.0,
}
_SEED: Final = 41
_OTHER: Final[dict[str, Any]] = {
    "prompt": "dark, 84 bpm, D minor, cello and strings, 16 bars",
    "seed": 42,
}
"""Another piece: two takes of one plan, with the same instruments at the same times, may be told as one."""


def has_generator() -> bool:
    """Whether takes can be made here."""
    return bool(generators.installed()["installed"])


def protected(path: Path) -> Path:
    """Write a recording that somebody registers before."""
    from generator import engine, request_of
    from generator.audio_files import audio_file

    take = engine().generate(request_of({**_PIECE, "seed": _SEED}))
    path.write_bytes(audio_file(take.master, "FLAC"))
    return path


def asked(*, planted: bool = False) -> dict[str, Any]:
    """What the service is asked for."""
    return {**_PIECE, "seed": _SEED} if planted else dict(_OTHER)
