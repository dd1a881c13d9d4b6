"""What one side of a match looks like: its waveform, or what its fingerprint alone still shows.

Of a reference only the fingerprint is kept, with a waveform if it is not an old one. Without, its
peaks draw a spectrogram of what stood out; where there are none, its pitch classes or its words do.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from fingerprint.arrays import F32Array, F64Array, I64Array
from fingerprint.constellation.constellation import ALL_BINS, Constellation
from fingerprint.embedding.embedding import SCALE, Embedding
from fingerprint.errors import TooShortError, UnusableAudioError
from fingerprint.spectrum import FRAMES_PER_SECOND
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS, Fingerprint
from fingerprint.waveform import COLUMNS_PER_SECOND, Waveform

ROWS: Final = ALL_BINS // 2
"""Rows of a picture of peaks: semitones."""
WORD_BITS: Final = 32
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, eq=False)
class Portrait:
    """A stretch of a fingerprint as an image.

    Attributes
    ----------
    values : float32 array, shape (rows, columns)
        0 to 1; the lowest pitch (or bit) first.
    start, end : float
        Seconds of the left and the right edge.
    shows : {"peaks", "chroma", "words"}
    """

    values: F32Array
    start: float
    end: float
    shows: Literal["peaks", "chroma", "words"]


@dataclass(frozen=True, eq=False)
class Envelope:
    """A stretch of a waveform, thinned out.

    Attributes
    ----------
    low, high : float32 array, shape (columns,)
        Least and greatest sample of each column, channels averaged.
    start, end : float
        Seconds of the left and the right edge.
    """

    low: F32Array
    high: F32Array
    start: float
    end: float


def portrait(print_: Fingerprint, start: float, end: float, columns: int = 600) -> Portrait:
    """Draw what a fingerprint holds between two moments.

    Parameters
    ----------
    print_ : Fingerprint
        Its peaks are drawn, else its chroma, else its words.
    start, end : float
        Seconds.
    columns : int
        At most.

    Raises
    ------
    TooShortError
        If ``end`` does not lie behind ``start``, or the fingerprint holds nothing. Beyond its ends what lies
        nearest is drawn, of peaks nothing.
    """
    if not end > start or columns < 1:
        raise TooShortError(f"nothing to draw from {start:.2f} to {end:.2f} s")
    if print_.constellation:
        values = _peaks(print_.constellation, start, end, columns)
        return Portrait(values, start, end, "peaks")
    if print_.embedding:
        columns_of = _nearest(print_.embedding.seconds(), start, end, columns)
        return Portrait(_chroma(print_.embedding)[:, columns_of], start, end, "chroma")
    words = print_.sub_fingerprints
    if not len(words):
        raise TooShortError("a fingerprint without words, peaks and vectors shows nothing")
    seconds: F64Array = np.arange(len(words), dtype=np.float64) * HOP_SECONDS + SPAN_SECONDS / 2
    shown = words[_nearest(seconds, start, end, columns)]
    bits = (shown >> np.arange(WORD_BITS, dtype=np.uint32)[:, None]) & np.uint32(1)
    return Portrait(bits.astype(np.float32), start, end, "words")


def envelope(
    samples: F32Array, sample_rate: int, start: float, end: float, columns: int = 1000
) -> Envelope:
    """Thin a stretch of a waveform out to its extremes.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    sample_rate : int
        In Hz.
    start, end : float
        Seconds; cut to what there is.
    columns : int
        At most.

    Raises
    ------
    UnusableAudioError
        If the shape cannot be used, or no sample lies between ``start`` and ``end``.
    """
    if samples.ndim != 2 or samples.shape[0] < 1:
        raise UnusableAudioError(f"need samples of shape (channels, n), got {samples.shape}")
    first = max(0, round(start * sample_rate))
    last = min(samples.shape[1], round(end * sample_rate))
    if last <= first:
        raise UnusableAudioError(f"no samples from {start:.2f} to {end:.2f} s")
    edges = _edges(first, last, columns)
    low, high = np.empty(len(edges) - 1, np.float32), np.empty(len(edges) - 1, np.float32)
    per_chunk = max(1, _CHUNK * (len(edges) - 1) // (last - first))
    for column in range(0, len(edges) - 1, per_chunk):  # the whole as one mean would copy it
        some = edges[column : column + per_chunk + 1]
        mono = samples[:, some[0] : some[-1]].mean(axis=0, dtype=np.float32)
        low[column : column + per_chunk] = np.minimum.reduceat(mono, some[:-1] - some[0])
        high[column : column + per_chunk] = np.maximum.reduceat(mono, some[:-1] - some[0])
    return Envelope(low, high, first / sample_rate, last / sample_rate)


def kept_envelope(waveform: Waveform, start: float, end: float, columns: int = 1000) -> Envelope:
    """As :func:`envelope`, of a waveform that a fingerprint holds.

    Returns
    -------
    Envelope
        Its edges are those of the waveform's columns around ``start`` and ``end``.

    Raises
    ------
    UnusableAudioError
        If nothing of the waveform lies between ``start`` and ``end``.
    """
    first = max(0, math.floor(start * COLUMNS_PER_SECOND))
    last = min(len(waveform), math.ceil(end * COLUMNS_PER_SECOND))
    if last <= first:
        raise UnusableAudioError(f"no waveform from {start:.2f} to {end:.2f} s")
    low, high = (each[first:last] for each in waveform.extremes())
    begins = _edges(0, last - first, columns)[:-1]
    return Envelope(
        np.minimum.reduceat(low, begins),
        np.maximum.reduceat(high, begins),
        first / COLUMNS_PER_SECOND,
        last / COLUMNS_PER_SECOND,
    )


def _edges(first: int, last: int, columns: int) -> I64Array:
    """Where at most so many columns begin, and where the last one ends."""
    edges = np.linspace(first, last, min(columns, last - first) + 1)
    return np.unique(edges.astype(np.int64))


def _peaks(stars: Constellation, start: float, end: float, columns: int) -> F32Array:
    """Peaks counted by semitone and column, the fullest cell 1."""
    wide = max(1, min(columns, round((end - start) * FRAMES_PER_SECOND)))
    seconds = stars.frames() / FRAMES_PER_SECOND
    inside = (seconds >= start) & (seconds < end)
    at = ((seconds[inside] - start) / (end - start) * wide).astype(np.int64).clip(0, wide - 1)
    row = np.minimum(stars.bins()[inside] // 2, ROWS - 1)
    counts = np.bincount(row * wide + at, minlength=ROWS * wide).reshape(ROWS, wide)
    # The square root keeps a lone peak visible beside a held note.
    lightened: F32Array = np.sqrt(counts / max(1, counts.max())).astype(np.float32)
    return lightened


def _chroma(embedding: Embedding) -> F32Array:
    """Shape (quarter tones, n)."""
    shares: F32Array = np.maximum(embedding.chroma.T, 0).astype(np.float32) / np.float32(SCALE)
    return shares


def _nearest(seconds: F64Array, start: float, end: float, columns: int) -> I64Array:
    """For each column the index of the nearest moment; as many columns as there are moments."""
    inside = int(((seconds >= start) & (seconds < end)).sum())
    wide = max(1, min(columns, inside))
    middles = start + (np.arange(wide) + 0.5) * (end - start) / wide
    hop = seconds[1] - seconds[0] if len(seconds) > 1 else 1.0
    nearest: I64Array = np.rint((middles - seconds[0]) / hop).astype(np.int64)
    return nearest.clip(0, len(seconds) - 1)
