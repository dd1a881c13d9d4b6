"""How far a change lies below what the sound masks: noise-to-mask ratio after ITU-R BS.1387.

The ear model is that of the recommendation's basic version: frames of 2048 samples, outer and middle
ear, 109 bands a quarter of a Bark apart, inner noise, spreading over frequency that depends on
level, and over time; a full-scale sine is heard at 92 dB. The noise of a band is the difference of the
weighted magnitudes, the mask lies 3 dB below the excitation up to 12 Bark and more above. Frames
are taken at 44.1 kHz as they come instead of 48 kHz. No library with it is maintained.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from benchmarks.alterations import RATE, Samples

F64 = NDArray[np.float64]

FRAME: Final = 2048
HOP: Final = 1024
LOUDEST_DECIBELS: Final = 92.0
"""Sound pressure level of a full-scale sine."""
LOWEST_HZ: Final = 80.0
HIGHEST_HZ: Final = 18000.0
BAND_BARK: Final = 0.25
LOWER_SLOPE: Final = 27.0
"""Decibels a Bark by which a masker falls off to lower frequencies."""
POWER_LAW: Final = 0.4
_LEAST: Final = 1e-12
_FRAMES_AT_ONCE: Final = 1024
_SLOWEST_SECONDS, _FASTEST_SECONDS = 0.030, 0.008


class NoiseToMask(NamedTuple):
    """Ratios in decibels, of shape (frames,): the mean of all bands, and the worst band."""

    mean: F64
    worst: F64

    @property
    def inaudible_share(self) -> float:
        """Share of frames whose mean ratio is 0 dB or less."""
        return float(np.mean(self.mean <= 0))


class Bands(NamedTuple):
    """Centres in Hz, and which share of each FFT bin's power falls into each band."""

    centres_hz: F64
    shares: F64  # (bins, bands)


def noise_to_mask(reference: Samples, test: Samples) -> NoiseToMask:
    """Compare sound with what it was; of several channels, the worst counts.

    Parameters
    ----------
    reference, test : float32 array, shape (channels, n)
        At 44.1 kHz, in time with each other.

    Raises
    ------
    ValueError
        If the shapes differ or there is less than a frame.
    """
    if reference.shape != test.shape or reference.shape[1] < FRAME:
        raise ValueError(f"need equal shapes of {FRAME} samples: {reference.shape}, {test.shape}")
    means, worsts = zip(
        *(_of_channel(one, other) for one, other in zip(reference, test, strict=True)), strict=True
    )
    return NoiseToMask(np.max(means, axis=0), np.max(worsts, axis=0))


def masked(sound: Samples) -> F64:
    """Masked threshold of one channel as power, shape (frames, bands)."""
    return _smeared(_spread_all(_banded(_magnitudes(sound)) + _inner_noise())) / _offsets()


def _of_channel(reference: Samples, test: Samples) -> tuple[F64, F64]:
    one, other = _magnitudes(reference), _magnitudes(test)
    noise = _banded(np.abs(one - other))
    mask = _smeared(_spread_all(_banded(one) + _inner_noise())) / _offsets()
    ratios = noise / mask  # (frames, bands)
    return _decibels(ratios.mean(axis=1)), _decibels(ratios.max(axis=1))


def _magnitudes(channel: Samples) -> F64:
    """Magnitudes as the inner ear gets them, shape (frames, bins)."""
    frames = np.lib.stride_tricks.sliding_window_view(channel, FRAME)[::HOP]
    window = 1 - np.cos(2 * np.pi * np.arange(FRAME) / (FRAME - 1))
    loudest = 10 ** (LOUDEST_DECIBELS / 20) / (window.sum() / 2)  # of a sine of amplitude 1
    gains = window * loudest
    parts = [
        np.abs(fft.rfft(frames[first : first + _FRAMES_AT_ONCE] * gains)) * _ear()
        for first in range(0, len(frames), _FRAMES_AT_ONCE)
    ]
    return np.concatenate(parts)


