"""The reference index whose vectors are served by Milvus: past what one machine holds of them.

Words, peaks and landmarks stay in segments in a folder, as of :class:`SegmentIndex`; vectors and chroma
go to a collection. A change is written to Milvus first and to the manifest last: whoever dies in
between leaves a manifest of the epoch before, so the change is applied again, and rows that are
written again take the place of themselves.

Several machines, each with a folder, may share a collection, since each writes the same rows of the
same references. What one of them does not know yet, or no more, it does not find.
"""

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, F32Array
from fingerprint.embedding.alignment import Neighbours
from fingerprint.embedding.embedding import MODEL, NO_EMBEDDING, SCALE, I8Array, expected_vectors
from fingerprint.embedding.geometry import CENTRE_SECONDS, DIMENSIONS, HOP_SECONDS
from fingerprint.errors import IndexCorruptError
from fingerprint.index.manifest import sync_folder
from fingerprint.index.milvus_collection import MilvusCollection, MilvusServer
from fingerprint.index.params import IndexParams
from fingerprint.index.segment_file import IndexSegment, id_hash
from fingerprint.index.segment_index import SegmentIndex
from fingerprint.index.vector_source import VectorSource
from fingerprint.spectrum import BINS_PER_OCTAVE
from fingerprint.sub_fingerprints import Fingerprint

_KNOWN: Final = "collection.json"


