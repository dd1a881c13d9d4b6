"""Other performances of a work: looked up at three tempos, followed in one key."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.composition.alignment import Likeness, follow, in_all_keys
from fingerprint.composition.embedder import WorkVectors, work_vectors
from fingerprint.composition.tones import Tones
from fingerprint.embedding.alignment import Neighbours, hypotheses
from fingerprint.embedding.embedding import SCALE
from fingerprint.embedding.following import Line
from fingerprint.index.segment_file import IndexSegment
from fingerprint.index.vector_source import SegmentVectors

TEMPOS: Final = (1.0, 0.86, 1.16)
"""At which a query is looked up; the network bears the rest."""
NEARBY: Final = np.exp(np.linspace(-0.1, 0.1, 5))
"""Tempo ratios that are voted on, around each of those."""
NEIGHBOURS: Final = 24
BIN_SECONDS: Final = 1.44
WINDOW: Final = 32
"""Vectors (half a minute) that vote together; half of them vote in the next window too."""
SAME_SECONDS: Final = 3.0
"""Lines that lie nearer to each other in the middle of a window are one."""


@dataclass(frozen=True, eq=False)
class Performance:
    """A work found in a query.

    Attributes
    ----------
    segment : IndexSegment
    ordinal : int
        Reference within the segment.
    likeness : Likeness
    """

    segment: IndexSegment
    ordinal: int
    likeness: Likeness


def performances(query: Tones, source: SegmentVectors) -> list[Performance]:
    """Look for works in all segments of an index.

    Parameters
    ----------
    source : SegmentVectors
        Those of works.

    Returns
    -------
    list of Performance, in no order; several may tell of one stretch.
    """
    if not len(source):
        return []
    found: list[Performance] = []
    for tempo in TEMPOS:
        vectors = work_vectors(query, tempo)
        if not len(vectors):
            continue
        near = source.nearest(vectors.looked_up, NEIGHBOURS, ())
        keys = in_all_keys(vectors.followed.astype(np.float32) / np.float32(SCALE))
        for line in _lines(vectors, near, tempo):
            like = follow(line, keys, vectors.seconds, source.vectors_of(line.reference))
            if like is not None:
                found.append(Performance(*source.place(line.reference), like))
    return found


def _lines(vectors: WorkVectors, near: Neighbours, tempo: float) -> list[Line]:
    lines: list[Line] = []
    of_reference: dict[int, list[Line]] = {}
    for start in range(0, max(1, len(vectors) - WINDOW // 2), WINDOW // 2):
        part = slice(start, start + WINDOW)
        seconds = vectors.seconds[part]
        own = Neighbours(near.reference[part], near.seconds[part], near.likeness[part])
        middle = float(seconds.mean())
        for line in hypotheses(seconds, own, tempo * NEARBY, BIN_SECONDS):
            known = of_reference.setdefault(line.reference, [])
            if not any(_same(line, other, middle) for other in known):
                known.append(line)
                lines.append(line)
    return lines


def _same(a: Line, b: Line, at: float) -> bool:
    """Whether two lines of one reference meet about there."""
    return abs(_there(a, at) - _there(b, at)) < SAME_SECONDS


def _there(line: Line, at: float) -> float:
    return line.offset + line.tempo_ratio * at
