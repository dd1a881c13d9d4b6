"""What chroma tell of a path: by how much it is raised, and whether both sides sound alike when they should.

The vectors of one instrument are alike whatever it plays. Its pitches are not: an altered copy has the
reference's at the same places, another tune has them anywhere.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, F64Array
from fingerprint.embedding.following import Path
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS
from fingerprint.spectrum import BINS_PER_OCTAVE, BINS_PER_SEMITONE

PITCH_REACH: Final = 5
"""Quarter tones around the pitch of a lookup among which the shift is looked for."""
BESIDE: Final = np.array([0, *range(-20, -5, 2), *range(6, 21, 2)])
"""Places on the path and beside it, in vectors: 2.9 to 9.6 s before and after, where one chroma sees
nothing that the other does and the music is still of the same part."""
BY_CHANCE: Final = 0.5
AROUND_SECONDS: Final = 5.0
"""A tune by the same instrument coincides for a second or two; around them it does not."""
FEWEST: Final = 2
SAMPLED: Final = 128
"""About how many vectors of a path are looked at."""


@dataclass(frozen=True)
class Agreement:
    """How the chroma of a query agree with a reference's along a path.

    Attributes
    ----------
    semitones : float
        Query minus reference.
    unison : float
        How seldom they agree as well a few seconds beside the path, at the same pitch, 0 to 1: near
        :data:`BY_CHANCE` where the same is played at other times or all the time. A rank, so that what is
        laid over a copy lowers it little.
    """

    semitones: float
    unison: float


def agreement(
    path: Path, own: F32Array, seconds: F64Array, reference: F32Array, coarse: float
) -> Agreement | None:
    """Compare chroma along a path, near the pitch at which it was found.

    Parameters
    ----------
    path : Path
    own : float32 array, shape (n, BINS_PER_OCTAVE)
        The query's chroma.
    seconds : float64 array, shape (n,)
        Their middles.
    reference : float32 array, shape (m, BINS_PER_OCTAVE), m > 0
    coarse : float
        Semitones about which the query lies above the reference.

    Returns
    -------
    Agreement, or None where the best pitch lies at the edge of what is looked at.
    """
    on = np.flatnonzero((seconds >= path.query_start) & (seconds <= path.query_end))
    there = path.line.offset + path.line.tempo_ratio * seconds[on]
    at = (there - CENTRE_SECONDS) / HOP_SECONDS
    lag = _lag(own[on], reference, at, round(coarse * BINS_PER_SEMITONE))
    if lag is None:
        return None
    sampled = slice(None, None, 1 + len(on) // SAMPLED)
    lowered = _lowered(own[on[sampled]], lag)
    unison = _unison(lowered, reference, at[sampled], path.line.tempo_ratio)
    return Agreement(lag / BINS_PER_SEMITONE, unison)


@dataclass(frozen=True)
class Accord:
    """How what both sides play agrees around a stretch of the query at its own pitch and tempo.

    Attributes
    ----------
    chroma, vectors : float
        Unison of each, 0 to 1.
    excess : float
        How much liker the vectors are than those of the query to the reference anywhere, added up over
        their number's square root: what a few by chance cannot reach.
    """

    chroma: float
    vectors: float
    excess: float


def accord_at(
    offset_seconds: float,
    stretch: tuple[float, float],
    seconds: F64Array,
    *,
    chroma: tuple[F32Array, F32Array],
    vectors: tuple[F32Array, F32Array],
) -> Accord | None:
    """Accord of a stretch of the query and of :data:`AROUND_SECONDS` around it.

    Parameters
    ----------
    offset_seconds : float
        Reference time minus query time.
    stretch : tuple of float
        First and last second, in the query.
    seconds : float64 array, shape (n,)
        Middles of the query's chroma and vectors.
    chroma : two float32 arrays, shapes (n, BINS_PER_OCTAVE) and (m, BINS_PER_OCTAVE)
        The query's and the reference's.
    vectors : two float32 arrays, shapes (n, k) and (m, k)
        Likewise.

    Returns
    -------
    Accord, or None where there is too little to compare.
    """
    length = len(chroma[1])
    at = (seconds + offset_seconds - CENTRE_SECONDS) / HOP_SECONDS
    inside = (at >= 0) & (at <= length - 1)
    near = (seconds >= stretch[0] - AROUND_SECONDS) & (seconds <= stretch[1] + AROUND_SECONDS)
    on = np.flatnonzero(inside & near)
    if len(on) < FEWEST:
        return None
    sampled = on[:: 1 + len(on) // SAMPLED]
    one, other = (
        _unison(own[sampled], there, at[sampled], 1.0) for own, there in (chroma, vectors)
    )
    return Accord(one, other, _excess(vectors[0][on], vectors[1], at[on]))


def _excess(mine: F32Array, reference: F32Array, at: F64Array) -> float:
    below = np.minimum(at.astype(np.int64), len(reference) - 1)
    above = np.minimum(below + 1, len(reference) - 1)
    share = (at - below)[:, None]
    there = (1 - share) * reference[below] + share * reference[above]
    here = float((mine * there).sum())
    usual = float(mine.sum(axis=0) @ reference.mean(axis=0))
    return (here - usual) / math.sqrt(len(mine))


def _lag(mine: F32Array, reference: F32Array, at: F64Array, middle: int) -> float | None:
    """By how many quarter tones the query lies above; None at the edge of what is looked at."""
    index = np.round(at).astype(np.int64)
    inside = (index >= 0) & (index < len(reference))
    products = reference[index[inside]].T @ mine[inside]  # (reference's bins, query's bins)
    lags = np.arange(middle - PITCH_REACH - 1, middle + PITCH_REACH + 2)
    bins = np.arange(BINS_PER_OCTAVE)
    found = products[bins, (bins + lags[:, None]) % BINS_PER_OCTAVE].sum(axis=1)
    best = int(found.argmax())
    if best in {0, len(lags) - 1}:
        return None
    below, here, above = found[best - 1 : best + 2].tolist()
    curve = below - 2 * here + above
    fine = 0.5 * (below - above) / curve if curve < 0 else 0.0
    return float(lags[best] + min(max(fine, -0.5), 0.5))


def _lowered(chroma: F32Array, lag: float) -> F32Array:
    """Chroma moved down by quarter tones, between two where it must be."""
    whole = math.floor(lag)
    lower = (np.arange(BINS_PER_OCTAVE) + whole) % BINS_PER_OCTAVE
    share = np.float32(lag - whole)
    moved: F32Array = (1 - share) * chroma[:, lower]
    moved += share * chroma[:, (lower + 1) % BINS_PER_OCTAVE]
    return moved


def _unison(mine: F32Array, reference: F32Array, at: F64Array, tempo_ratio: float) -> float:
    """Share of places beside the path at which less agrees; half where as much does, or there are none.

    Parameters
    ----------
    mine : float32 array, shape (k, BINS_PER_OCTAVE)
        The query's chroma on the path, at the reference's pitch.
    at : float64 array, shape (k,)
        Where in the reference, in vectors.
    """
    places = at[:, None] + tempo_ratio * BESIDE  # (k, 1 + beside), the path's own first
    known = (places >= 0) & (places <= len(reference) - 1)
    counted = known[:, :1] & known[:, 1:]
    count = int(counted.sum())
    if not count:
        return BY_CHANCE
    low = max(0, math.floor(places.min()))
    there = reference[low : math.ceil(places.max()) + 1]
    products = (mine @ there.T).ravel()  # (k * places,)
    before = np.clip(places.astype(np.int64) - low, 0, len(there) - 1)
    share = places - low - before
    cells = before + len(there) * np.arange(len(mine))[:, None]
    agreed = products[cells]
    agreed += share * (products[np.minimum(cells + 1, products.size - 1)] - agreed)
    here, others = agreed[:, :1], agreed[:, 1:]
    less = ((others < here) & counted).sum() + 0.5 * ((others == here) & counted).sum()
    return float(less / count)
