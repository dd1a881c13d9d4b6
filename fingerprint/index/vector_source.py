"""What a search for altered copies needs of an index, wherever its vectors lie."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from fingerprint.arrays import BoolArray, F32Array, U32Array
from fingerprint.composition import geometry as works
from fingerprint.embedding.alignment import Neighbours
from fingerprint.embedding.embedding import I8Array
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS
from fingerprint.index.segment_file import IndexSegment
from fingerprint.index.vector_file import VectorFile


@dataclass(frozen=True)
class Shelf:
    """Where in a segment one kind of vectors lies.

    Attributes
    ----------
    file : callable
        The file in which they are looked up, of a segment.
    starts : callable
        Where each reference's begin.
    in_order : callable
        One reference's, as they are followed in the order of time, of a segment and an ordinal.
    hop_seconds, centre_seconds : float
        Between two of them, and the middle of what the first one sees.
    """

    file: Callable[[IndexSegment], VectorFile | None]
    starts: Callable[[IndexSegment], U32Array]
    in_order: Callable[[IndexSegment, int], F32Array]
    hop_seconds: float
    centre_seconds: float


RECORDINGS: Final = Shelf(
    lambda segment: segment.vectors,
    lambda segment: segment.vector_starts,
    IndexSegment.vectors_of,
    HOP_SECONDS,
    CENTRE_SECONDS,
)
WORKS: Final = Shelf(
    lambda segment: segment.works,
    lambda segment: segment.work_starts,
    IndexSegment.keyed_of,
    works.HOP_SECONDS,
    works.CENTRE_SECONDS,
)


class VectorSource(Protocol):
    """The references that one search may find, numbered from zero, and their vectors."""

    def __len__(self) -> int:
        """References, those that may not be found included; 0 where there is nothing to find."""
        ...

    def place(self, reference: int) -> tuple[IndexSegment, int]:
        """The segment that holds a reference, and its ordinal there."""
        ...

    def number(self, segment: IndexSegment, ordinal: int) -> int | None:
        """The inverse of :meth:`place`; None of a segment without vectors."""
        ...

    def nearest(self, vectors: I8Array, count: int, known: Collection[int]) -> Neighbours:
        """The reference vectors most like each of the query's; all-zero rows (silence) have none.

        Parameters
        ----------
        vectors : int8 array, shape (n, dimensions)
        count : int
            Neighbours of each.
        known : collection of int
            References that are left out: they were found already.
        """
        ...

    def fetch(self, references: Collection[int]) -> None:
        """Be told which references' vectors are read next, to bring them together."""
        ...

    def vectors_of(self, reference: int) -> F32Array:
        """A reference's vectors in the order of time, shape (n, dimensions), n > 0."""
        ...

    def chroma_of(self, reference: int) -> F32Array:
        """A reference's chroma, shape (n, BINS_PER_OCTAVE)."""
        ...


class SegmentVectors:
    """Vectors that lie in the files of the segments themselves.

    Parameters
    ----------
    segments : sequence of IndexSegment
    searchable : sequence of bool array, shape (references,)
        Which references of each segment may be found.
    shelf : Shelf
        Which kind of vectors.
    """

    def __init__(
        self,
        segments: Sequence[IndexSegment],
        searchable: Sequence[BoolArray],
        shelf: Shelf = RECORDINGS,
    ) -> None:
        self._shelf = shelf
        self._holding = [
            (segment, alive)
            for segment, alive in zip(segments, searchable, strict=True)
            if shelf.file(segment) is not None
        ]
        self._bases = np.cumsum([0, *(segment.references for segment, _ in self._holding)])
        self._kept: dict[int, F32Array] = {}

    def __len__(self) -> int:
        return int(self._bases[-1])

    def place(self, reference: int) -> tuple[IndexSegment, int]:
        which = int(np.searchsorted(self._bases, reference, side="right")) - 1
        return self._holding[which][0], reference - int(self._bases[which])

    def number(self, segment: IndexSegment, ordinal: int) -> int | None:
        for (each, _), base in zip(self._holding, self._bases[:-1], strict=True):
            if each is segment:
                return int(base) + ordinal
        return None

    def nearest(self, vectors: I8Array, count: int, known: Collection[int]) -> Neighbours:
        """The nearest vectors of all segments together."""
        likeness, reference, at = [], [], []
        for (segment, alive), base in zip(self._without(known), self._bases[:-1], strict=True):
            file = self._shelf.file(segment)
            assert file is not None
            starts = self._shelf.starts(segment).astype(np.int64)
            searchable = None if alive.all() else np.repeat(alive, np.diff(starts))
            cosines, which = file.nearest(vectors, count, searchable)
            ordinal = np.searchsorted(starts, which, side="right") - 1
            found = which >= 0
            likeness.append(np.where(found, cosines, np.float32(-1)))
            reference.append(np.where(found, ordinal + base, -1))
            hops = which - starts[np.maximum(ordinal, 0)]
            at.append(hops * self._shelf.hop_seconds + self._shelf.centre_seconds)
        every = np.concatenate(likeness, axis=1)
        best = np.argsort(-every, axis=1, kind="stable")[:, :count]
        return Neighbours(
            np.take_along_axis(np.concatenate(reference, axis=1), best, axis=1),
            np.take_along_axis(np.concatenate(at, axis=1), best, axis=1),
            np.take_along_axis(every, best, axis=1),
        )

    def _without(self, known: Collection[int]) -> Sequence[tuple[IndexSegment, BoolArray]]:
        """What may be found, without references that were found already."""
        if not known:
            return self._holding
        listed = np.array(sorted(known))
        left = []
        for (segment, alive), base in zip(self._holding, self._bases[:-1], strict=True):
            kept = alive.copy()
            kept[listed[(listed >= base) & (listed < base + segment.references)] - base] = False
            left.append((segment, kept))
        return left

    def fetch(self, references: Collection[int]) -> None:
        """Nothing to bring: the files are mapped."""

    def vectors_of(self, reference: int) -> F32Array:
        if reference not in self._kept:
            segment, ordinal = self.place(reference)
            self._kept[reference] = self._shelf.in_order(segment, ordinal)
        return self._kept[reference]

    def chroma_of(self, reference: int) -> F32Array:
        segment, ordinal = self.place(reference)
        return segment.chroma_of(ordinal)
