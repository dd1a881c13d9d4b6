"""What happens to every band of every frame: sync bits, coded bits, blocks in time."""

from typing import Final

import numpy as np

from watermark.arrays import I8Array, U8Array
from watermark.convolutional import Code, encode
from watermark.payloads import SYNC_FRAMES, Payload
from watermark.tables import BANDS, KeyTables

SYNC_BITS: Final = 6
FRAMES_PER_SYNC_BIT: Final = SYNC_FRAMES // SYNC_BITS
PADDING_FRAMES: Final = 250
"""Frames before the first A block, the end of a B block: 5.8 s."""


def actions(payload: Payload, tables: KeyTables) -> I8Array:
    """What each band does through one A block and one B block.

    Parameters
    ----------
    payload : Payload
        Of the mode of the tables.

    Returns
    -------
    int8 array, shape (2 * block_frames, 81)
        1 up, -1 down, 0 keep.
    """
    blocks = [
        _block(encode(payload.message, code), first_sync_bit, tables)
        for code, first_sync_bit in ((Code.A, 0), (Code.B, 1))
    ]
    return np.concatenate(blocks)


def grid(action_table: I8Array, first: int, stop: int) -> I8Array:
    """Actions of frames ``first`` to ``stop`` of a file, shape (stop - first, 81)."""
    frames = np.arange(first - PADDING_FRAMES, stop - PADDING_FRAMES) % len(action_table)
    return action_table[frames]


def _block(coded: U8Array, first_sync_bit: int, tables: KeyTables) -> I8Array:
    table = np.zeros((tables.mode.block_frames, BANDS), np.int8)
    sync_bits = (np.arange(SYNC_FRAMES) // FRAMES_PER_SYNC_BIT + first_sync_bit) & 1
    sync_signs = _signs(sync_bits)[:, None]
    frames = tables.sync_positions[:, None]
    table[frames, tables.sync_up] = sync_signs
    table[frames, tables.sync_down] = -sync_signs
    data_signs = _signs(coded[tables.bit_order])[:, None]
    table[tables.mix_positions, tables.mix_up] = data_signs
    table[tables.mix_positions, tables.mix_down] = -data_signs
    return table


def _signs(bits: np.typing.NDArray[np.integer]) -> I8Array:
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)
