"""What a decode gives, and the limits it runs under."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MESSAGE: Final = 65536
"""Longest message between the service and its decoders, in bytes."""


@dataclass(frozen=True)
class DecodeLimits:
    """Limits of one decode.

    Parameters
    ----------
    memory_bytes : int
        Address space of the decoding process.
    cpu_seconds, wall_seconds : int, float
    max_duration : float
        Seconds of audio.
    max_channels : int
    """

    memory_bytes: int = 3 * 2**30
    cpu_seconds: int = 120
    wall_seconds: float = 180.0
    max_duration: float = 3600.0
    max_channels: int = 32


@dataclass(frozen=True)
class AudioWarning:
    """Something about the file that the analysis should say.

    ``type`` is one of truncated, damaged, chained, rate-changed, checksum, several-tracks.
    """

    type: str
    detail: str


@dataclass(frozen=True)
class Decoded:
    """A decoded track.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        Full scale is -1 to 1; more is kept. Read-only; mapped from an unlinked file.
    sample_rate : int
        Hz.
    duration : float
        Seconds.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    duration: float
    container: str
    codec: str
    channels: int
    bit_rate: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    warnings: tuple[AudioWarning, ...] = ()


Report = dict[str, Any]
"""What the decoding process says over its socket, as JSON."""
