"""Sample rates: a mark is made and read at 44.1 kHz."""

from typing import Final

import numpy as np
import soxr

from watermark.arrays import F32Array

QUALITY: Final = "MQ"
"""soxr's: flat to where marks lie, and then some."""


def resampled(
    channel: F32Array, sample_rate: int, wanted_rate: int, length: int | None = None
) -> F32Array:
    """One channel at another rate, in time with what it was.

    Parameters
    ----------
    channel : float32 array, shape (n,)
    sample_rate, wanted_rate : int
        Hz.
    length : int, optional
        Samples of the result, cut or filled with silence; else what the rates make of n.

    Returns
    -------
    float32 array, shape (length,)
        The same array where the rates are equal.
    """
    if sample_rate == wanted_rate:
        return channel
    made: F32Array = soxr.resample(channel, sample_rate, wanted_rate, quality=QUALITY)
    if length is None:
        return made
    return np.pad(made[:length], (0, max(0, length - made.size)))
