"""Coarse search: how well a block starts at every quarter of a frame.

The sums of a template's bands over time are correlations of the spectrogram with it, band by band,
and are taken as products of spectra along time: their cost does not grow with the template.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from watermark.arrays import BoolArray, F32Array, I64Array
from watermark.excerpt import SEARCH_FRAME, Excerpt
from watermark.layout import SYNC_BITS
from watermark.sync import SyncTemplate, scores
from watermark.tables import BANDS

STEP: Final = SEARCH_FRAME // 4
SHIFTS: Final = SEARCH_FRAME // STEP
_NEAREST_NEIGHBOUR: Final = 4
_FARTHEST_NEIGHBOUR: Final = 20
_FEW_ROWS: Final = 1000
"""Rows of sound, 23 s, up to which sums frame by frame cost less than a transform."""


@dataclass(frozen=True)
class Spectrogram:
    """Levels of a whole excerpt in frames that start every quarter of one; all keys share it.

    Attributes
    ----------
    levels : float32 array, shape (rows, 4, 81)
        Row ``f`` and shift ``k`` start at sample ``256 f + 64 k``.
    heard : bool array, shape (rows, 4)
        Which frames are not wholly in the silence around the sound.
    """

    levels: F32Array
    heard: BoolArray

    @classmethod
    def of(cls, excerpt: Excerpt) -> "Spectrogram":
        """Spectrogram of an excerpt; its last row leaves room for every shift."""
        rows = max(0, excerpt.length // SEARCH_FRAME - 1)
        starts = np.arange(rows * SHIFTS) * STEP
        levels = excerpt.levels(starts).reshape(rows, SHIFTS, BANDS)
        return cls(levels, excerpt.heard(starts).reshape(rows, SHIFTS))


@dataclass(frozen=True)
class CoarseScores:
    """Scores of candidate starts, one every quarter of a frame from sample 0 on.

    Attributes
    ----------
    scores : float32 array, shape (n,)
    local_means : float32 array, shape (n,)
        Mean score of 34 candidates nearby, which a candidate is judged against.
    """

    scores: F32Array
    local_means: F32Array

    @property
    def qualities(self) -> F32Array:
        """How far each candidate stands out, whichever block it starts."""
        qualities: F32Array = np.abs(self.scores - self.local_means)
        return qualities


@dataclass(frozen=True)
class BlockSums:
    """Levels under the template of a block, from every coarse start.

    Attributes
    ----------
    ups, downs : float32 array, shape (6, rows, 4)
        Summed levels of each sync bit's bands, in dB.
    counts : int64 array, shape (6, rows, 4)
        Frames of each sync bit that were heard.
    length : int
        Frames of a block.
    """

    ups: F32Array
    downs: F32Array
    counts: I64Array
    length: int

    def of_blocks(self) -> CoarseScores:
        """Scores of single blocks."""
        return _scored(self.ups, self.downs, self.counts)

    def of_pairs(self) -> CoarseScores:
        """Scores of an A block and the B block after it, whose bands are swapped."""
        here, after = np.s_[:, : -self.length], np.s_[:, self.length :]
        ups = self.ups[here] + self.downs[after]
        downs = self.downs[here] + self.ups[after]
        return _scored(ups, downs, self.counts[here] + self.counts[after])


def block_sums(
    spectrogram: Spectrogram, template: SyncTemplate, *, skip_silence: bool
) -> BlockSums:
    """Sum the levels under a block's template at every start from which it fits into the sound.

    Parameters
    ----------
    template : SyncTemplate
        Of one block.
    skip_silence : bool
        Leave out frames in the silence around the sound.
    """
    starts = max(0, len(spectrogram.levels) - template.length)
    heard = spectrogram.heard | (not skip_silence)
    levels = spectrogram.levels if heard.all() else spectrogram.levels * heard[..., None]
    rows = np.flatnonzero(heard.any(axis=1))
    if rows.size < _FEW_ROWS:
        sums = _accumulated(levels, rows, template, starts)
    else:
        sums = _correlated(levels, template, starts)
    bits = sums.reshape(starts, SHIFTS, 2, SYNC_BITS).transpose(2, 3, 0, 1)
    counts = _counts(heard, template.positions, starts)
    return BlockSums(bits[0], bits[1], counts, template.length)


def _correlated(levels: F32Array, template: SyncTemplate, starts: int) -> F32Array:
    """Sums of the levels under a template at each start.

    Parameters
    ----------
    levels : float32 array, shape (rows, 4, 81)

    Returns
    -------
    float32 array, shape (starts, 4, 12)
        Ups of the six bits, then downs.
    """
    from scipy import fft  # a third of a second to import, and most commands hear nothing

    size, pattern = template.transform
    sums = np.empty((starts, SHIFTS, 2 * SYNC_BITS), np.float32)
    advance = size - template.length + 1
    for first in range(0, starts, advance):
        spectra = fft.rfft(levels[first : first + size], size, axis=0)  # (frequencies, 4, 81)
        stop = min(starts, first + advance)
        sums[first:stop] = fft.irfft(spectra @ pattern, size, axis=0)[: stop - first]
    return sums


def _accumulated(levels: F32Array, rows: I64Array, template: SyncTemplate, starts: int) -> F32Array:
    """What :func:`_correlated` gives, frame by frame of the template: cheaper for an excerpt.

    Parameters
    ----------
    rows : int64 array
        Rows that are not silent, without a gap.
    """
    sums = np.zeros((SYNC_BITS, starts, SHIFTS, 2), np.float32)
    if not rows.size:
        return _in_order(sums)
    first, stop = int(rows[0]), int(rows[-1]) + 1
    heard = levels[first:stop].reshape(-1, BANDS)
    for bit, frames in enumerate(template.positions):
        both = np.stack([template.up[bit], template.down[bit]], axis=-1)
        for frame, bands in zip(frames, both, strict=True):
            begin, end = max(0, first - frame), min(starts, stop - frame)
            if begin < end:
                part = slice((begin + frame - first) * SHIFTS, (end + frame - first) * SHIFTS)
                sums[bit, begin:end] += (heard[part] @ bands).reshape(-1, SHIFTS, 2)
    return _in_order(sums)


def _in_order(sums: F32Array) -> F32Array:
    """Sums of shape (6, starts, 4, 2) as (starts, 4, 12): ups of the six bits, then downs."""
    ordered: F32Array = sums.transpose(1, 2, 3, 0).reshape(*sums.shape[1:3], 2 * SYNC_BITS)
    return ordered


def _scored(ups: F32Array, downs: F32Array, counts: I64Array) -> CoarseScores:
    flat = (SYNC_BITS, -1)
    found = scores(ups.reshape(flat), downs.reshape(flat), counts.reshape(flat))
    return CoarseScores(found, _local_means(found))


def _counts(heard: BoolArray, positions: I64Array, starts: int) -> I64Array:
    """Frames of each sync bit that are heard from each start, int64 of shape (6, starts, 4)."""
    bits, frames_per_bit = positions.shape
    if heard.all():
        return np.full((bits, starts, SHIFTS), frames_per_bit)
    counts = np.zeros((bits, starts, SHIFTS), np.int64)
    rows = np.flatnonzero(heard.any(axis=1))
    if not rows.size:
        return counts
    first, stop = int(rows[0]), int(rows[-1]) + 1
    for bit, frames in enumerate(positions):
        for frame in frames:
            begin, end = max(0, first - frame), min(starts, stop - frame)
            if begin < end:
                counts[bit, begin:end] += heard[begin + frame : end + frame]
    return counts


def _local_means(found: F32Array) -> F32Array:
    distances = np.abs(np.arange(-_FARTHEST_NEIGHBOUR, _FARTHEST_NEIGHBOUR + 1))
    kernel = (distances >= _NEAREST_NEIGHBOUR).astype(np.float32)
    if not found.size:
        return found
    reach = slice(_FARTHEST_NEIGHBOUR, _FARTHEST_NEIGHBOUR + found.size)
    neighbours = np.convolve(np.ones_like(found), kernel)[reach]
    sums = np.convolve(found, kernel)[reach]
    return (sums / np.maximum(neighbours, 1)).astype(np.float32)
