"""Log-frequency spectra: a pitch shift moves them up or down, a tempo change stretches their time.

Two resolutions meet at :data:`SPLIT_HERTZ`: longer windows below, where quarter tones are a few
hertz apart, shorter ones above.
"""

from functools import cache
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from fingerprint.arrays import F32Array
from fingerprint.channels import average, gain
from fingerprint.errors import UnusableAudioError

RATE: Final = 11025
HOP: Final = 441
FRAMES_PER_SECOND: Final = RATE / HOP
BINS_PER_OCTAVE: Final = 24
BINS_PER_SEMITONE: Final = BINS_PER_OCTAVE / 12
MARGIN: Final = 9
"""Bins below and above those that are looked at, so that a shifted spectrum has no empty edge."""
BINS: Final = 120
LOWEST_HERTZ: Final = 130.8128
SPLIT_HERTZ: Final = 520.0
FLOOR_DB: Final = -100.0
LOUDEST: Final = 1e15
"""Full scales that nothing is louder than: the power of more does not fit single precision, and one such
sample would leave running sums not a number to the end of the track."""
_LOW_FACTOR: Final = 3
_LOW_WINDOW: Final = 1400
_LOW_FFT: Final = 2048
_HIGH_WINDOW: Final = 2048
_BLOCK: Final = 2048


def spectrum(samples: F32Array, sample_rate: int) -> F32Array:
    """Power in quarter tones, in decibels.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        -1 to 1, finite; louder ones are taken as they are, up to :data:`LOUDEST`, very quiet ones raised
        and channels that cancel each other turned over (`fingerprint/channels.py`). They are averaged.
    sample_rate : int
        In Hz.

    Returns
    -------
    float32 array, shape (frames, BINS + 2 * MARGIN)
        Frame ``k`` is centred on ``k * HOP / RATE`` seconds; 0 dB is a full-scale sine, within 4 dB.

    Raises
    ------
    UnusableAudioError
        If the shape cannot be used.
    """
    if samples.ndim != 2 or samples.shape[0] < 1:
        raise UnusableAudioError(f"need samples of shape (channels, n), got {samples.shape}")
    with np.errstate(over="ignore"):  # of the sum
        mono = average(samples) * gain(samples)
    np.clip(mono, -LOUDEST, LOUDEST, out=mono)
    return mono_spectrum(mono, sample_rate)


def mono_spectrum(mono: F32Array, sample_rate: int) -> F32Array:
    """As :func:`spectrum`, of one channel of shape (n,)."""
    high = _resampled(mono, sample_rate, RATE)
    low = _resampled(high, RATE, RATE // _LOW_FACTOR)
    frames = 1 + len(high) // HOP
    power = np.empty((frames, BINS + 2 * MARGIN), np.float32)
    split = _split_bin()
    for start in range(0, frames, _BLOCK):
        stop = min(frames, start + _BLOCK)
        power[start:stop, :split] = _band(low, start, stop, low_band=True)
        power[start:stop, split:] = _band(high, start, stop, low_band=False)
    decibels: F32Array = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return decibels


def _resampled(mono: F32Array, rate: int, wanted: int) -> F32Array:
    if rate == wanted:
        return mono
    return np.asarray(soxr.resample(mono, rate, wanted, quality="MQ"), np.float32)


def _band(signal: F32Array, start: int, stop: int, *, low_band: bool) -> F32Array:
    """Powers of the low or the high bins in frames ``start`` to ``stop``."""
    from scipy.fft import rfft  # half a second to import, and most commands hear nothing

    size = _LOW_WINDOW if low_band else _HIGH_WINDOW
    hop = HOP // _LOW_FACTOR if low_band else HOP
    first = start * hop - size // 2
    length = (stop - start - 1) * hop + size
    begin, end = max(0, first), min(len(signal), first + length)
    piece = np.zeros(length, np.float32)
    if begin < end:
        piece[begin - first : end - first] = signal[begin:end]
    windows = np.lib.stride_tricks.sliding_window_view(piece, size)[::hop]
    spectra = rfft(windows * _window(size), n=_LOW_FFT if low_band else _HIGH_WINDOW)
    powers: F32Array = (spectra.real**2 + spectra.imag**2) @ _filters(low_band)
    return powers


@cache
def _window(size: int) -> F32Array:
    window = np.hanning(size + 1)[:-1]
    scaled: F32Array = (2 * window / window.sum()).astype(np.float32)
    return scaled


def centre_hertz() -> NDArray[np.float64]:
    """Centres of the bins with their margins, in Hz."""
    return LOWEST_HERTZ * 2 ** ((np.arange(BINS + 2 * MARGIN) - MARGIN) / BINS_PER_OCTAVE)


def _split_bin() -> int:
    return int(np.searchsorted(centre_hertz(), SPLIT_HERTZ))


@cache
def _filters(low_band: bool) -> F32Array:
    """Triangles over FFT bins, never narrower than one of those: shape (FFT bins, log bins)."""
    size, rate = (_LOW_FFT, RATE / _LOW_FACTOR) if low_band else (_HIGH_WINDOW, RATE)
    spacing = rate / size
    centres = centre_hertz()
    centres = centres[: _split_bin()] if low_band else centres[_split_bin() :]
    width = np.maximum(centres * (2 ** (1 / BINS_PER_OCTAVE) - 1), spacing)
    away = np.abs(np.arange(size // 2 + 1)[:, None] * spacing - centres) / width
    triangles: F32Array = np.maximum(0.0, 1 - away).astype(np.float32)
    return triangles
