"""What is known of an engine, and whether it repeats what it was trained on.

The test asks for takes of many kinds and looks in each for runs of the training pieces. It says how often a take
repeats one; every single take is compared again when it is made.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from generator.composer import compose, seeds_of
from generator.engines import BUILTIN, Engine
from generator.moods import MOODS, STYLES
from generator.notes import Note
from generator.plan import Plan, planned
from generator.request import Request
from generator.takes import Take
from generator.training_pieces import (
    LEAST,
    Pieces,
    Repeated,
    repeated,
    repeated_notes,
    training_pieces,
)
from generator.tune_model import WEIGHTS

RESULT: Final = WEIGHTS.with_name("memorisation.json")
TAKES: Final = 200
RENDERED: Final = 20
"""Takes of an engine that can't compose without sound."""
MOST_REPEATING: Final = 0.01
"""Share of takes that may repeat a piece: each of those is refused when it is made."""
_TOLD: Final = 5
_CARD: Final = "generator/weights/README.md"


def manifest_of(engine: Engine) -> dict[str, Any]:
    """Weights, data, licence and card of an engine, as far as they are known."""
    if engine.name != BUILTIN:
        said: Mapping[str, Any] = getattr(engine, "manifest", {})
        unknown = {"weights_sha256": None, "data": None, "licence": None, "card": None}
        return unknown | dict(said)
    return {
        "weights_sha256": weights_sha256(),
        "data": "3,863 tunes of O'Neill (1903), Aird (1778-1801) and Ryan (1883): music in the public "
        "domain, encodings without restriction",
        "licence": "takes: no right is claimed in them; weights: Apache-2.0; soundfont: MIT",
        "card": _CARD,
    }


@cache
def weights_sha256() -> str:
    """Of the built-in model."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def packaged_test(engine: Engine) -> dict[str, Any] | None:
    """The result that comes with the built-in engine, if it is of this version and these weights."""
    if engine.name != BUILTIN or not RESULT.exists():
        return None
    kept: dict[str, Any] = json.loads(RESULT.read_text())
    same = (kept["engine_version"], kept["weights_sha256"]) == (engine.version, weights_sha256())
    return kept if same else None


def pieces_of(engine: Engine) -> Pieces:
    """What an engine says that it was trained on; of one that does not, what the built-in one was."""
    own = getattr(engine, "pieces", None)
    return training_pieces() if own is None else own()


def repeats(engine: Engine, take: Take) -> list[Repeated]:
    """What a take repeats of what its engine was trained on, or the built-in one was."""
    found = repeated(take)
    return found if getattr(engine, "pieces", None) is None else found + repeated(take, pieces_of(engine))  # fmt: skip


def tested(engine: Engine) -> dict[str, Any]:
    """Make many takes and say how many repeat a piece."""
    pieces = pieces_of(engine)
    found: list[list[Repeated]] = []
    for request in _requests(TAKES if engine.name == BUILTIN else RENDERED):
        plan, notes = _score(engine, request)
        found.append(repeated_notes(notes, plan, pieces))
    repeating = [each for each in found if each]
    return {
        "engine_version": engine.version,
        "weights_sha256": manifest_of(engine)["weights_sha256"],
        "takes": len(found),
        "repeating": len(repeating),
        "passed": len(repeating) <= MOST_REPEATING * len(found),
        "longest": max((each[0].notes for each in repeating), default=0),
        "least": LEAST,
        "pieces": len(pieces.titles),
        "examples": [each[0].to_json() for each in repeating[:_TOLD]],
    }


def _score(engine: Engine, request: Request) -> tuple[Plan, dict[str, tuple[Note, ...]]]:
    if engine.name == BUILTIN:  # its notes need no sound
        plan = planned(request)
        return plan, dict(compose(plan, seeds_of(plan, request.seed)).notes)
    take = engine.generate(request)
    return take.plan, {stem.name: stem.notes for stem in take.stems}


def _requests(count: int) -> Iterator[Request]:
    """The same requests every time, through all genres and moods."""
    genres, moods = sorted(STYLES), sorted(MOODS)
    for number in range(count):
        yield Request(
            genre=genres[number % len(genres)],
            moods=(moods[number % len(moods)],),
            bars=8 + 4 * (number % 3),
            seed=number,
        )
