"""Copies that were played at another speed, stretched, or shifted in pitch.

A copy's frames lie ``time`` as far apart as they did when it was marked, and its bands ``bands`` times as
high. Detection keeps the time axis of the mark and goes to where the frames and bands are in the copy.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import numpy as np

from watermark.arrays import F32Array, I64Array
from watermark.spectrum import FRAME, analysis_window
from watermark.tables import BANDS, LOWEST_BAND

_FRAME: Final = FRAME // 4
_SAME: Final = 1e-6


@dataclass(frozen=True)
class Warp:
    """What happened to a copy's time and frequencies after it was marked.

    Attributes
    ----------
    time : float
        Seconds of the copy for one second of the marked sound.
    bands : float
        Frequency in the copy over that in the marked sound.
    """

    time: float = 1.0
    bands: float = 1.0

    @classmethod
    def of_speed(cls, ratio: float) -> Self:
        """Played faster: tempo and pitch rise alike."""
        return cls(1 / ratio, ratio)

    @classmethod
    def of_tempo(cls, ratio: float) -> Self:
        """Stretched to another tempo at the same pitch."""
        return cls(1 / ratio, 1.0)

    @classmethod
    def of_pitch(cls, ratio: float) -> Self:
        """Shifted to another pitch at the same tempo."""
        return cls(1.0, ratio)

    @property
    def speed(self) -> float:
        """Ratio by which tempo and pitch rose alike, 1 if they did not."""
        return self.bands if abs(self.time * self.bands - 1) < _SAME else 1.0

    @property
    def tempo_ratio(self) -> float:
        """Tempo of the copy over that of the marked sound, beyond its speed."""
        return 1 / (self.time * self.speed)

    @property
    def pitch_ratio(self) -> float:
        """Pitch of the copy over that of the marked sound, beyond its speed."""
        return self.bands / self.speed

    @property
    def is_none(self) -> bool:
        return self == NO_WARP

    @property
    def frame(self) -> int:
        """Samples of a frame in the copy at 11,025 Hz."""
        return round(_FRAME * self.time)

    def places(self, samples: I64Array) -> I64Array:
        """Samples of the copy that lie at these samples of the marked sound."""
        if self.time == 1:
            return samples
        places: I64Array = np.rint(samples * self.time).astype(np.int64)
        return places


NO_WARP: Final = Warp()


def warped_powers(frames: F32Array, warp: Warp, bands: int = BANDS) -> F32Array:
    """Powers of a copy's frames at where a mark's bands went.

    Parameters
    ----------
    frames : float32 array, shape (..., warp.frame)
        At 11,025 Hz.
    bands : int
        How many bands, from the lowest one that a mark uses.

    Returns
    -------
    float32 array, shape (..., bands)
        As of :func:`watermark.spectrum.band_spectra`.
    """
    parts = frames @ _band_basis(warp, bands)  # (..., 2 * bands)
    parts *= parts
    powers: F32Array = parts[..., :bands] + parts[..., bands:]
    return powers


@lru_cache(maxsize=192)
def _band_basis(warp: Warp, bands: int) -> F32Array:
    """Windowed cosines and sines, float32 of shape (warp.frame, 2 * bands)."""
    cycles = (LOWEST_BAND + np.arange(bands)) * warp.bands / _FRAME  # of each band, a sample
    phases = 2 * np.pi * np.outer(np.arange(warp.frame), cycles)
    waves = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
    basis: F32Array = (analysis_window(warp.frame)[:, None] * waves).astype(np.float32)
    return basis
