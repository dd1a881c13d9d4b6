"""Constellations as values: where a spectrogram stands out from what is around it.

What is laid over music (a voice, noise, other music) hides some of its peaks and leaves the others
where they are, so what they say of time and frequency survives where the shape of a sound does not.

References
----------
Wang, "An industrial-strength audio search algorithm", ISMIR 2003.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, I64Array, U32Array
from fingerprint.errors import InvalidFingerprintError
from fingerprint.spectrum import BINS, FRAMES_PER_SECOND, HOP, MARGIN, RATE

MODEL: Final = "clearance-peaks-1"
"""Only constellations of one kind of peaks can be compared."""
ALL_BINS: Final = BINS + 2 * MARGIN
PER_SECOND: Final = 30
GRID_PEAKS: Final = 25
"""Peaks a second that are kept of a reference."""
BLOCK_FRAMES: Final = 25
"""In each second the most prominent peaks are kept, so that a quiet passage has as many as a loud one."""
FRAME_REACH: Final = 3
BIN_REACH: Final = 2
"""No other peak within so many frames and bins."""
STEEP_DB: Final = 4.0
"""A peak stands out so far from its own spectrum. Clicks and beats do not: their spectra are flat,
and where such a one is highest says how it was computed, not what was played."""
QUIET_DB: Final = -75.0
AROUND_FRAMES: Final = 25
AROUND_BINS: Final = 13
"""The neighbourhood over whose mean a peak is prominent: a second, half an octave."""
BIN_BITS: Final = 8


@dataclass(frozen=True, eq=False)
class Constellation:
    """The peaks of one piece of audio.

    Attributes
    ----------
    peaks : uint32 array, shape (n,)
        ``frame << 8 | bin`` of :func:`fingerprint.spectrum.spectrum`; the seconds (blocks of 25
        frames) in order, in each the most prominent peak first. Read-only.
    """

    peaks: U32Array

    def __post_init__(self) -> None:
        peaks = np.ascontiguousarray(self.peaks, dtype=np.uint32).view()
        peaks.flags.writeable = False
        object.__setattr__(self, "peaks", peaks)
        blocks = self.frames() // BLOCK_FRAMES
        if peaks.ndim != 1 or (np.diff(blocks) < 0).any():
            raise InvalidFingerprintError("peaks are not in the order of time")
        if len(peaks) and (
            int(self.bins().max()) >= ALL_BINS
            or int(np.bincount(blocks - blocks[0]).max()) > PER_SECOND
        ):
            raise InvalidFingerprintError(
                f"peaks lie above bin {ALL_BINS - 1}, or there are over {PER_SECOND} in a second"
            )

    def __len__(self) -> int:
        return len(self.peaks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constellation):
            return NotImplemented
        return np.array_equal(self.peaks, other.peaks)

    def __hash__(self) -> int:
        return hash(self.peaks.tobytes())

    def frames(self) -> I64Array:
        """Frames of the peaks, shape (n,)."""
        return frames_of(self.peaks)

    def bins(self) -> I64Array:
        """Bins of the peaks, shape (n,)."""
        return bins_of(self.peaks)

    def to_bytes(self) -> bytes:
        """The peaks as little-endian 32-bit integers."""
        return self.peaks.astype("<u4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, duration: float) -> "Constellation":
        """Inverse of :meth:`to_bytes`.

        Parameters
        ----------
        duration : float
            Seconds of audio that they are of.

        Raises
        ------
        InvalidFingerprintError
            If these are no peaks of so much audio.
        """
        if len(data) % 4:
            raise InvalidFingerprintError("peaks are not a whole number of 32-bit integers")
        made = cls(np.frombuffer(data, "<u4").astype(np.uint32))
        if len(made) and int(made.frames().max()) > duration * RATE / HOP + 2:
            raise InvalidFingerprintError(f"peaks lie behind the end of {duration:.3f} s of audio")
        return made


def frames_of(peaks: U32Array) -> I64Array:
    """Frames of packed peaks."""
    return (peaks >> np.uint32(BIN_BITS)).astype(np.int64)


def bins_of(peaks: U32Array) -> I64Array:
    """Bins of packed peaks."""
    return (peaks & np.uint32((1 << BIN_BITS) - 1)).astype(np.int64)


def strongest(peaks: U32Array, per_second: int) -> U32Array:
    """Of the peaks in a constellation's order those that are most prominent in their second."""
    blocks = frames_of(peaks) // BLOCK_FRAMES
    first = np.searchsorted(blocks, blocks)  # (n,), where each one's second begins
    kept: U32Array = peaks[np.arange(len(peaks)) - first < per_second]
    return kept


def constellation(spectra: F32Array) -> Constellation:
    """Find the peaks of a spectrogram.

    Parameters
    ----------
    spectra : float32 array, shape (frames, bins with margins)
        In dB, from :func:`fingerprint.spectrum.spectrum`.

    Returns
    -------
    Constellation
        Without any peak where there is silence.
    """
    from scipy.ndimage import maximum_filter, uniform_filter1d

    heard = np.maximum(spectra, np.float32(QUIET_DB))
    size = (2 * FRAME_REACH + 1, 2 * BIN_REACH + 1)
    highest = maximum_filter(heard, size=size, mode="constant", cval=-np.inf)
    beside = uniform_filter1d(heard, AROUND_BINS, axis=1)
    steep = heard > np.maximum(beside + np.float32(STEEP_DB), np.float32(QUIET_DB))
    steep[:, :BIN_REACH] = steep[:, -BIN_REACH:] = False  # these may be flanks of what lies beyond
    frames, bins = np.nonzero(steep & (heard >= highest))
    around = uniform_filter1d(beside, AROUND_FRAMES, axis=0)
    prominence = (heard - around)[frames, bins]
    order = np.lexsort((-prominence, frames // BLOCK_FRAMES))
    packed = (frames.astype(np.uint32) << np.uint32(BIN_BITS)) | bins.astype(np.uint32)
    return Constellation(strongest(packed[order], PER_SECOND))


def expected_peaks(duration: float) -> int:
    """At most so many peaks have ``duration`` seconds of audio."""
    return PER_SECOND * (int(duration * FRAMES_PER_SECOND) // BLOCK_FRAMES + 1)
