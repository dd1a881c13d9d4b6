"""Engines behind one interface, by name; each is loaded when it is first asked for."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Final, Protocol

from generator.errors import UnknownEngineError
from generator.request import Request
from generator.takes import Take

BUILTIN: Final = "clearance"
ENGINES: Final[Mapping[str, str]] = {BUILTIN: "generator.engines.builtin"}
"""Modules by engine; each has a function ``engine()``."""


class Engine(Protocol):
    """What makes takes."""

    name: str
    version: str
    controls: frozenset[str]
    """Fields of a request that it honours."""

    def generate(self, request: Request, parent: Take | None = None) -> Take:
        """One take: the same request, with the same parent, gives the same bytes.

        Parameters
        ----------
        request : Request
        parent : Take, optional
            The take that ``request.parent`` names.

        Raises
        ------
        InvalidRequestError
            If the request contradicts itself or its parent.
        MissingPartError
            If something is not installed.
        """


@cache
def engine(name: str = BUILTIN) -> Engine:
    """The engine of a name.

    Raises
    ------
    UnknownEngineError
        If there is none.
    MissingPartError
        If it needs what is not installed.
    """
    if name not in ENGINES:
        raise UnknownEngineError(f"no engine {name!r}: choose among {', '.join(ENGINES)}")
    found: Engine = import_module(ENGINES[name]).engine()
    return found


def ignored_controls(request: Request, controls: frozenset[str]) -> tuple[str, ...]:
    """Fields that were given and that an engine does not honour."""
    given = request.model_dump(exclude_defaults=True)
    return tuple(sorted(set(given) - controls))
