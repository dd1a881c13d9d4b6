"""How far the peaks of a query coincide with those of a reference at one place.

A few peaks coincide anywhere: music has scales and beats. What counts is how many more do at this
place than where it happens to fit best otherwise: at other places of the same reference (music of
one tempo shares its beats), close by, and here once transposed (music of one key shares its notes).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fingerprint.arrays import BoolArray, F64Array, I64Array, U32Array
from fingerprint.constellation.constellation import (
    ALL_BINS,
    BIN_BITS,
    BLOCK_FRAMES,
    bins_of,
    frames_of,
    strongest,
)

FRAME_TOLERANCE: Final = 1
NEAR: Final = np.array([-12, -9, -7, 7, 9, 12])
"""Frames beside the place: what a steady beat or a held note has in common with itself."""
TRANSPOSED: Final = np.array([each for each in range(-22, 23, 2) if each])
"""Bins by which the query is moved: semitones, less than an octave."""
AWAY: Final = 40
"""Frames from which on another place is another one."""
BESIDE_FRAMES: Final = 3000
"""Two minutes of the reference on each side, from which other places are taken."""
RARE: Final = 0.95
"""Of other places so many coincide less: a loop comes again at fewer of them."""
ODD_KEYS: Final = 3
"""Transpositions that may fit better: an octave's overtones, a fifth."""
LEAST_USUAL: Final = 0.03
LEAST_EXCESS: Final = 0.1
"""By how much more than usual coincides at least where something is found."""
MOST_LIKELY: Final = 0.95
SAMPLED: Final = 2000
"""Peaks that are compared with other places, about."""
LEAST_PEAKS: Final = 20
KEPT_PEAKS: Final = 12
"""Of a reference's peaks so many a second are looked for in the query: the strongest, which what is
laid over a copy hides last."""
AROUND_FRAMES: Final = 125
"""Five seconds before and after a stretch, in which they are looked for."""
FEWEST_KEPT: Final = 5
REACH: Final = 37
"""Frames within which vectors tell of a place: a second and a half."""


@dataclass(frozen=True)
class Coincidence:
    """A stretch of the query whose peaks are those of a reference.

    Attributes
    ----------
    offset : int
        Reference frame minus query frame.
    first, last : int
        Frames of the query in which its first and its last coinciding peak lie.
    peaks : int
        Peaks of the query within the stretch.
    share : float
        Of these, how many coincide, 0 to 1.
    by_chance : float
        The share that chance may reach elsewhere, 0 to 1.
    information : float
        Kullback-Leibler divergence of the share from that one, times the peaks, less the choice
        among as many such stretches as the query has; in nats.
    kept : float
        Of the reference's strongest peaks there and around, what share the query has, less the share
        that it has of them in another key; -1 to 1. Chance gives a crowded query many of its peaks
        back, and few of these.
    """

    offset: int
    first: int
    last: int
    peaks: int
    share: float
    by_chance: float
    information: float
    kept: float


class Grid:
    """Where a stretch of a reference has peaks, with the tolerance in time laid around them.

    Parameters
    ----------
    peaks : uint32 array, shape (n,)
        In the order of a constellation.
    first, last : int
        Frames of the reference that are looked at.
    """

    def __init__(self, peaks: U32Array, first: int, last: int) -> None:
        self.first, self.last = first, max(first, last)
        frames, bins = frames_of(peaks) - first, bins_of(peaks)
        self._taken: BoolArray = np.zeros((self.last - self.first + 1, ALL_BINS), np.bool_)
        for moved in range(-FRAME_TOLERANCE, FRAME_TOLERANCE + 1):
            at = frames + moved
            inside = (at >= 0) & (at < len(self._taken))
            self._taken[at[inside], bins[inside]] = True
        on = (frames >= -FRAME_TOLERANCE) & (frames < len(self._taken) + FRAME_TOLERANCE)
        frames, bins = frames[on], bins[on]
        self._frames = frames[np.argsort(bins, kind="stable")] + first
        self._begins = np.append(0, np.cumsum(np.bincount(bins, minlength=ALL_BINS)))

    def hits(self, frames: I64Array, bins: I64Array) -> NDArray[np.int8]:
        """1 where a peak of the query is the reference's too, 0 where not, -1 beside the grid."""
        at = frames - self.first
        inside = (at >= 0) & (at < len(self._taken)) & (bins >= 0) & (bins < ALL_BINS)
        taken = self._taken[np.where(inside, at, 0), np.where(inside, bins, 0)]
        return np.where(inside, taken, -1).astype(np.int8)

    def shares(self, frames: I64Array, bins: I64Array) -> F64Array:
        """Share of a query's peaks that coincide, of those that lie on the grid.

        Parameters
        ----------
        frames, bins : int64 arrays that broadcast to shape (places, n)
            The query as it lies at each of several places.

        Returns
        -------
        float64 array, shape (places,)
        """
        at = frames - self.first
        inside = (at >= 0) & (at < len(self._taken)) & (bins >= 0) & (bins < ALL_BINS)
        cells = np.where(inside, at * ALL_BINS + bins, 0)  # (places, n)
        taken = self._taken.ravel()[cells] & inside
        share: F64Array = taken.sum(axis=1) / np.maximum(1, inside.sum(axis=1))
        return share

    def everywhere(self, frames: I64Array, bins: I64Array) -> tuple[F64Array, I64Array]:
        """Share of peaks that coincide at every offset at which half of them lie on the grid.

        Parameters
        ----------
        frames : int64 array, shape (n,)
            Ascending.
        bins : int64 array, shape (n,)

        Returns
        -------
        shares : float64 array, shape (offsets,)
            Of those that lie on the grid.
        offsets : int64 array, shape (offsets,)
        """
        low, high = self.first - int(frames[-1]), self.last - int(frames[0])
        begin = self._begins[bins]
        count = self._begins[bins + 1] - begin
        before = np.cumsum(count) - count
        at = np.repeat(begin - before, count) + np.arange(int(count.sum()))
        moved = self._frames[at] - np.repeat(frames - FRAME_TOLERANCE + low, count)
        hits = np.bincount(moved, minlength=high - low + 1 + 2 * FRAME_TOLERANCE)
        near = np.convolve(hits, np.ones(2 * FRAME_TOLERANCE + 1), "valid")
        offsets = np.arange(low, high + 1)
        # Of the query's peaks, how many lie at each frame or before it.
        before = np.cumsum(np.bincount(frames - frames[0], minlength=1))
        reaches = np.minimum(self.last - offsets - frames[0], len(before) - 1)
        misses = self.first - 1 - offsets - frames[0]
        inside = before[reaches] - np.where(misses < 0, 0, before[np.maximum(misses, 0)])
        enough = np.flatnonzero(2 * inside >= len(frames))
        return near[enough] / inside[enough], offsets[enough]


