"""What a decode gives, and the limits it runs under."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MESSAGE: Final = 65536
"""Longest message between the service and its decoders, in bytes."""
MOST_DESCRIPTORS: Final = 100
"""Of files that go with one message."""


@dataclass(frozen=True)
class DecodeLimits:
    """Limits of one decode.

    Parameters
    ----------
    memory_bytes : int
        Address space of the decoding process, beyond what its code takes.
    cpu_seconds : int
    wall_seconds : float
    max_duration : float
        Seconds of audio, as decoded; what a header says does not count.
    max_channels : int
    output_bytes : int
        Size of the decoded samples, which lie in the temporary folder: an hour in stereo at
        96 kHz takes 2.8 GB.
    """

    memory_bytes: int = 2**30
    cpu_seconds: int = 120
    wall_seconds: float = 180.0
    max_duration: float = 3600.0
    max_channels: int = 32
    output_bytes: int = 4 * 2**30


@dataclass(frozen=True)
class AudioWarning:
    """Something about the file that the analysis should say.

    ``type`` is one of truncated, damaged, chained, rate-changed, checksum, several-tracks,
    not-examined.
    """

    type: str
    detail: str


@dataclass(frozen=True)
class Decoded:
    """A decoded track.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        Full scale is -1 to 1; more is kept. Read-only; mapped from an unlinked file, where the
        channels are interleaved: ``samples.T`` is contiguous.
    sample_rate : int
        Hz.
    duration : float
        Seconds.
    container, codec : str
        The container by `sniff`'s names, the codec by FFmpeg's.
    channels : int
    bit_rate : int, optional
        Bit/s of the encoded audio.
    tags : dict of str to str
        At most 64, lower-case names, cut to 500 characters.
    warnings : tuple of AudioWarning
    lyrics : str
        Those in the tags, one after the other.
    lyrics_cut : bool
        There are more than the message holds.
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
    lyrics: str = ""
    lyrics_cut: bool = False


Report = dict[str, Any]
"""What the decoding process says over its socket, as JSON."""
