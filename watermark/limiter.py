"""Limiters: marked sound never reaches full scale, and quiet sound is left as it is.

:func:`limited` turns down the few milliseconds around a peak; :func:`limited_by_seconds` turns down
whole seconds as audiowmark does, which changes loud music far more than its mark.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watermark.arrays import F32Array, I64Array

CEILING: Final = 0.99
LOOK_AHEAD_SECONDS: Final = 0.005
BLOCK_SECONDS: Final = 1

Limiter = Callable[[F32Array, int], F32Array]
"""Takes samples of shape (channels, n), which it may change, and their rate; returns limited ones."""


def limited(samples: F32Array, sample_rate: int) -> F32Array:
    """Turn sound down around its peaks, all channels alike.

    The gain that every sample needs, held for 5 ms to either side, and averaged over as much with a
    Hann window: every value that goes into an average is low enough for the sample it is for.

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
    from scipy.ndimage import minimum_filter1d  # a second to import, and most commands mark nothing
    from scipy.signal import oaconvolve

    reach = max(1, round(LOOK_AHEAD_SECONDS * sample_rate))
    peaks = np.maximum(samples.max(axis=0), -samples.min(axis=0))
    for start, stop in _stretches(np.flatnonzero(peaks > CEILING), reach, peaks.size):
        needed = CEILING / np.maximum(peaks[start:stop].astype(np.float64), CEILING)
        held = minimum_filter1d(np.pad(needed, reach, constant_values=1), 2 * reach + 1)
        gains = oaconvolve(held, _average(reach), mode="valid")
        samples[:, start:stop] *= gains.astype(np.float32)
    return samples


def _stretches(loud: I64Array, reach: int, count: int) -> list[tuple[int, int]]:
    """Spans around loud samples that the gain is other than 1 in; those that overlap are one."""
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > 4 * reach)
    firsts = np.append(loud[0], loud[breaks + 1]) - 2 * reach
    lasts = np.append(loud[breaks], loud[-1]) + 2 * reach + 1
    spans = zip(np.maximum(firsts, 0).tolist(), np.minimum(lasts, count).tolist(), strict=True)
    return list(spans)


def _average(reach: int) -> NDArray[np.float64]:
    """Hann window without its zeros, of sum 1."""
    window = np.hanning(2 * reach + 3)[1:-1]
    average: NDArray[np.float64] = window / window.sum()
    return average


def limited_by_seconds(samples: F32Array, sample_rate: int) -> F32Array:
    """Turn whole seconds around peaks down, all channels alike, as audiowmark does.

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
