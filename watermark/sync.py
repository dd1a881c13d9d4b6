"""Sync templates and how well a stretch of sound fits them.

A block announces itself by six sync bits, 0 1 0 1 0 1 in an A block and the reverse in a B block. The
level of the bands that should go up for a bit, against that of those that should go down, says
which bit it is and how clearly.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from watermark.arrays import C64Array, F32Array, I64Array
from watermark.excerpt import SEARCH_FRAME, Excerpt
from watermark.keys import Key
from watermark.layout import FRAMES_PER_SYNC_BIT, SYNC_BITS
from watermark.payloads import PayloadMode
from watermark.tables import BANDS, KeyTables, key_tables

_GOOD_SCORE: Final = 0.01 * 2.9
"""Mean bit quality of an unharmed mark at the default strength, about."""
_EXPECTED: Final = np.where(np.arange(SYNC_BITS) % 2, 1, -1).astype(np.float32)[:, None]


@dataclass(frozen=True)
class SyncTemplate:
    """Sync frames of one block, or of an A block and the B block after it.

    Attributes
    ----------
    positions : int64 array, shape (6, frames)
        Frames of each sync bit, counted from the start of the (first) block.
    up, down : float32 array, shape (6, frames, 81)
        1 for the bands that go up, and for those that go down, for a bit of 1 in the A block.
    length : int
        Frames that the template spans.
    """

    positions: I64Array
    up: F32Array
    down: F32Array
    length: int

    def score(self, excerpt: Excerpt, starts: I64Array, *, skip_silence: bool) -> F32Array:
        """Scores of candidate starts, one by one.

        Parameters
        ----------
        starts : int64 array, shape (n,)
            Samples of the time axis.
        skip_silence : bool
            Leave out frames in the silence around the sound.

        Returns
        -------
        float32 array, shape (n,)
        """
        places = starts[:, None] + self.positions.ravel() * SEARCH_FRAME  # (n, 6 * frames)
        heard = excerpt.heard(places) | (not skip_silence)
        used = np.flatnonzero(heard.any(axis=0))
        levels = excerpt.levels(places[:, used].ravel()).reshape(starts.size, used.size, BANDS)
        levels *= heard[:, used, None]
        bits = used // self.positions.shape[1]
        ups, downs, counts = (np.zeros((SYNC_BITS, starts.size), np.float32) for _ in range(3))
        for bit in range(SYNC_BITS):
            own = slice(*np.searchsorted(bits, (bit, bit + 1)))
            flat = levels[:, own].reshape(starts.size, -1)
            sums = flat @ self.by_frame[used[own]].reshape(-1, 2)
            ups[bit], downs[bit] = sums.T
            counts[bit] = heard[:, used[own]].sum(axis=1)
        return scores(ups, downs, counts.astype(np.int64))

    @cached_property
    def by_frame(self) -> F32Array:
        """Bands that go up and down, float32 of shape (6 * frames, 81, 2)."""
        return np.stack([self.up, self.down], axis=-1).reshape(-1, BANDS, 2)

    @cached_property
    def transform(self) -> tuple[int, C64Array]:
        """Size of a transform along time, and the conjugate of the template's.

        Complex64 of shape (frequencies, 81, 12): ups of the six bits, then downs.
        """
        from scipy import fft  # a third of a second to import, and most commands hear nothing

        size = fft.next_fast_len(2 * self.length, real=True)
        dense = np.zeros((size, BANDS, 2 * SYNC_BITS), np.float32)
        for bit, positions in enumerate(self.positions):
            dense[positions, :, bit] = self.up[bit]
            dense[positions, :, SYNC_BITS + bit] = self.down[bit]
        return size, np.conj(fft.rfft(dense, axis=0))


@lru_cache(maxsize=4)
def key_template(key: Key, mode: PayloadMode) -> SyncTemplate:
    """Template of one block, kept for the last few keys: its transform takes 18 MB."""
    return block_template(key_tables(key, mode))


def block_template(tables: KeyTables) -> SyncTemplate:
    """Template of one block."""
    positions = tables.sync_positions.reshape(SYNC_BITS, FRAMES_PER_SYNC_BIT)
    up, down = _mask(tables.sync_up), _mask(tables.sync_down)
    return SyncTemplate(positions, up, down, tables.mode.block_frames)


def pair_template(one: SyncTemplate) -> SyncTemplate:
    """Template of an A block and the B block after it, whose sync bits are reversed."""
    positions = np.concatenate([one.positions, one.positions + one.length], axis=1)
    up = np.concatenate([one.up, one.down], axis=1)
    down = np.concatenate([one.down, one.up], axis=1)
    return SyncTemplate(positions, up, down, 2 * one.length)


def scores(ups: F32Array, downs: F32Array, counts: I64Array) -> F32Array:
    """How clearly candidates carry the sync bits of an A block; below 0 for a B block.

    Parameters
    ----------
    ups, downs : float32 array, shape (6, n)
        Summed levels in dB, which are below 0, of the bands that go up and down for a bit of 1.
    counts : int64 array, shape (6, n)
        Frames in each sum.

    Returns
    -------
    float32 array, shape (n,)
        About 1.3 for an unharmed mark at the default strength, 0 where no frame was heard.
    """
    usable = (counts > 0) & (ups != 0) & (downs != 0)
    ups, downs = np.where(usable, ups, 1), np.where(usable, downs, 1)
    bits = np.where(ups < downs, 1 - ups / downs, downs / ups - 1)
    weighted = (_EXPECTED * bits * counts * usable).sum(axis=0)
    scores: F32Array = (weighted / np.maximum(counts.sum(axis=0), 1) / _GOOD_SCORE).astype(
        np.float32
    )
    return scores


def _mask(bands: I64Array) -> F32Array:
    """Ones at the bands of each sync frame, shape (6, 85, 81)."""
    mask = np.zeros((len(bands), BANDS), np.float32)
    np.put_along_axis(mask, bands, 1, axis=1)
    return mask.reshape(SYNC_BITS, FRAMES_PER_SYNC_BIT, BANDS)
