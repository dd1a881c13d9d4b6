"""How alike every moment of a query and every moment of a reference are: the matrix behind a match.

A copy is a bright line in it. By what the two are compared is chosen so that the line is the one that
the search followed: the bits of the words for a clean copy, coinciding peaks for a buried one, the
vectors for a bent one, pitch classes for another performance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, F64Array, I64Array
from fingerprint.constellation.constellation import ALL_BINS, Constellation
from fingerprint.embedding.embedding import PITCHES, SCALE, Embedding
from fingerprint.embedding.geometry import CENTRE_SECONDS
from fingerprint.embedding.geometry import HOP_SECONDS as VECTOR_HOP_SECONDS
from fingerprint.errors import TooShortError
from fingerprint.matches import Segment
from fingerprint.spectrum import BINS_PER_SEMITONE, FRAMES_PER_SECOND
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS, Fingerprint

Measure = Literal["words", "peaks", "vectors", "chroma"]

STEPS: Final = 320
"""Rows and columns of a matrix at most."""
CLEAN: Final = 0.85
"""Share of equal bits along the line from which words tell enough; unrelated ones share half."""
UNBENT_SEMITONES: Final = 0.3
UNBENT_TEMPO: Final = 0.01
"""A copy within these still has the words and the peaks of what it was taken from."""
PEAK_SECONDS: Final = 0.5
PEAK_FRAMES: Final = 25
"""Peaks are compared in windows of a second, every half second."""


@dataclass(frozen=True, eq=False)
class Similarity:
    """Likeness of a query and a reference around one segment.

    Attributes
    ----------
    values : float32 array, shape (query moments, reference moments)
        Words: share of equal bits, 0 to 1. Peaks: cosine of what coincides, 0 to 1. Vectors and
        chroma: cosine, -1 to 1.
    query_seconds, reference_seconds : float64 array, shape (moments,)
        Middles of what is compared, evenly spaced.
    measure : {"words", "peaks", "vectors", "chroma"}
    contrast : float
        Mean on the segment's line above the mean of the matrix, in its standard deviations.
    on_line : float
        Mean on the segment's line.
    line : float32 array, shape (n,)
        The likeness at each of the query's moments on the segment's line.
    line_seconds : float64 array, shape (n,)
        Those moments.
    """

    values: F32Array
    query_seconds: F64Array
    reference_seconds: F64Array
    measure: Measure
    contrast: float
    on_line: float
    line: F32Array
    line_seconds: F64Array

    def by_second(self) -> tuple[I64Array, F32Array]:
        """Return the whole seconds of the query that the line passes, and its mean likeness in each."""
        seconds, index = np.unique(np.floor(self.line_seconds), return_inverse=True)
        sums = np.bincount(index, weights=self.line, minlength=len(seconds))
        means = sums / np.maximum(np.bincount(index, minlength=len(seconds)), 1)
        return seconds.astype(np.int64), means.astype(np.float32)


def compared(
    query: Fingerprint,
    reference: Fingerprint,
    segment: Segment,
    *,
    kind: Literal["recording", "composition"] = "recording",
    margin_seconds: float | None = None,
    steps: int = STEPS,
) -> Similarity:
    """Compare a query with a reference around one segment.

    Parameters
    ----------
    query, reference : Fingerprint
        What both hold is compared; words are in every one.
    segment : Segment
        Whose line should be seen; its pitch tells how the vectors and the chroma are turned.
    kind : {"recording", "composition"}
        Another performance shares neither words nor peaks.
    margin_seconds : float, optional
        By how much more is shown at either end; a fifth of the segment and 3 s at least.
    steps : int
        Rows and columns at most; a longer segment is looked at less often.

    Returns
    -------
    Similarity
        By words if they are a clean copy's, else by what the line stands out in the most.

    Raises
    ------
    TooShortError
        If the two hold nothing around the segment that can be compared.
    """
    grid = _Grid.around(query, reference, segment, margin_seconds, steps)
    words = _by_words(query, reference, grid)
    unbent = (
        abs(segment.pitch_semitones) < UNBENT_SEMITONES
        and abs(segment.tempo_ratio - 1) < UNBENT_TEMPO
    )
    if words is not None and unbent and words.on_line >= CLEAN:
        return words
    found: list[Similarity | None] = []
    if query.embedding and reference.embedding:
        by: tuple[Callable[..., Similarity | None], ...] = (_by_vectors,)
        if kind == "composition":
            by = (_by_chroma, _by_vectors)
        found += [each(query.embedding, reference.embedding, grid) for each in by]
    if query.constellation and reference.constellation and unbent and kind == "recording":
        found.append(_by_peaks(query.constellation, reference.constellation, grid))
    best = max((each for each in found if each), key=lambda each: each.contrast, default=words)
    if best is None:
        raise TooShortError(
            f"nothing to compare around {segment.query_start:.1f} s of the query and "
            f"{segment.reference_start:.1f} s of the reference"
        )
    return best


@dataclass(frozen=True)
class _Grid:
    """Moments on both sides, through which the segment's line passes corner to corner.

    A grid that were not laid on the line would miss it between its points where words, which
    change every eighth of a second, are looked at more rarely.
    """

    segment: Segment
    query: tuple[float, float]
    reference: tuple[float, float]
    steps: int

    @classmethod
    def around(
        cls,
        query: Fingerprint,
        reference: Fingerprint,
        segment: Segment,
        margin: float | None,
        steps: int,
    ) -> "_Grid":
        def widened(start: float, end: float, limit: float) -> tuple[float, float]:
            more = max(3.0, 0.2 * (end - start)) if margin is None else margin
            return max(0.0, start - more), min(limit, end + more)

        return cls(
            segment,
            widened(segment.query_start, segment.query_end, query.duration),
            widened(segment.reference_start, segment.reference_end, reference.duration),
            steps,
        )

    def moments(self, hop: float) -> tuple[F64Array, F64Array]:
        """Seconds on both sides, ``hop`` apart or more."""
        ratio = self.segment.tempo_ratio
        longest = max(
            self.query[1] - self.query[0], (self.reference[1] - self.reference[0]) / ratio
        )
        step = max(hop, longest / self.steps)
        own = self.segment
        return (
            _through((own.query_start + own.query_end) / 2, step, self.query),
            _through((own.reference_start + own.reference_end) / 2, step * ratio, self.reference),
        )

    def judged(
        self, values: F32Array, seconds: tuple[F64Array, F64Array], measure: Measure
    ) -> Similarity:
        """Read how far the segment's line stands out."""
        own, (query, reference) = self.segment, seconds
        on = np.flatnonzero((query >= own.query_start) & (query <= own.query_end))
        there = own.reference_start + (query[on] - own.query_start) * (
            (own.reference_end - own.reference_start) / max(own.query_end - own.query_start, 1e-9)
        )
        away = np.abs(
            reference[None, :] - there[:, None]
        )  # (moments on the segment, moments there)
        column = away.argmin(axis=1)
        spacing = reference[1] - reference[0] if len(reference) > 1 else 1.0
        held = away.min(axis=1, initial=np.inf) <= 0.51 * spacing  # something is known of both
        on, column = on[held], column[held]
        line = float(values[on, column].mean()) if len(on) else float(values.mean())
        contrast = (line - float(values.mean())) / max(float(values.std()), 1e-6)
        followed = values[on, column]
        return Similarity(values, query, reference, measure, contrast, line, followed, query[on])


