"""Spectra in, tones out."""

from pathlib import Path
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array
from fingerprint.composition.geometry import (
    OCTAVES,
    PITCH_CLASSES,
    REACH,
    SEMITONES,
    STRIDE,
)
from fingerprint.composition.tones import SCALE, VOICES, Tones
from fingerprint.embedding.embedder import network
from fingerprint.embedding.geometry import CONTEXT_FRAMES
from fingerprint.embedding.levels import levelled

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "tones.onnx"
BLOCK: Final = 512
"""Tone frames that are heard at once."""
LOW_SEMITONES: Final = 30
"""Up to here notes count as low ones, the lower the more."""


def heard(spectra: F32Array, *, weights: Path = WEIGHTS) -> Tones:
    """Hear the tones of a track.

    Parameters
    ----------
    spectra : float32 array, shape (frames, bins with margins)
        From :func:`fingerprint.spectrum.spectrum`.

    Returns
    -------
    Tones
    """
    count = (len(spectra) - 1) // STRIDE + 1
    around = REACH + CONTEXT_FRAMES
    behind = (count - 1) * STRIDE + 1 - len(spectra)
    padded = np.pad(spectra, ((around, around + max(0, behind)), (0, 0)), mode="edge")
    levels = np.empty((count, VOICES, PITCH_CLASSES), np.uint8)
    for start in range(0, count, BLOCK):
        stop = min(count, start + BLOCK)
        part = padded[start * STRIDE : (stop - 1) * STRIDE + 1 + 2 * around]
        (made,) = network(weights).run(None, {"levels": levelled(part)[None, None]})
        levels[start:stop] = np.round(folded(made[0]) * SCALE).transpose(2, 0, 1)
    return Tones(levels)


def folded(probabilities: F32Array) -> F32Array:
    """Forget the octaves.

    Parameters
    ----------
    probabilities : float32 array, shape (HEARD, SEMITONES, n)

    Returns
    -------
    float32 array, shape (VOICES, PITCH_CLASSES, n)
        The loudest of all octaves.
    """
    ramp = np.clip(1 - np.arange(SEMITONES) / LOW_SEMITONES, 0, 1).astype(np.float32)
    low = probabilities[2] * ramp[:, None]
    voices = np.concatenate([probabilities, low[None]])
    by_octave = voices.reshape(VOICES, OCTAVES, PITCH_CLASSES, -1)
    loudest: F32Array = by_octave.max(axis=1)
    return loudest
