"""The limiter: marked sound never reaches full scale, and quiet sound is left as it is."""

from typing import Final

import numpy as np

from watermark.arrays import F32Array

CEILING: Final = 0.99
BLOCK_SECONDS: Final = 1


def limited(samples: F32Array, sample_rate: int) -> F32Array:
    """Turn sound down around its peaks, all channels alike.

    In each second the gain runs in a straight line between what the louder of two neighbouring
    seconds needs on either side, so no sample exceeds the ceiling.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        Changed in place where there is something to limit.
    sample_rate : int
        Hz.

    Returns
    -------
    float32 array, shape (channels, n)
    """
    size = sample_rate * BLOCK_SECONDS
    count = samples.shape[1]
    peaks = np.array([_peak(samples[:, first : first + size]) for first in range(0, count, size)])
    edges = np.maximum(np.append(CEILING, peaks), np.append(peaks, CEILING))  # before each second
    gains = CEILING / np.maximum(edges, CEILING)
    ramp = np.arange(size) / size
    for block in np.flatnonzero((gains[:-1] < 1) | (gains[1:] < 1)):
        start, stop = gains[block], gains[block + 1]
        part = samples[:, block * size : (block + 1) * size]
        part *= (start + ramp[: part.shape[1]] * (stop - start)).astype(np.float32)
    return samples


def _peak(block: F32Array) -> float:
    return max(CEILING, float(block.max()), -float(block.min()))
