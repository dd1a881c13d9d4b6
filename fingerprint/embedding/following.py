"""Lines that were voted for, followed through their references: all lines of a window at a time.

Thirty lines differ in where they lie, not in what is done to them; one at a time, most of what it takes is
calling NumPy for a few numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, F64Array, I64Array
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS

TEMPO_RATIOS: Final = np.exp(np.linspace(np.log(0.78), np.log(1.28), 25))
TEMPO_LIMITS: Final = float(TEMPO_RATIOS[0]), float(TEMPO_RATIOS[-1])
LIKE: Final = 0.4
"""Likeness (cosine) above which two vectors are more probably of the same music than not."""
LOST: Final = -0.3
"""What a query vector counts that lies beside the reference."""
EDGE_SHARE: Final = 0.75
"""Of the likeness along the better half of a path: where it falls below, the path ends."""
BETTER_HALF: Final = 0.75
"""Quantile in the middle of it: other music may be most of what was followed."""
ROUNDS: Final = 4
SHORTEST: Final = 4
"""Vectors of a path."""
LIGHTEST: Final = 2.0
"""Weight of a path that is worth a second look: no lighter one of 1,133 true ones reached a score
of 0.2, and what is unrelated seldom reaches 4."""
HOPELESS: Final = 1.5
"""Weight along a line as it was voted for, below which straightening it is no use; the least that
led to a score of 0.3 was 2.2."""
APART: Final = 6
"""Vectors (2.9 s) from which on two of them see other music."""
SAMPLED: Final = 64
"""About how many vectors of each side a vector is compared with, to see what is usual."""
UNUSUAL: Final = 0.1
"""How much more than usual a likeness must be to count."""
FAR: Final = 2
"""Vectors beside a line as it was voted for within which the likest is taken."""
NEAR: Final = 1
"""Likewise once it is straight."""


@dataclass(frozen=True)
class Line:
    """Reference time = ``offset`` + ``tempo_ratio`` * query time, in seconds."""

    reference: int
    offset: float
    tempo_ratio: float


@dataclass(frozen=True)
class Path:
    """A stretch along a line.

    Attributes
    ----------
    line : Line
        As it was followed, from one vector of the reference to the next.
    fine : Line
        The same between vectors: where and how fast it is.
    query_start, query_end : float
        Middles of the first and the last vector in it, in seconds.
    weight : float
        Sum of how far the likeness is above chance.
    likeness : float
        Mean along the line.
    vectors : int
    distinct : float
        The same sum, where chance is how like the query's vectors are to the query at other times
        and to the reference beside the line: what noise, drones and one and the same instrument
        have in common is no evidence, however long it lasts.
    """

    line: Line
    fine: Line
    query_start: float
    query_end: float
    weight: float
    likeness: float
    vectors: int
    distinct: float


def follow(
    lines: Sequence[Line], query: F32Array, seconds: F64Array, references: Sequence[F32Array]
) -> list[Path | None]:
    """Walk along lines, straighten them, and cut them to where the likeness holds.

    A line that is voted for is a little off; over a minute that is more than a vector. So each
    straightening is followed by another walk, as long as that goes farther.

    Parameters
    ----------
    query : float32 array, shape (n, dimensions)
        Of length one each.
    seconds : float64 array, shape (n,)
        Middles of what they see, ascending.
    references : sequence of float32 array, shape (m, dimensions)
        Of each line, in the order of time.

    Returns
    -------
    list of Path or None, one a line
        None where too little is alike.
    """
    walks = _Walks(lines, query, seconds, references)
    walks.walk(np.arange(len(lines)), FAR)
    hopeful = walks.weight >= HOPELESS
    going = np.flatnonzero(hopeful)
    for round_ in range(ROUNDS):
        going = walks.straighten(going)
        reached = walks.end[going] - walks.start[going]
        walks.walk(going, NEAR if round_ else FAR)
        if round_:
            going = going[walks.end[going] - walks.start[going] > reached]
    long_enough = walks.end - walks.start >= SHORTEST
    kept = np.flatnonzero(hopeful & long_enough & (walks.weight >= LIGHTEST))
    walks.cut(kept)
    found: list[Path | None] = [None] * len(lines)
    for n in map(int, kept):
        found[n] = walks.path(n)
    return found


class _Walks:
    """All lines, and what is alike along each.

    Attributes
    ----------
    start, end : int64 array, shape (lines,)
        First vector of the query in the heaviest stretch, and one past its last.
    weight : float64 array, shape (lines,)
    """

    def __init__(
        self,
        lines: Sequence[Line],
        query: F32Array,
        seconds: F64Array,
        references: Sequence[F32Array],
    ) -> None:
        self._query, self._seconds, self._references = query, seconds, references
        self._numbers = [line.reference for line in lines]
        self._lengths = np.array([len(each) for each in references], np.int64)
        self._offsets = np.array([line.offset for line in lines])
        self._ratios = np.array([line.tempo_ratio for line in lines])
        self._likeness = np.empty((len(lines), len(query)))
        self._at = np.empty((len(lines), len(query)))
        self.start = np.zeros(len(lines), np.int64)
        self.end = np.zeros(len(lines), np.int64)
        self.weight = np.zeros(len(lines))

    def walk(self, which: I64Array, reach: int) -> None:
        """Compare some lines' vectors, and find the heaviest stretch of each."""
        self._compare(which, reach)
        self.start[which], self.end[which], self.weight[which] = heaviest_stretches(
            self._likeness[which]
        )

    def straighten(self, which: I64Array) -> I64Array:
        """Straighten lines by what is alike in their stretches; return those where enough is."""
        places = np.arange(len(self._seconds))
        inside = (places >= self.start[which, None]) & (places < self.end[which, None])
        weights = np.where(inside, np.maximum(self._likeness[which] - LIKE, 0.0), 0.0)
        enough = (weights > 0).sum(axis=1) > SHORTEST
        which = which[enough]
        self._offsets[which], self._ratios[which] = straightened_lines(
            self._offsets[which],
            self._ratios[which],
            self._seconds,
            self._at[which],
            weights[enough],
        )
        return which

    def cut(self, which: I64Array) -> None:
        """Cut stretches to where the likeness holds, and straighten those by what was kept alone.

        Foreign music before and after a clean copy is liker to it than chance, not than the copy; it had bent the line.
        """
        shorter = []
        for n in which:
            start, end = self.start[n], self.end[n]
            likeness = self._likeness[n, start:end]
            inside = max(LIKE, EDGE_SHARE * float(np.quantile(likeness, BETTER_HALF)))
            first, last, _ = heaviest(likeness, inside)
            if SHORTEST <= last - first < end - start:
                self.start[n], self.end[n] = start + first, start + last
                shorter.append(n)
        bent = np.array(shorter, np.int64)
        going = bent
        for reach in (FAR, NEAR):
            self._compare(going, reach)
            going = self.straighten(going)
        self._compare(bent, NEAR)
        for n in bent:
            likeness = self._likeness[n, self.start[n] : self.end[n]]
            self.weight[n] = float((likeness - LIKE).sum())

    def path(self, n: int) -> Path:
        """One line's stretch."""
        start, end = self.start[n], self.end[n]
        line = Line(self._numbers[n], float(self._offsets[n]), float(self._ratios[n]))
        seconds, likeness = self._seconds[start:end], self._likeness[n, start:end]
        return Path(
            line,
            self._refined(n, line),
            float(seconds[0]),
            float(seconds[-1]),
            float(self.weight[n]),
            float(likeness.mean()),
            int(end - start),
            _distinct(line, likeness, self._query[start:end], seconds, self._references[n]),
        )

    def _refined(self, n: int, line: Line) -> Line:
        """A line by where between vectors of the reference each of the query's is likest.

        Of the likest vector and those beside it a parabola is taken; at the ends of the reference nothing is.
        """
        own = slice(self.start[n], self.end[n])
        at, seconds = self._at[n, own], self._seconds[own]
        reference = self._references[n]
        index = np.round((at - CENTRE_SECONDS) / HOP_SECONDS).astype(np.int64)
        inner = np.flatnonzero(
            (index > 0) & (index < len(reference) - 1) & (self._likeness[n, own] > LIKE)
        )
        if len(inner) <= SHORTEST:
            return line
        around = reference[index[inner][:, None] + np.arange(-1, 2)]
        before, here, after = np.einsum("rd,rwd->wr", self._query[own][inner], around)
        bend = 2 * here - before - after
        peaked = (here >= np.maximum(before, after)) & (bend > 1e-3)
        inner, shift = inner[peaked], ((after - before) / 2)[peaked] / bend[peaked]
        if len(inner) <= SHORTEST:
            return line
        there = at[inner] + HOP_SECONDS * shift
        weights = (here[peaked] - LIKE).astype(np.float64)
        for _ in range(ROUNDS):
            line = straightened(line, seconds[inner], there, weights, TEMPO_LIMITS)
        return line

    def _compare(self, which: I64Array, reach: int) -> None:
        """The best likeness within ``reach`` vectors of each line, and where it is in the reference."""
        there = self._offsets[which, None] + self._ratios[which, None] * self._seconds
        on = np.round((there - CENTRE_SECONDS) / HOP_SECONDS).astype(np.int64)  # (lines, n)
        lengths = self._lengths[which, None]
        rows, columns = np.nonzero((on >= -reach) & (on < lengths + reach))
        index = on[rows, columns][:, None] + np.arange(-reach, reach + 1)  # (r, w)
        vectors = np.empty((*index.shape, self._query.shape[1]), np.float32)
        bounds = np.searchsorted(rows, np.arange(len(which) + 1))
        for n, first, last in zip(which, bounds[:-1], bounds[1:], strict=True):
            if first < last:
                own = slice(first, last)
                np.take(self._references[n], index[own], axis=0, out=vectors[own], mode="clip")
        products = np.einsum("rd,rwd->rw", self._query[columns], vectors).astype(np.float64)
        products[(index < 0) | (index >= lengths[rows])] = -1.0
        best = products.argmax(axis=1)
        each = np.arange(len(rows))
        likeness = np.full(on.shape, -1.0)
        likeness[rows, columns] = products[each, best]
        on[rows, columns] = index[each, best]
        self._likeness[which] = likeness
        self._at[which] = on * HOP_SECONDS + CENTRE_SECONDS


