"""Follow a work through a performance: one tempo, one key, from vector to vector.

Candidates come from vectors that are the same in all keys; what decides is that others, which a key
moves round the twelve pitch classes, agree along a line in one key only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, F64Array
from fingerprint.composition.geometry import (
    CENTRE_SECONDS,
    HOP_SECONDS,
    KEYED,
    PITCH_CLASSES,
)
from fingerprint.embedding.following import (
    Line,
    heaviest_stretches,
    median_likeness,
    straightened,
)

LIKE: Final = 0.45
"""Likeness above which two vectors are more probably of one work than not."""
REACH: Final = 1
SHORTEST: Final = 6
"""Vectors that a work is told by, so a passage of 12 s: among 10,226 references three or four that agreed
by chance were behind 40 of 43 works that 7,812 queries of real music told falsely. Of other performances
it costs the excerpts of 10 s, 33 of 80 found before, and none of 20 s and more."""
ROUNDS: Final = 3
HOPELESS: Final = 0.5
"""Weight along a line below which straightening it is no use: of 203 true ones of 20 s and more, in
the end, nine in ten had above 1.8."""
BESIDE_SECONDS: Final = 10.0
"""How far beyond a reference a line that is voted for is followed: a longer query has no more to do
with it."""
HIGHEST: Final = 6
"""Semitones: a query is said to lie from five below to six above, whatever the octave."""
TEMPO_SLACK: Final = 0.12
SAMPLED: Final = 128
"""About how many vectors of each side a vector is compared with, to see what is usual."""
UNUSUAL: Final = 0.15
"""How much more than usual a likeness must be to count."""


@dataclass(frozen=True)
class Likeness:
    """How like a stretch of a query is to a reference along a line in one key.

    Attributes
    ----------
    line : Line
    semitones : int
        Query minus reference, modulo an octave: -5 to 6.
    query_start, query_end : float
        Middles of the first and the last vector, in seconds.
    weight : float
        Sum of how far the likeness is above :data:`LIKE`.
    mean : float
        Mean likeness along the line.
    vectors : int
    other_keys : float
        The greatest mean along the same line in another key.
    distinct : float
        Sum of how far the likeness is above what is usual: how like the query's vectors are to the
        query at other times and to the reference beside the line. A drone, or one scale up and down,
        is like itself all the time.
    """

    line: Line
    semitones: int
    query_start: float
    query_end: float
    weight: float
    mean: float
    vectors: int
    other_keys: float
    distinct: float


def follow(line: Line, keys: F32Array, seconds: F64Array, reference: F32Array) -> Likeness | None:
    """Walk along a line in the key that agrees most, and straighten it.

    Parameters
    ----------
    keys : float32 array, shape (PITCH_CLASSES, n, PITCH_CLASSES * KEYED)
        The query's vectors as of :func:`in_all_keys`.
    seconds : float64 array, shape (n,)
        Middles of what they see, ascending.
    reference : float32 array, shape (m, PITCH_CLASSES * KEYED)
        In the order of time.

    Returns
    -------
    Likeness or None
        None where too little is alike.
    """
    there = line.offset + line.tempo_ratio * seconds
    first = int(np.searchsorted(there, -BESIDE_SECONDS, "right"))
    last = int(np.searchsorted(there, _end(reference) + BESIDE_SECONDS, "left"))
    inside = slice(first, last)
    keys, seconds = keys[:, inside], seconds[inside]
    if len(seconds) < SHORTEST:
        return None
    voted = line.tempo_ratio
    best: tuple[int, int, int, float] | None = None
    for round_ in range(ROUNDS):
        likeness, at = _beside(line, keys, seconds, reference)
        starts, ends, weights = heaviest_stretches(likeness, LIKE)
        key = int(weights.argmax())
        start, end, weight = int(starts[key]), int(ends[key]), float(weights[key])
        if end - start < SHORTEST or weight < HOPELESS:
            return None
        best = (key, start, end, weight)
        if round_ == ROUNDS - 1:
            break
        on = np.flatnonzero(likeness[key, start:end] > LIKE) + start
        if len(on) <= SHORTEST:
            break
        line = straightened(
            line,
            seconds[on],
            at[key, on],
            likeness[key, on] - LIKE,
            (voted * (1 - TEMPO_SLACK), voted * (1 + TEMPO_SLACK)),
        )
    assert best is not None
    key, start, end, weight = best
    means = likeness[:, start:end].mean(axis=1)
    return Likeness(
        line=line,
        semitones=key if key <= HIGHEST else key - PITCH_CLASSES,
        query_start=float(seconds[start]),
        query_end=float(seconds[end - 1]),
        weight=weight,
        mean=float(means[key]),
        vectors=end - start,
        other_keys=float(np.delete(means, key).max()),
        distinct=_distinct(
            line, likeness[key, start:end], keys[key, start:end], seconds[start:end], reference
        ),
    )


def _end(reference: F32Array) -> float:
    """Middle of what the last vector sees, in seconds."""
    return (len(reference) - 1) * HOP_SECONDS + CENTRE_SECONDS


def in_all_keys(vectors: F32Array) -> F32Array:
    """Vectors as they would be so many semitones lower: shape (12, n, values)."""
    classes = vectors.reshape(-1, PITCH_CLASSES, KEYED)
    return np.stack(
        [np.roll(classes, -key, axis=1).reshape(vectors.shape) for key in range(PITCH_CLASSES)]
    )


def _beside(
    line: Line, keys: F32Array, seconds: F64Array, reference: F32Array
) -> tuple[F64Array, F64Array]:
    """The best likeness in each key next to the line, and where; -1 beside the reference."""
    on = np.round((line.offset + line.tempo_ratio * seconds - CENTRE_SECONDS) / HOP_SECONDS)
    index = on.astype(np.int64)[:, None] + np.arange(-REACH, REACH + 1)  # (n, r)
    inside = (index >= 0) & (index < len(reference))
    there = reference[np.clip(index, 0, len(reference) - 1)]  # (n, r, values)
    # one product a query vector: (n, 12, values) @ (n, values, r)
    likeness = np.matmul(keys.transpose(1, 0, 2), there.transpose(0, 2, 1))  # (n, 12, r)
    likeness = np.where(inside[:, None, :], likeness, -1.0)
    best = likeness.argmax(axis=2)  # (n, 12)
    rows = np.arange(len(index))[:, None]
    value = np.take_along_axis(likeness, best[:, :, None], axis=2)[:, :, 0]
    at = index[rows, best] * HOP_SECONDS + CENTRE_SECONDS
    return value.T.astype(np.float64), at.T


def _distinct(
    line: Line, likeness: F64Array, query: F32Array, seconds: F64Array, reference: F32Array
) -> float:
    """Sum of how far the likeness is above the usual, and never less than above :data:`LIKE`."""
    apart = CENTRE_SECONDS / HOP_SECONDS
    step = 1 + len(query) // SAMPLED
    own = np.abs(seconds[:, None] - seconds[::step]) > CENTRE_SECONDS
    at = (line.offset + line.tempo_ratio * seconds - CENTRE_SECONDS) / HOP_SECONDS
    others = np.arange(len(reference))[:: 1 + len(reference) // SAMPLED]
    beside = np.abs(others - at[:, None]) > apart
    usual = np.maximum(
        median_likeness(query, query[::step], own),
        median_likeness(query, reference[others], beside),
    )
    return float((likeness - np.maximum(usual + UNUSUAL, LIKE)).sum())
