"""Waveforms as values: how far the samples reach, five times a second.

It is kept because the audio of a reference is not, so that people can see both sides of a match.
Detectors ask it for one thing: where nothing sounds.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, I64Array
from fingerprint.embedding.embedding import I8Array
from fingerprint.errors import InvalidFingerprintError

MODEL: Final = "clearance-waveform-1"
COLUMNS_PER_SECOND: Final = 5
"""A track of four minutes has about as many columns as a picture of it has pixels."""
COLUMN_BYTES: Final = 2
MU: Final = 255.0
"""Of the mu-law: equal steps for small samples, equal ratios for large ones.

A recording's loudest sample fills its picture, however quiet it is. Of one at -40 dB equal steps
would leave a single one; by the mu-law it is 3 % off at most, and 2.2 % at full scale."""
FULL_SCALE: Final = 127
SILENCE: Final = 5
"""Code that a silent column does not exceed: -60 dB of full scale."""


@dataclass(frozen=True, eq=False)
class Waveform:
    """The extremes of one piece of audio, its channels averaged.

    Attributes
    ----------
    codes : int8 array, shape (n, 2)
        Least and greatest sample of column ``k``, from ``k / COLUMNS_PER_SECOND`` seconds on, by
        the mu-law; the last column may be shorter. -127 to 127. Read-only.
    """

    codes: I8Array

    def __post_init__(self) -> None:
        codes = np.ascontiguousarray(self.codes, dtype=np.int8).view()
        codes.flags.writeable = False
        object.__setattr__(self, "codes", codes)
        if codes.ndim != 2 or codes.shape[1] != COLUMN_BYTES:
            raise InvalidFingerprintError(f"a waveform has shape {codes.shape}, needs (n, 2)")
        if (codes < -FULL_SCALE).any() or (codes[:, 0] > codes[:, 1]).any():
            raise InvalidFingerprintError(
                "a waveform lies beyond full scale, or its least sample above its greatest"
            )

    def __len__(self) -> int:
        return len(self.codes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Waveform):
            return NotImplemented
        return np.array_equal(self.codes, other.codes)

    def __hash__(self) -> int:
        return hash(self.codes.tobytes())

    def extremes(self) -> tuple[F32Array, F32Array]:
        """Least and greatest samples, -1 to 1, each of shape (n,)."""
        samples = expanded(self.codes)
        return samples[:, 0], samples[:, 1]

    def silent(self) -> BoolArray:
        """Columns in which nothing sounds, shape (n,)."""
        quiet: BoolArray = np.abs(self.codes).max(axis=1) <= SILENCE
        return quiet

    def to_bytes(self) -> bytes:
        """Two bytes a column."""
        return self.codes.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, duration: float) -> "Waveform":
        """Inverse of :meth:`to_bytes`.

        Parameters
        ----------
        duration : float
            Seconds of audio that it is of.

        Raises
        ------
        InvalidFingerprintError
            If this is no waveform of so much audio.
        """
        columns = len(data) // COLUMN_BYTES
        if len(data) % COLUMN_BYTES or abs(columns - expected_columns(duration)) > 1:
            raise InvalidFingerprintError(
                f"{len(data)} bytes are not the waveform of {duration:.3f} s of audio"
            )
        return cls(np.frombuffer(data, np.int8).reshape(-1, COLUMN_BYTES))


class WaveformMeter:
    """Follows samples that come piece by piece.

    Parameters
    ----------
    length : int
        Samples that will come.
    sample_rate : int
        In Hz.
    """

    def __init__(self, length: int, sample_rate: int) -> None:
        self._rate = sample_rate
        self._seen = 0
        columns = (length - 1) * COLUMNS_PER_SECOND // sample_rate + 1  # that of the last sample
        self._low = np.full(columns, np.inf, np.float32)
        self._high = np.full(columns, -np.inf, np.float32)

    def add(self, samples: F32Array) -> None:
        """Measure the next samples, shape (channels, n), -1 to 1; at least one."""
        channels, n = samples.shape
        mono = samples.T @ np.full(
            channels, 1 / channels, np.float32
        )  # mean() takes 20 times as long
        first = self._seen * COLUMNS_PER_SECOND // self._rate
        stop = (self._seen + n - 1) * COLUMNS_PER_SECOND // self._rate + 1
        begins: I64Array = -(-np.arange(first, stop) * self._rate // COLUMNS_PER_SECOND)
        inside = np.maximum(begins - self._seen, 0)  # a column may have begun in the piece before
        low, high = self._low[first:stop], self._high[first:stop]
        np.minimum(low, np.minimum.reduceat(mono, inside), out=low)
        np.maximum(high, np.maximum.reduceat(mono, inside), out=high)
        self._seen += n

    def waveform(self) -> Waveform:
        """What was measured, when all samples have come."""
        return Waveform(compressed(np.stack([self._low, self._high], axis=1)))


def compressed(samples: F32Array) -> I8Array:
    """Nearest codes of samples by the mu-law; what lies beyond full scale is clipped."""
    share = np.log1p(MU * np.minimum(np.abs(samples), 1)) / math.log1p(MU)
    codes: I8Array = np.rint(np.copysign(FULL_SCALE * share, samples)).astype(np.int8)
    return codes


def expanded(codes: I8Array) -> F32Array:
    """Samples that codes of the mu-law stand for."""
    share = np.abs(codes.astype(np.float32)) / np.float32(FULL_SCALE)
    size = np.expm1(share * np.float32(math.log1p(MU))) / np.float32(MU)
    samples: F32Array = np.copysign(size, codes).astype(np.float32)
    return samples


def expected_columns(duration: float) -> int:
    """So many columns have ``duration`` seconds of audio."""
    return math.ceil(duration * COLUMNS_PER_SECOND)
