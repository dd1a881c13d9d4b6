"""Where the key puts things: frames of a block, bands of a frame, pairs of a bit."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from watermark.arrays import I64Array
from watermark.keys import Key
from watermark.payloads import FRAMES_PER_BIT, SYNC_FRAMES, PayloadMode
from watermark.streams import Stream, shuffled, shuffled_starts

LOWEST_BAND: Final = 20
BANDS: Final = 81
"""FFT bins 20 to 100, 861 to 4307 Hz, in which a mark lives."""
PAIRS: Final = 30
"""Bands that go up in a frame, and as many that go down."""
ENTRIES_PER_BIT: Final = PAIRS * FRAMES_PER_BIT


@dataclass(frozen=True)
class KeyTables:
    """What follows from a key and a payload mode. Bands count from 0, the lowest used bin.

    Attributes
    ----------
    sync_positions, data_positions : int64 array, shape (510,), (data_frames,)
        Frame of the block in which each sync or data frame lies.
    sync_up, sync_down : int64 array, shape (510, 30)
        Bands of each sync frame that go up, or down, for a bit of 1.
    mix_positions, mix_up, mix_down : int64 array, shape (coded_bits, 60)
        Frame of the block and pair of bands of each entry of each transmitted bit.
    bit_order : int64 array, shape (coded_bits,)
        Coded bit that is transmitted at each place.
    """

    mode: PayloadMode
    sync_positions: I64Array
    data_positions: I64Array
    sync_up: I64Array
    sync_down: I64Array
    mix_positions: I64Array
    mix_up: I64Array
    mix_down: I64Array
    bit_order: I64Array


@dataclass(frozen=True)
class SyncTables:
    """What a search needs of a key: places of all frames of a block, bands of the sync frames.

    Attributes
    ----------
    positions : int64 array, shape (block_frames,)
        Frame of the block in which each frame lies: the sync frames, then the data frames.
    up, down : int64 array, shape (510, 30)
        As in :class:`KeyTables`.
    """

    positions: I64Array
    up: I64Array
    down: I64Array


@lru_cache(maxsize=64)
def sync_tables(key: Key, mode: PayloadMode) -> SyncTables:
    """Sync frames of a key, derived once: 5 ms."""
    positions = shuffled(key, Stream.FRAME_POSITION, mode.block_frames)
    up, down = _pairs(key, Stream.SYNC_BANDS, SYNC_FRAMES)
    return SyncTables(positions, up, down)


@lru_cache(maxsize=16)
def key_tables(key: Key, mode: PayloadMode) -> KeyTables:
    """Tables of a key, derived once: 30 ms."""
    sync = sync_tables(key, mode)
    data_up, data_down = _pairs(key, Stream.DATA_BANDS, mode.data_frames)
    order = shuffled(key, Stream.MIX, PAIRS * mode.data_frames)
    data_positions = sync.positions[SYNC_FRAMES:]
    shape = (mode.coded_bits, ENTRIES_PER_BIT)
    return KeyTables(
        mode=mode,
        sync_positions=sync.positions[:SYNC_FRAMES],
        data_positions=data_positions,
        sync_up=sync.up,
        sync_down=sync.down,
        mix_positions=data_positions[order // PAIRS].reshape(shape),
        mix_up=data_up.ravel()[order].reshape(shape),
        mix_down=data_down.ravel()[order].reshape(shape),
        bit_order=shuffled(key, Stream.BIT_ORDER, mode.coded_bits),
    )


def _pairs(key: Key, stream: Stream, frames: int) -> tuple[I64Array, I64Array]:
    """Bands that go up and bands that go down in each frame, both of shape (frames, 30)."""
    chosen = shuffled_starts(key, stream, np.arange(BANDS), range(frames), 2 * PAIRS)
    return chosen[:, :PAIRS], chosen[:, PAIRS:]
