"""Loudness of a whole track: integrated, its range, its true peak, and how much of it is silent.

References
----------
ITU-R BS.1770-5 (integrated loudness, true peak); EBU Tech 3342 (loudness range).
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, F64Array
from fingerprint.errors import UnusableAudioError
from fingerprint.facts.true_peak import true_peak

HOP_SECONDS: Final = 0.1
BLOCK_HOPS: Final = 4
"""Gating blocks are 400 ms, a new one every 100 ms."""
SHORT_TERM_HOPS: Final = 30
OFFSET_LUFS: Final = -0.691
ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = -10.0
RANGE_GATE_LU: Final = -20.0
RANGE_PERCENTILES: Final = (10, 95)
SILENT_LUFS: Final = -60.0
MIN_SAMPLE_RATE: Final = 8000
"""Below, the filter that stands for the head has no room."""
SURROUND: Final = 1.41
_CHUNK_HOPS: Final = 20


@dataclass(frozen=True)
class Loudness:
    """How loud a track is.

    Attributes
    ----------
    integrated_lufs : float, optional
        None where nothing is above -70 LUFS, or there are fewer than 400 ms.
    range_lu : float, optional
        None below 3 s of sound.
    true_peak_dbtp : float, optional
        Decibels over full scale; None of digital silence.
    silence_share : float
        Share of the tenths of a second below -60 LUFS, 0 to 1.
    """

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None
    silence_share: float


def loudness(samples: F32Array, sample_rate: int) -> Loudness:
    """Measure the loudness of decoded audio.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        One channel, stereo, or 5.1 in the order of WAV (the fourth is left out, the last two count
        1.41 times); of other layouts every channel counts the same.
    sample_rate : int
        In Hz, 8,000 at least.

    Raises
    ------
    UnusableAudioError
        If the shape or the rate cannot be used, or samples are not finite or too large for single precision.
    """
    if samples.ndim != 2 or samples.shape[0] < 1:
        raise UnusableAudioError(f"need samples of shape (channels, n), got {samples.shape}")
    if sample_rate < MIN_SAMPLE_RATE:
        raise UnusableAudioError(
            f"loudness needs {MIN_SAMPLE_RATE} Hz or more, this is {sample_rate} Hz"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        powers = _powers(samples, sample_rate)
        peak = true_peak(samples)
    if not (np.isfinite(powers).all() and np.isfinite(peak)):
        raise UnusableAudioError("the samples hold values that are not finite or absurdly large")
    return Loudness(
        integrated_lufs=_integrated(_means(powers, BLOCK_HOPS)),
        range_lu=_range(_means(powers, SHORT_TERM_HOPS)),
        true_peak_dbtp=20 * float(np.log10(peak)) if peak > 0 else None,
        silence_share=float((_lufs(powers) < SILENT_LUFS).mean()) if len(powers) else 0.0,
    )


def _powers(samples: F32Array, sample_rate: int) -> F64Array:
    """K-weighted power of every tenth of a second, channels added, shape (hops,).

    In single precision, which is three times as fast. Up to 96 kHz it is off by less than 0.01 LU, above that
    low tones are: one of 50 Hz by 0.03 at 192 kHz and 0.17 at 768.
    """
    from scipy.signal import sosfilt  # a quarter of a second to import

    channels, n = samples.shape
    hop = round(HOP_SECONDS * sample_rate)
    sections = _sections(sample_rate)
    state = np.zeros((len(sections), channels, 2), np.float32)
    weights = _weights(channels)
    powers = np.empty(n // hop)
    for first in range(0, len(powers), _CHUNK_HOPS):
        last = min(len(powers), first + _CHUNK_HOPS)
        piece = np.ascontiguousarray(samples[:, first * hop : last * hop])
        heard, state = sosfilt(sections, piece, axis=1, zi=state)
        blocks = heard.reshape(channels, last - first, hop)
        means = np.einsum("cbi,cbi->cb", blocks, blocks) / hop
        powers[first:last] = weights @ means
    return powers


@cache
def _sections(sample_rate: int) -> F32Array:
    """Two second-order sections: the head's shelf, then the high-pass."""
    from pyloudnorm.iirfilter import IIRfilter

    shelf = IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf")
    low = IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
    rows = [np.concatenate([each.b, each.a]) for each in (shelf, low)]
    return np.array(rows, np.float32)


def _weights(channels: int) -> F64Array:
    weights = np.ones(channels)
    if channels == 6:
        weights[3], weights[4:] = 0.0, SURROUND
    elif channels == 5:
        weights[3:] = SURROUND
    return weights


def _means(powers: F64Array, hops: int) -> F64Array:
    """Mean power of every run of so many tenths of a second."""
    if len(powers) < hops:
        return np.empty(0)
    sums = np.concatenate([[0.0], np.cumsum(powers)])
    means: F64Array = np.maximum(0.0, sums[hops:] - sums[:-hops]) / hops
    return means


def _integrated(powers: F64Array) -> float | None:
    loud = powers[_lufs(powers) >= ABSOLUTE_GATE_LUFS]
    if not len(loud):
        return None
    gate = float(_lufs(loud.mean())) + RELATIVE_GATE_LU
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def _range(powers: F64Array) -> float | None:
    loud = powers[_lufs(powers) >= ABSOLUTE_GATE_LUFS]
    if not len(loud):
        return None
    gate = float(_lufs(loud.mean())) + RANGE_GATE_LU
    levels = _lufs(loud)
    low, high = np.percentile(levels[levels >= gate], RANGE_PERCENTILES)
    return float(high - low)


def _lufs(powers: F64Array) -> F64Array:
    levels: F64Array = OFFSET_LUFS + 10 * np.log10(np.maximum(powers, 1e-20))
    return levels
