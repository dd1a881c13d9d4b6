"""Sub-fingerprints with the statistics of real music, by the million.

Measured on 145 tracks (wesnoth-1.16-music, fretsonfire-songs-sectoid, warzone2100-music,
supertux-data, hedgewars-data; 281,047 words) and reproduced here:

- how often each bit changes from one word to the next (4.19 of 32 bits a word);
- how probable it is that two words of different tracks share their first k bits:
  2^-7.6, -14.7, -18.2, -21.2, -24.0, -26.7 for k = 8, 16, 20, 24, 28, 32 (uniform words: 2^-k).
  Here each bit is biased until it is so; in music part of it is dependence between bits;
- the word of silence, 0.16 % of all words: four at the start of each track.

Not reproduced: repeats within a track (two words of one real track share 20 bits five times as
often as here).
"""

from typing import Final

import numpy as np

from fingerprint import Fingerprint
from fingerprint.arrays import F64Array, U32Array
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS

TRACK_SECONDS: Final = 240.0
SILENCE: Final = np.uint32(627964279)
CHANGE_SHARE: Final = np.array(
    [.147, .103, .044, .035, .314, .224, .149, .104, .173, .129, .207, .129, .328, .255, .142, .096,
     .312, .228, .055, .034, .095, .059, .202, .154, .166, .116, .038, .024, .040, .029, .041, .025]
)  # fmt: skip
"""How often bit 0..31 differs from the word before."""

ERROR_SHARE: Final = np.array(
    [.05, .03, .02, .01, .09, .06, .04, .03, .05, .04, .06, .03, .09, .06, .04, .02,
     .09, .06, .02, .01, .03, .02, .05, .04, .05, .03, .01, .01, .02, .01, .01, .01]
)  # fmt: skip
"""How often bit 0..31 of a 64 kbit/s MP3, offset by a fraction of a hop, differs from the original."""

DISTORTIONS: Final = {"MP3 64k": 0.036, "noise 10 dB": 0.054, "twice its errors": 0.108}
"""Mean bit error, measured for the first two; bits err independently here, in music in clusters."""

_POOL: Final = 1 << 16


def track_words(seconds: float = TRACK_SECONDS) -> int:
    return int((seconds - SPAN_SECONDS) / HOP_SECONDS) + 1


def tracks(count: int, seed: tuple[int, ...], words: int | None = None) -> U32Array:
    """Words of unrelated tracks.

    Parameters
    ----------
    count : int
    seed : tuple of int
        The same seed gives the same tracks.
    words : int, optional
        Per track; of four minutes when not given.

    Returns
    -------
    uint32 array, shape (count, words)
    """
    random = np.random.default_rng(seed)
    length = words or track_words()
    one, redraw = _chain()
    drawn = _pool(random, redraw)  # which bits are drawn anew at a step
    values = _pool(random, one)  # what is drawn
    result = np.empty((length, count), np.uint32)
    word = values[random.integers(0, _POOL, count)]
    for step in range(length):
        mask = drawn[random.integers(0, _POOL, count)]
        word = (word & ~mask) | (values[random.integers(0, _POOL, count)] & mask)
        result[step] = word
    result[:4] = SILENCE
    return np.ascontiguousarray(result.T)


def distorted(words: U32Array, error: float, random: np.random.Generator) -> U32Array:
    """A manipulated copy: bits flipped in the proportions of a real one.

    Parameters
    ----------
    words : uint32 array, shape (n,)
    error : float
        Mean share of differing bits.
    random : numpy.random.Generator
    """
    share = np.minimum(0.45, ERROR_SHARE * error / ERROR_SHARE.mean())
    wrong = random.random((len(words), 32)) < share  # (n, 32)
    return words ^ (wrong.astype(np.uint32) << np.arange(32, dtype=np.uint32)).sum(
        axis=1, dtype=np.uint32
    )


def as_fingerprint(words: U32Array) -> Fingerprint:
    return Fingerprint(words, (len(words) - 1) * HOP_SECONDS + SPAN_SECONDS)


def _chain() -> tuple[F64Array, F64Array]:
    """Probability of a one, and of being drawn anew, for bits 0..31."""
    entropy = np.repeat([0.675, 0.70, 0.75, 0.91], [4, 4, 4, 20])  # bits of collision, bit 0..31
    skew = np.sqrt((2.0 ** (1 - entropy) - 1) / 4)  # p = 1/2 + skew: p^2 + (1 - p)^2 = 2^-entropy
    one = 0.5 + skew
    return one, np.minimum(1.0, CHANGE_SHARE / (2 * one * (1 - one)))


def _pool(random: np.random.Generator, share: F64Array) -> U32Array:
    bits = random.random((_POOL, 32)) < share
    return (bits.astype(np.uint32) << np.arange(32, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
