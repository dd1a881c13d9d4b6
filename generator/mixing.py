"""Buses: every stem filtered, placed, given room and levelled; their sum is the mix, to the sample.

A bus is whole numbers of 24 bits, and its level depends on that stem alone. No bus exceeds an eighth
of full scale, so that eight of them add up without a clip and their sum as whole numbers is exact in any
order: a mix is what a workstation gives that loads the stems and touches no fader.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import numpy as np
from scipy import signal

from generator.arrays import F32Array, F64Array, I32Array
from generator.notes import Voice
from generator.plan import Seat
from generator.rendering import RATE
from generator.request import MOST_STEMS

FULL_SCALE: Final = 2**23
CEILING: Final = 1 / MOST_STEMS
_RMS_DB: Final = -37.0
_VOICE_DB: Final[dict[Voice, float]] = {
    "melody": 3.0, "counter": -1.5, "chords": -1.5, "pad": -3.5, "bass": 1.0, "drums": 0.5,
}  # fmt: skip
_QUIET_DB: Final = -50.0
"""Below the loudest moment: not counted for a stem's level."""
MOMENT: Final = RATE * 2 // 5
"""Samples over which a level is taken."""
_REVERB_SECONDS: Final = 1.3
_PREDELAY_SECONDS: Final = 0.012


def bus(samples: F32Array, seat: Seat) -> I32Array:
    """A stem as it stands in the mix.

    Parameters
    ----------
    samples : float32 array, shape (2, n)
        As rendered.
    seat : Seat

    Returns
    -------
    int32 array, shape (2, n)
        24-bit whole numbers.
    """
    player = seat.instrument
    shaped = np.asarray(signal.sosfilt(filters(seat), samples, axis=1), np.float32)
    wet = _reverberated(shaped) * player.reverb
    own = placed(shaped, player.pan) + wet
    own *= np.float32(level(seat) / _active_rms(own))
    peak = float(np.abs(own).max())
    if peak > CEILING:
        own *= np.float32(CEILING / peak)
    return np.asarray(np.rint(own * FULL_SCALE), np.int32)


def mixed(buses: Sequence[I32Array]) -> I32Array:
    """The sum of all buses, int32, shape (2, n)."""
    total = np.zeros_like(buses[0])
    for each in buses:
        total += each
    return total


def level(seat: Seat) -> float:
    """Root mean square that a stem is brought to, full scale being 1."""
    voice = max(_VOICE_DB[each] for each in seat.voices)
    return float(10 ** ((_RMS_DB + seat.instrument.level_db + voice) / 20))


def filters(seat: Seat) -> F32Array:
    """Second-order sections, shape (sections, 6).

    Rumble below the lowest note is cut; chords and pads are a little thinner where melodies live.
    """
    low = 440 * 2 ** ((seat.instrument.low - 69) / 12)
    sections = [
        signal.butter(
            2, 35.0 if seat.instrument.drums else 0.6 * low, "high", fs=RATE, output="sos"
        )
    ]
    if not set(seat.voices) & {"melody", "bass", "drums"}:
        sections.append(_peak(320.0, -2.0, 0.9))
        sections.append(_peak(1800.0, -1.5, 0.7))
    if "melody" in seat.voices:
        sections.append(_peak(2800.0, 1.5, 0.8))
    return np.asarray(np.concatenate(sections), np.float32)


def _peak(hz: float, gain_db: float, quality: float) -> F64Array:
    """A bell (R. Bristow-Johnson, *Audio EQ Cookbook*), shape (1, 6)."""
    amplitude = 10 ** (gain_db / 40)
    turn = 2 * np.pi * hz / RATE
    alpha = np.sin(turn) / (2 * quality)
    above = np.array([1 + alpha * amplitude, -2 * np.cos(turn), 1 - alpha * amplitude])
    below = np.array([1 + alpha / amplitude, -2 * np.cos(turn), 1 - alpha / amplitude])
    return np.asarray(np.concatenate([above, below])[None] / below[0])


def placed(samples: F32Array, pan: float) -> F32Array:
    """Balanced to one side with equal power; the middle stays as it is."""
    angle = (pan + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])
    return np.asarray(samples * gains.astype(np.float32))


@cache
def room() -> F32Array:
    """Impulse response of a room, shape (2, n): noise that fades by 60 dB, its highs first; energy 1."""
    random = np.random.default_rng(1)
    count = round(_REVERB_SECONDS * RATE)
    noise = random.standard_normal((2, count))
    dull = signal.sosfilt(signal.butter(1, 2500, fs=RATE, output="sos"), noise, axis=1)
    share = np.exp(-np.arange(count) / (0.25 * RATE))
    own = (noise * share + 1.6 * dull * (1 - share)) * 10 ** (-3 * np.arange(count) / count)
    own = signal.sosfilt(signal.butter(2, 180, "high", fs=RATE, output="sos"), own, axis=1)
    own /= np.sqrt((own**2).sum(axis=1, keepdims=True))
    return np.pad(own, ((0, 0), (round(_PREDELAY_SECONDS * RATE), 0))).astype(np.float32)


def _reverberated(samples: F32Array) -> F32Array:
    """What the room answers to the sum of both channels, shape as given."""
    middle = samples.mean(axis=0)
    wet = signal.oaconvolve(middle[None], room(), axes=1)[:, : samples.shape[1]]
    return np.asarray(wet, np.float32)


def _active_rms(samples: F32Array) -> float:
    """Root mean square of the moments that are not quiet; 1 for silence."""
    count = samples.shape[1] // MOMENT
    squares = (samples[:, : count * MOMENT].reshape(2, count, MOMENT) ** 2).mean(axis=(0, 2))
    return active_rms(squares)


def active_rms(squares: F32Array | F64Array) -> float:
    """The same from the mean squares of moments, shape (moments,)."""
    loud = squares[squares > squares.max(initial=0) * 10 ** (_QUIET_DB / 10)]
    return float(np.sqrt(loud.mean())) if len(loud) else 1.0


def as_float(samples: I32Array | Iterable[I32Array]) -> F32Array:
    """24-bit whole numbers as float32 from -1 to 1."""
    return np.asarray(samples, np.float32) / np.float32(FULL_SCALE)
