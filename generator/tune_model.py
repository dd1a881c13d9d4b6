"""What has been learned of melodies: how bars are divided, and where lines go over chords.

Rhythm and pitch are two models. The first says which duration follows, by the place in the cell and the
durations before; the second says how many steps of the scale the line moves, by the degree of the
chord it comes from, the weight of the new note, its length, and the steps before.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from generator.metre import CELLS
from generator.variable_order import VariableOrder, context

WEIGHTS: Final = Path(__file__).parent / "weights" / "tunes.npz"
DURATIONS: Final = (2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 30, 36, 42, 48, 60, 72, 84, 96)
"""Ticks of notes that the model of rhythm knows."""
KINDS: Final = tuple(CELLS)
WIDEST: Final = 9
"""Steps of the scale that a line moves at most."""
STEPS: Final = 2 * WIDEST + 1
_PLACES: Final = 6
RHYTHM_ORDER: Final = 4
PITCH_ORDER: Final = 4


def rhythm_contexts(kind: str, place: int, before: Sequence[int]) -> Iterator[int]:
    """Contexts of the next duration, shortest first.

    Parameters
    ----------
    kind : str
        Of the cell.
    place : int
        Ticks from the cell's start.
    before : sequence of int
        Numbers of :data:`DURATIONS` of the notes before, in this cell and the one before it.
    """
    own = (KINDS.index(kind), place // 2)
    for order in range(min(RHYTHM_ORDER, len(before)) + 1):
        yield context((*before[len(before) - order :], *own))


def pitch_contexts(degree: int, weight: int, length: int, before: Sequence[int]) -> Iterator[int]:
    """Contexts of the next step, shortest first.

    Parameters
    ----------
    degree : int
        Of the note before above the root of the new note's chord, 0 to 6.
    weight : int
        Of the new note's place: 2 on the first of a bar, 1 on a pulse, else 0.
    length : int
        Ticks of the new note.
    before : sequence of int
        Steps of the notes before, -9 to 9.
    """
    own = degree * 3 + weight
    long = 0 if length < 12 else 1 if length < 24 else 2
    yield context((own,))
    last = [step + WIDEST for step in before[-PITCH_ORDER:]]
    yield context((own, 30 + long))
    for order in range(1, len(last) + 1):
        yield context((*last[len(last) - order :], own, 30 + long))


@dataclass(frozen=True)
class TuneModel:
    """Both models."""

    rhythm: VariableOrder
    pitch: VariableOrder


_FIELDS: Final = ("contexts", "firsts", "seen", "counts")


def to_bytes(model: TuneModel) -> bytes:
    """The models as an ``.npz`` of whole numbers; the same models give the same bytes."""
    rows = {
        f"{name}_{field}": _packed(getattr(own, field), field)
        for name, own in (("rhythm", model.rhythm), ("pitch", model.pitch))
        for field in _FIELDS
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **rows)
    return buffer.getvalue()


def _packed(values: np.ndarray, field: str) -> np.ndarray:
    """Ascending numbers as their differences, which compress better."""
    if field in ("contexts", "firsts"):
        return np.diff(values, prepend=0).astype(np.uint32 if field == "firsts" else np.uint64)
    return values.astype(np.uint8 if field == "seen" else np.uint32)


@cache
def tune_model(path: Path = WEIGHTS) -> TuneModel:
    """The model in the package."""
    kept = np.load(path, allow_pickle=False)
    return TuneModel(_read(kept, "rhythm", len(DURATIONS)), _read(kept, "pitch", STEPS))


def _read(kept: dict[str, np.ndarray], name: str, symbols: int) -> VariableOrder:
    contexts, firsts, seen, counts = (kept[f"{name}_{field}"].astype(np.int64) for field in _FIELDS)
    return VariableOrder(symbols, np.cumsum(contexts), np.cumsum(firsts), seen, counts)
