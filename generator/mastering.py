"""The master: -14 LUFS, true peak at most -1 dBTP, by one gain curve that is kept."""

import warnings
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from scipy import ndimage, signal

from generator.arrays import F32Array, I32Array
from generator.mixing import FULL_SCALE
from generator.rendering import RATE

LUFS: Final = -14.0
TRUE_PEAK_DB: Final = -1.0
_TOLERANCE: Final = 0.1
_ROUNDS: Final = 8
_OVERSAMPLED: Final = 4
_TAPS: Final = 16
_LOUD: Final = 0.4
"""Between samples lower than this share of the highest no peak is looked for."""
_WINDOW: Final = round(0.03 * RATE) | 1
_MARGIN_DB: Final = 0.1


class Master(NamedTuple):
    """A mastered mix.

    Parameters
    ----------
    samples : int32 array, shape (2, n)
        24-bit whole numbers: the mix times the gain, rounded.
    gain : float32 array, shape (n,)
    lufs, true_peak_db : float
        As measured on the samples.
    """

    samples: I32Array
    gain: F32Array
    lufs: float
    true_peak_db: float


def mastered(mix: I32Array) -> Master:
    """Bring a mix to loudness: a limiter that looks ahead, its gain the same on both channels.

    Parameters
    ----------
    mix : int32 array, shape (2, n)
        24-bit whole numbers; silence stays silence.
    """
    own = mix.astype(np.float32) / np.float32(FULL_SCALE)
    if not mix.any():
        return Master(mix.copy(), np.ones(mix.shape[1], np.float32), -np.inf, -np.inf)
    ceiling = 10 ** ((TRUE_PEAK_DB - _MARGIN_DB) / 20)
    level = LUFS - loudness(own)
    peaks = _peaks(own, _LOUD * ceiling * 10 ** (-level / 20))
    for _ in range(_ROUNDS):
        gain = _limited(peaks, 10 ** (level / 20), ceiling)
        loud = loudness(own * gain)
        if abs(LUFS - loud) < _TOLERANCE:
            break
        level += LUFS - loud
    final = own * gain
    peak = float(_peaks(final, _LOUD * float(np.abs(final).max())).max())
    over = max(1.0, 1.0005 * peak / 10 ** (TRUE_PEAK_DB / 20))
    gain /= np.float32(over)
    samples = np.rint(mix * gain.astype(np.float64)).astype(np.int32)
    down = 20 * float(np.log10(over))
    return Master(samples, gain, loud - down, 20 * float(np.log10(peak)) - down)


def loudness(samples: F32Array) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4) of samples of shape (2, n)."""
    import pyloudnorm  # half a second to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(pyloudnorm.Meter(RATE).integrated_loudness(samples.T))


def true_peak_db(samples: F32Array) -> float:
    """True peak in dBTP (BS.1770-4, annex 2: four times oversampled) of samples of shape (2, n)."""
    return float(20 * np.log10(_peaks(samples, 0.0).max()))


@cache
def _between() -> F32Array:
    """Filters for the three values between two samples, shape (3, taps): a windowed sinc by its phases."""
    taps = signal.firwin(_TAPS * _OVERSAMPLED + 1, 1 / _OVERSAMPLED, window=("kaiser", 7.0))
    phases = (_OVERSAMPLED * taps[:-1]).reshape(_TAPS, _OVERSAMPLED).T  # (4, taps)
    return np.asarray(phases[1:, ::-1], np.float32)


def _peaks(samples: F32Array, above: float) -> F32Array:
    """The highest oversampled value from each sample to the next, of both channels, shape (n,).

    Between samples that both are no higher than ``above`` the samples themselves count.
    """
    highest = np.abs(samples).max(axis=0)
    for channel in samples:
        height = np.abs(channel)
        loud = np.flatnonzero(np.maximum(height[:-1], height[1:]) > above)
        padded = np.pad(channel, (_TAPS // 2 - 1, _TAPS // 2))
        around = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)[loud]  # (loud, taps)
        fine = np.abs(around @ _between().T).max(axis=1, initial=0)
        highest[loud] = np.maximum(highest[loud], fine)
    return np.asarray(highest, np.float32)


def _limited(peaks: F32Array, level: float, ceiling: float) -> F32Array:
    """A gain that holds every peak below the ceiling: the least of a window, smoothed by the same window.

    The mean of minima over windows that all hold a peak is no more than that peak allows.
    """
    allowed = np.minimum(level, ceiling / np.maximum(peaks, 1e-9))
    least = ndimage.minimum_filter1d(allowed, _WINDOW, mode="nearest")
    window = signal.windows.hann(_WINDOW + 2)[1:-1]
    padded = np.pad(least, _WINDOW // 2, mode="edge")
    return np.asarray(signal.oaconvolve(padded, window / window.sum(), mode="valid"), np.float32)
