"""Random streams: what a key decides, it decides through these.

A stream is the AES-128 key stream in counter mode whose first counter is the encrypted
block of seed and stream number; its 64-bit words are read big-endian.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from watermark.arrays import I64Array, U64Array
from watermark.keys import Key

BLOCK_BYTES: Final = 16
WORD_BYTES: Final = 8


class Stream(IntEnum):
    """What a stream is drawn for."""

    DATA_BANDS = 1
    SYNC_BANDS = 2
    MIX = 4
    BIT_ORDER = 5
    FRAME_POSITION = 6


def random_words(key: Key, stream: int, seed: int, count: int) -> U64Array:
    """First words of a stream, uint64 of shape (count,)."""
    start = seed.to_bytes(WORD_BYTES, "big") + bytes([stream]) + bytes(7)
    counter = _key_stream(key, start, BLOCK_BYTES)  # one block of it is the plain encryption
    words = np.frombuffer(_key_stream(key, counter, count * WORD_BYTES), ">u8")
    return words.astype(np.uint64)


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
    words = np.stack([random_words(key, stream, seed, kept) for seed in seeds])
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


def _key_stream(key: Key, counter: bytes, count: int) -> bytes:
    return Cipher(AES(key.secret), CTR(counter)).encryptor().update(bytes(count))
