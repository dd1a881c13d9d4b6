"""From single likenesses to stretches: which reference runs along with the query, how fast.

A nearest neighbour is cheap and often wrong. What decides is that many of them lie on one line:
reference time = offset + tempo ratio * query time. Lines are voted for (Hough), the best are
followed through the reference's own vectors, straightened by least squares, and cut to where the
likeness holds.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, F64Array, I64Array
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS

TEMPO_RATIOS: Final = np.exp(np.linspace(np.log(0.78), np.log(1.28), 25))
BIN_SECONDS: Final = 0.72
FAINT: Final = 0.25
"""Likeness below which a neighbour says nothing."""
LIKE: Final = 0.4
"""Likeness (cosine) above which two vectors are more probably of the same music than not."""
LOST: Final = -0.3
"""What a query vector counts that lies beside the reference."""
HYPOTHESES: Final = 32
A_PLACE: Final = 3
"""Hypotheses kept around one place of one reference."""
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
WINDOW: Final = 40
"""Vectors (19 s) that vote together; half of them vote in the next window too."""
FEWEST_VOTES: Final = 1.0
ROUNDING: Final = 1e-3
SAME_SECONDS: Final = 1.5
"""Two lines that lie nearer to each other in the middle of a window are one."""
APART: Final = 6
"""Vectors (2.9 s) from which on two of them see other music."""
SAMPLED: Final = 64
"""About how many vectors of each side a vector is compared with, to see what is usual."""
UNUSUAL: Final = 0.1
"""How much more than usual a likeness must be to count."""


@dataclass(frozen=True)
class Neighbours:
    """What an index answers: for each query vector the references' vectors nearest to it.

    Parameters
    ----------
    reference : int64 array, shape (queries, k)
        Number of the reference; -1 where there is none.
    seconds : float64 array, shape (queries, k)
        Where in the reference.
    likeness : float32 array, shape (queries, k)
        Cosine.
    """

    reference: I64Array
    seconds: F64Array
    likeness: F32Array


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
    query_start: float
    query_end: float
    weight: float
    likeness: float
    vectors: int
    distinct: float


class Lookup(Protocol):
    """Gives a reference's vectors, shape (n, dimensions), in the order of time."""

    def __call__(self, reference: int) -> F32Array: ...


