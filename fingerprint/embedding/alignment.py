"""From single likenesses to stretches: which reference runs along with the query, how fast.

A nearest neighbour is cheap and often wrong. What decides is that many of them lie on one line:
reference time = offset + tempo ratio * query time. Lines are voted for (Hough), the best are
followed through the reference's own vectors, straightened by least squares, and cut to where the
likeness holds.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, F64Array, I64Array
from fingerprint.embedding.following import TEMPO_RATIOS, Line, Path, follow

BIN_SECONDS: Final = 0.72
FAINT: Final = 0.25
"""Likeness below which a neighbour says nothing."""
HYPOTHESES: Final = 32
A_PLACE: Final = 3
"""Hypotheses kept around one place of one reference."""
WINDOW: Final = 40
"""Vectors (19 s) that vote together; half of them vote in the next window too."""
FEWEST_VOTES: Final = 1.0
ROUNDING: Final = 1e-3
SAME_SECONDS: Final = 1.5
"""Two lines that lie nearer to each other in the middle of a window are one."""


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
        new = [line for line in lines if not _known(line, of_reference, middle)]
        followed = follow(new, query, seconds, [lookup(line.reference) for line in new])
        for line, path in zip(new, followed, strict=True):
            if path is not None and not _known(line, of_reference, middle):
                of_reference.setdefault(line.reference, []).append(path)
                found.append(path)
    return sorted(found, key=lambda path: -path.weight)


def _known(line: Line, of_reference: Mapping[int, Sequence[Path]], at: float) -> bool:
    return any(_follows(path, line, at) for path in of_reference.get(line.reference, ()))


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
