"""Embeddings as values: what a track sounds like every half second, at three pitches."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fingerprint.arrays import F32Array
from fingerprint.embedding.geometry import (
    CENTRE_SECONDS,
    DIMENSIONS,
    FIELD_FRAMES,
    HOP_FRAMES,
    HOP_SECONDS,
)
from fingerprint.errors import InvalidFingerprintError
from fingerprint.spectrum import BINS_PER_OCTAVE, HOP, RATE

I8Array = NDArray[np.int8]

MODEL: Final = "clearance-segment-2"
"""Only embeddings of one model can be compared."""

PITCHES: Final = (0.0, -3.0, 3.0)
"""Semitones by which a query is raised before it is looked up. A network that is to hear past
four semitones in every direction hears less of everything else; past one and a half it does well."""

SCALE: Final = 127.0


def expected_vectors(duration: float) -> int:
    """Number of vectors a pitch that ``duration`` seconds of audio give."""
    frames = 1 + int(duration * RATE) // HOP
    return max(0, (frames - FIELD_FRAMES) // HOP_FRAMES + 1)


@dataclass(frozen=True, eq=False)
class Embedding:
    """The vectors of one piece of audio, one byte a value.

    Attributes
    ----------
    vectors : int8 array, shape (len(PITCHES), n, DIMENSIONS)
        Vector ``k`` sees the two seconds around ``CENTRE_SECONDS + k * HOP_SECONDS``; of length
        ``SCALE``. A reference is looked for by its first row, at its own pitch.
    chroma : int8 array, shape (n, BINS_PER_OCTAVE)
        Pitch classes around each vector in quarter tones, by which the pitch shift is read.
    model : str
    """

    vectors: I8Array
    chroma: I8Array
    model: str = MODEL

    def __post_init__(self) -> None:
        shape = self.vectors.shape
        if len(shape) != 3 or shape[0] != len(PITCHES) or shape[2] != DIMENSIONS:
            raise InvalidFingerprintError(f"vectors have shape {shape}")
        if self.chroma.shape != (shape[1], BINS_PER_OCTAVE):
            raise InvalidFingerprintError(f"chroma has shape {self.chroma.shape}")

    def __len__(self) -> int:
        return int(self.vectors.shape[1])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Embedding):
            return NotImplemented
        return np.array_equal(self.vectors, other.vectors) and np.array_equal(
            self.chroma, other.chroma
        )

    def __hash__(self) -> int:
        return hash(self.vectors.tobytes())

    def seconds(self) -> NDArray[np.float64]:
        """Middles of what the vectors see, shape (n,)."""
        return np.arange(len(self), dtype=np.float64) * HOP_SECONDS + CENTRE_SECONDS

    def to_bytes(self) -> bytes:
        """Vectors, then chroma; as many as the count that is kept beside them says."""
        return self.vectors.tobytes() + self.chroma.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, count: int) -> "Embedding":
        """Inverse of :meth:`to_bytes`.

        Raises
        ------
        InvalidFingerprintError
            If there are fewer or more bytes than ``count`` vectors have.
        """
        pitched = len(PITCHES) * count * DIMENSIONS
        if len(data) != pitched + count * BINS_PER_OCTAVE:
            raise InvalidFingerprintError(f"{len(data)} bytes are not {count} vectors")
        values = np.frombuffer(data, np.int8)
        return cls(
            values[:pitched].reshape(len(PITCHES), count, DIMENSIONS),
            values[pitched:].reshape(count, BINS_PER_OCTAVE),
        )


NO_EMBEDDING: Final = Embedding(
    np.empty((len(PITCHES), 0, DIMENSIONS), np.int8), np.empty((0, BINS_PER_OCTAVE), np.int8)
)


def quantised(values: F32Array) -> I8Array:
    """Pack values of -1 to 1 into bytes."""
    packed: I8Array = np.round(values * SCALE).clip(-127, 127).astype(np.int8)
    return packed
