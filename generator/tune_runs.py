"""Whether a line stands so in a tune that the model was trained on: runs of steps and lengths.

A run of twelve intervals with their durations is far longer than what two tunes share by chance; shorter
ones are formulas that whole books have in common. ``python -m generator.training`` writes the file.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from generator.notes import Note

RUN: Final = 12
"""Intervals of a run."""
RUNS: Final = Path(__file__).parent / "weights" / "tune_runs.npz"
_BITS: Final = 40
"""Of a digest: a run passes for another's once in three million times."""
_FACTORS: Final = np.random.default_rng(12).integers(2**63, 2**64, RUN, np.uint64) | np.uint64(1)
U64Array = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class TuneRuns:
    """Runs of some tunes.

    Parameters
    ----------
    digests : uint64 array, shape (runs,), ascending
    tunes : uint16 array, shape (runs,)
        The first tune that each stands in.
    names : tuple of str
        Of the tunes.
    """

    digests: U64Array
    tunes: NDArray[np.uint16]
    names: tuple[str, ...]

    @classmethod
    def of(cls, named: Iterable[tuple[str, Sequence[Note]]]) -> "TuneRuns":
        """Runs of tunes, given with their names."""
        rows = list(named)
        found = [_digests(notes) for _, notes in rows]
        owners = np.repeat(np.arange(len(rows), dtype=np.uint16), [len(each) for each in found])
        digests, first = np.unique(np.concatenate(found), return_index=True)
        return cls(digests, owners[first], tuple(name for name, _ in rows))

    def resembled(self, line: Sequence[Note]) -> str | None:
        """The name of a tune that a run of the line stands in; None if there is none."""
        own = _digests(line)
        places = np.searchsorted(self.digests, own)
        places = np.minimum(places, len(self.digests) - 1)
        found = np.flatnonzero(self.digests[places] == own)
        return self.names[self.tunes[places[found[0]]]] if found.size else None

    def write(self, path: Path) -> None:
        """Keep them in a file: differences of digests, which are small."""
        steps = np.diff(self.digests, prepend=np.uint64(0)).astype(np.uint32)
        np.savez_compressed(path, steps=steps, tunes=self.tunes, names=np.array(self.names))

    @classmethod
    def read(cls, path: Path) -> "TuneRuns":
        """From such a file."""
        with np.load(path, allow_pickle=False) as kept:
            digests = np.cumsum(kept["steps"], dtype=np.uint64)
            return cls(digests, kept["tunes"], tuple(kept["names"].tolist()))


@cache
def trained_on() -> TuneRuns:
    """Runs of all tunes of the allowed books."""
    return TuneRuns.read(RUNS)


def line_of(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The line that is heard in some notes: of those that begin together the highest."""
    ordered = sorted(notes, key=lambda each: (each.onset, -each.pitch))
    return tuple(next(group) for _, group in itertools.groupby(ordered, lambda n: n.onset))


def _digests(notes: Sequence[Note]) -> U64Array:
    """One of each run, whatever its key, uint64 of shape (runs,)."""
    if len(notes) <= RUN:
        return np.zeros(0, np.uint64)
    pitches = np.array([note.pitch for note in notes], np.int64)
    lengths = np.array([note.duration for note in notes[:-1]], np.int64)
    steps = (1000 * np.diff(pitches) + lengths).astype(np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(steps, RUN)  # (runs, 12)
    found: U64Array = (runs * _FACTORS).sum(axis=1, dtype=np.uint64) >> np.uint64(64 - _BITS)
    return found