def _through(middle: float, step: float, window: tuple[float, float]) -> F64Array:
    first, last = np.ceil((window[0] - middle) / step), np.floor((window[1] - middle) / step)
    return middle + np.arange(first, last + 1) * step


def _inside(
    seconds: tuple[F64Array, F64Array], counts: tuple[int, int], first: float, hop: float
) -> tuple[tuple[F64Array, F64Array], tuple[I64Array, I64Array]] | None:
    """The moments that something is held of, and its indexes; None if a side has none."""
    kept, indexes = [], []
    for side, count in zip(seconds, counts, strict=True):
        index = np.rint((side - first) / hop).astype(np.int64)
        held: BoolArray = (index >= 0) & (index < count)
        if not held.any():
            return None
        kept.append(side[held])
        indexes.append(index[held])
    return (kept[0], kept[1]), (indexes[0], indexes[1])


def _by_words(query: Fingerprint, reference: Fingerprint, grid: _Grid) -> Similarity | None:
    own, theirs = query.sub_fingerprints, reference.sub_fingerprints
    found = _inside(
        grid.moments(HOP_SECONDS), (len(own), len(theirs)), SPAN_SECONDS / 2, HOP_SECONDS
    )
    if found is None:
        return None
    seconds, (rows, columns) = found
    different = np.bitwise_count(own[rows][:, None] ^ theirs[columns][None, :])
    return grid.judged(1 - different.astype(np.float32) / 32, seconds, "words")


