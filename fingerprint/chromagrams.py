"""Two chromagrams over one time: which pitch classes a query plays, and the matched part of a reference as it plays it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fingerprint.arrays import F32Array, F64Array
from fingerprint.composition.geometry import PITCH_CLASSES, TONE_SECONDS
from fingerprint.composition.tones import Tones
from fingerprint.embedding.embedding import SCALE
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS
from fingerprint.errors import TooShortError
from fingerprint.matches import Segment
from fingerprint.sub_fingerprints import Fingerprint

MELODY: Final = 0
ALL_NOTES: Final = 2
"""Of the voices of tones."""
SOUNDS: Final = 8
"""Level of 15 from which a melody is taken to sound."""
MARGIN_SECONDS: Final = 5.0
COLUMNS: Final = 600


@dataclass(frozen=True, eq=False)
class Chromagrams:
    """What is played around a segment, C to B.

    Attributes
    ----------
    query, reference : float32 array, shape (12, columns)
        0 to 1. The reference is moved to the query's time and turned to its key; where it has ended, it is 0.
    likeness : float32 array, shape (columns,)
        Cosine of the two, 0 to 1.
    start, end : float
        Seconds of the query at the left and right edge.
    melodies : two float32 arrays, shape (columns,), optional
        Pitch class of the query's and of the reference's melody, moved and turned likewise; nan where none sounds.
        None if no tones were kept of both.
    """

    query: F32Array
    reference: F32Array
    likeness: F32Array
    start: float
    end: float
    melodies: tuple[F32Array, F32Array] | None = None


def chromagrams(
    query: Fingerprint, reference: Fingerprint, segment: Segment, *, columns: int = COLUMNS
) -> Chromagrams:
    """Lay the chroma of a segment's two sides over one another.

    Parameters
    ----------
    query, reference : Fingerprint
        By their tones, where both have them, else by the chroma of their embeddings.
    columns : int
        At most.

    Raises
    ------
    TooShortError
        If either side has neither, or nothing around the segment.
    """
    own, theirs = _played(query, reference)
    start = max(0.0, segment.query_start - MARGIN_SECONDS)
    end = min(query.duration, segment.query_end + MARGIN_SECONDS)
    if not end > start:
        raise TooShortError(f"nothing to draw from {start:.2f} to {end:.2f} s")
    count = max(2, min(columns, round((end - start) / TONE_SECONDS)))
    seconds: F64Array = start + (np.arange(count) + 0.5) * (end - start) / count
    slope = (segment.reference_end - segment.reference_start) / max(
        segment.query_end - segment.query_start, 1e-9
    )
    there = segment.reference_start + (seconds - segment.query_start) * slope
    up = round(segment.pitch_semitones)
    shown = own.at(seconds)  # (pitch classes, columns)
    turned = np.roll(theirs.at(there), up, axis=0)
    lengths = np.linalg.norm(shown, axis=0) * np.linalg.norm(turned, axis=0)
    likeness = (shown * turned).sum(axis=0) / np.maximum(lengths, 1e-6)
    melodies = None
    if query.tones and reference.tones:
        melodies = _melody(query.tones, seconds, 0), _melody(reference.tones, there, up)
    return Chromagrams(shown, turned, likeness.astype(np.float32), start, end, melodies)


def _melody(tones: Tones, seconds: F64Array, up: int) -> F32Array:
    """Pitch class of the melody at some moments, so many semitones higher; nan where none sounds."""
    levels = tones.levels[:, MELODY]
    index = np.rint(seconds / TONE_SECONDS).astype(np.int64)
    held = (index >= 0) & (index < len(levels))
    found = levels[index.clip(0, len(levels) - 1)]
    sounds = held & (found.max(axis=1) >= SOUNDS)
    return np.where(sounds, (found.argmax(axis=1) + up) % PITCH_CLASSES, np.nan).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Played:
    """Levels, shape (n, 12), of moments ``first + k * hop``."""

    levels: F32Array
    first: float
    hop: float

    def at(self, seconds: F64Array) -> F32Array:
        """Levels of the nearest moments, each scaled to its loudest; 0 beyond either end. Shape (12, n)."""
        index = np.rint((seconds - self.first) / self.hop).astype(np.int64)
        held = (index >= 0) & (index < len(self.levels))
        found = self.levels[index.clip(0, len(self.levels) - 1)] * held[:, None]
        loudest = np.maximum(found.max(axis=1, keepdims=True), 1e-6)
        scaled: F32Array = (found / loudest).T.astype(np.float32)
        return scaled


def _played(query: Fingerprint, reference: Fingerprint) -> tuple[_Played, _Played]:
    """What both sides hold of the same kind."""
    own, theirs = query.tones, reference.tones
    if own is not None and theirs is not None and len(own) and len(theirs):
        both = [each.shares()[ALL_NOTES].T for each in (own, theirs)]
        return _Played(both[0], 0.0, TONE_SECONDS), _Played(both[1], 0.0, TONE_SECONDS)
    one, other = query.embedding, reference.embedding
    if not one or not other:
        raise TooShortError("no chroma was kept of both sides: there is nothing to draw")
    folded = [_semitones(each.chroma) for each in (one, other)]
    return (
        _Played(folded[0], CENTRE_SECONDS, HOP_SECONDS),
        _Played(folded[1], CENTRE_SECONDS, HOP_SECONDS),
    )


def _semitones(chroma: NDArray[np.int8]) -> F32Array:
    """Fold quarter tones, shape (n, 24), to semitones, shape (n, 12), each with its upper half."""
    shares = np.maximum(chroma, 0).astype(np.float32) / np.float32(SCALE)
    folded: F32Array = shares.reshape(len(shares), PITCH_CLASSES, -1).max(axis=2)
    return folded
