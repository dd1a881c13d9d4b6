"""Spectra without their loudness: what the network sees."""

from typing import Final

import numpy as np

from fingerprint.arrays import F32Array
from fingerprint.embedding.geometry import CONTEXT_FRAMES, LEVEL_FRAMES
from fingerprint.spectrum import BINS, MARGIN

RANGE_DB: Final = 60.0
OFFSET: Final = 0.7


def levelled(spectra: F32Array) -> F32Array:
    """Make spectra independent of loudness.

    Parameters
    ----------
    spectra : float32 array, shape (frames, bins with margins)
        In dB.

    Returns
    -------
    float32 array, shape (BINS, frames - 2 * CONTEXT_FRAMES)
    """
    inner = spectra[:, MARGIN : MARGIN + BINS]
    loudness = 10 * np.log10((10 ** (inner / 10)).sum(axis=1) + 1e-12)
    sums = np.concatenate([[0.0], np.cumsum(loudness, dtype=np.float64)])
    level = ((sums[LEVEL_FRAMES:] - sums[:-LEVEL_FRAMES]) / LEVEL_FRAMES).astype(np.float32)
    inner = inner[CONTEXT_FRAMES : len(inner) - CONTEXT_FRAMES]
    levels = np.maximum(inner - level[:, None], -RANGE_DB) / RANGE_DB + OFFSET
    return np.ascontiguousarray(levels.T, dtype=np.float32)
