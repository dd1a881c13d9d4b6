"""The vectors of one segment: a FAISS inverted file, memory-mapped.

Each vector lies there once, one byte a value, in the list of the centroid nearest to it. A search
reads a few lists; an alignment reads the vectors of one reference in the order of time, by the
places in the file that the segment remembers. The centroids are those of the segment's own vectors,
found anew when segments are merged: nothing is tuned to music that is not in the index.
"""

import errno
import hashlib
import mmap
import os
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np

from fingerprint.arrays import BoolArray, F32Array, I64Array, U8Array, U32Array
from fingerprint.embedding.embedding import SCALE, I8Array
from fingerprint.embedding.geometry import DIMENSIONS
from fingerprint.errors import IndexCorruptError
from fingerprint.index.clusters import Clusters, clustered

SUFFIX: Final = ".vectors"
PROBED_SHARE: Final = 128
LEAST_PROBED: Final = 12
"""Lists that a search reads: one in ``PROBED_SHARE``, and not fewer than these."""
_ZERO: Final = 128
_CHUNK: Final = 1 << 18
_MAX_BYTES: Final = 2**32 - 2**24


def write_vectors(folder: Path, vectors: I8Array) -> tuple[str, int, U32Array]:
    """Cluster vectors and write them durably.

    Parameters
    ----------
    vectors : int8 array, shape (n, DIMENSIONS), n > 0

    Returns
    -------
    name : str
        Of the file in ``folder``: its checksum.
    size : int
        In bytes.
    places : uint32 array, shape (n,)
        At which byte of the file each vector is.

    Raises
    ------
    ValueError
        If a place does not fit 32 bits: above some 59 million vectors.
    """
    count = len(vectors)
    if count * (DIMENSIONS + 8) > _MAX_BYTES:
        raise ValueError(f"{count} vectors are too many for one segment")
    index = _filled(vectors, clustered(vectors))
    temporary = folder / f"{os.getpid()}{SUFFIX}.tmp"
    faiss.write_index(index, str(temporary))
    places = np.empty(count, np.uint32)
    lists = _Lists(temporary)
    for number in range(lists.index.nlist):
        ids, offset = lists.ids(number)
        places[ids] = offset + np.arange(len(ids)) * DIMENSIONS
    with temporary.open("rb+") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    name = digest.hexdigest() + SUFFIX
    temporary.replace(folder / name)
    return name, size, places


def _filled(vectors: I8Array, clusters: Clusters) -> Any:
    """An inverted file of all vectors, each in the list of its cluster."""
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(DIMENSIONS),
        DIMENSIONS,
        len(clusters.centroids),
        faiss.ScalarQuantizer.QT_8bit_direct_signed,
        faiss.METRIC_INNER_PRODUCT,
        False,
    )
    centroids: Any = clusters.centroids
    index.quantizer.add(centroids)
    index.is_trained = True
    pointer: Any = faiss.swig_ptr
    for start in range(0, len(vectors), _CHUNK):
        part = vectors[start : start + _CHUNK].astype(np.float32)
        ids = np.arange(start, start + len(part), dtype=np.int64)
        lists = clusters.assigned(part)
        index.add_core(len(part), pointer(part), pointer(ids), pointer(lists))
    return index


class _Lists:
    """An inverted file as FAISS mapped it, and where its lists lie in the file."""

    def __init__(self, path: Path) -> None:
        # The index that was read owns what the downcast ones show: all are kept.
        self._read = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        index: Any = faiss.downcast_index(self._read)
        self.index = index
        self._lists: Any = faiss.downcast_InvertedLists(index.invlists)

    def ids(self, number: int) -> tuple[I64Array, int]:
        """Vectors in a list, and where its first one is in the file."""
        own = self._lists.lists.at(number)
        if not own.size:
            return np.empty(0, np.int64), 0
        return faiss.rev_swig_ptr(self._lists.get_ids(number), own.size), own.offset


class VectorFile:
    """The vectors of a segment, mapped into memory.

    Parameters
    ----------
    path : Path
    size : int
        What the manifest says it measures.

    Raises
    ------
    IndexCorruptError
        If it is shorter or longer, or FAISS can't read it.
    FileNotFoundError
        If a writer has removed it since the manifest was read.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        with path.open("rb") as file:
            actual = os.fstat(file.fileno()).st_size
            if actual != size:
                raise IndexCorruptError(f"{path.name} has {actual} bytes, the manifest says {size}")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            self._lists = _Lists(path)
        except RuntimeError as error:
            if not path.exists():  # a writer has merged it between the two openings
                raise FileNotFoundError(errno.ENOENT, "vectors are gone", str(path)) from error
            raise IndexCorruptError(f"{path.name} is no file of vectors") from error
        self._bytes: U8Array = np.frombuffer(self._map, np.uint8)
        index = self._lists.index
        self.probed = min(index.nlist, max(LEAST_PROBED, index.nlist // PROBED_SHARE))

    def __len__(self) -> int:
        return int(self._lists.index.ntotal)

    def nearest(
        self, query: I8Array, count: int, searchable: BoolArray | None = None
    ) -> tuple[F32Array, I64Array]:
        """The vectors most like each of the query's.

        Parameters
        ----------
        query : int8 array, shape (n, DIMENSIONS)
        count : int
        searchable : bool array, shape (vectors,), optional
            Which vectors are looked at; all of them without.

        Returns
        -------
        likeness : float32 array, shape (n, count)
            Cosine.
        which : int64 array, shape (n, count)
            Number of the vector in the segment; -1 where there are no more.
        """
        given: Any = faiss.SearchParametersIVF
        selector: Any = faiss.IDSelectorBitmap
        bits = None if searchable is None else np.packbits(searchable, bitorder="little")
        chosen = {} if bits is None else {"sel": selector(bits)}
        products, which = self._lists.index.search(
            query.astype(np.float32), count, params=given(nprobe=self.probed, **chosen)
        )
        return products / np.float32(SCALE * SCALE), which

    def at(self, places: U32Array) -> F32Array:
        """Vectors by their places, float32 of shape (n, DIMENSIONS) and about length one."""
        codes = self._bytes[places.astype(np.int64)[:, None] + np.arange(DIMENSIONS)]
        found: F32Array = (codes.astype(np.float32) - _ZERO) / np.float32(SCALE)
        return found

    def codes(self, places: U32Array) -> I8Array:
        """Vectors by their places as they were written, int8 of shape (n, DIMENSIONS)."""
        found = np.empty((len(places), DIMENSIONS), np.int8)
        for start in range(0, len(places), _CHUNK):
            part = places[start : start + _CHUNK].astype(np.int64)
            codes = self._bytes[part[:, None] + np.arange(DIMENSIONS)]
            found[start : start + len(part)] = (codes.astype(np.int16) - _ZERO).astype(np.int8)
        return found

    def verify(self) -> None:
        """Compare every byte with the checksum in the file's name.

        Raises
        ------
        IndexCorruptError
        """
        digest = hashlib.blake2b(self._map, digest_size=16).hexdigest()
        if digest + SUFFIX != self.path.name:
            raise IndexCorruptError(
                f"{self.path.name} does not have the content it was written with; "
                "remove the index folder and rebuild it from the references"
            )
