"""Random streams: what a key decides, it decides through these.

A stream is the AES-128 key stream in counter mode whose first counter is the encrypted
block of seed and stream number; its 64-bit words are read big-endian. Counters of many streams are
encrypted at once, block by block, which is what the counter mode does to each.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from watermark.arrays import I64Array, U64Array
from watermark.keys import Key

WORDS_PER_BLOCK: Final = 2
"""64-bit words in a block of AES."""


class Stream(IntEnum):
    """What a stream is drawn for."""

    DATA_BANDS = 1
    SYNC_BANDS = 2
    MIX = 4
    BIT_ORDER = 5
    FRAME_POSITION = 6


def random_words(key: Key, stream: int, seed: int, count: int) -> U64Array:
    """First words of a stream, uint64 of shape (count,)."""
    words: U64Array = random_rows(key, stream, [seed], count)[0]
    return words


def random_rows(key: Key, stream: int, seeds: Sequence[int], count: int) -> U64Array:
    """First words of the streams of several seeds, uint64 of shape (seeds, count)."""
    starts = np.empty((len(seeds), 1, 2), np.uint64)
    starts[:, 0, 0] = np.array(seeds, np.uint64)
    starts[:, 0, 1] = stream << 56
    counters = _encrypted(key, starts)
    numbers = np.arange(-(-count // WORDS_PER_BLOCK), dtype=np.uint64)
    low: U64Array = counters[..., 1] + numbers  # (seeds, blocks)
    high: U64Array = counters[..., 0] + (low < counters[..., 1])
    words: U64Array = _encrypted(key, np.stack([high, low], axis=-1))
    rows: U64Array = words.reshape(len(seeds), -1)[:, :count]
    return rows


def shuffled(key: Key, stream: int, count: int, seed: int = 0) -> I64Array:
    """0 to ``count - 1`` in the order of a stream, int64 of shape (count,).

    Fisher and Yates, forwards; what lies ahead is chosen by the remainder, one word a place.
    """
    ahead = np.arange(count, 0, -1, dtype=np.uint64)
    steps = (random_words(key, stream, seed, count) % ahead).tolist()
    order = list(range(count))
    for place, step in enumerate(steps):
        other = place + step
        order[place], order[other] = order[other], order[place]
    return np.array(order, np.int64)


def shuffled_starts(
    key: Key, stream: int, items: I64Array, seeds: Sequence[int], kept: int
) -> I64Array:
    """First places of one shuffle of the same items per seed.

    Parameters
    ----------
    items : int64 array, shape (n,)
    seeds : sequence of int
    kept : int
        How many of the places are wanted, at most n.

    Returns
    -------
    int64 array, shape (seeds, kept)
    """
    words = random_rows(key, stream, seeds, kept)
    ahead = np.arange(items.size, items.size - kept, -1, dtype=np.uint64)
    others = np.arange(kept) + (words % ahead).astype(np.int64)  # (seeds, kept)
    orders = np.tile(items, (len(seeds), 1))
    rows = np.arange(len(seeds))
    for place in range(kept):
        other = others[:, place]
        chosen = orders[rows, other]
        orders[rows, other] = orders[:, place]
        orders[:, place] = chosen
    return orders[:, :kept]


def _encrypted(key: Key, blocks: U64Array) -> U64Array:
    """Encrypt blocks of two words each, uint64 of shape (..., 2)."""
    encryptor = Cipher(AES(key.secret), ECB()).encryptor()  # noqa: S305 (counters never repeat)
    encrypted = encryptor.update(blocks.astype(">u8").tobytes())
    words: U64Array = np.frombuffer(encrypted, ">u8").astype(np.uint64).reshape(blocks.shape)
    return words
