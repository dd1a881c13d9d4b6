"""True peak: how high the waveform rises between its samples (ITU-R BS.1770-5, annex 2)."""

from functools import cache
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array

PHASES: Final = np.array(
    [
        *(0.001708984375, 0.010986328125, -0.0196533203125, 0.033203125),
        *(-0.0594482421875, 0.1373291015625, 0.97216796875, -0.102294921875),
        *(0.047607421875, -0.026611328125, 0.014892578125, -0.00830078125),
        *(-0.0291748046875, 0.029296875, -0.0517578125, 0.089111328125),
        *(-0.16650390625, 0.465087890625, 0.77978515625, -0.2003173828125),
        *(0.1015625, -0.0582275390625, 0.0330810546875, -0.0189208984375),
    ],
    np.float32,
).reshape(2, 12)
"""The annex' interpolator: two of four phases, the other two are these from behind."""
TAPS: Final = 12
GAIN: Final = float(np.abs(PHASES).sum(axis=1).max())
"""By how much no interpolated sample exceeds the greatest of those it is made of."""
BLOCK: Final = 64
"""Samples that are interpolated or passed over together."""
ROW: Final = 16
"""Samples of one row of the matrix product that interpolates."""
WINDOW: Final = ROW + TAPS - 1
_CHUNK: Final = 1 << 16
"""Samples per channel that are looked at together: what is made of them stays in the cache."""


def true_peak(samples: F32Array) -> float:
    """Greatest magnitude of a waveform at four times its sample rate.

    What cannot be the greatest is not interpolated: no interpolated sample exceeds the greatest of
    the twelve that it is made of by more than :data:`GAIN`, so a block is passed over where its
    samples lie so far below what was found.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)

    Returns
    -------
    float
        Full scale is 1; never below the greatest sample, 0 of no samples.
    """
    channels, n = samples.shape
    if not n:
        return 0.0
    loudest = _loudest(samples)
    reach = loudest.copy()  # what a block is made of begins and ends in its neighbours
    np.maximum(reach[:, 1:], loudest[:, :-1], out=reach[:, 1:])
    np.maximum(reach[:, :-1], loudest[:, 1:], out=reach[:, :-1])
    found = float(loudest.max())
    per_chunk = _CHUNK // BLOCK
    chunks = [
        (channel, block)
        for channel in range(channels)
        for block in range(0, reach.shape[1], per_chunk)
    ]
    # The chunk with the loudest block first: by what it gives most others are known to be lower.
    chunks.sort(key=lambda each: -reach[each[0], each[1] : each[1] + per_chunk].max())
    for channel, block in chunks:
        kept = reach[channel, block : block + per_chunk] * GAIN > found
        if kept.any():
            windows = _windows(samples[channel], block * BLOCK, len(kept) * BLOCK)
            found = max(found, _greatest(windows[np.repeat(kept, BLOCK // ROW)]))
    return found


def _loudest(samples: F32Array) -> F32Array:
    """Greatest magnitude of each block, shape (channels, blocks)."""
    channels, n = samples.shape
    found = np.zeros((channels, -(-n // BLOCK)), np.float32)
    for first in range(0, n, _CHUNK):
        piece = np.abs(samples[:, first : first + _CHUNK])
        if missing := -piece.shape[1] % BLOCK:
            piece = np.pad(piece, ((0, 0), (0, missing)))
        made = np.ascontiguousarray(piece).reshape(channels, -1, BLOCK).max(axis=2)
        found[:, first // BLOCK : first // BLOCK + made.shape[1]] = made
    return found


def _windows(channel: F32Array, start: int, count: int) -> F32Array:
    """What ``count`` samples are interpolated from, a row for each :data:`ROW` of them.

    Silence lies beyond both ends.
    """
    first = start - TAPS // 2
    piece = np.zeros(count + TAPS - 1, np.float32)
    begin, end = max(0, first), min(len(channel), first + len(piece))
    piece[begin - first : end - first] = channel[begin:end]
    return np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::ROW]


def _greatest(windows: F32Array) -> float:
    """Greatest magnitude between the samples of some rows."""
    made = windows @ _interpolator()  # (rows, ROW * 4)
    return float(max(made.max(), -made.min()))


@cache
def _interpolator() -> F32Array:
    """All phases of a row's samples as one matrix, shape (WINDOW, ROW * 4)."""
    phases = np.concatenate([PHASES, PHASES[::-1, ::-1]])
    matrix = np.zeros((WINDOW, ROW, 4), np.float32)
    for at in range(ROW):
        matrix[at : at + TAPS, at] = phases[:, ::-1].T
    return matrix.reshape(WINDOW, ROW * 4)
