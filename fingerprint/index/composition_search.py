"""Other performances of a work: looked up at three tempos, followed in one key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, F64Array, I64Array
from fingerprint.composition.alignment import Likeness, follow
from fingerprint.composition.embedder import WorkVectors, work_vectors
from fingerprint.composition.geometry import CENTRE_SECONDS, HOP_SECONDS
from fingerprint.composition.tones import Tones
from fingerprint.embedding.alignment import Line, Neighbours, hypotheses
from fingerprint.embedding.embedding import SCALE, I8Array
from fingerprint.index.segment_file import IndexSegment

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


def performances(
    query: Tones, segments: Sequence[IndexSegment], searchable: Sequence[BoolArray]
) -> list[Performance]:
    """Look for works in all segments of an index.

    Parameters
    ----------
    searchable : sequence of bool array, shape (references,)
        Which references of each segment may be found.

    Returns
    -------
    list of Performance, in no order; several may tell of one stretch.
    """
    holding = [
        (segment, alive)
        for segment, alive in zip(segments, searchable, strict=True)
        if segment.works is not None and alive.any()
    ]
    if not holding:
        return []
    bases = np.cumsum([0, *(segment.references for segment, _ in holding)])
    found: list[Performance] = []
    for tempo in TEMPOS:
        vectors = work_vectors(query, tempo)
        if not len(vectors):
            continue
        near = _near(vectors.looked_up, holding, bases)
        followed = vectors.followed.astype(np.float32) / np.float32(SCALE)
        for line in _lines(vectors, near, tempo):
            number = int(np.searchsorted(bases, line.reference, "right")) - 1
            segment, ordinal = holding[number][0], line.reference - int(bases[number])
            like = follow(line, followed, vectors.seconds, segment.keyed_of(ordinal))
            if like is not None:
                found.append(Performance(segment, ordinal, like))
    return found


def _lines(vectors: WorkVectors, near: Neighbours, tempo: float) -> list[Line]:
    lines: list[Line] = []
    for start in range(0, max(1, len(vectors) - WINDOW // 2), WINDOW // 2):
        part = slice(start, start + WINDOW)
        seconds = vectors.seconds[part]
        own = Neighbours(near.reference[part], near.seconds[part], near.likeness[part])
        middle = float(seconds.mean())
        for line in hypotheses(seconds, own, tempo * NEARBY, BIN_SECONDS):
            if not any(_same(line, other, middle) for other in lines):
                lines.append(line)
    return lines


def _same(a: Line, b: Line, at: float) -> bool:
    return a.reference == b.reference and abs(_there(a, at) - _there(b, at)) < SAME_SECONDS


def _there(line: Line, at: float) -> float:
    return line.offset + line.tempo_ratio * at


def _near(
    vectors: I8Array, holding: Sequence[tuple[IndexSegment, BoolArray]], bases: I64Array
) -> Neighbours:
    """The nearest vectors of all segments together; all-zero rows (nothing played) have none."""
    likeness: list[F32Array] = []
    reference: list[I64Array] = []
    at: list[F64Array] = []
    for (segment, alive), base in zip(holding, bases[:-1], strict=True):
        assert segment.works is not None
        own = None if alive.all() else np.repeat(alive, segment.work_counts)
        cosines, which = segment.works.nearest(vectors, NEIGHBOURS, own)
        starts = segment.work_starts.astype(np.int64)
        ordinal = np.searchsorted(starts, which, side="right") - 1
        found = which >= 0
        likeness.append(np.where(found, cosines, np.float32(-1)).astype(np.float32))
        reference.append(np.where(found, ordinal + base, -1))
        hops = (which - starts[np.maximum(ordinal, 0)]).astype(np.float64)
        at.append(hops * HOP_SECONDS + CENTRE_SECONDS)
    every = np.concatenate(likeness, axis=1)
    best = np.argsort(-every, axis=1, kind="stable")[:, :NEIGHBOURS]
    return Neighbours(
        np.take_along_axis(np.concatenate(reference, axis=1), best, axis=1),
        np.take_along_axis(np.concatenate(at, axis=1), best, axis=1),
        np.take_along_axis(every, best, axis=1),
    )