def _by_vectors(query: Embedding, reference: Embedding, grid: _Grid) -> Similarity | None:
    found = _inside(
        grid.moments(VECTOR_HOP_SECONDS),
        (len(query), len(reference)),
        CENTRE_SECONDS,
        VECTOR_HOP_SECONDS,
    )
    if found is None:
        return None
    seconds, (rows, columns) = found
    # The query as it was looked up: raised by what brings it nearest to the reference's pitch.
    raised = int(np.abs(grid.segment.pitch_semitones + np.array(PITCHES)).argmin())
    own = query.vectors[raised, rows].astype(np.float32) / np.float32(SCALE)
    theirs = reference.vectors[0, columns].astype(np.float32) / np.float32(SCALE)
    return grid.judged(own @ theirs.T, seconds, "vectors")


def _by_chroma(query: Embedding, reference: Embedding, grid: _Grid) -> Similarity | None:
    found = _inside(
        grid.moments(VECTOR_HOP_SECONDS),
        (len(query), len(reference)),
        CENTRE_SECONDS,
        VECTOR_HOP_SECONDS,
    )
    if found is None:
        return None
    seconds, (rows, columns) = found
    turned = round(grid.segment.pitch_semitones * BINS_PER_SEMITONE)
    own = query.chroma[rows].astype(np.float32) / np.float32(SCALE)
    theirs = reference.chroma[columns].astype(np.float32) / np.float32(SCALE)
    return grid.judged(own @ np.roll(theirs, turned, axis=1).T, seconds, "chroma")


def _by_peaks(query: Constellation, reference: Constellation, grid: _Grid) -> Similarity | None:
    """Share of the peaks of a second that are a second's of the other side, in time and pitch."""
    seconds = grid.moments(PEAK_SECONDS)
    if not len(seconds[0]) or not len(seconds[1]):
        return None
    own, spread = _windows(query, seconds[0])
    theirs, _ = _windows(reference, seconds[1])
    common = spread @ theirs.T
    counts = own.sum(axis=1)[:, None] * theirs.sum(axis=1)[None, :]
    values = np.minimum(1.0, common / np.sqrt(np.maximum(counts, 1.0))).astype(np.float32)
    return grid.judged(values, seconds, "peaks")


def _windows(stars: Constellation, seconds: F64Array) -> tuple[F32Array, F32Array]:
    """Peaks around each moment as rows of 0 and 1, and the same a frame wider on either side.

    A frame is 40 ms, and those of two recordings begin anywhere in each other.
    """
    starts = np.rint(seconds * FRAMES_PER_SECOND).astype(np.int64) - PEAK_FRAMES // 2
    frames, bins = stars.frames(), stars.bins()
    order = np.argsort(frames, kind="stable")
    frames, bins = frames[order], bins[order]
    exact = np.zeros((len(seconds), PEAK_FRAMES, ALL_BINS), np.float32)
    wider = np.zeros_like(exact)
    for row, start in enumerate(starts.tolist()):
        low, high = np.searchsorted(frames, [start - 1, start + PEAK_FRAMES + 1])
        at, bin_ = frames[low:high] - start, bins[low:high]
        for late in (-1, 0, 1):
            kept = (at + late >= 0) & (at + late < PEAK_FRAMES)
            wider[row, at[kept] + late, bin_[kept]] = 1
        kept = (at >= 0) & (at < PEAK_FRAMES)
        exact[row, at[kept], bin_[kept]] = 1
    return exact.reshape(len(seconds), -1), wider.reshape(len(seconds), -1)
