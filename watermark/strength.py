"""How strong a mark is, and how strong a sound can bear it.

A mark lies at least 20 dB below the sound in every band, and by the ear model of ITU-R BS.1387 always
below what that masks (``docs/watermark.md``). What is left is how much changes on the whole: a mark is
made weaker where its sound lies less than 27 dB above it, in the middle of all stretches of 2 s. The
mark's amplitude goes with the strength, all but a few hundredths, so one made at the default tells.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from watermark.arrays import F32Array
from watermark.errors import BadStrengthError

DEFAULT_STRENGTH: Final = 10.0
"""What nearly every sound is marked with, and the most that is chosen."""
LEAST_STRENGTH: Final = 5.0
"""The least that is chosen: fainter marks are not read reliably."""
MAX_STRENGTH: Final = 50.0
SEGMENT_SECONDS: Final = 2
AIMED_DECIBELS: Final = 27.25
QUIET: Final = 3e-3
"""RMS of a stretch that is a pause and says nothing."""


def checked_strength(strength: float) -> float:
    """Return a strength that can be used, unchanged.

    Raises
    ------
    BadStrengthError
        If it is not in 0 to 50.
    """
    if not 0 < strength <= MAX_STRENGTH:
        raise BadStrengthError(f"strength {strength} is not above 0 and up to {MAX_STRENGTH:g}")
    return strength


def suitable_strength(samples: F32Array, mark: F32Array, sample_rate: int) -> float:
    """Strength, 5 to 10, at which the mark lies far enough below the sound.

    Parameters
    ----------
    samples, mark : float32 array, shape (channels, n)
        A sound and its mark at the default strength.
    sample_rate : int
        Hz.
    """
    size = SEGMENT_SECONDS * sample_rate
    sound, change = _powers(samples, size), _powers(mark, size)
    heard = (sound > QUIET**2) & (change > 0)
    if not heard.any():
        return DEFAULT_STRENGTH
    decibels = float(np.median(10 * np.log10(sound[heard] / change[heard])))
    fitting = DEFAULT_STRENGTH * 10 ** ((decibels - AIMED_DECIBELS) / 20)
    return min(DEFAULT_STRENGTH, max(LEAST_STRENGTH, fitting))


def _powers(samples: F32Array, size: int) -> NDArray[np.float64]:
    """Mean power of whole segments, or of all if there is none: float64 of shape (segments,)."""
    count = max(1, samples.shape[1] // size)
    parts = samples[:, : count * size].reshape(len(samples), count, -1)
    sums = np.einsum("csn,csn->s", parts, parts).astype(np.float64)
    powers: NDArray[np.float64] = sums / (len(samples) * parts.shape[2])
    return powers
