"""From a block to its message: raw bits, soft bits, decoding."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from watermark import viterbi
from watermark.arrays import F32Array, U8Array
from watermark.convolutional import TAIL_BITS, Code, encode
from watermark.excerpt import SEARCH_FRAME, Excerpt
from watermark.tables import BANDS, KeyTables

_AROUND: Final = np.array([1, 2, 3, 0, 3, 2, 1], np.float32) / 12
_MOST_DEVIATIONS: Final = 2.0
_LEAST_DEVIATION: Final = np.float32(1e-3)
_LEAST_HEARD: Final = 4
"""Coded bits that must be heard for each bit of a message: any few would agree with some message."""


@dataclass(frozen=True)
class Decoded:
    """A message, and how sure it is.

    Attributes
    ----------
    message : uint8 array, shape (n,), of bits
    error : float
        Mean squared distance of the soft bits from the code word, over those that were heard:
        0 is perfect, chance about 0.38 in a block.
    margin : float
        Correlation of the raw bits with the code word, less that of noise with its nearest word.
    """

    message: U8Array
    error: float
    margin: float


def raw_bits(excerpt: Excerpt, start: int, tables: KeyTables) -> F32Array:
    """How much the pairs of each coded bit went up rather than down.

    Each frame is compared with its neighbours, which music changes little from.

    Parameters
    ----------
    start : int
        First sample of the block on the time axis; the block must fit.

    Returns
    -------
    float32 array, shape (coded_bits,)
        In decibels, summed; exactly 0 where nothing was heard.
    """
    levels = excerpt.levels(start + np.arange(tables.mode.block_frames) * SEARCH_FRAME)
    around = np.concatenate([levels[1:2], levels, levels[-2:-1]])
    return _summed(levels - (around[:-2] + around[2:]) / 2, tables)


def clear_raw_bits(excerpt: Excerpt, start: int, tables: KeyTables) -> F32Array:
    """Raw bits from what little of a block an excerpt holds: :func:`raw_bits`, weighed.

    Each frame is compared with six around it, bands count by how still they are, and no level for more
    than two of its band's median deviations: onsets outweigh the mark by far where there are few frames.

    Returns
    -------
    float32 array, shape (coded_bits,)
        In median deviations, summed; exactly 0 where nothing was heard.
    """
    places = start + np.arange(tables.mode.block_frames) * SEARCH_FRAME
    heard = excerpt.heard(places)
    contrast = np.zeros((places.size, BANDS), np.float32)
    if heard.any():
        levels = excerpt.levels(places[heard])
        reach = _AROUND.size // 2
        padded = np.pad(levels, ((reach, reach), (0, 0)), mode="edge")
        levels -= np.lib.stride_tricks.sliding_window_view(padded, _AROUND.size, axis=0) @ _AROUND
        levels /= np.maximum(np.median(np.abs(levels), axis=0), _LEAST_DEVIATION)
        contrast[heard] = np.clip(levels, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    return _summed(contrast, tables)


def _summed(contrast: F32Array, tables: KeyTables) -> F32Array:
    frames = tables.mix_positions
    entries = contrast[frames, tables.mix_up] - contrast[frames, tables.mix_down]
    raw = np.empty(tables.mode.coded_bits, np.float32)
    raw[tables.bit_order] = entries.sum(axis=1)
    return raw


def decoded(raw: F32Array, code: Code) -> Decoded | None:
    """Decode raw bits in coded order; None if so few were heard that some message would always fit.

    Parameters
    ----------
    raw : float32 array, shape (coded bits of the code,)
        Those that are exactly 0 were not heard and count neither for nor against a message.
    """
    heard = raw != 0
    if np.count_nonzero(heard) < _LEAST_HEARD * (raw.size // code.outputs - TAIL_BITS):
        return None
    soft = (0.5 * (raw / np.abs(raw[heard]).mean() + 1)).astype(np.float32)
    message = viterbi.decode(soft, code)
    word = encode(message, code)
    error = float(np.mean((soft - word)[heard] ** 2))
    return Decoded(message, error, _margin(raw, word, message.size))


def remainder(raw: F32Array, message: U8Array, code: Code) -> F32Array:
    """Raw bits without what a message explains of them; 0 where nothing was heard."""
    word = 2 * encode(message, code).astype(np.float32) - 1
    heard = raw != 0
    strength = (raw * word)[heard].mean()
    left: F32Array = raw - strength * word * heard
    return left


def _margin(raw: F32Array, word: U8Array, message_bits: int) -> float:
    """How much better raw bits agree with a code word than noise does with its nearest.

    Of ``2^k`` random words, the nearest to ``n`` values of white noise correlates with them by
    ``sqrt(1 - 2^(-2k/n))``, as rate and distortion have it. Values that are fainter than others
    count for less: ``n`` is what as many equally strong ones of normal distribution would be, and no
    more than were heard, which it would exceed where all are of one magnitude.
    """
    squares = raw.astype(np.float64) ** 2
    heard = np.count_nonzero(squares)
    agreement = float(raw @ (2.0 * word - 1)) / np.sqrt(squares.sum() * heard)
    alike = min(3 * squares.sum() ** 2 / (squares**2).sum(), heard)
    chance = np.sqrt(1 - 2 ** (-2 * message_bits / alike))
    return float(agreement - chance)


def interleaved(a_bits: F32Array, b_bits: F32Array) -> F32Array:
    """Raw bits of an A and a B block in the order of the code of both."""
    return np.stack([a_bits, b_bits], axis=1).ravel()
