"""Voicings: which tones of a chord sound where, by search over the whole phrase.

The row of voicings with the least motion is found by dynamic programming; parallel fifths and octaves
and any doubled tone but the root cost, and a little chance makes seeds differ. Muddy low intervals are left out.
A single voice looks for what tells one chord from another: thirds and sevenths.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Final

import numpy as np

from generator.arrays import F64Array, I64Array
from generator.chords import QUALITIES, Chord

_PARALLEL: Final = 12.0
_CHANCE: Final = 1.0
_DOUBLED: Final = 1.5
_WIDEST: Final = 17


@lru_cache(maxsize=4096)
def candidates(root: int, quality: str, low: int, high: int, size: int) -> I64Array:
    """Voicings of a chord within a range, shape (candidates, size), lowest tone first."""
    classes = {(root + step) % 12 for step in QUALITIES[quality]}
    needed = classes - ({(root + 7) % 12} if len(classes) > 3 else set())
    pitches = [p for p in range(low, high + 1) if p % 12 in classes]
    found = [
        each
        for each in combinations(pitches, size)
        if each[-1] - each[0] <= _WIDEST
        and all(b - a >= (3 if a < 52 else 1) for a, b in pairwise(each))
        and (len({p % 12 for p in each} & needed) >= min(size, len(needed)))
    ]
    if not found:
        found = [tuple(sorted(pitches, key=lambda p: abs(p - (low + high) / 2))[:size])]
        found = [tuple(sorted(found[0] + (found[0][-1],) * (size - len(found[0]))))]
    return np.array(found, np.int64)


@lru_cache(maxsize=65536)
def _costs(
    before: tuple[int, str], then: tuple[int, str], low: int, high: int, size: int
) -> F64Array:
    """Of moving from each voicing of one chord to each of another, shape (before, then)."""
    first, second = (candidates(*each, low, high, size) for each in (before, then))
    moves = second[None] - first[:, None]  # (before, then, size)
    cost = np.abs(moves).sum(axis=2).astype(np.float64)
    for i, j in combinations(range(size), 2):
        gap, later = first[:, j] - first[:, i], second[:, j] - second[:, i]
        perfect = np.isin(gap % 12, (0, 7))[:, None] & (later[None] % 12 == gap[:, None] % 12)
        cost += _PARALLEL * (perfect & (moves[..., i] != 0))
    return np.asarray(cost / size)


def voicings(
    row: Sequence[Chord], low: int, high: int, size: int, random: np.random.Generator
) -> list[tuple[int, ...]]:
    """A voicing for each chord.

    Parameters
    ----------
    row : sequence of Chord
        Of one phrase.
    low, high : int
        MIDI note numbers within which all tones lie.
    size : int
        Tones of a voicing.
    random : numpy Generator
    """
    centre = (low + high) / 2
    names = [(chord.root, chord.quality) for chord in row]
    options = [candidates(*name, low, high, size) for name in names]
    own = [
        np.abs(each.mean(axis=1) - centre) * 0.25
        + random.random(len(each)) * _CHANCE
        + (_DOUBLED * _doubled(each, root) if size > 1 else _bare(each[:, 0], root))
        for each, (root, _) in zip(options, names, strict=True)
    ]
    score, came = own[0], []
    for n in range(1, len(row)):
        through = score[:, None] + _costs(names[n - 1], names[n], low, high, size)
        came.append(through.argmin(axis=0))
        score = through.min(axis=0) + own[n]
    path = [int(score.argmin())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return [tuple(int(p) for p in options[n][k]) for n, k in enumerate(reversed(path))]


def _doubled(options: I64Array, root: int) -> I64Array:
    """How many tones but roots repeat a class that sounds already, shape (candidates,)."""
    classes = np.sort(options % 12, axis=1)
    again = (np.diff(classes, axis=1) == 0) & (classes[:, 1:] != root)
    return np.asarray(again.sum(axis=1), np.int64)


def _bare(tones: I64Array, root: int) -> F64Array:
    """What a single tone costs that leaves open which chord it is in: the fifth more than the root."""
    above = (tones - root) % 12
    return np.where(above == 7, 2.5, np.where(above == 0, 1.0, 0.0))
