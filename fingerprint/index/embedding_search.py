"""Altered copies: vectors looked up at three pitches, lines followed, pitch read from chroma."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F32Array, F64Array
from fingerprint.embedding.alignment import Neighbours, Path, paths
from fingerprint.embedding.embedding import PITCHES, SCALE, Embedding
from fingerprint.embedding.geometry import CENTRE_SECONDS, FIELD_FRAMES, HOP_SECONDS
from fingerprint.index.score import altered_probability
from fingerprint.index.segment_file import IndexSegment
from fingerprint.index.vector_source import VectorSource
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


def traces(query: Embedding, source: VectorSource) -> list[Trace]:
    """Follow a query through the references of an index.

    Returns
    -------
    list of Trace, in no order; several may tell of one stretch.
    """
    if not len(source) or not len(query):
        return []
    found = []
    seconds = query.seconds()
    query_seconds = len(query) * HOP_SECONDS
    own_chroma = query.chroma.astype(np.float32) / np.float32(SCALE)
    for row, raised in enumerate(PITCHES):
        vectors = query.vectors[row]
        scaled = vectors.astype(np.float32) / np.float32(SCALE)
        known: set[int] = set()
        for _ in range(ROUNDS):
            near = source.nearest(vectors, NEIGHBOURS, known)
            sure = set()
            for path in paths(scaled, seconds, near, source.vectors_of, source.fetch):
                number = path.line.reference
                shift = _pitch(path, own_chroma, seconds, source.chroma_of(number), -raised)
                if (
                    shift is None
                ):  # so far from this lookup's pitch that it is another one's, or none
                    continue
                segment, ordinal = source.place(number)
                found.append(Trace(segment, ordinal, path, shift))
                if altered_probability(path, query_seconds) >= SURE:
                    sure.add(number)
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
