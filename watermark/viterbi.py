"""Soft-decision Viterbi decoding of the convolutional code, all states of a step at once.

A state is the register's 15 bits. State ``n`` comes from ``n >> 1`` or from that with the highest bit
set, so the better of two contiguous halves of the metrics serves states ``2k`` and ``2k + 1`` alike.
All generators tap the newest bit, so the outputs of ``2k + 1`` are the complement of those of ``2k``.
"""

from functools import cache
from typing import Final

import numpy as np

from watermark.arrays import BoolArray, F32Array, I64Array, U8Array
from watermark.convolutional import TAIL_BITS, TAPS, Code, output_words

STATES: Final = 1 << TAPS
HALF: Final = STATES // 2


def decode(soft: F32Array, code: Code) -> U8Array:
    """Most likely message, with the register at rest before and after.

    Parameters
    ----------
    soft : float32 array, shape ((n + 15) * code.outputs,)
        Nominally 0 to 1 and may exceed that; 0.5 says nothing.

    Returns
    -------
    uint8 array, shape (n,), of bits
    """
    # (s - 1)^2 - s^2 = 1 - 2 s: what an output of 1 costs more than one of 0
    costs = 1 - 2 * soft.reshape(-1, code.outputs).astype(np.float32)  # (steps, outputs)
    return _traced(_survivors(costs, code))


def _survivors(costs: F32Array, code: Code) -> BoolArray:
    """Whether the better way into states 2k and 2k + 1 comes from the upper half: (steps, HALF)."""
    by_word = costs @ _patterns(code.outputs)  # (steps, 2^outputs)
    both = costs.sum(axis=1)
    words = _even_state_words(code)
    metrics = np.full((HALF, 2), np.inf, np.float32)  # of states 2k and 2k + 1
    metrics[0, 0] = 0
    lower, upper = metrics.reshape(2, HALF)
    best, entering = np.empty((2, HALF), np.float32)
    survivors = np.empty((len(costs), HALF), np.bool_)
    for step, costs_by_word in enumerate(by_word):
        np.less(upper, lower, out=survivors[step])
        np.minimum(lower, upper, out=best)
        np.take(costs_by_word, words, out=entering, mode="clip")
        np.add(best, entering, out=metrics[:, 0])
        best += both[step]
        np.subtract(best, entering, out=metrics[:, 1])
    return survivors


def _traced(survivors: BoolArray) -> U8Array:
    """Bits on the way back from state 0, without the tail."""
    bits = np.empty(len(survivors), np.uint8)
    state = 0
    for step in range(len(survivors) - 1, -1, -1):
        bits[step] = state & 1
        before = state >> 1
        state = before | HALF if survivors[step, before] else before
    return bits[:-TAIL_BITS]


@cache
def _patterns(outputs: int) -> F32Array:
    """Bits of every output word, the first output highest: shape (outputs, 2^outputs)."""
    words = np.arange(1 << outputs)
    places = np.arange(outputs - 1, -1, -1)[:, None]
    return (words >> places & 1).astype(np.float32)


@cache
def _even_state_words(code: Code) -> I64Array:
    return output_words(code, np.arange(0, STATES, 2))
