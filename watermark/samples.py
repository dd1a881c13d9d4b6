"""What sound can be marked and searched."""

from typing import Final

import numpy as np

from watermark.arrays import F32Array
from watermark.errors import TooShortError, UnusableAudioError

MIN_SAMPLE_RATE: Final = 8000
MAX_SAMPLE_RATE: Final = 768_000
MAX_CHANNELS: Final = 64
MIN_SECONDS: Final = 3.0
"""Sound of less than this carries too few bits to be read: a wrong message looks as good."""
MAX_PEAK: Final = 1e4
"""80 dB over full scale: no sound, and squares of what is louder leave float32."""
SILENT_PEAK: Final = 1e-4
"""-80 dBFS: channels that stay below say nothing of a mark, and would dilute it."""


def checked(samples: F32Array, sample_rate: int) -> F32Array:
    """Return samples that can be marked and searched, unchanged.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    sample_rate : int
        Hz.

    Raises
    ------
    UnusableAudioError
        If the shape, the type, the rate or a sample (NaN, infinite, beyond 10,000) cannot be used.
    TooShortError
        If there are less than 3 s.
    """
    usable(samples, sample_rate)
    if (seconds := samples.shape[1] / sample_rate) < MIN_SECONDS:
        raise TooShortError(
            f"{seconds:.2f} s of sound is too short for a mark: give at least {MIN_SECONDS:.0f} s"
        )
    return samples


def usable(samples: F32Array, sample_rate: int) -> None:
    """Raise :class:`UnusableAudioError` for samples, as many as there are, that can't be used."""
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= MAX_CHANNELS:
        raise UnusableAudioError(
            f"need samples of shape (1..{MAX_CHANNELS} channels, n), got {samples.shape}"
        )
    if samples.dtype != np.float32:
        raise UnusableAudioError(f"need float32 samples from -1 to 1, got {samples.dtype}")
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise UnusableAudioError(
            f"sample rate {sample_rate} Hz is not in {MIN_SAMPLE_RATE}..{MAX_SAMPLE_RATE}: "
            "resample the sound first"
        )
    if not np.isfinite(samples).all():
        raise UnusableAudioError("the samples hold NaN or infinite values: decode the sound again")
    if max(samples.max(initial=0), -samples.min(initial=0)) > MAX_PEAK:
        raise UnusableAudioError(
            f"the samples exceed {MAX_PEAK:.0f}, and full scale is 1: scale them down"
        )


def sounding(samples: F32Array) -> F32Array:
    """Channels that are not silent, shape (0 or more, n)."""
    peaks = np.maximum(samples.max(axis=1), -samples.min(axis=1))
    loud: F32Array = samples[peaks >= SILENT_PEAK]
    return loud


def mixed(samples: F32Array) -> F32Array:
    """Mean of all channels, or the loudest where they cancel, float32 of shape (n,)."""
    mean: F32Array = samples.mean(axis=0)
    energies = np.square(samples).sum(axis=1)
    loudest: F32Array = samples[energies.argmax()]
    return mean if 8 * np.square(mean).sum() > energies.max() else loudest
