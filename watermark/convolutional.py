"""The convolutional code: constraint length 15, twelve generators, rate 1/6 a block, 1/12 a pair.

A blocks carry the even generators, B blocks the odd ones; a pair of them is one code word of
all twelve, interleaved.
"""

from enum import Enum
from typing import Final

import numpy as np

from watermark.arrays import I64Array, U8Array

TAPS: Final = 15
TAIL_BITS: Final = 15
"""Zeros after the message, that bring the register to rest."""
OUTPUTS_PER_BLOCK: Final = 6
_GENERATORS: Final = (
    (0o66561, 0o75211), (0o71545, 0o54435), (0o63635, 0o52475),
    (0o63543, 0o75307), (0o52547, 0o45627), (0o67657, 0o51757),
)  # fmt: skip


class Code(Enum):
    """Which generators are used; taps apply to a register whose lowest bit is the newest."""

    A = tuple(even for even, _ in _GENERATORS)
    B = tuple(odd for _, odd in _GENERATORS)
    AB = tuple(each for pair in _GENERATORS for each in pair)

    @property
    def outputs(self) -> int:
        """Coded bits for each bit of the message."""
        return len(self.value)


def encode(message: U8Array, code: Code) -> U8Array:
    """Coded bits of a message.

    Parameters
    ----------
    message : uint8 array, shape (n,), of bits

    Returns
    -------
    uint8 array, shape ((n + 15) * code.outputs,), of bits
    """
    padded = np.append(message, np.zeros(TAIL_BITS, np.uint8))
    coded = np.empty((padded.size, code.outputs), np.uint8)
    for place, generator in enumerate(code.value):
        taps = np.array([generator >> tap & 1 for tap in range(TAPS)], np.uint8)
        coded[:, place] = np.convolve(padded, taps)[: padded.size] & 1
    return coded.ravel()


def output_words(code: Code, states: I64Array) -> I64Array:
    """Outputs on entering each state as one number, the first generator in the highest bit."""
    words = np.zeros(states.shape, np.int64)
    for generator in code.value:
        words = words << 1 | np.bitwise_count(states & generator) & 1
    return words
