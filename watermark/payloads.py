"""Payloads: what a mark says, in 128 bits or in the short modes of 12, 16 and 20."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

import numpy as np

from watermark import short_codes
from watermark.arrays import U8Array
from watermark.convolutional import OUTPUTS_PER_BLOCK, TAIL_BITS
from watermark.errors import BadPayloadError

SYNC_FRAMES: Final = 510
FRAMES_PER_BIT: Final = 2


class PayloadMode(Enum):
    """How many bits a mark carries, and the block that takes; modes can't read each other."""

    BITS_128 = (128, 128)
    BITS_12 = (12, 56)
    BITS_16 = (16, 61)
    BITS_20 = (20, 65)

    def __init__(self, payload_bits: int, message_bits: int) -> None:
        self.payload_bits: Final = payload_bits
        self.message_bits: Final = message_bits
        """Bits that go into the convolutional code."""

    @property
    def coded_bits(self) -> int:
        """Bits that one block transmits."""
        return (self.message_bits + TAIL_BITS) * OUTPUTS_PER_BLOCK

    @property
    def data_frames(self) -> int:
        return self.coded_bits * FRAMES_PER_BIT

    @property
    def block_frames(self) -> int:
        """Frames of one block, sync and data."""
        return SYNC_FRAMES + self.data_frames


@dataclass(frozen=True)
class Payload:
    """The bits of a mark as lower-case hexadecimal digits, the first digit's highest bit first.

    Raises
    ------
    BadPayloadError
        If there is another character, or not 32, 3, 4 or 5 digits.
    """

    digits: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]+", self.digits):
            raise BadPayloadError("a payload is written in lower-case hexadecimal digits")
        if 4 * len(self.digits) not in _MODES:
            raise BadPayloadError(
                f"a payload has 32 digits, or 3, 4 or 5 in a short mode; this one has {len(self.digits)}"
            )

    @property
    def mode(self) -> PayloadMode:
        return _MODES[4 * len(self.digits)]

    @property
    def bits(self) -> U8Array:
        """Bits in the order of transmission, uint8 of shape (mode.payload_bits,)."""
        whole = int(self.digits, 16)
        count = self.mode.payload_bits
        return np.array([whole >> (count - 1 - place) & 1 for place in range(count)], np.uint8)

    @classmethod
    def from_bits(cls, bits: U8Array) -> Self:
        """Payload of bits, uint8 of shape (12,), (16,), (20,) or (128,)."""
        whole = int("".join(map(str, bits.tolist())), 2)
        return cls(f"{whole:0{bits.size // 4}x}")

    @property
    def message(self) -> U8Array:
        """Bits that go into the convolutional code, uint8 of shape (mode.message_bits,)."""
        return self.bits if self.mode is PayloadMode.BITS_128 else short_codes.code_word(self.bits)


def payload_of(message: U8Array, mode: PayloadMode) -> Payload | None:
    """Payload of a decoded message; None where a short mode's message is no code word."""
    if mode is PayloadMode.BITS_128:
        return Payload.from_bits(message)
    bits = short_codes.payload_bits_of(message, mode.payload_bits)
    return None if bits is None else Payload.from_bits(bits)


_MODES: Final = {mode.payload_bits: mode for mode in PayloadMode}
