"""The pieces that the model was trained on, and whether a take repeats one.

Lines are compared by their intervals and by the ratios of the times between onsets: in any key, at any tempo,
in any note values, whatever is played below. What counts is a run of :data:`LEAST` intervals in a row.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from generator.notes import Note
from generator.plan import Plan
from generator.takes import Take

I64Array = NDArray[np.int64]
U64Array = NDArray[np.uint64]

PIECES: Final = Path(__file__).parent / "weights" / "pieces.npz"
LEAST: Final = 12
"""Intervals in a row, with their rhythm, from which a line repeats a piece."""
VARIED: Final = 5
"""Different steps with their rhythm that such a run has at least: scales and repeated notes are anybody's."""
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_TIME: Final = np.uint64(0xC2B2AE3D27D4EB4F)


class Piece(NamedTuple):
    """A piece by its line: onsets in ticks, MIDI note numbers, ticks of a bar."""

    title: str
    onsets: Sequence[int] | I64Array
    pitches: Sequence[int] | I64Array
    bar: int


@dataclass(frozen=True)
class Repeated:
    """A run of a take that stands so in a piece.

    Parameters
    ----------
    piece : str
        Its title and where it stands.
    stem : str or None
        None: the highest line of the whole.
    bars, piece_bars : (int, int)
        First and last, from 1.
    notes : int
    """

    piece: str
    stem: str | None
    bars: tuple[int, int]
    piece_bars: tuple[int, int]
    notes: int

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self) | {"bars": list(self.bars), "piece_bars": list(self.piece_bars)}


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces end to end, and the hash of every run of :data:`LEAST` intervals in them.

    Parameters
    ----------
    titles : tuple of str
    bars : int64 array, shape (pieces,)
    starts : int64 array, shape (pieces + 1,)
        Where each piece begins among all notes.
    onsets, pitches : int64 array, shape (notes,)
    hashes : uint64 array, shape (runs,), ascending
    places : int64 array, shape (runs,)
        The note at which the run of each hash begins.
    """

    titles: tuple[str, ...]
    bars: I64Array
    starts: I64Array
    onsets: I64Array
    pitches: I64Array
    hashes: U64Array
    places: I64Array

    @classmethod
    def of(cls, some: Iterable[Piece]) -> Self:
        """Index some pieces."""
        every = [each for each in some if len(each.onsets) > LEAST]
        counts = [len(each.onsets) for each in every]
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        onsets = _joined([each.onsets for each in every])
        pitches = _joined([each.pitches for each in every])
        hashes, places = runs(onsets, pitches, least_varied=0)
        owner = np.searchsorted(starts, places, "right")
        whole = owner == np.searchsorted(starts, places + LEAST, "right")
        hashes, places = hashes[whole], places[whole]
        order = np.argsort(hashes, kind="stable")
        bars = np.array([each.bar for each in every], np.int64)
        titles = tuple(each.title for each in every)
        return cls(titles, bars, starts, onsets, pitches, hashes[order], places[order])

    def repeated_in(self, notes: Sequence[Note], bar: int, stem: str | None) -> list[Repeated]:
        """Runs of a line that stand in a piece, the longest first, one a piece and place."""
        onsets, pitches = line_of(notes)
        hashes, places = runs(onsets, pitches)
        low = np.searchsorted(self.hashes, hashes, "left")
        high = np.searchsorted(self.hashes, hashes, "right")
        ends: dict[int, list[int]] = {}  # by diagonal: first and last note of the line
        found: list[tuple[int, int, int]] = []
        for start, one, other in zip(places.tolist(), low.tolist(), high.tolist(), strict=True):
            for theirs in self.places[one:other].tolist():
                run = ends.get(theirs - start)
                if run is not None and start <= run[1]:
                    run[1] = start + LEAST
                    continue
                if run is not None:
                    found.append((run[0], run[1], theirs - start))
                ends[theirs - start] = [start, start + LEAST]
        found += [(first, last, diagonal) for diagonal, (first, last) in ends.items()]
        told = [self._told(onsets, *each, bar, stem) for each in found]
        told.sort(key=lambda each: (-each.notes, each.piece, each.bars))
        return list({(each.piece, each.bars): each for each in reversed(told)}.values())[::-1]

    def _told(
        self, onsets: I64Array, first: int, last: int, diagonal: int, bar: int, stem: str | None
    ) -> Repeated:
        own = int(np.searchsorted(self.starts, first + diagonal, "right")) - 1
        theirs = self.onsets[[first + diagonal, last + diagonal]] // self.bars[own] + 1
        ours = onsets[[first, last]] // bar + 1
        return Repeated(
            self.titles[own],
            stem,
            (int(ours[0]), int(ours[1])),
            (int(theirs[0]), int(theirs[1])),
            last - first + 1,
        )


def repeated(take: Take, pieces: Pieces | None = None) -> list[Repeated]:
    """What of a take stands in a piece: each stem's voices, and the highest line of all.

    Parameters
    ----------
    take : Take
    pieces : Pieces, optional
        Those that the built-in model was trained on if not given.
    """
    known = training_pieces() if pieces is None else pieces
    return repeated_notes({stem.name: stem.notes for stem in take.stems}, take.plan, known)


def repeated_notes(
    notes: Mapping[str, Sequence[Note]], plan: Plan, pieces: Pieces
) -> list[Repeated]:
    """As :func:`repeated`, of notes by stem."""
    found: list[Repeated] = []
    whole: list[Note] = []
    for seat in plan.seats:
        if seat.instrument.drums:
            continue
        own = notes[seat.stem]
        for voice in sorted({note.voice for note in own}):
            line = [note for note in own if note.voice == voice]
            found += pieces.repeated_in(line, plan.metre.bar, seat.stem)
        whole += own
    return found or pieces.repeated_in(whole, plan.metre.bar, None)


def line_of(notes: Iterable[Note]) -> tuple[I64Array, I64Array]:
    """Onsets and pitches of the highest notes, shape (n,) each."""
    top: dict[int, int] = {}
    for note in notes:
        top[note.onset] = max(note.pitch, top.get(note.onset, 0))
    onsets = np.array(sorted(top), np.int64)
    return onsets, np.array([top[each] for each in onsets.tolist()], np.int64)


def runs(
    onsets: I64Array, pitches: I64Array, *, least_varied: int = VARIED
) -> tuple[U64Array, I64Array]:
    """Hashes of the runs of a line that are varied enough, and the notes at which they begin.

    Parameters
    ----------
    onsets, pitches : int64 array, shape (n,)
    least_varied : int
        Different steps with their rhythm that a run must have.

    Returns
    -------
    uint64 array, int64 array, shape (m,) each
    """
    count = len(onsets) - LEAST
    if count <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    steps = np.diff(pitches)  # (n - 1,)
    gaps = np.maximum(np.diff(onsets), 1)  # (n - 1,); between pieces anything
    shared = np.gcd(gaps[1:], gaps[:-1])
    ratios = np.concatenate([[0], (gaps[1:] // shared) * 4096 + gaps[:-1] // shared])
    symbols = (steps + 256) * (1 << 24) + ratios  # step, and how long it takes against the last
    hashes = np.zeros(count, np.uint64)
    for k in range(LEAST):
        part = steps[k : k + count].astype(np.uint64) + np.uint64(300)
        hashes = hashes * _STEP + part * part * part
        if k:  # the first interval's time has nothing before it
            hashes = hashes * _TIME + ratios[k : k + count].astype(np.uint64)
    places = np.arange(count, dtype=np.int64)
    if least_varied:
        windows = np.sort(np.lib.stride_tricks.sliding_window_view(symbols, LEAST), axis=1)
        different = 1 + (np.diff(windows, axis=1) != 0).sum(axis=1)  # (count,)
        places = np.flatnonzero(different >= least_varied).astype(np.int64)
    return hashes[places], places


def to_bytes_of(some: Iterable[Piece], path: Path) -> None:
    """Write pieces down, small: differences of onsets and pitches."""
    every = list(some)
    titles = json.dumps([each.title for each in every]).encode()
    np.savez_compressed(
        path,
        allow_pickle=False,
        titles=np.frombuffer(titles, np.uint8),
        bars=np.array([each.bar for each in every], np.uint16),
        counts=np.array([len(each.onsets) for each in every], np.uint16),
        gaps=_joined([np.diff(each.onsets, prepend=0) for each in every]).astype(np.uint16),
        steps=_joined([np.diff(each.pitches, prepend=0) for each in every]).astype(np.int8),
    )


@cache
def training_pieces(path: Path = PIECES) -> Pieces:
    """Those that the built-in model was trained on, and those that were held out."""
    kept = np.load(path, allow_pickle=False)
    titles = json.loads(kept["titles"].tobytes())
    ends = np.cumsum(kept["counts"].astype(np.int64))
    gaps, steps = kept["gaps"].astype(np.int64), kept["steps"].astype(np.int64)
    return Pieces.of(
        Piece(title, np.cumsum(gaps[a:b]), np.cumsum(steps[a:b]), int(bar))
        for title, a, b, bar in zip(
            titles, [0, *ends[:-1].tolist()], ends.tolist(), kept["bars"], strict=True
        )
    )


def _joined(parts: Sequence[Sequence[int] | I64Array]) -> I64Array:
    return np.concatenate(
        [np.zeros(0, np.int64), *(np.asarray(each, np.int64) for each in parts)]
    ).astype(np.int64)
