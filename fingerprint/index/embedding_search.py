"""Altered copies: vectors looked up at three pitches, lines followed, chroma compared along them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.embedding.alignment import Neighbours, paths
from fingerprint.embedding.embedding import PITCHES, SCALE, Embedding
from fingerprint.embedding.following import Path
from fingerprint.embedding.geometry import FIELD_FRAMES, HOP_SECONDS
from fingerprint.index.chroma import agreement
from fingerprint.index.score import altered_probability
from fingerprint.index.segment_file import IndexSegment
from fingerprint.index.vector_source import VectorSource
from fingerprint.spectrum import FRAMES_PER_SECOND

NEIGHBOURS: Final = 24
ROUNDS: Final = 40
"""How often one pitch is looked up at most; each time finds some ten equal references."""
MANY: Final = 0.3
"""Share of a vector's neighbours that one reference in its own right does not reach."""
CROWDED: Final = 0.1
"""Share of the query's vectors whose neighbours are so taken."""
SURE: Final = 0.5
HALF_FIELD_SECONDS: Final = (FIELD_FRAMES - 1) / 2 / FRAMES_PER_SECOND


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
    unison : float
        How seldom chroma agree as well beside the path, 0 to 1.
    """

    segment: IndexSegment
    ordinal: int
    path: Path
    pitch_semitones: float
    unison: float


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
                agreed = agreement(path, own_chroma, seconds, source.chroma_of(number), -raised)
                # So far from this lookup's pitch that it is another one's, or none.
                if agreed is None:
                    continue
                segment, ordinal = source.place(number)
                found.append(Trace(segment, ordinal, path, agreed.semitones, agreed.unison))
                if altered_probability(path, agreed.unison, query_seconds) >= SURE:
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