class Companion:
    """A reference beside one query: followed at any offset, what offsets have in common found once.

    Parameters
    ----------
    query : uint32 array, shape (n,)
        Peaks in the order of time; one at least.
    heard : Grid
        Of these peaks, from the first to the last.
    reference : uint32 array, shape (m,)
        Peaks in the order of a constellation.
    reference_frames : int
        Frames of the reference.
    """

    def __init__(
        self, query: U32Array, heard: Grid, reference: U32Array, reference_frames: int
    ) -> None:
        self._frames, self._bins = frames_of(query), bins_of(query)
        self._heard = heard
        self._reference = reference
        self._reference_frames = reference_frames
        self._grid: Grid | None = None
        self._shares, self._offsets = np.empty(0), np.empty(0, np.int64)

    def at(self, offset: int) -> Coincidence | None:
        """Follow one offset: reference frame minus query frame.

        Returns
        -------
        Coincidence or None
            None where no stretch coincides more than usual.
        """
        frames, bins = self._frames, self._bins
        grid = self._on(offset)
        step = 1 + len(frames) // SAMPLED
        anywhere = _others(self._shares, self._offsets, offset)
        near, moved = _nearby(grid, frames[::step], bins[::step], offset)
        usual = max(LEAST_USUAL, float(anywhere.mean()), near, float(moved.mean()))
        hits = grid.hits(frames + offset, bins)
        stretch = _stretch(hits, usual)
        if stretch is None:
            return None
        start, end = stretch
        inside = hits[start:end]
        count = int((inside >= 0).sum())
        share = float((inside == 1).sum() / max(1, count))
        if count < LEAST_PEAKS:
            return None
        own = slice(start, end, 1 + count // SAMPLED)
        anywhere = _others(*grid.everywhere(frames[own], bins[own]), offset)
        near, moved = _nearby(grid, frames[own], bins[own], offset)
        rarely = float(np.quantile(anywhere, RARE))
        by_chance = max(LEAST_USUAL, rarely, near, float(np.sort(moved)[-ODD_KEYS]))
        if share <= by_chance:
            return None
        return Coincidence(
            offset=offset,
            first=int(frames[start]),
            last=int(frames[end - 1]),
            peaks=count,
            share=share,
            by_chance=by_chance,
            information=max(
                0.0, count * _divergence(share, by_chance) - float(np.log(len(frames) / count))
            ),
            kept=kept(
                self._heard,
                self._reference,
                offset,
                int(frames[start]) - AROUND_FRAMES,
                int(frames[end - 1]) + AROUND_FRAMES,
            ),
        )

    def nearest(self, offset: int, first: int, last: int) -> int:
        """The offset within :data:`REACH` of one at which most of a stretch of the query coincides.

        Parameters
        ----------
        first, last : int
            Frames of the query.
        """
        on = np.flatnonzero((self._frames >= first) & (self._frames <= last))
        if not len(on):
            return offset
        sampled = on[:: 1 + len(on) // SAMPLED]
        near = offset + np.arange(-REACH, REACH + 1)
        here = self._frames[sampled] + near[:, None]
        shares = self._on(offset).shares(here, self._bins[None, sampled])
        # As much coincides a frame beside the place: the middle of those is it.
        return int(near[np.convolve(shares, np.ones(2 * FRAME_TOLERANCE + 1), "same").argmax()])

    def _on(self, offset: int) -> Grid:
        """The part of the reference that is looked at, and how the whole query lies on it.

        Of references up to a few minutes it is all of them, whatever the offset.
        """
        frames = self._frames
        first = max(0, int(frames[0]) + offset - BESIDE_FRAMES)
        last = min(self._reference_frames, int(frames[-1]) + offset + BESIDE_FRAMES)
        grid = self._grid
        if grid is None or (grid.first, grid.last) != (first, max(first, last)):
            self._grid = grid = Grid(_seconds(self._reference, first, last), first, last)
            step = 1 + len(frames) // SAMPLED
            self._shares, self._offsets = grid.everywhere(frames[::step], self._bins[::step])
        return grid


def kept(heard: Grid, reference: U32Array, offset: int, first: int, last: int) -> float:
    """Of a reference's strongest peaks beside a stretch of the query, what share that has beyond chance.

    Parameters
    ----------
    heard : Grid
        Of the query's peaks.
    reference : uint32 array, shape (n,)
        In the order of a constellation.
    offset : int
        Reference frame minus query frame.
    first, last : int
        Frames of the query; what lies beyond its peaks is left out.

    Returns
    -------
    float
        -1 to 1; 0 where there are too few.
    """
    low, high = offset + max(heard.first, first), offset + min(heard.last, last)
    peaks = strongest(_seconds(reference, low, high), KEPT_PEAKS)
    frames, bins = frames_of(peaks), bins_of(peaks)
    on = np.flatnonzero((frames >= low) & (frames <= high))
    if len(on) < FEWEST_KEPT:
        return 0.0
    sampled = on[:: 1 + len(on) // SAMPLED]
    there = frames[None, sampled] - offset
    (here,) = heard.shares(there, bins[None, sampled])
    moved = heard.shares(there, bins[None, sampled] + TRANSPOSED[:, None])
    return float(here - np.sort(moved)[-ODD_KEYS])


def _seconds(peaks: U32Array, first: int, last: int) -> U32Array:
    """Peaks in the order of a constellation, from one frame to another, in whole seconds."""
    blocks = peaks >> np.uint32(BIN_BITS)
    blocks //= np.uint32(BLOCK_FRAMES)
    wanted = [max(0, first // BLOCK_FRAMES), max(0, last // BLOCK_FRAMES + 1)]
    part: U32Array = peaks[slice(*np.searchsorted(blocks, wanted))]
    return part


def _others(shares: F64Array, offsets: I64Array, offset: int) -> F64Array:
    """What share coincides at other places, as of :meth:`Grid.everywhere`; zero where there are none."""
    others = shares[np.abs(offsets - offset) > AWAY]
    return others if len(others) else np.zeros(1)


def _nearby(grid: Grid, frames: I64Array, bins: I64Array, offset: int) -> tuple[float, F64Array]:
    """What share coincides a few frames beside the place, and in each other key."""
    here = frames[None, :] + offset
    near = float(grid.shares(here + NEAR[:, None], bins[None, :]).mean())
    return near, grid.shares(here, bins[None, :] + TRANSPOSED[:, None])


def _share(hits: NDArray[np.int8]) -> float:
    return float((hits == 1).sum() / max(1, (hits >= 0).sum()))


def _stretch(hits: NDArray[np.int8], usual: float) -> tuple[int, int] | None:
    """Where hits are so frequent that more than chance is at work: first and one past the last.

    A hit counts the logarithm of how much likelier it is there than elsewhere, a miss likewise.
    The likelihood is first set a little above the usual one, then midway to what was found.
    """
    if usual + LEAST_EXCESS > MOST_LIKELY:
        return None
    likelihood = usual + LEAST_EXCESS
    found = None
    for _ in range(2):
        hit, miss = np.log(likelihood / usual), np.log((1 - likelihood) / (1 - usual))
        gains = np.where(hits == 1, hit, np.where(hits == 0, miss, 0.0))
        found = _heaviest(gains)
        if found is None:
            return None
        share = _share(hits[found[0] : found[1]])
        likelihood = min(MOST_LIKELY, max(usual + LEAST_EXCESS, (share + usual) / 2))
    return found


def _heaviest(gains: F64Array) -> tuple[int, int] | None:
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    rises = sums - np.minimum.accumulate(sums)
    end = int(rises.argmax())
    if rises[end] <= 0:
        return None
    return int(sums[: end + 1].argmin()), end


def _divergence(share: float, usual: float) -> float:
    """Kullback-Leibler divergence of two coins, in nats."""
    a, b = np.clip([share, usual], 1e-3, 1 - 1e-3)
    return float(a * np.log(a / b) + (1 - a) * np.log((1 - a) / (1 - b)))
