"""Samples as files: WAV and FLAC of 24 bits, aligned to the sample."""

import io
from typing import Literal

import soundfile

from generator.arrays import I32Array
from generator.rendering import RATE

Format = Literal["WAV", "FLAC"]
_TO_32_BITS = 8
"""libsndfile takes the upper 24 of 32 bits."""


def audio_file(samples: I32Array, kind: Format = "WAV") -> bytes:
    """A file of 24-bit samples; reading it back gives the same whole numbers.

    Parameters
    ----------
    samples : int32 array, shape (2, n)
        24-bit whole numbers.
    kind : str
    """
    buffer = io.BytesIO()
    soundfile.write(buffer, samples.T << _TO_32_BITS, RATE, format=kind, subtype="PCM_24")
    return buffer.getvalue()


def read_audio(data: bytes) -> I32Array:
    """Whole numbers of a file of :func:`audio_file`, shape (2, n)."""
    samples, _ = soundfile.read(io.BytesIO(data), dtype="int32", always_2d=True)
    return samples.T >> _TO_32_BITS  # type: ignore[no-any-return]