def paths(
    query: F32Array,
    seconds: F64Array,
    near: Neighbours,
    lookup: Lookup,
    ahead: Callable[[Collection[int]], None] | None = None,
) -> list[Path]:
    """Follow the likeliest lines.

    Parameters
    ----------
    query : float32 array, shape (n, dimensions)
        Of length one each.
    seconds : float64 array, shape (n,)
        Middles of what they see, ascending.
    ahead : callable, optional
        Told, before the first lookup, of all references that may be looked up.

    Returns
    -------
    list of Path, heaviest first; several may tell of one stretch.
    """
    voted: list[tuple[float, list[Line]]] = []
    for start in range(0, max(1, len(query) - WINDOW // 2), WINDOW // 2):
        part = slice(start, start + WINDOW)
        own = Neighbours(near.reference[part], near.seconds[part], near.likeness[part])
        middle = float(seconds[part].mean()) if len(query) else 0.0
        voted.append((middle, hypotheses(seconds[part], own)))
    if ahead is not None:
        ahead({line.reference for _, lines in voted for line in lines})
    found: list[Path] = []
    of_reference: dict[int, list[Path]] = {}
    for middle, lines in voted:
        for line in lines:
            known = of_reference.setdefault(line.reference, [])
            if any(_follows(path, line, middle) for path in known):
                continue
            path = follow(line, query, seconds, lookup(line.reference))
            if path is not None:
                known.append(path)
                found.append(path)
    return sorted(found, key=lambda path: -path.weight)


def _follows(path: Path, line: Line, at: float) -> bool:
    """Whether a path found before already tells of a line of the same reference at a time of the query."""
    own = path.line
    return (
        path.query_start <= at <= path.query_end
        and path.vectors > WINDOW
        and abs(own.offset - line.offset + (own.tempo_ratio - line.tempo_ratio) * at) < SAME_SECONDS
    )


def hypotheses(
    seconds: F64Array,
    near: Neighbours,
    tempo_ratios: F64Array = TEMPO_RATIOS,
    bin_seconds: float = BIN_SECONDS,
) -> list[Line]:
    """Return the lines with the most votes, a few around each place.

    Parameters
    ----------
    seconds : float64 array, shape (n,)
        Middles of what the query's vectors see.
    near : Neighbours
        Of those vectors.
    tempo_ratios : float64 array, shape (ratios,)
        That are voted on.
    bin_seconds : float
        Offsets that lie nearer to each other are voted on together.
    """
    count, k = near.reference.shape
    which = np.repeat(np.arange(count), k)
    votes = np.maximum(near.likeness.ravel() - FAINT, 0)
    kept = np.flatnonzero((votes > 0) & (near.reference.ravel() >= 0))
    if not len(kept):
        return []
    kept = kept[_promising(near.reference.ravel()[kept], which[kept], votes[kept])]
    if not len(kept):
        return []
    which, votes = which[kept], votes[kept]
    reference, at = near.reference.ravel()[kept], near.seconds.ravel()[kept]
    offsets = at[:, None] - tempo_ratios * seconds[which][:, None]
    ballots = [
        _count(reference, which, votes, np.floor(offsets / bin_seconds + shift).astype(np.int64))
        for shift in (0.0, 0.5)
    ]
    counted = np.concatenate([ballot[0] for ballot in ballots])
    cells = np.concatenate([ballot[1] for ballot in ballots])
    shifts = np.repeat([0.0, 0.5], [len(ballot[0]) for ballot in ballots])
    middle = float(seconds.mean())
    lines: list[Line] = []
    places: dict[tuple[int, int], int] = {}
    for n in np.argsort(-counted, kind="stable")[: 8 * HYPOTHESES]:
        number, ratio, offset_bin = (int(value) for value in cells[n])
        tempo_ratio = float(tempo_ratios[ratio])
        offset = float((offset_bin - shifts[n] + 0.5) * bin_seconds)
        place = (number, round((offset + tempo_ratio * middle) / 2))
        places[place] = places.get(place, 0) + 1
        if places[place] <= A_PLACE:
            lines.append(Line(number, offset, tempo_ratio))
        if len(lines) == HYPOTHESES:
            break
    return lines


def _promising(reference: I64Array, which: I64Array, votes: F32Array) -> BoolArray:
    """Which votes are for a reference that could reach :data:`FEWEST_VOTES` at one place.

    Each query vector has one vote there, so all of a reference's places have fewer than its vectors' best votes together.
    Among many references most neighbours are the only one of theirs.
    """
    numbers, number = np.unique(reference, return_inverse=True)
    best = np.zeros((len(numbers), int(which.max()) + 1), np.float32)
    np.maximum.at(best, (number, which), votes)
    enough: BoolArray = best.sum(axis=1) >= FEWEST_VOTES - ROUNDING
    return enough[number]


def _count(
    reference: I64Array, which: I64Array, votes: F32Array, bins: I64Array
) -> tuple[F64Array, I64Array]:
    """Sum the votes of each cell (reference, tempo ratio, offset): one vote a query vector.

    Cells with fewer than :data:`FEWEST_VOTES` are left out.
    """
    count = bins.shape[1]
    numbers, number = np.unique(reference, return_inverse=True)
    ratios = np.broadcast_to(np.arange(count), bins.shape)
    low = int(bins.min())
    width = int(bins.max()) - low + 1
    cell = (number[:, None] * count + ratios) * width + (bins - low)
    ballot = (cell * (int(which.max()) + 1) + which[:, None]).ravel()
    # A sort of plain integers that carry their places is several times as fast as an argsort.
    places = ballot.size.bit_length()
    packed = (ballot << places) | np.arange(ballot.size)
    packed.sort()
    order, ballot = packed & ((1 << places) - 1), packed >> places
    starts = np.flatnonzero(np.r_[True, ballot[1:] != ballot[:-1]])
    best = np.maximum.reduceat(np.broadcast_to(votes[:, None], bins.shape).ravel()[order], starts)
    cells = ballot[starts] // (int(which.max()) + 1)
    firsts = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]])
    total = np.add.reduceat(best, firsts)
    enough = np.flatnonzero(total >= FEWEST_VOTES)
    total, cells = total[enough], cells[firsts[enough]]
    split = np.stack(
        [numbers[cells // width // count], cells // width % count, cells % width],
        axis=1,
    )
    split[:, 2] += low
    return total.astype(np.float64), split


def follow(line: Line, query: F32Array, seconds: F64Array, reference: F32Array) -> Path | None:
    """Walk along a line, straighten it, and cut it to where the likeness holds.

    A line that is voted for is a little off; over a minute that is more than a vector. So each
    straightening is followed by another walk, as long as that goes farther.
    """
    likeness, at = _beside(line, query, seconds, reference, reach=2)
    start, end, weight = heaviest(likeness)
    if weight < HOPELESS:
        return None
    for round_ in range(ROUNDS):
        on_line = np.flatnonzero(likeness[start:end] > LIKE) + start
        if len(on_line) <= SHORTEST:
            break
        line = straightened(line, seconds[on_line], at[on_line], likeness[on_line] - LIKE)
        reached = end - start
        likeness, at = _beside(line, query, seconds, reference, reach=1 if round_ else 2)
        start, end, weight = heaviest(likeness)
        if round_ and end - start <= reached:
            break
    if end - start < SHORTEST or weight < LIGHTEST:
        return None
    # Foreign music before and after a clean copy is liker to it than chance, not than the copy.
    inside = max(LIKE, EDGE_SHARE * float(np.quantile(likeness[start:end], BETTER_HALF)))
    first, last, _ = heaviest(likeness[start:end], inside)
    if SHORTEST <= last - first < end - start:
        start, end = start + first, start + last
        line, likeness = _settled(line, query, seconds, reference, start, end)
        weight = float((likeness[start:end] - LIKE).sum())
    stretch = query[start:end]
    return Path(
        line,
        float(seconds[start]),
        float(seconds[end - 1]),
        weight,
        float(likeness[start:end].mean()),
        end - start,
        _distinct(line, likeness[start:end], stretch, seconds[start:end], reference),
    )


def _settled(
    line: Line, query: F32Array, seconds: F64Array, reference: F32Array, start: int, end: int
) -> tuple[Line, F64Array]:
    """Straighten by what was kept alone: what lay beside it had bent the line."""
    for reach in (2, 1):
        likeness, at = _beside(line, query, seconds, reference, reach)
        on_line = np.flatnonzero(likeness[start:end] > LIKE) + start
        if len(on_line) <= SHORTEST:
            break
        line = straightened(line, seconds[on_line], at[on_line], likeness[on_line] - LIKE)
    return line, _beside(line, query, seconds, reference, reach=1)[0]


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


def _beside(
    line: Line, query: F32Array, seconds: F64Array, reference: F32Array, reach: int
) -> tuple[F64Array, F64Array]:
    """The best likeness within ``reach`` vectors of the line, and where it is in the reference."""
    on = np.round((line.offset + line.tempo_ratio * seconds - CENTRE_SECONDS) / HOP_SECONDS)
    index = on.astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    inside = (index >= 0) & (index < len(reference))
    likeness = np.full(index.shape, -1.0)
    # Times ascend, so what lies on the reference is one part of the query.
    rows = slice(*np.searchsorted(on, [-reach, len(reference) + reach]))
    there = reference[np.clip(index[rows], 0, len(reference) - 1)]
    likeness[rows] = np.where(inside[rows], np.einsum("qd,qrd->qr", query[rows], there), -1.0)
    best = likeness.argmax(axis=1)
    places = np.arange(len(query))
    return likeness[places, best], index[places, best] * HOP_SECONDS + CENTRE_SECONDS


def heaviest(likeness: F64Array, chance: float = LIKE) -> tuple[int, int, float]:
    """The stretch whose likeness above chance sums highest (Kadane): start, end, sum."""
    gains = np.where(likeness > -1, likeness - chance, LOST)
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    rises = sums - np.minimum.accumulate(sums)
    end = int(rises.argmax())
    start = int(sums[: end + 1].argmin())
    return start, end, float(rises[end])


def straightened(
    line: Line,
    seconds: F64Array,
    at: F64Array,
    weights: F64Array,
    tempo_ratios: tuple[float, float] = (float(TEMPO_RATIOS[0]), float(TEMPO_RATIOS[-1])),
) -> Line:
    """Weighted least squares, held near the line that was voted for.

    Parameters
    ----------
    seconds, at, weights : float64 array, shape (n,)
        Query time, reference time, and what each pair counts.
    tempo_ratios : tuple of float
        The least and the greatest that may come out.
    """
    middle = float(np.average(seconds, weights=weights))
    roots = np.sqrt(weights)
    terms = np.stack([roots, roots * (seconds - middle)], axis=1)
    missing = roots * (at - line.offset - line.tempo_ratio * seconds)
    normal = terms.T @ terms + np.diag([0.005, 2.0])
    shift, ratio = np.linalg.solve(normal, terms.T @ missing)
    tempo_ratio = float(np.clip(line.tempo_ratio + ratio, *tempo_ratios))
    there = line.offset + line.tempo_ratio * middle + float(shift)
    return Line(line.reference, there - tempo_ratio * middle, tempo_ratio)
