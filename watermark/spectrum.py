"""Frames and their spectra in the bins that a mark uses."""

from functools import cache
from typing import Final

import numpy as np

from watermark.arrays import C64Array, F32Array
from watermark.tables import BANDS, LOWEST_BAND

RATE: Final = 44100
"""Hz that a mark is made at."""
FRAME: Final = 1024
"""Samples of a frame at that rate; frames follow each other without overlap."""
FRAME_SECONDS: Final = FRAME / RATE


def band_spectra(frames: F32Array) -> C64Array:
    """Spectra of frames in the used bins, 43 Hz apart.

    Parameters
    ----------
    frames : float32 array, shape (..., n)
        n is 1024 at 44.1 kHz, or 256 at a quarter of that.

    Returns
    -------
    complex64 array, shape (..., 81)
        A full-scale sine on a bin has a magnitude of 1.
    """
    from scipy import fft  # a third of a second to import, and most commands hear nothing

    windowed = frames * analysis_window(frames.shape[-1])
    whole: C64Array = fft.rfft(windowed, overwrite_x=True)
    return whole[..., LOWEST_BAND : LOWEST_BAND + BANDS]


@cache
def analysis_window(size: int) -> F32Array:
    """Periodic Hann window of sum 2, float32 of shape (size,)."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    window: F32Array = (2 * hann / hann.sum()).astype(np.float32)
    return window


def powers(spectra: C64Array) -> F32Array:
    """Squared magnitudes, float32 of the same shape."""
    squares: F32Array = spectra.real**2
    squares += spectra.imag**2
    return squares
