"""Tones as values: which pitch classes sound, as melody and otherwise, six times a second."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, U8Array
from fingerprint.composition.geometry import PITCH_CLASSES, STRIDE
from fingerprint.errors import InvalidFingerprintError
from fingerprint.spectrum import HOP, RATE

MODEL: Final = "clearance-tones-2"
"""Only tones of one model can be compared."""
VOICES: Final = 4
"""The melody, beginnings of its notes, all notes, low notes."""
TONE_BYTES: Final = VOICES * PITCH_CLASSES // 2
SCALE: Final = 15.0
"""Loudest level: two levels share a byte."""


@dataclass(frozen=True, eq=False)
class Tones:
    """What one piece of audio plays.

    Attributes
    ----------
    levels : uint8 array, shape (n, VOICES, PITCH_CLASSES)
        0 to 15; frame ``k`` is centred on ``k * TONE_SECONDS``. Read-only.
    """

    levels: U8Array

    def __post_init__(self) -> None:
        levels = np.ascontiguousarray(self.levels, dtype=np.uint8).view()
        levels.flags.writeable = False
        object.__setattr__(self, "levels", levels)
        if levels.ndim != 3 or levels.shape[1:] != (VOICES, PITCH_CLASSES):
            raise InvalidFingerprintError(f"tones have shape {levels.shape}")
        if levels.size and int(levels.max()) > SCALE:
            raise InvalidFingerprintError(f"tones have levels above {SCALE:.0f}")

    def __len__(self) -> int:
        return len(self.levels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tones):
            return NotImplemented
        return np.array_equal(self.levels, other.levels)

    def __hash__(self) -> int:
        return hash(self.levels.tobytes())

    def shares(self) -> F32Array:
        """Levels from 0 to 1, shape (VOICES, PITCH_CLASSES, n)."""
        scaled: F32Array = self.levels.transpose(1, 2, 0).astype(np.float32) / np.float32(SCALE)
        return scaled

    def to_bytes(self) -> bytes:
        """Two levels a byte."""
        flat = self.levels.reshape(-1, 2)
        return bytes((flat[:, 0] | flat[:, 1] << 4).astype(np.uint8))

    @classmethod
    def from_bytes(cls, data: bytes, duration: float) -> "Tones":
        """Inverse of :meth:`to_bytes`.

        Parameters
        ----------
        duration : float
            Seconds of audio that they are of.

        Raises
        ------
        InvalidFingerprintError
            If these are no tones of so much audio.
        """
        frames = len(data) // TONE_BYTES
        if len(data) % TONE_BYTES or abs(frames - expected_tones(duration)) > 2:
            raise InvalidFingerprintError(
                f"{len(data)} bytes are not the tones of {duration:.3f} s of audio"
            )
        packed = np.frombuffer(data, np.uint8)
        levels = np.stack([packed & 15, packed >> 4], axis=1)
        return cls(levels.reshape(-1, VOICES, PITCH_CLASSES))


def expected_tones(duration: float) -> int:
    """So many tone frames have ``duration`` seconds of audio."""
    return int(duration * RATE) // HOP // STRIDE + 1
