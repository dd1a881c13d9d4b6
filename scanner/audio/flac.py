"""FLAC's own proof of its samples: their number and MD5, from STREAMINFO (RFC 9639, 8.2)."""

import hashlib
from typing import Any, Final

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

_STREAMINFO: Final = 34


class StreamInfo:
    """What the encoder said of its samples, held against those that are decoded.

    Parameters
    ----------
    block : bytes
        STREAMINFO's body, 34 bytes; anything else promises nothing.
    """

    def __init__(self, block: bytes) -> None:
        if len(block) != _STREAMINFO:
            block = bytes(_STREAMINFO)
        packed = int.from_bytes(block[10:18], "big")  # rate 20, channels 3, bits 5, samples 36
        self._bits = (packed >> 36 & 0x1F) + 1
        self._md5 = block[18:]
        self._digest = hashlib.md5(usedforsecurity=False)
        self.promised = packed & (1 << 36) - 1
        """Samples of each channel; 0 if the encoder did not know."""
        self.decoded = 0

    def add(self, frame: AudioFrame) -> None:
        """Count and hash a frame."""
        self.decoded += frame.samples
        if not any(self._md5):
            return
        block: NDArray[Any] = frame.to_ndarray()  # (channels, n) planar, (1, n * channels) packed
        flat: NDArray[Any] = np.ascontiguousarray(block.T).reshape(-1)
        size = (self._bits + 7) // 8
        words = flat >> (8 * flat.itemsize - self._bits)  # FFmpeg puts the sample's bits on top
        little = words.astype(f"<i{words.itemsize}", copy=False).view(np.uint8)
        self._digest.update(little.reshape(-1, words.itemsize)[:, :size].tobytes())

    @property
    def is_short(self) -> bool:
        """Whether samples are missing."""
        return self.decoded < self.promised

    @property
    def differs(self) -> bool:
        """Whether all samples are there but not those that were encoded."""
        complete = not self.promised or self.decoded == self.promised
        return complete and any(self._md5) and self._digest.digest() != self._md5
