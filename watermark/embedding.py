"""Embedding: the mark of a sound, frame by frame, and the sound with it.

In a frame, the level of a band that goes up, ``20 log10 m`` with ``m`` its magnitude, becomes
``1 - delta`` times that, and of one that goes down ``1 + delta`` times: a hundredth of the level
at the default strength. The changes of all bands are turned back into samples and added.
"""

from typing import Final

import numpy as np

from watermark.arrays import C64Array, F32Array, I8Array
from watermark.layout import grid
from watermark.limiter import Limiter, limited
from watermark.resampling import resampled
from watermark.spectrum import FRAME, RATE, band_spectra, powers
from watermark.strength import DEFAULT_STRENGTH, suitable_strength
from watermark.tables import BANDS, LOWEST_BAND

_STRENGTH_UNIT: Final = 1000.0
_SILENT_MAGNITUDE: Final = 1e-7
_FADE: Final = 0.1
_FADE_SAMPLES: Final = int(_FADE * FRAME)
"""Whole samples by which a frame's mark reaches into each neighbour."""
_FRAMES_AT_ONCE: Final = 256


def embedded(
    samples: F32Array,
    sample_rate: int,
    action_table: I8Array,
    strength: float | None = None,
    limiter: Limiter = limited,
) -> F32Array:
    """Sound with its mark, limited.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        At ``sample_rate``, which they keep: only the mark is resampled.
    sample_rate : int
        Hz.
    action_table : int8 array, shape (2 * block_frames, 81)
        Of :func:`watermark.layout.actions`.
    strength : float, optional
        Thousandths of a band's level that it moves by; else what suits the sound.
    limiter : Limiter

    Returns
    -------
    float32 array, shape (channels, n)
    """
    added = marks_of(samples, sample_rate, action_table, strength or DEFAULT_STRENGTH)
    if strength is None:
        chosen = suitable_strength(samples, added, sample_rate)
        if chosen < DEFAULT_STRENGTH:
            added = marks_of(samples, sample_rate, action_table, chosen)
    return limiter(np.add(samples, added, out=added), sample_rate)


def marks_of(
    samples: F32Array, sample_rate: int, action_table: I8Array, strength: float
) -> F32Array:
    """What is added to sound before the limiter, float32 of shape (channels, n)."""
    marks = np.empty_like(samples)
    for channel, out in zip(samples, marks, strict=True):
        mark = mark_of(resampled(channel, sample_rate, RATE), action_table, strength)
        out[:] = resampled(mark, RATE, sample_rate, length=channel.size)
    return marks


def mark_of(channel: F32Array, action_table: I8Array, strength: float) -> F32Array:
    """What is added to one channel at 44.1 kHz, float32 of shape (n,), before the limiter."""
    count = -(-channel.size // FRAME)
    padded = np.zeros((count + 2) * FRAME, np.float32)  # a silent frame before and after
    padded[FRAME : FRAME + channel.size] = channel
    frames = padded.reshape(-1, FRAME)
    mark = np.empty((count, FRAME), np.float32)
    for first in range(0, count, _FRAMES_AT_ONCE):
        stop = min(count, first + _FRAMES_AT_ONCE)
        part = frames[first : stop + 2]
        mark[first:stop] = marks_of_frames(part, first, action_table, strength)
    return mark.ravel()[: channel.size]


def marks_of_frames(
    frames: F32Array, first: int, action_table: I8Array, strength: float
) -> F32Array:
    """What is added to frames of which a neighbour on either side is given.

    Parameters
    ----------
    frames : float32 array, shape (count + 2, 1024)
    first : int
        Number, in the sound, of the second of them.

    Returns
    -------
    float32 array, shape (count, 1024)
    """
    wanted = grid(action_table, first - 1, first + len(frames) - 1)
    return _overlapped(_synthesised(_changes(band_spectra(frames), wanted, strength)))


def _changes(spectra: C64Array, wanted: I8Array, strength: float) -> C64Array:
    """What is added to the spectra, complex64 of shape (frames, 81)."""
    squares = powers(spectra)
    silent = squares <= np.float32(_SILENT_MAGNITUDE**2)
    squares[silent] = 1
    exponents = np.log(squares, out=squares)  # twice the logarithm of the magnitude
    exponents *= wanted * np.float32(-0.5 * strength / _STRENGTH_UNIT)
    factors = np.exp(exponents, out=exponents)
    factors -= 1
    changes: C64Array = spectra * factors
    return changes


def _synthesised(changes: C64Array) -> F32Array:
    """One period of each frame's mark, float32 of shape (frames, 1024)."""
    from scipy import fft  # a third of a second to import, and most commands hear nothing

    whole = np.zeros((len(changes), FRAME // 2 + 1), np.complex64)
    whole[:, LOWEST_BAND : LOWEST_BAND + BANDS] = changes
    periods: F32Array = fft.irfft(whole, FRAME, norm="forward", overwrite_x=True)
    return periods


def _overlapped(periods: F32Array) -> F32Array:
    """Marks of frames 1 to the last but one, their neighbours faded in: (frames - 2, 1024)."""
    mark = periods[1:-1] * _FADES[FRAME : 2 * FRAME]
    after = slice(2 * FRAME, 2 * FRAME + _FADE_SAMPLES + 1)
    mark[:, : _FADE_SAMPLES + 1] += periods[:-2, : _FADE_SAMPLES + 1] * _FADES[after]
    before = slice(FRAME - _FADE_SAMPLES, FRAME)
    mark[:, -_FADE_SAMPLES:] += periods[2:, -_FADE_SAMPLES:] * _FADES[before]
    return mark


def _fades() -> F32Array:
    """How much of a frame's periodic mark is heard from a frame before it to a frame after it.

    1 inside, raised cosines over a tenth of a frame on both sides of its borders, which sum to 1
    with the neighbour's. Shape (3 * 1024,).
    """
    place = np.arange(-FRAME, 2 * FRAME) / FRAME
    inside = np.where(place > 0.5, 1 - place, place)
    rise = np.clip(0.5 + inside / (2 * _FADE), 0, 1)
    fades: F32Array = ((1 - np.cos(np.pi * rise)) / 2).astype(np.float32)
    return fades


_FADES: Final = _fades()
