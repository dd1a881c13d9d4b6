"""A request in, a take out: stems, MIDI, mix, master and why each choice was made.

:func:`request_of` reads what is asked for, :func:`engine` names what makes it, :func:`vary` makes it
anew in part. Nothing here knows a clock, a session or a route: arrays and bytes come out.
"""

from generator.engines import BUILTIN, ENGINES, Access, Engine, Support, engine
from generator.errors import (
    EngineFailedError,
    GeneratorError,
    InvalidRequestError,
    MissingPartError,
    UnknownEngineError,
)
from generator.plan import Reason
from generator.prompts import Understood, understood
from generator.request import Request, request_of
from generator.takes import Node, Stem, Take, Tree, node_of
from generator.variations import vary

__all__ = [
    "BUILTIN",
    "ENGINES",
    "Access",
    "Engine",
    "EngineFailedError",
    "GeneratorError",
    "InvalidRequestError",
    "MissingPartError",
    "Node",
    "Reason",
    "Request",
    "Stem",
    "Support",
    "Take",
    "Tree",
    "Understood",
    "UnknownEngineError",
    "engine",
    "node_of",
    "request_of",
    "understood",
    "vary",
]
