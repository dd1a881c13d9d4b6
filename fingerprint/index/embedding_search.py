"""Altered copies: vectors looked up at three pitches, lines followed, pitch read from chroma."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, F64Array, I64Array
from fingerprint.embedding.alignment import Neighbours, Path, paths
from fingerprint.embedding.embedding import PITCHES, SCALE, Embedding, I8Array
from fingerprint.embedding.geometry import CENTRE_SECONDS, FIELD_FRAMES, HOP_SECONDS
from fingerprint.index.score import altered_probability
from fingerprint.index.segment_file import IndexSegment
from fingerprint.spectrum import BINS_PER_SEMITONE, FRAMES_PER_SECOND

NEIGHBOURS: Final = 24
ROUNDS: Final = 40
"""How often one pitch is looked up at most; each time finds some ten equal references."""
MANY: Final = 0.3
"""Share of a vector's neighbours that one reference in its own right does not reach."""
CROWDED: Final = 0.1
"""Share of the query's vectors whose neighbours are so taken."""
SURE: Final = 0.5
HALF_FIELD_SECONDS: Final = (FIELD_FRAMES - 1) / 2 / FRAMES_PER_SECOND
PITCH_REACH: Final = 5
"""Quarter tones around the pitch of a lookup among which the shift is looked for."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A path of the query along one reference.

    Attributes
    ----------
    segment : IndexSegment
    ordinal : int
        Reference within the segment.
    path : Path
    pitch_semitones : float
        Query minus reference.
    """

    segment: IndexSegment
    ordinal: int
    path: Path
    pitch_semitones: float


def traces(
    query: Embedding, segments: Sequence[IndexSegment], searchable: Sequence[BoolArray]
) -> list[Trace]:
    """Follow a query through all segments of an index.

    Parameters
    ----------
    searchable : sequence of bool array, shape (references,)
        Which references of each segment may be found.

    Returns
    -------
    list of Trace, in no order; several may tell of one stretch.
    """
    holding = [
        (segment, alive)
        for segment, alive in zip(segments, searchable, strict=True)
        if segment.vectors is not None
    ]
    if not holding or not len(query):
        return []
    bases = np.cumsum([0, *(segment.references for segment, _ in holding)])
    kept: dict[int, F32Array] = {}

    def place(number: int) -> tuple[IndexSegment, int]:
        which = int(np.searchsorted(bases, number, side="right")) - 1
        return holding[which][0], number - int(bases[which])

    def lookup(reference: int) -> F32Array:
        if reference not in kept:
            segment, ordinal = place(reference)
            kept[reference] = segment.vectors_of(ordinal)
        return kept[reference]

    found = []
    seconds = query.seconds()
    query_seconds = len(query) * HOP_SECONDS
    own_chroma = query.chroma.astype(np.float32) / np.float32(SCALE)
    for row, raised in enumerate(PITCHES):
        vectors = query.vectors[row]
        scaled = vectors.astype(np.float32) / np.float32(SCALE)
        known: set[int] = set()
        for _ in range(ROUNDS):
            near = _near(vectors, _without(known, holding, bases), bases)
            sure = set()
            for path in paths(scaled, seconds, near, lookup):
                segment, ordinal = place(path.line.reference)
                shift = _pitch(path, own_chroma, seconds, segment.chroma_of(ordinal), -raised)
                if (
                    shift is None
                ):  # so far from this lookup's pitch that it is another one's, or none
                    continue
                found.append(Trace(segment, ordinal, path, shift))
                if altered_probability(path, query_seconds) >= SURE:
                    sure.add(path.line.reference)
            known |= sure
            if not sure or not _crowded(near, sure):
                break
    return found


def _crowded(near: Neighbours, sure: set[int]) -> bool:
    """Whether references that were found took many neighbours of a part of the query.

    Many equal references, or one that loops, would else hide all others from it.
    """
    theirs = np.isin(near.reference, list(sure))
    return bool((theirs.mean(axis=1) > MANY).mean() > CROWDED)


def _without(
    known: set[int], holding: Sequence[tuple[IndexSegment, BoolArray]], bases: I64Array
) -> Sequence[tuple[IndexSegment, BoolArray]]:
    """What may be found, without references that were found already."""
    if not known:
        return holding
    listed = np.array(sorted(known))
    left = []
    for (segment, alive), base in zip(holding, bases[:-1], strict=True):
        kept = alive.copy()
        kept[listed[(listed >= base) & (listed < base + segment.references)] - base] = False
        left.append((segment, kept))
    return left


def _near(
    vectors: I8Array,
    holding: Sequence[tuple[IndexSegment, BoolArray]],
    bases: I64Array,
) -> Neighbours:
    """The nearest vectors of all segments together; all-zero rows (silence) have none."""
    likeness, reference, at = [], [], []
    for (segment, alive), base in zip(holding, bases[:-1], strict=True):
        assert segment.vectors is not None
        searchable = None if alive.all() else np.repeat(alive, segment.vector_counts)
        cosines, which = segment.vectors.nearest(vectors, NEIGHBOURS, searchable)
        starts = segment.vector_starts.astype(np.int64)
        ordinal = np.searchsorted(starts, which, side="right") - 1
        found = which >= 0
        likeness.append(np.where(found, cosines, np.float32(-1)))
        reference.append(np.where(found, ordinal + base, -1))
        at.append((which - starts[np.maximum(ordinal, 0)]) * HOP_SECONDS + CENTRE_SECONDS)
    every = np.concatenate(likeness, axis=1)
    best = np.argsort(-every, axis=1, kind="stable")[:, :NEIGHBOURS]
    return Neighbours(
        np.take_along_axis(np.concatenate(reference, axis=1), best, axis=1),
        np.take_along_axis(np.concatenate(at, axis=1), best, axis=1),
        np.take_along_axis(every, best, axis=1),
    )


def _pitch(
    path: Path, own: F32Array, seconds: F64Array, reference: F32Array, coarse: float
) -> float | None:
    """By how many semitones the query lies above the reference, near the pitch looked up.

    None where the best agreement lies at the edge of what is looked at.
    """
    on = np.flatnonzero((seconds >= path.query_start) & (seconds <= path.query_end))
    there = path.line.offset + path.line.tempo_ratio * seconds[on]
    index = np.round((there - CENTRE_SECONDS) / HOP_SECONDS).astype(np.int64)
    inside = (index >= 0) & (index < len(reference))
    mine, theirs = own[on[inside]], reference[index[inside]]
    middle = round(coarse * BINS_PER_SEMITONE)
    lags = np.arange(middle - PITCH_REACH - 1, middle + PITCH_REACH + 2)
    agreement = np.array([float((np.roll(theirs, lag, axis=1) * mine).sum()) for lag in lags])
    best = int(agreement.argmax())
    if best in {0, len(lags) - 1}:
        return None
    below, here, above = agreement[best - 1 : best + 2]
    curve = below - 2 * here + above
    fine = 0.5 * (below - above) / curve if curve < 0 else 0.0
    return float((lags[best] + np.clip(fine, -0.5, 0.5)) / BINS_PER_SEMITONE)
