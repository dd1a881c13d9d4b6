"""Sound as detection hears it: at a quarter of the rate that marks are made at.

A mark lives below 4.4 kHz. At 11,025 Hz a frame of 256 samples has the same bins as one of 1024 at
44.1 kHz, and its spectrum costs a fifth.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from watermark.arrays import BoolArray, F32Array, I64Array
from watermark.spectrum import FRAME, RATE, band_spectra, powers
from watermark.tables import BANDS
from watermark.warps import NO_WARP, Warp, warped_powers

SEARCH_RATE: Final = RATE // 4
SEARCH_FRAME: Final = FRAME // 4
SILENT_LEVEL: Final = -96.0
"""Decibels of a bin that is exactly zero; other levels may lie below."""
_LEAST_POWER: Final = np.float32(1e-18)
_FRAMES_AT_ONCE: Final = 512
_DECIBELS: Final = np.float32(10 / np.log(10))


@dataclass(frozen=True)
class Excerpt:
    """Sound at 11,025 Hz on a time axis that may go on, silent, beyond it.

    The axis is that of the sound when it was marked. Where the copy at hand was warped since, the
    axis' samples lie elsewhere in it.

    Attributes
    ----------
    samples : float32 array, shape (channels, n)
        The sound, without exact silence around it but with a frame of zeros at both ends.
    start : int
        Sample of the copy's time at which ``samples`` begins; may be negative.
    length : int
        Samples of the time axis.
    warp : Warp
    """

    samples: F32Array
    start: int
    length: int
    warp: Warp = NO_WARP

    @classmethod
    def of(
        cls,
        samples: F32Array,
        lead: int = 0,
        length: int | None = None,
        warp: Warp = NO_WARP,
    ) -> Self:
        """Excerpt of samples, shape (channels, n), ``lead`` samples after the axis begins."""
        sounding = np.flatnonzero(samples.any(axis=0))
        first, stop = (int(sounding[0]), int(sounding[-1]) + 1) if sounding.size else (0, 0)
        padded = np.pad(samples[:, first:stop], ((0, 0), (warp.frame, warp.frame)))
        whole = int(samples.shape[1] / warp.time) if length is None else length
        return cls(padded, round(lead * warp.time) + first - warp.frame, whole, warp)

    def heard(self, starts: I64Array) -> BoolArray:
        """Which frames at these samples are not wholly in the silence around the sound.

        The one that ends where the sound begins counts as heard: audiowmark's scores say so.
        """
        frame, places = self.warp.frame, self.warp.places(starts)
        first, stop = self.start + frame, self.start + self.samples.shape[1] - frame
        heard: BoolArray = (places + frame >= first) & (places < stop)
        return heard

    def levels(self, starts: I64Array) -> F32Array:
        """Decibels of the used bins, summed over channels.

        Parameters
        ----------
        starts : int64 array, shape (frames,)
            First sample of each frame on the time axis.

        Returns
        -------
        float32 array, shape (frames, 81)
        """
        levels = np.full((starts.size, BANDS), SILENT_LEVEL * len(self.samples), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self.samples, self.warp.frame, axis=1)
        places = self.warp.places(starts) - self.start
        heard = np.flatnonzero(self.heard(starts))
        for first in range(0, heard.size, _FRAMES_AT_ONCE):
            chunk = heard[first : first + _FRAMES_AT_ONCE]
            levels[chunk] = _summed_decibels(self._powers(frames[:, places[chunk]]))
        return levels

    def _powers(self, frames: F32Array) -> F32Array:
        if self.warp.is_none:
            return powers(band_spectra(frames))
        return warped_powers(frames, self.warp)


def _summed_decibels(power: F32Array) -> F32Array:
    """Decibels of powers of shape (channels, ...), summed over channels; changes the powers.

    Channels are multiplied in pairs, so that there is one logarithm for two of them.
    """
    silent = power == 0
    np.maximum(power, _LEAST_POWER, out=power)
    power[silent] = 1
    evens, odds = power[::2], power[1::2]
    evens[: len(odds)] *= odds
    levels: F32Array = np.log(evens, out=evens).sum(axis=0)
    levels *= _DECIBELS
    if silent.any():
        levels += np.float32(SILENT_LEVEL) * silent.sum(axis=0, dtype=np.float32)
    return levels
