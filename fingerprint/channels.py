"""What of a sound's channels is searched: their average, what the average leaves out, and how loud.

References are found by the average of all channels. A song with one channel turned over averages to
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
AS_LOUD: Final = 0.5
"""Of the average's power so much must be in what it leaves out (-3 dB)."""
SILENT_POWER: Final = 1e-7
"""Mean power below which what is left out is silence: -70 dB of full scale."""
_CHUNK: Final = 1 << 18


def gain(samples: F32Array) -> np.float32:
    """By what samples of any shape are multiplied before they are looked at: 1, unless they are very quiet."""
    peak = float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))
    return np.float32(RAISED_TO / peak if SILENT < peak < QUIET else 1.0)


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
    if channels < 2 or not n:
        return None
    power = np.zeros((channels, channels))
    for start in range(0, n, _CHUNK):
        chunk = np.clip(samples[:, start : start + _CHUNK], -1, 1)
        power += chunk @ chunk.T
    power /= n * channels
    if not np.isfinite(power).all():
        return None
    beside = np.eye(channels) - 1 / channels
    values, directions = np.linalg.eigh(beside @ power @ beside)
    average = power.sum() / channels
    if values[-1] < max(SILENT_POWER, AS_LOUD * average):
        return None
    weights = _weights(directions[:, -1])
    made = np.empty((1, n), np.float32)
    for start in range(0, n, _CHUNK):
        own = slice(start, start + _CHUNK)
        made[0, own] = weights @ np.clip(samples[:, own], -1, 1)
    return made


def _weights(direction: F64Array) -> F32Array:
    """Weights of the channels that keep the sum within -1 to 1, the first one that counts positive."""
    weights: F32Array = (direction / np.abs(direction).sum()).astype(np.float32)
    return weights if weights[np.abs(weights).argmax()] > 0 else -weights
