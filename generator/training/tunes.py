"""The tunes of the allowed books, as the manifest of the training of fingerprints keeps them."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from generator.notes import TICKS, Note

MANIFEST: Final = (
    Path(__file__).parents[2] / "fingerprint" / "training" / "scores" / "works.json.gz"
)
"""Rows of id, title, group, quarter notes of a bar, and gaps, durations (48ths of a quarter), steps."""
SOURCES: Final = Path(__file__).parents[1] / "score_sources.json"
_FINER: Final = 48 // TICKS


@dataclass(frozen=True)
class Tune:
    """A tune of a book.

    Parameters
    ----------
    id : str
        Folder, book and number.
    group : str
        Variants of one tune share it.
    cell : str
        Kind of its bars, one of :data:`~generator.metre.CELLS`; empty where there is none such.
    bar : int
        Ticks of a bar.
    notes : tuple of Note
    """

    id: str
    group: str
    cell: str
    bar: int
    notes: tuple[Note, ...]

    @property
    def held_out(self) -> bool:
        """Whether it is kept for measuring: one group of ten, by its name's hash."""
        return hashlib.sha256(self.group.encode()).digest()[0] < 26


@cache
def tunes() -> tuple[Tune, ...]:
    """All tunes of the allowed folders, in the order of the books."""
    allowed = {each["folder"] for each in json.loads(SOURCES.read_text())["allowed"]}
    rows = json.loads(gzip.decompress(MANIFEST.read_bytes()))
    return tuple(_tune(row) for row in rows if row[0].split("/")[0] in allowed)


def _tune(row: list[object]) -> Tune:
    name, _, group, bar_beats, gaps, durations, steps = row
    end, pitch, notes = 0, 0, []
    for gap, duration, step in zip(gaps, durations, steps, strict=True):  # type: ignore[call-overload]
        onset, pitch = end + gap, pitch + step
        end = onset + duration
        first, last = round(onset / _FINER), round(end / _FINER)
        if last > first:
            notes.append(Note(first, last - first, pitch, 90))
    bar = round(float(bar_beats) * TICKS)  # type: ignore[arg-type]
    return Tune(str(name), str(group), _cell(bar, notes), bar, tuple(notes))


def _cell(bar: int, notes: list[Note]) -> str:
    """Bars of 3/4 and of 6/8 are equally long; where notes begin tells them apart."""
    if bar != 3 * TICKS:
        return {96: "4/4", 48: "2/4", 36: "3/8"}.get(bar, "")
    phases = [note.onset % bar for note in notes]
    return "6/8" if phases.count(bar // 2) > phases.count(2 * TICKS) else "3/4"
