"""How well a copy fits the sync bits of a key if it was warped, at every start and drift of time.

The levels of a stretch of half a minute are laid on a grid of half frames, as one warp has it, and
whitened: the mark is a few tenths of a decibel, music moves by many. Their products with the bands
of each sync frame are then summed along lines. A line's place is the start of a block, its slant how
much faster time runs than the warp says. Sixteenths of a block are too short for a slant to matter
within them, so they are summed once for all slants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, NamedTuple, Self

import numpy as np

from watermark.arrays import F32Array, I64Array
from watermark.excerpt import SEARCH_FRAME
from watermark.keys import Key
from watermark.layout import FRAMES_PER_SYNC_BIT, SYNC_BITS
from watermark.payloads import SYNC_FRAMES, PayloadMode
from watermark.tables import BANDS, sync_tables
from watermark.warps import Warp, warped_powers

COARSE_ROWS: Final = 2
"""Rows in a frame."""
_GROUPS: Final = 16
_SPARE_FRAMES: Final = 18
"""How far a slant of 0.8 % moves the end of a block."""
_AROUND: Final = 8
"""Frames that a row is compared with: 0.2 s."""
_CLIP: Final = 2.0
"""Median deviations that a level may stand out by: what does more is an onset, not a mark."""
_SPARSE: Final = 7
"""One of so many sums is looked at for their deviation."""
_LEAST_POWER: Final = np.float32(1e-10)
_LEAST_DEVIATION: Final = np.float32(1e-3)
_DEVIATION: Final = 0.6745
"""Median of the magnitudes of normal noise of deviation 1."""


class Line(NamedTuple):
    """The best line through a sheet: how many deviations it stands out by, and how it lies."""

    score: float
    slant: float


@dataclass(frozen=True)
class SlantTemplate:
    """Sync frames of one A block in the order of time; a B block's are the negative.

    Attributes
    ----------
    frames : int64 array, shape (510,)
        Frames of the block.
    bands : float32 array, shape (510, 81)
        1 for bands that go up in an A block, -1 for those that go down.
    length : int
        Frames of a block.
    """

    frames: I64Array
    bands: F32Array
    length: int

    def line(self, sheet: "Sheet", slants: Sequence[float]) -> Line:
        """Find the best line.

        Parameters
        ----------
        sheet : Sheet
            Shorter than a block.
        slants : sequence of float
            Relative changes of time's pace to try, evenly spaced.
        """
        summed = self._summed(sheet)
        lines = np.abs(np.stack([self._along(summed, slant, sheet.fineness) for slant in slants]))
        deviation = float(np.median(lines[:, ::_SPARSE])) / _DEVIATION
        peaks = lines.max(axis=1)
        best = int(peaks.argmax())
        score = float(peaks[best]) / max(deviation, float(_LEAST_DEVIATION))
        return Line(score, vertex(peaks.tolist(), slants))

    def _summed(self, sheet: "Sheet") -> F32Array:
        """Sums over sixteenths of a block: float32 of shape (16, rows + 2 * reach).

        Column ``reach + r`` has a sixteenth whose middle lies at row ``r``.
        """
        rows, bands = sheet.levels.shape
        products = self.bands[:, :bands] @ sheet.levels.T  # (510, rows)
        reach = sheet.fineness * self._reach
        summed = np.zeros((_GROUPS, rows + 2 * reach), np.float32)
        groups = self.frames * _GROUPS // self.length
        offsets = reach - sheet.fineness * (self.frames - self._middles[groups])
        for group, offset, product in zip(groups, offsets, products, strict=True):
            summed[group, offset : offset + rows] += product
        return summed

    def _along(self, summed: F32Array, slant: float, fineness: int) -> F32Array:
        """Sums along lines, float32: of blocks that start from one before the sheet to its first row.

        The block after each, of the other kind, counts as well.
        """
        rows = fineness * (self.length + _SPARE_FRAMES)
        lines = np.zeros(rows, np.float32)
        for order, combine in enumerate((np.add, np.subtract)):
            middles = (self._middles + order * self.length) * (1 + slant) + self._reach
            firsts = np.rint(fineness * middles).astype(np.int64) - rows
            for sums, first in zip(summed, firsts.tolist(), strict=True):
                begin, end = max(0, -first), min(rows, sums.size - first)
                if begin < end:
                    part = lines[begin:end]
                    combine(part, sums[first + begin : first + end], out=part)
        return lines

    @property
    def _reach(self) -> int:
        """Frames by which a sixteenth reaches beyond its middle, at most."""
        return self.length // _GROUPS + 1

    @cached_property
    def _middles(self) -> I64Array:
        middles: I64Array = ((np.arange(_GROUPS) + 0.5) * self.length / _GROUPS).astype(np.int64)
        return middles


def vertex(heights: Sequence[float], places: Sequence[float]) -> float:
    """Where the parabola through the highest of evenly spaced points and its neighbours peaks."""
    best = max(range(len(heights)), key=heights.__getitem__)
    if not 0 < best < len(heights) - 1:
        return places[best]
    before, highest, after = heights[best - 1 : best + 2]
    curvature = before - 2 * highest + after
    shift = 0.5 * (before - after) / curvature if curvature else 0.0
    return places[best] + shift * (places[best + 1] - places[best])


@lru_cache(maxsize=64)
def slant_template(key: Key, mode: PayloadMode) -> SlantTemplate:
    """Template of a key, kept for the last few: 0.2 MB each."""
    tables = sync_tables(key, mode)
    positions = tables.positions[:SYNC_FRAMES]
    order = np.argsort(positions)
    bits = np.repeat(np.arange(SYNC_BITS), FRAMES_PER_SYNC_BIT)
    bands = np.zeros((SYNC_FRAMES, BANDS), np.float32)
    np.put_along_axis(bands, tables.up, 1, axis=1)
    np.put_along_axis(bands, tables.down, -1, axis=1)
    bands[bits % 2 == 0] *= -1
    return SlantTemplate(positions[order], bands[order], mode.block_frames)


@dataclass(frozen=True)
class Sheet:
    """Whitened levels of a copy on the grid of a warp.

    Attributes
    ----------
    levels : float32 array, shape (rows, bands)
        Each less the mean of 0.2 s around it, over its band's median deviation, clipped.
    fineness : int
        Rows in a frame.
    """

    levels: F32Array
    fineness: int

    @classmethod
    def of(
        cls, samples: F32Array, warp: Warp, bands: int = BANDS, fineness: int = COARSE_ROWS
    ) -> Self:
        """Sheet of samples at 11,025 Hz, shape (n,) or (channels, n), in so many bands from the lowest.

        Levels of channels are added, as the search for blocks adds them.
        """
        channels = np.atleast_2d(samples)
        hop = SEARCH_FRAME * warp.time / fineness
        rows = max(0, int((channels.shape[1] - warp.frame) / hop))
        starts = np.rint(np.arange(rows) * hop).astype(np.int64)
        levels = np.zeros((rows, bands), np.float32)
        for channel in channels:
            frames = np.lib.stride_tricks.sliding_window_view(channel, warp.frame)[starts]
            levels += np.log(warped_powers(frames, warp, bands) + _LEAST_POWER)
        levels -= _means(levels, _AROUND * fineness // 2)
        levels /= np.maximum(np.median(np.abs(levels[:: 2 * fineness]), axis=0), _LEAST_DEVIATION)
        return cls(np.clip(levels, -_CLIP, _CLIP, out=levels), fineness)


def _means(levels: F32Array, reach: int) -> F32Array:
    """Mean of each row and as many to either side; the first and last rows go on beyond the ends."""
    padded = np.pad(levels, ((reach + 1, reach), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    size = 2 * reach + 1
    means: F32Array = ((sums[size:] - sums[:-size]) / size).astype(np.float32)
    return means
