"""What of a sound's channels is searched: their average, what the average leaves out, and how loud.

References are found by the average of all channels. A song with one channel turned over would average to
silence, and one that is on both sides of another, turned over on one, averages to the other; whoever
listens hears it.
"""

from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, F64Array

QUIET: Final = 2.0**-8
"""Peaks below it, -48 dB of full scale, are raised: of 16 bits half are left, and a listener turns it up."""
RAISED_TO: Final = 0.5
SILENT: Final = 2.0**-16
"""Peaks below it are the noise of 16 bits."""
CANCELLED: Final = 0.1
"""Power of the average over the mean power of two equal channels that correlate by -0.8: below it they cancel
each other."""
AS_LOUD: Final = 0.5
"""Of the average's power so much must be in what it leaves out (-3 dB)."""
SILENT_POWER: Final = 1e-7
"""Mean power below which what is left out is silence: -70 dB of full scale."""
_CHUNK: Final = 1 << 18


def gain(samples: F32Array) -> np.float32:
    """By what samples of any shape are multiplied before they are looked at: 1, unless they are very quiet."""
    peak = float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))
    return np.float32(RAISED_TO / peak if SILENT < peak < QUIET else 1.0)


def polarity(samples: F32Array) -> F32Array:
    """Signs with which the channels of a recording add up, instead of cancelling each other.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        -1 to 1; what lies outside is clipped.

    Returns
    -------
    float32 array, shape (channels,)
        All 1, unless the average would lose most of what sounds; -1 then for channels that run against the
        loudest.
    """
    return _signs(_powers(samples))


def average(samples: F32Array) -> F32Array:
    """Average of the channels with the signs of :func:`polarity`, shape (n,)."""
    signs = polarity(samples)
    if (signs > 0).all():
        return np.asarray(samples.mean(axis=0, dtype=np.float32))
    return np.asarray(signs / np.float32(len(signs)) @ samples, np.float32)


def left_out(samples: F32Array) -> F32Array | None:
    """What averaging the channels leaves out, where that is about as loud as the average.

    Of two channels it is half their difference. Of more it is the sum that has most power among all
    that count the channels up to nothing.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        -1 to 1; what lies outside is clipped.

    Returns
    -------
    float32 array, shape (1, n), or None
        None of one channel, where it is silent, or where it has less than half the power of the average, as in
        most music: then what matters is in the average.
    """
    channels, n = samples.shape
    power = _powers(samples)
    if channels < 2 or not np.isfinite(power).all():
        return None
    signs = _signs(power)
    power *= np.outer(signs, signs)
    beside = np.eye(channels) - 1 / channels
    values, directions = np.linalg.eigh(beside @ power @ beside)
    if values[-1] < max(SILENT_POWER, AS_LOUD * power.sum() / channels):
        return None
    weights = _weights(directions[:, -1]) * signs
    made = np.empty((1, n), np.float32)
    for start in range(0, n, _CHUNK):
        own = slice(start, start + _CHUNK)
        made[0, own] = weights @ np.clip(samples[:, own], -1, 1)
    return made


def _powers(samples: F32Array) -> F64Array:
    """Mean products of the channels, divided by their number, shape (channels, channels)."""
    channels, n = samples.shape
    powers = np.zeros((channels, channels))
    for start in range(0, n if channels > 1 else 0, _CHUNK):
        chunk = np.clip(samples[:, start : start + _CHUNK], -1, 1)
        powers += chunk @ chunk.T
    return np.asarray(powers / max(1, n * channels))


def _signs(powers: F64Array) -> F32Array:
    signs = np.ones(len(powers), np.float32)
    if powers.sum() < CANCELLED * len(powers) * np.trace(powers):
        signs[powers[int(np.diagonal(powers).argmax())] < 0] = -1
    return signs


def _weights(direction: F64Array) -> F32Array:
    """Weights of the channels that keep the sum within -1 to 1."""
    return np.asarray(direction / np.abs(direction).sum(), np.float32)