def _distinct(
    line: Line, likeness: F64Array, stretch: F32Array, seconds: F64Array, reference: F32Array
) -> float:
    """Sum of how far the likeness is above what is usual for each vector.

    Usual is the median likeness to the same query 2.9 s and more away, or to the reference as far
    beside the line, whichever is greater; loops are like themselves now and then, not usually.
    """
    step = 1 + len(stretch) // SAMPLED
    times = np.arange(len(stretch))
    own = median_likeness(stretch, stretch[::step], np.abs(times[:, None] - times[::step]) >= APART)
    step = 1 + len(reference) // SAMPLED
    at = (line.offset + line.tempo_ratio * seconds - CENTRE_SECONDS) / HOP_SECONDS
    others = np.arange(len(reference))[::step]
    there = median_likeness(stretch, reference[::step], np.abs(others - at[:, None]) >= APART)
    usual = np.maximum(np.maximum(own, there) + UNUSUAL, LIKE)
    return float((likeness - usual).sum())


def median_likeness(vectors: F32Array, others: F32Array, apart: BoolArray) -> F64Array:
    """For each vector the median of its likeness to those of the others that are apart."""
    likeness = np.sort(np.where(apart, vectors @ others.T, np.float32(np.inf)), axis=1)
    known = apart.sum(axis=1)
    rows = np.arange(len(vectors))
    lower = likeness[rows, np.maximum(known - 1, 0) // 2]
    upper = likeness[rows, np.minimum(known // 2, likeness.shape[1] - 1)]
    return np.where(known > 0, (lower.astype(np.float64) + upper) / 2, -1.0)


def heaviest(likeness: F64Array, chance: float = LIKE) -> tuple[int, int, float]:
    """The stretch whose likeness above chance sums highest (Kadane): start, end, sum."""
    starts, ends, weights = heaviest_stretches(likeness[None], chance)
    return int(starts[0]), int(ends[0]), float(weights[0])


def heaviest_stretches(
    likeness: F64Array, chance: float = LIKE
) -> tuple[I64Array, I64Array, F64Array]:
    """As :func:`heaviest`, of each row of an array of shape (rows, n): starts, ends, sums."""
    gains = np.where(likeness > -1, likeness - chance, LOST)
    sums = np.zeros((len(gains), gains.shape[1] + 1))
    np.cumsum(gains, axis=1, out=sums[:, 1:])
    lowest = np.minimum.accumulate(sums, axis=1)
    rises = sums - lowest
    rows = np.arange(len(gains))
    ends = rises.argmax(axis=1)
    starts = (sums == lowest[rows, ends][:, None]).argmax(axis=1)
    return starts, ends, rises[rows, ends]


def straightened(
    line: Line,
    seconds: F64Array,
    at: F64Array,
    weights: F64Array,
    tempo_ratios: tuple[float, float],
) -> Line:
    """As :func:`straightened_lines`, of one line."""
    offsets, ratios = straightened_lines(
        np.array([line.offset]),
        np.array([line.tempo_ratio]),
        seconds,
        at[None],
        weights[None],
        tempo_ratios,
    )
    return Line(line.reference, float(offsets[0]), float(ratios[0]))


def straightened_lines(
    offsets: F64Array,
    ratios: F64Array,
    seconds: F64Array,
    at: F64Array,
    weights: F64Array,
    tempo_ratios: tuple[float, float] = TEMPO_LIMITS,
) -> tuple[F64Array, F64Array]:
    """Weighted least squares, held near the lines that were voted for.

    Parameters
    ----------
    offsets, ratios : float64 array, shape (lines,)
    seconds : float64 array, shape (n,)
        Times of the query.
    at, weights : float64 array, shape (lines, n)
        Times of the reference, and what each pair counts; something counts in each line.
    tempo_ratios : tuple of float
        The least and the greatest that may come out.

    Returns
    -------
    offsets, ratios : float64 array, shape (lines,)
    """
    total = weights.sum(axis=1)
    middles = weights @ seconds / total
    away = seconds - middles[:, None]
    missing = at - offsets[:, None] - ratios[:, None] * seconds
    lever = (weights * away).sum(axis=1)
    normal = np.empty((len(offsets), 2, 2))
    normal[:, 0, 0] = total + 0.005
    normal[:, 0, 1] = normal[:, 1, 0] = lever
    normal[:, 1, 1] = (weights * away**2).sum(axis=1) + 2.0
    pulls = np.stack([(weights * missing).sum(axis=1), (weights * away * missing).sum(axis=1)], 1)
    shifts, turns = np.linalg.solve(normal, pulls[:, :, None])[:, :, 0].T
    turned = np.clip(ratios + turns, *tempo_ratios)
    there = offsets + ratios * middles + shifts
    return there - turned * middles, turned
