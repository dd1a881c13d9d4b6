"""Tempo of a track: the pulse at which its onsets repeat, and whether half or double would do.

Onsets are rises of the spectrum; how they repeat is their autocorrelation, in windows of a quarter of
a minute so that a drifting tempo is still one. A tempo is scored by what repeats after one to four of its
beats, and weighed by how common it is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, F64Array
from fingerprint.spectrum import FRAMES_PER_SECOND

DEPTH_DB: Final = 55.0
"""What lies deeper below the loudest is not heard to begin."""
WINDOW_FRAMES: Final = 400
WINDOW_HOP: Final = 100
MIN_FRAMES: Final = 100
"""Four seconds."""
AROUND_FRAMES: Final = 25
LOWEST_BPM: Final = 40.0
HIGHEST_BPM: Final = 240.0
BEATS: Final = 4
STEP: Final = 0.004
"""Between candidates, as a share of the tempo."""
REFINED: Final = 0.012
"""How far around the best candidate the tempo is looked for more exactly."""
BETWEEN: Final = 0.2
"""What repetition between the beats counts against a tempo: where it is as strong, the pulse is
twice as fast."""
COMMON_BPM: Final = 115.0
SPREAD_OCTAVES: Final = 1.0
PULSE: Final = 0.08
"""Mean autocorrelation after one to four beats below which there is no pulse."""
RIVAL: Final = 0.6
"""Half or double is as good a tempo from this share of the score on."""


@dataclass(frozen=True)
class Tempo:
    """The tempo of a track.

    Attributes
    ----------
    bpm : float
        Beats a minute.
    confidence : float
        How regularly its onsets repeat at that pulse, 0 to 1; not the probability of being right.
    other_bpm : float, optional
        Half or double the tempo, where it explains the onsets as well: people tap either.
    """

    bpm: float
    confidence: float
    other_bpm: float | None


def tempo(spectra: F32Array) -> Tempo | None:
    """Estimate the tempo of a whole track.

    Parameters
    ----------
    spectra : float32 array, shape (frames, bins with margins)
        In dB, from :func:`fingerprint.spectrum.spectrum`.

    Returns
    -------
    Tempo, or None where nothing pulses, or there are fewer than 4 s.
    """
    if len(spectra) < MIN_FRAMES:
        return None
    repeats = repetition(onsets(spectra))
    if repeats is None:
        return None
    candidates = LOWEST_BPM * np.exp(np.arange(0, np.log(HIGHEST_BPM / LOWEST_BPM), STEP))
    pulse = _after(repeats, candidates, np.arange(1.0, BEATS + 1))  # (candidates,)
    whole = np.arange(BEATS, dtype=np.float64)
    thirds = _after(repeats, candidates, np.concatenate([whole + 1 / 3, whole + 2 / 3]))
    between = np.maximum(_after(repeats, candidates, whole + 0.5), thirds)
    octaves = np.log2(candidates / COMMON_BPM)
    common = np.exp(-0.5 * (octaves / SPREAD_OCTAVES) ** 2)
    score = common * (pulse - BETWEEN * np.maximum(0, between))
    best = int(score.argmax())
    if pulse[best] < PULSE:
        return None
    bpm = _refined(repeats, float(candidates[best]))
    other = max((bpm / 2, bpm * 2), key=lambda each: _at(candidates, score, each))
    rival = _at(candidates, score, other) > RIVAL * score[best]
    return Tempo(bpm, float(min(1.0, pulse[best])), other if rival else None)


def onsets(spectra: F32Array) -> F64Array:
    """How much of the spectrum rises from frame to frame, over its surroundings, shape (frames,)."""
    from scipy.ndimage import uniform_filter1d

    heard = np.maximum(spectra, spectra.max() - np.float32(DEPTH_DB))
    rises = np.zeros(len(heard))
    rises[1:] = np.maximum(heard[1:] - heard[:-1], 0).mean(axis=1)
    over: F64Array = np.maximum(0.0, rises - uniform_filter1d(rises, AROUND_FRAMES))
    return over


def repetition(strength: F64Array) -> F64Array | None:
    """Autocorrelation of the onsets, mean over windows, 1 at lag 0; None if there are none."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = min(WINDOW_FRAMES, len(strength))
    windows = np.lib.stride_tricks.sliding_window_view(strength, size)[::WINDOW_HOP]
    windows = windows - windows.mean(axis=1, keepdims=True)  # (windows, frames)
    windows = windows[np.linalg.norm(windows, axis=1) > 1e-6]
    if not len(windows):
        return None
    length = next_fast_len(2 * size, real=True)
    spectrum = rfft(windows, length)
    lags = irfft(spectrum.real**2 + spectrum.imag**2, length)[:, : size // 2]
    lags /= lags[:, :1]
    means: F64Array = lags.mean(axis=0) / (1 - np.arange(size // 2) / size)
    return means


def _after(repeats: F64Array, candidates: F64Array, beats: F64Array) -> F64Array:
    """Mean repetition after so many beats of each tempo, shape (candidates,); none beyond the end."""
    from scipy.ndimage import map_coordinates

    lags = beats[:, None] * 60 * FRAMES_PER_SECOND / candidates  # (beats, candidates)
    found = map_coordinates(repeats, [lags], order=3, mode="constant", cval=0.0)
    means: F64Array = found.mean(axis=0)
    return means


def _refined(repeats: F64Array, bpm: float) -> float:
    """The tempo nearby whose every beat within reach repeats best: far ones tell it exactly."""
    near = bpm * np.exp(np.arange(-REFINED, REFINED, STEP / 10))
    reach = int((len(repeats) - 2) * near[0] / (60 * FRAMES_PER_SECOND))
    beats = np.arange(1, max(BEATS, reach) + 1, dtype=np.float64)
    return float(near[_after(repeats, near, beats).argmax()])


def _at(candidates: F64Array, score: F64Array, bpm: float) -> float:
    """Best score within two hundredths of a tempo."""
    near = np.abs(candidates / bpm - 1) < 0.02
    return float(score[near].max(initial=0))