def _banded(magnitudes: F64) -> F64:
    return np.maximum(magnitudes**2 @ bands().shares, _LEAST)


@cache
def _ear() -> F64:
    """Gain of outer and middle ear at each bin."""
    kilohertz = np.maximum(fft.rfftfreq(FRAME, 1 / RATE), 1) / 1000
    decibels = (
        -0.6 * 3.64 * kilohertz**-0.8
        + 6.5 * np.exp(-0.6 * (kilohertz - 3.3) ** 2)
        - 1e-3 * kilohertz**3.6
    )
    gains: F64 = 10 ** (decibels / 20)
    return gains


@cache
def bands() -> Bands:
    """The 109 bands from 80 Hz to 18 kHz."""
    low, high = _bark(LOWEST_HZ), _bark(HIGHEST_HZ)
    edges = np.append(np.arange(low, high, BAND_BARK), high)
    centres = _hertz((edges[:-1] + edges[1:]) / 2)
    hertz = _hertz(edges)
    width = RATE / FRAME
    lower = (np.arange(FRAME // 2 + 1) - 0.5)[:, None] * width
    overlap = np.minimum(lower + width, hertz[1:]) - np.maximum(lower, hertz[:-1])
    return Bands(centres, np.maximum(overlap, 0) / width)


@cache
def _inner_noise() -> F64:
    noise: F64 = 10 ** (0.1456 * (bands().centres_hz / 1000) ** -0.8)
    return noise


@cache
def _offsets() -> F64:
    """Power by which the mask lies below the excitation."""
    place = np.arange(bands().centres_hz.size) * BAND_BARK
    offsets: F64 = 10 ** (np.where(place <= 12, 3, 0.25 * place) / 10)
    return offsets


def _spread_all(powers: F64) -> F64:
    parts = range(0, len(powers), _FRAMES_AT_ONCE)
    return np.concatenate([_spread(powers[first : first + _FRAMES_AT_ONCE]) for first in parts])


def _spread(powers: F64) -> F64:
    """Excitation of every band by all, relative to what equal powers in all would give."""
    whole: F64 = (_summed(powers) / _summed(np.ones((1, powers.shape[1])))) ** (1 / POWER_LAW)
    return whole


def _summed(powers: F64) -> F64:
    """Sum of every band's spread, each of unit gain, under the power law: (frames, bands)."""
    count = powers.shape[1]
    steps = np.arange(count) * BAND_BARK
    below = 10 ** (-LOWER_SLOPE * steps / 10)  # power at so many Bark below a masker
    slopes = 24 + 230 / bands().centres_hz - 2 * np.log10(powers)  # 0.2 times the level in dB
    total = np.zeros_like(powers)
    for masker in range(count):
        fall = 10 ** (-slopes[:, masker, None] * steps[None, : count - masker] / 10)
        down = np.broadcast_to(below[masker:0:-1], (len(powers), masker))
        shape = np.concatenate([down, fall], axis=1)
        total += (powers[:, masker, None] * shape / shape.sum(axis=1, keepdims=True)) ** POWER_LAW
    return total


def _smeared(excitation: F64) -> F64:
    """Forward masking: what was louder a moment ago still excites."""
    centres = bands().centres_hz
    constants = _FASTEST_SECONDS + 100 / centres * (_SLOWEST_SECONDS - _FASTEST_SECONDS)
    kept = np.exp(-HOP / RATE / constants)
    smeared = np.empty_like(excitation)
    state = np.zeros(centres.size)
    for frame, now in enumerate(excitation):
        state = kept * state + (1 - kept) * now
        smeared[frame] = np.maximum(state, now)
    return smeared


def _decibels(ratios: F64) -> F64:
    decibels: F64 = 10 * np.log10(np.maximum(ratios, 1e-20))
    return decibels


def _bark(hertz: float) -> float:
    return 7 * float(np.arcsinh(hertz / 650))


def _hertz(bark: F64) -> F64:
    hertz: F64 = 650 * np.sinh(bark / 7)
    return hertz
