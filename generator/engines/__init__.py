"""Engines behind one interface, by name; each is loaded when it is first asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

from generator.errors import UnknownEngineError
from generator.request import LONGEST_SECONDS, Request
from generator.takes import Take

BUILTIN: Final = "clearance"
ENGINES: Final[Mapping[str, str]] = {
    BUILTIN: "generator.engines.builtin:engine",
    "lyria": "generator.engines.lyria:engine",
    "stable-audio": "generator.engines.diffusion:stable_audio",
    "ace-step": "generator.engines.diffusion:ace_step",
    "musicgen": "generator.engines.musicgen:engine",
    "model-x": "generator.engines.model_x:engine",
}
"""Module and function by engine; the function takes :class:`Access`."""
Sounds = Mapping[str, bytes]
"""Audio files (WAV or FLAC) by the SHA-256 by which a request names them."""


@dataclass(frozen=True)
class Access:
    """What an engine needs beside a request; whoever runs it says so, nothing is read from the environment.

    Parameters
    ----------
    key : str, optional
        Of an account, for hosted engines.
    url : str, optional
        Where a hosted engine answers, if not at its vendor's usual place.
    weights : Path, optional
        Folder of a local model's weights.
    model : str, optional
        Which of the vendor's models, if not the usual one.
    soundfont : Path, optional
        General MIDI soundfont of the built-in engine.
    spend : float, optional
        What one take may cost at most, in the unit that the engine charges in.
    """

    key: str | None = None
    url: str | None = None
    weights: Path | None = None
    model: str | None = None
    soundfont: Path | None = None
    spend: float | None = None

    def __repr__(self) -> str:
        return (
            f"Access(model={self.model!r}, url={self.url!r}, key={'given' if self.key else None})"
        )


@dataclass(frozen=True)
class Support:
    """What an engine can do.

    Parameters
    ----------
    controls : frozenset of str
        Fields of a request that it honours; others come back as ignored controls.
    stems : bool
        Whether a take has a stem for each player; else its one stem is the mix.
    midi : bool
        Whether stems have notes and MIDI.
    streaming : bool
        Whether it can be heard while it plays on.
    repeatable : bool
        Whether the same request gives the same bytes.
    longest_seconds : float
    """

    controls: frozenset[str]
    stems: bool = False
    midi: bool = False
    streaming: bool = False
    repeatable: bool = False
    longest_seconds: float = LONGEST_SECONDS


class Engine(Protocol):
    """What makes takes."""

    name: str
    version: str
    """Of the model where there is one: a take and a manifest name it."""
    supports: Support

    def generate(
        self, request: Request, parent: Take | None = None, sounds: Sounds | None = None
    ) -> Take:
        """One take; where the engine is repeatable, the same request gives the same bytes.

        Parameters
        ----------
        request : Request
        parent : Take, optional
            The take that ``request.parent`` names.
        sounds : mapping of str to bytes, optional
            The audio that the request names by its SHA-256.

        Raises
        ------
        InvalidRequestError
            If the request contradicts itself, its parent or what the engine can do at all.
        MissingPartError
            If something is not installed.
        EngineFailedError
            If an engine elsewhere gives no take; its message says whether to try again.
        """


@lru_cache(maxsize=32)
def engine(name: str = BUILTIN, access: Access = Access()) -> Engine:
    """The engine of a name.

    Parameters
    ----------
    name : str
        One of :data:`ENGINES`.
    access : Access
        Key, address or weights, for those that need them.

    Raises
    ------
    UnknownEngineError
        If there is none.
    MissingPartError
        If it needs what is not given or not installed: the message names the key, the weights or the extra.
    """
    if name not in ENGINES:
        raise UnknownEngineError(f"no engine {name!r}: choose among {', '.join(ENGINES)}")
    module, function = ENGINES[name].split(":")
    found: Engine = getattr(import_module(module), function)(access)
    return found


def ignored_controls(request: Request, controls: frozenset[str]) -> tuple[str, ...]:
    """Fields that were given and that an engine does not honour."""
    given = request.model_dump(exclude_defaults=True)
    return tuple(sorted(set(given) - controls))
