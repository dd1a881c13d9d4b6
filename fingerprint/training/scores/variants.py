"""Which tunes are variants of one: melodic similarity, free of key, note values and repeats.

Two tunes become candidates by sharing rare runs of intervals or a title, and a group by local
alignment of their notes (Smith and Waterman 1981) at the transposition that explains most shared
runs. Ornaments cost a gap each, so a tune and its embellished twin stay together.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, Final

import numba
import numpy as np
from numpy.typing import NDArray

from fingerprint.training.scores.melody import Note

I16Array = NDArray[np.int16]

RUN: Final = 6
"""Intervals of a run."""
COMMON: Final = 60
"""Runs in more tunes than this (scales, arpeggios) say nothing about who is whose variant."""
SHARED: Final = 3
VARIANT: Final = 0.45
"""Similarity from which two tunes are one.

Of 3,000 random pairs none is above 0.41; at 0.40 chains of chance join 517 tunes, at 0.45 the
largest group has 64 of 4,244."""
SAME_TITLE: Final = 0.30
_TRANSPOSITIONS: Final = 3
_GAP: Final = 0.6
_MISMATCH: Final = 1.0


def outline(melody: Sequence[Note]) -> I16Array:
    """Pitches with repeated notes drawn together, int16, shape (n,), repeats cut to one playing."""
    pitches = np.array([note.pitch for note in melody], np.int16)
    moves = np.concatenate([[True], np.diff(pitches) != 0])
    return np.asarray(pitches[moves], np.int16)


def similarity(one: I16Array, other: I16Array) -> float:
    """Share of the shorter melody that can be followed through the other, 0 to 1.

    Parameters
    ----------
    one, other : int16 array, shape (n,) and (m,)
        MIDI pitches as :func:`outline` makes them; any transposition between them is found.
    """
    shorter, longer = sorted((one, other), key=len)
    best = 0.0
    for shift in _shifts(shorter, longer):
        best = max(best, float(_local(shorter + np.int16(shift), longer)))
    return max(0.0, best / len(shorter))


def _shifts(one: I16Array, other: I16Array) -> list[int]:
    """Transpositions by which most short runs coincide; by pitch content if none does."""
    places: dict[bytes, list[int]] = defaultdict(list)
    for key, pitch in _runs(other, 3):
        places[key].append(pitch)
    votes: Counter[int] = Counter()
    for key, pitch in _runs(one, 3):
        for found in places.get(key, ()):
            votes[found - pitch] += 1
    if not votes:
        return [round(float(np.median(other)) - float(np.median(one)))]
    return [shift for shift, _ in votes.most_common(_TRANSPOSITIONS)]


def _runs(pitches: I16Array, length: int) -> Iterator[tuple[bytes, int]]:
    intervals = np.clip(np.diff(pitches), -24, 24).astype(np.int8)
    for at in range(len(intervals) - length + 1):
        yield intervals[at : at + length].tobytes(), int(pitches[at])


@numba.njit(cache=True)
def _local(one: Any, other: Any) -> float:
    """Score of the best local alignment: 1 a note that agrees."""
    above = np.zeros(len(other) + 1, np.float32)
    row = np.zeros(len(other) + 1, np.float32)
    best = np.float32(0)
    for i in range(len(one)):
        row[0] = 0
        for j in range(len(other)):
            step = above[j] + (1.0 if one[i] == other[j] else -_MISMATCH)
            score = max(0.0, step, above[j + 1] - _GAP, row[j] - _GAP)
            row[j + 1] = score
            best = max(best, score)
        above, row = row, above
    return float(best)


def plain_title(title: str) -> str:
    """A title without case, accents, articles and kinds of dance."""
    text = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"\(.*?\)|--.*|\[.*?\]", " ", text).replace("'", "")
    words = re.findall(r"[a-z]+", text)
    kinds = {"the", "a", "an", "reel", "jig", "hornpipe", "strathspey", "march", "air", "waltz"}
    return " ".join(word for word in words if word not in kinds)


def groups(
    outlines: Sequence[I16Array], titles: Sequence[str], variant: float = VARIANT
) -> list[int]:
    """The group of each tune: the number of the first tune in it."""
    parent = list(range(len(outlines)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    same_title = _pairs_of_title(titles)
    for a, b in sorted(_pairs_of_runs(outlines) | same_title):
        least = SAME_TITLE if (a, b) in same_title else variant
        if root(a) != root(b) and similarity(outlines[a], outlines[b]) >= least:
            first, second = sorted((root(a), root(b)))
            parent[second] = first
    return [root(n) for n in range(len(outlines))]


def _pairs_of_runs(outlines: Sequence[I16Array]) -> set[tuple[int, int]]:
    holders: dict[bytes, set[int]] = defaultdict(set)
    for n, each in enumerate(outlines):
        for key, _ in _runs(each, RUN):
            holders[key].add(n)
    shared: Counter[tuple[int, int]] = Counter()
    for those in holders.values():
        if 2 <= len(those) <= COMMON:
            shared.update(combinations(sorted(those), 2))
    return {pair for pair, count in shared.items() if count >= SHARED}


def _pairs_of_title(titles: Sequence[str]) -> set[tuple[int, int]]:
    holders: dict[str, list[int]] = defaultdict(list)
    for n, title in enumerate(titles):
        if plain := plain_title(title):
            holders[plain].append(n)
    return {pair for those in holders.values() for pair in combinations(those, 2)}