class MilvusIndex(SegmentIndex):
    """A reference index in a folder and a Milvus collection.

    Every method may raise :class:`IndexUnavailableError` where Milvus does not answer, and a search
    with an embedding never answers without it.

    Parameters
    ----------
    folder : Path
        Of this machine, of words and peaks.
    server : MilvusServer
        May be shared between indexes.
    collection : str
        Begins the name of a collection of this index alone, made when something is first added; the
        network's name ends it, since vectors of another one cannot be compared.
    params : IndexParams
    """

    def __init__(
        self,
        folder: Path,
        server: MilvusServer,
        collection: str,
        params: IndexParams | None = None,
    ) -> None:
        super().__init__(folder, params)
        name = f"{collection}_{re.sub('[^A-Za-z0-9]', '_', MODEL)}"
        self._rows = MilvusCollection(server, name, DIMENSIONS, BINS_PER_OCTAVE)

    @property
    def collection(self) -> str:
        """The collection's whole name in Milvus."""
        return self._rows.name

    def apply(
        self, added: Iterable[tuple[str, Fingerprint]], removed: Iterable[str], epoch: int
    ) -> None:
        """As of :class:`SegmentIndex`; a search in between may find a reference as it will be.

        Raises
        ------
        IndexUnavailableError
            If Milvus does not take it: nothing is applied then.
        IndexCorruptError
            If the collection is not the one that this folder's references were written to.
        StaleEpochError, IndexLockedError
        """
        gone = set(removed)
        super().apply(self._sent(added, gone, epoch), gone, epoch)

    def _sent(
        self, added: Iterable[tuple[str, Fingerprint]], removed: set[str], epoch: int
    ) -> Iterator[tuple[str, Fingerprint]]:
        """Write vectors, pass on the rest; the manifest changes after the last was passed on."""
        made = self._rows.made()
        if made != self._known() and not self.stats().references:
            self._keep(made)
        self._check(made)
        left: dict[str, Fingerprint] = {}
        ids = set()

        def vectors() -> Iterator[tuple[str, I8Array, I8Array]]:
            for name, print_ in added:
                own = print_.embedding or NO_EMBEDDING
                left[name] = Fingerprint(
                    print_.sub_fingerprints,
                    print_.duration,
                    print_.algorithm,
                    constellation=print_.constellation,
                    tones=print_.tones,
                )
                ids.add(name)
                yield name, own.vectors[0], own.chroma

        for name in self._rows.write(vectors(), epoch):
            yield name, left.pop(name)
        self._rows.remove(sorted(removed - ids))

    def clear(self) -> None:
        """Drop the folder's content; what is added again takes the place of its rows in Milvus.

        Other machines may search the same collection, so its rows stay; :meth:`compact` removes those
        that no reference has any more.
        """
        super().clear()
        (self.folder / _KNOWN).unlink(missing_ok=True)

    def take_over(self, other: SegmentIndex) -> None:
        """As of :class:`SegmentIndex`, from an index of the same collection."""
        marker = other._known() if isinstance(other, MilvusIndex) else None
        if marker is not None:
            self._keep(
                marker
            )  # before the manifest: until then its rows are those of what was here
        super().take_over(other)

    def compact(self) -> None:
        """As of :class:`SegmentIndex`, and remove from Milvus what is no reference of this index."""
        super().compact()
        if self._known() is None:
            return
        # In this order: what another process adds in between is of a later epoch.
        epoch, known = self.epoch, set(self.reference_ids())
        self._rows.remove(self._rows.strays(known, epoch))

    def bare_ids(self) -> Iterator[str]:
        """As of :class:`SegmentIndex`, as their rows in Milvus say.

        Raises
        ------
        IndexCorruptError
            If the collection is not the one that this folder's references were written to.
        """
        if self.stats().references:
            self._check(self._rows.marker())
        for name, total in self._rows.totals(super().bare_ids()):
            if not total:
                yield name

    def verify(self) -> None:
        """Compare every byte of the folder with its checksums, and count the rows in Milvus.

        Raises
        ------
        IndexCorruptError
            Naming the file, or the collection and a reference that it lacks.
        """
        super().verify()
        if self.stats().references:
            self._check(self._rows.marker())
            self._rows.verify(self.reference_ids())

    def _vectors(
        self,
        segments: Sequence[IndexSegment],
        searchable: Sequence[BoolArray],
        exclude: Collection[str],
    ) -> VectorSource:
        if any(segment.references for segment in segments):
            self._check(self._rows.marker())
        return _MilvusVectors(self._rows, segments, searchable, exclude)

    def _known(self) -> int | None:
        """The number of the collection that the references of the folder were written to."""
        try:
            found = json.loads((self.folder / _KNOWN).read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise IndexCorruptError(f"{_KNOWN} cannot be read: {error}") from error
        return int(found["marker"]) if found.get("collection") == self._rows.name else None

    def _check(self, marker: int | None) -> None:
        """Refuse a collection that was dropped, replaced, or is another server's: it may be empty."""
        if marker is None or marker != self._known():
            raise IndexCorruptError(
                f"the collection {self._rows.name} in Milvus is not the one that the references of "
                f"{self.folder} were written to: remove the folder, and both are filled anew"
            )

    def _keep(self, marker: int) -> None:
        temporary = self.folder / f"{os.getpid()}.{_KNOWN}.tmp"
        with temporary.open("w") as file:
            json.dump({"collection": self._rows.name, "marker": marker}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / _KNOWN)
        sync_folder(self.folder)


class _MilvusVectors:
    """The references of local segments, with their vectors in Milvus; of one search."""

    def __init__(
        self,
        rows: MilvusCollection,
        segments: Sequence[IndexSegment],
        searchable: Sequence[BoolArray],
        exclude: Collection[str],
    ) -> None:
        self._rows = rows
        self._excluded = set(exclude)
        self._segments = segments
        self._searchable = searchable
        self._bases = np.cumsum([0, *(segment.references for segment in segments)])
        self._numbers: dict[str, int] = {}
        self._kept: dict[int, tuple[F32Array, F32Array]] = {}

    def __len__(self) -> int:
        return int(self._bases[-1])

    def place(self, reference: int) -> tuple[IndexSegment, int]:
        which = int(np.searchsorted(self._bases, reference, side="right")) - 1
        return self._segments[which], reference - int(self._bases[which])

    def number(self, segment: IndexSegment, ordinal: int) -> int | None:
        for each, base in zip(self._segments, self._bases[:-1], strict=True):
            if each is segment:
                return int(base) + ordinal
        return None

    def nearest(self, vectors: I8Array, count: int, known: Collection[int]) -> Neighbours:
        without = {self._name(number) for number in known} | self._excluded
        hits = self._rows.nearest(vectors.astype(np.float32) / np.float32(SCALE), count, without)
        reference = np.full((len(vectors), count), -1, np.int64)
        at = np.zeros((len(vectors), count), np.float64)
        likeness = np.full((len(vectors), count), -1, np.float32)
        for row, names in enumerate(hits.references):
            reference[row, : len(names)] = [self._number(name) for name in names]
            at[row, : len(names)] = hits.positions[row]
            likeness[row, : len(names)] = hits.likeness[row]
        likeness[reference < 0] = -1
        return Neighbours(reference, at * HOP_SECONDS + CENTRE_SECONDS, likeness)

    def fetch(self, references: Collection[int]) -> None:
        missing = {self._name(number): number for number in references if number not in self._kept}
        thought = {}
        for name, number in missing.items():
            segment, ordinal = self.place(number)
            thought[name] = expected_vectors(float(segment.durations[ordinal])) + 1
        for name, own in self._rows.read(thought).items():
            vectors, chroma = (each.astype(np.float32) / np.float32(SCALE) for each in own)
            self._kept[missing[name]] = vectors, chroma

    def vectors_of(self, reference: int) -> F32Array:
        return self._of(reference)[0]

    def chroma_of(self, reference: int) -> F32Array:
        return self._of(reference)[1]

    def _of(self, reference: int) -> tuple[F32Array, F32Array]:
        if reference not in self._kept:
            self.fetch([reference])
        own = self._kept.get(reference)
        if own is not None and len(own[0]):
            return own
        # Removed or emptied by another machine since its rows were found: like nothing.
        return np.zeros((1, DIMENSIONS), np.float32), np.zeros((1, BINS_PER_OCTAVE), np.float32)

    def _name(self, number: int) -> str:
        segment, ordinal = self.place(number)
        return segment.id_of(ordinal)

    def _number(self, name: str) -> int:
        """Number of a reference that may be found; -1 of any other."""
        if name not in self._numbers:
            self._numbers[name] = self._looked_up(name)
        return self._numbers[name]

    def _looked_up(self, name: str) -> int:
        hashes = np.array([id_hash(name)], np.uint64)
        for segment, alive, base in zip(
            self._segments, self._searchable, self._bases[:-1], strict=True
        ):
            for ordinal in segment.ordinals_of([name], hashes).tolist():
                if alive[ordinal]:
                    return int(base) + int(ordinal)
        return -1
