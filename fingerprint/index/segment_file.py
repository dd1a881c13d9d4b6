"""One immutable, memory-mapped part of the index.

All references of a segment lie end to end on one *tape* of words. The inverted index is the
positions of the tape sorted by the word found there, so it costs four bytes a word and answers
for any number of leading bits; a directory over the leading bits saves most of the bisection.

Likewise all references lie end to end on a tape of spectral frames, a little apart; the landmarks
(:mod:`fingerprint.constellation.landmarks`) are the frames on it, sorted by hash. The peaks
themselves are kept in the order of time, to follow what was found.

File: 8 bytes of magic, 4 of version, 4 of table length, the table of arrays as JSON (name, dtype,
offset, length) with its CRC-32, then the arrays, each aligned to 64 bytes. Little-endian. The file
is named by the BLAKE2b digest of its content, which is also its checksum. Embedding vectors of
recordings and those of works that are looked up lie in files of FAISS's beside it
(:mod:`fingerprint.index.vector_file`); those that are followed in it, in the order of time.
"""

import hashlib
import json
import mmap
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from fingerprint.arrays import (
    BoolArray,
    F32Array,
    F64Array,
    I64Array,
    U8Array,
    U32Array,
    U64Array,
)
from fingerprint.composition.embedder import KEYED_VALUES
from fingerprint.embedding.embedding import NO_EMBEDDING, SCALE, I8Array
from fingerprint.embedding.geometry import DIMENSIONS
from fingerprint.errors import IndexCorruptError
from fingerprint.index.tape import NO_WORK, Tape, frame_starts
from fingerprint.index.vector_file import VectorFile, write_vectors
from fingerprint.spectrum import BINS_PER_OCTAVE, FRAMES_PER_SECOND

SUFFIX: Final = ".segment"
_MAGIC: Final = b"CLRSEG\r\n"
_VERSION: Final = 4
_HEAD: Final = struct.Struct("<8sIII")
_ALIGN: Final = 64
_CHUNK: Final = 1 << 24
_DTYPES: Final = {
    "words": "<u4",
    "postings": "<u4",
    "directory": "<u4",
    "starts": "<u4",
    "durations": "<f8",
    "id_ends": "<u4",
    "id_bytes": "|u1",
    "id_hashes": "<u8",
    "id_order": "<u4",
    "vector_starts": "<u4",
    "vector_places": "<u4",
    "chroma": "|i1",
    "peak_starts": "<u4",
    "peaks": "<u4",
    "landmark_hashes": "<u4",
    "landmark_starts": "<u4",
    "landmark_places": "<u4",
    "work_starts": "<u4",
    "work_places": "<u4",
    "keyed": "|i1",
}
MAX_DIRECTORY_BITS: Final = 24


def id_hash(reference_id: str) -> int:
    """64-bit hash by which a segment finds an id without reading every id."""
    digest = hashlib.blake2b(reference_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@dataclass(frozen=True)
class WrittenFile:
    """A file in the folder of the index and its size in bytes; an empty name where there is none."""

    name: str = ""
    size: int = 0


def write_segment(folder: Path, tape: Tape) -> tuple[WrittenFile, WrittenFile, WrittenFile]:
    """Index a tape and write it durably: the segment, vectors of recordings, vectors of works."""
    vectors, places = _vectors(folder, tape.vectors)
    works, work_places = _vectors(folder, tape.works)
    arrays = _indexed(tape) | {
        "vector_starts": tape.vector_starts.astype("<u4"),
        "vector_places": places.astype("<u4"),
        "chroma": tape.chroma.ravel(),
        "peak_starts": tape.peak_starts.astype("<u4"),
        "peaks": tape.peaks.astype("<u4"),
        "work_starts": tape.work_starts.astype("<u4"),
        "work_places": work_places.astype("<u4"),
        "keyed": tape.keyed.ravel(),
    }
    arrays |= _landmarks(tape)
    table: dict[str, dict[str, Any]] = {}
    offset = _table_space(arrays)
    for name, array in arrays.items():
        offset = -(-offset // _ALIGN) * _ALIGN
        table[name] = {"dtype": _DTYPES[name], "offset": offset, "length": len(array)}
        offset += array.nbytes
    text = json.dumps(table, sort_keys=True).encode()
    temporary = folder / f"{os.getpid()}{SUFFIX}.tmp"
    digest = hashlib.blake2b(digest_size=16)
    with temporary.open("wb") as file:
        position = 0

        def put(data: Any) -> None:
            nonlocal position
            digest.update(data)
            file.write(data)
            position += len(data)

        put(_HEAD.pack(_MAGIC, _VERSION, len(text), zlib.crc32(text)) + text)
        for name, array in arrays.items():
            put(bytes(table[name]["offset"] - position))
            view = np.ascontiguousarray(array).view(np.uint8).data
            for start in range(0, len(view), _CHUNK):
                put(view[start : start + _CHUNK])
        file.flush()
        os.fsync(file.fileno())
    name = digest.hexdigest() + SUFFIX
    temporary.replace(folder / name)
    return WrittenFile(name, position), vectors, works


def _vectors(folder: Path, vectors: I8Array) -> tuple[WrittenFile, U32Array]:
    """Write vectors, where there are any, and say where in the file each of them is."""
    if not len(vectors):
        return WrittenFile(), np.empty(0, np.uint32)
    name, size, places = write_vectors(folder, vectors)
    return WrittenFile(name, size), places


def _indexed(tape: Tape) -> dict[str, np.ndarray[Any, Any]]:
    n = len(tape.words)
    order = tape.words.astype(np.uint64)  # (words,), the only array of 8 bytes a word
    order <<= np.uint64(32)
    for start in range(0, n, _CHUNK):
        part = order[start : start + _CHUNK]
        part |= np.arange(start, start + len(part), dtype=np.uint64)
    order.sort()  # by word, then by position: one sort of plain integers, no argsort
    bits = directory_bits(n)
    heads = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
    directory = np.append(np.searchsorted(order, heads), n).astype("<u4")
    hashes = np.array([id_hash(i) for i in tape.ids], np.uint64)
    id_order = np.argsort(hashes, kind="stable")
    encoded = [i.encode() for i in tape.ids]
    return {
        "starts": tape.starts.astype("<u4"),
        "durations": tape.durations.astype("<f8"),
        "id_ends": np.cumsum([0, *map(len, encoded)]).astype("<u4"),
        "id_bytes": np.frombuffer(b"".join(encoded), np.uint8),
        "id_hashes": hashes[id_order].astype("<u8"),
        "id_order": id_order.astype("<u4"),
        "directory": directory,
        "postings": order.astype("<u4"),  # keeps the low half: the position
        "words": tape.words.astype("<u4", copy=False),
    }


def _landmarks(tape: Tape) -> dict[str, np.ndarray[Any, Any]]:
    order = tape.landmarks
    order.sort()  # by hash, then by frame; in place, since they may be gigabytes in no order
    hashes = (order >> np.uint64(32)).astype("<u4")
    begins = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    return {
        "landmark_hashes": hashes[begins],
        "landmark_starts": np.append(begins, len(hashes)).astype("<u4"),
        "landmark_places": order.astype("<u4"),  # keeps the low half
    }


def directory_bits(words: int) -> int:
    """Leading bits that the directory resolves: about 8 to 16 words an entry."""
    return min(MAX_DIRECTORY_BITS, max(8, words.bit_length() - 4))


def _table_space(arrays: dict[str, np.ndarray[Any, Any]]) -> int:
    return _HEAD.size + 96 * len(arrays)  # a line of the table stays below 96 bytes


class IndexSegment:
    """A segment file, mapped into memory.

    The mapping stays valid after the file is unlinked, so a search that began before a merge ends
    undisturbed.

    Parameters
    ----------
    path : Path
    size : int
        What the manifest says it measures.
    vectors : VectorFile, optional
        Of its recordings, where it has any.
    works : VectorFile, optional
        Of its works, likewise.

    Raises
    ------
    IndexCorruptError
        If the file is shorter or longer, or its head is not one written here.
    FileNotFoundError
        If a writer has removed it since the manifest was read.
    """

    def __init__(
        self,
        path: Path,
        size: int,
        vectors: VectorFile | None = None,
        works: VectorFile | None = None,
    ) -> None:
        self.path = path
        self.size = size
        self.vectors = vectors
        self.works = works
        with path.open("rb") as file:
            actual = os.fstat(file.fileno()).st_size
            if actual != size:
                raise IndexCorruptError(f"{path.name} has {actual} bytes, the manifest says {size}")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        table = self._table()
        self.words: U32Array = self._array(table, "words")
        self.postings: U32Array = self._array(table, "postings")
        self.directory: U32Array = self._array(table, "directory")
        self.starts: U32Array = self._array(table, "starts")
        self.durations: F64Array = self._array(table, "durations")
        self._id_ends: U32Array = self._array(table, "id_ends")
        self._id_bytes: U8Array = self._array(table, "id_bytes")
        self._id_hashes: U64Array = self._array(table, "id_hashes")
        self._id_order: U32Array = self._array(table, "id_order")
        self.vector_starts: U32Array = self._array(table, "vector_starts")
        self._vector_places: U32Array = self._array(table, "vector_places")
        self._chroma: I8Array = self._array(table, "chroma").reshape(-1, BINS_PER_OCTAVE)
        self.peak_starts: U32Array = self._array(table, "peak_starts")
        self._peaks: U32Array = self._array(table, "peaks")
        self._landmark_hashes: U32Array = self._array(table, "landmark_hashes")
        self._landmark_starts: U32Array = self._array(table, "landmark_starts")
        self.landmark_places: U32Array = self._array(table, "landmark_places")
        self.work_starts: U32Array = self._array(table, "work_starts")
        self._work_places: U32Array = self._array(table, "work_places")
        self._keyed: I8Array = self._array(table, "keyed").reshape(-1, KEYED_VALUES)
        self.directory_bits = len(self.directory).bit_length() - 1
        if (
            len(self.postings) != len(self.words)
            or len(self.directory) != (1 << self.directory_bits) + 1
            or len(self.starts) != len(self.durations) + 1
            or len(self.vector_starts) != len(self.starts)
            or len(self._chroma) != len(self._vector_places)
            or len(self._vector_places) != (len(vectors) if vectors else 0)
            or len(self.peak_starts) != len(self.starts)
            or len(self._landmark_starts) != len(self._landmark_hashes) + 1
            or len(self.work_starts) != len(self.starts)
            or len(self._keyed) != len(self._work_places)
            or len(self._work_places) != (len(works) if works else 0)
        ):
            raise IndexCorruptError(f"the arrays of {path.name} do not fit each other")

    def sizes(self) -> dict[str, int]:
        """Bytes of each array in the file."""
        return {
            name: entry["length"] * np.dtype(entry["dtype"]).itemsize
            for name, entry in self._table().items()
        }

    @property
    def references(self) -> int:
        return len(self.durations)

    def id_of(self, ordinal: int) -> str:
        return bytes(self._id_bytes[self._id_ends[ordinal] : self._id_ends[ordinal + 1]]).decode()

    def ordinals_of(self, ids: Sequence[str], hashes: U64Array) -> I64Array:
        """Places of those of ``ids`` that this segment holds.

        Parameters
        ----------
        ids : sequence of str, length n
        hashes : uint64 array, shape (n,)
            Their :func:`id_hash`.
        """
        left = np.searchsorted(self._id_hashes, hashes, "left")
        right = np.searchsorted(self._id_hashes, hashes, "right")
        found = [
            int(self._id_order[at])
            for i in np.flatnonzero(right > left).tolist()
            for at in range(left[i], right[i])
            if self.id_of(int(self._id_order[at])) == ids[i]
        ]
        return np.array(found, np.int64)

    def tape(self, alive: BoolArray) -> Tape:
        """What is to be written again when this segment is merged.

        Parameters
        ----------
        alive : bool array, shape (references,)
        """
        kept = np.flatnonzero(alive)
        lengths, counts = self.lengths, self.vector_counts
        peaks = self.peak_counts
        own = np.repeat(alive, counts)
        vectors = NO_EMBEDDING.vectors[0]
        if self.vectors is not None:
            vectors = self.vectors.codes(self._vector_places[own])
        return Tape(
            ids=[self.id_of(int(i)) for i in kept],
            durations=self.durations[kept],
            starts=np.cumsum([0, *lengths[kept]]).astype(np.uint32),
            words=self.words[np.repeat(alive, lengths)],
            vector_starts=np.cumsum([0, *counts[kept]]).astype(np.uint32),
            vectors=vectors,
            chroma=self._chroma[own],
            peak_starts=np.cumsum([0, *peaks[kept]]).astype(np.uint32),
            peaks=self._peaks[np.repeat(alive, peaks)],
            landmarks=self._living_landmarks(alive),
            work_starts=np.cumsum([0, *self.work_counts[kept]]).astype(np.uint32),
            works=(
                NO_WORK.looked_up
                if self.works is None
                else self.works.codes(self._work_places[np.repeat(alive, self.work_counts)])
            ),
            keyed=self._keyed[np.repeat(alive, self.work_counts)],
        )

    def _living_landmarks(self, alive: BoolArray) -> U64Array:
        """Landmarks of what stays, moved to where it comes to lie."""
        starts = self._landmark_starts.astype(np.int64)
        hashes = np.repeat(self._landmark_hashes, starts[1:] - starts[:-1])
        places = self.landmark_places
        if not alive.all():
            ordinals = np.searchsorted(self.frame_starts, places, "right") - 1
            stays = alive[ordinals]
            moves = np.zeros(self.references, np.int64)
            moves[alive] = frame_starts(self.durations[alive])[:-1]
            moves -= self.frame_starts[:-1]
            hashes, ordinals = hashes[stays], ordinals[stays]
            places = (places[stays] + moves[ordinals]).astype(np.uint32)
        return (hashes.astype(np.uint64) << np.uint64(32)) | places

    @property
    def has_landmarks(self) -> bool:
        return len(self.landmark_places) > 0

    def landmark_range(self, hashes: I64Array) -> tuple[I64Array, I64Array]:
        """Slices of ``landmark_places`` that hold each hash: first ones, and one past the last."""
        at = np.searchsorted(self._landmark_hashes, hashes.astype(np.uint32))
        at = np.minimum(at, len(self._landmark_hashes) - 1)
        known = self._landmark_hashes[at] == hashes
        first = self._landmark_starts[at].astype(np.int64)
        last = self._landmark_starts[at + 1].astype(np.int64)
        return first, np.where(known, last, first)

    def peaks_of(self, ordinal: int) -> U32Array:
        """A reference's peaks in the order of a constellation, shape (n,)."""
        return self._peaks[int(self.peak_starts[ordinal]) : int(self.peak_starts[ordinal + 1])]

    def frames_of(self, ordinal: int) -> int:
        """Frames of a reference."""
        return int(self.durations[ordinal] * FRAMES_PER_SECOND) + 1

    def vectors_of(self, ordinal: int) -> F32Array:
        """A reference's vectors in the order of time, shape (n, DIMENSIONS)."""
        if self.vectors is None:
            return np.empty((0, DIMENSIONS), np.float32)
        return self.vectors.at(self._vector_places[self._own_vectors(ordinal)])

    def chroma_of(self, ordinal: int) -> F32Array:
        """A reference's chroma, shape (n, BINS_PER_OCTAVE)."""
        return self._chroma[self._own_vectors(ordinal)].astype(np.float32) / np.float32(SCALE)

    def keyed_of(self, ordinal: int) -> F32Array:
        """A reference's vectors that are followed, in the order of time, shape (n, KEYED_VALUES)."""
        own = slice(int(self.work_starts[ordinal]), int(self.work_starts[ordinal + 1]))
        return self._keyed[own].astype(np.float32) / np.float32(SCALE)

    def _own_vectors(self, ordinal: int) -> slice:
        return slice(int(self.vector_starts[ordinal]), int(self.vector_starts[ordinal + 1]))

    def verify(self) -> None:
        """Compare every byte with the checksum in the file's name.

        Raises
        ------
        IndexCorruptError
        """
        for beside in (self.vectors, self.works):
            if beside is not None:
                beside.verify()
        digest = hashlib.blake2b(digest_size=16)
        view = memoryview(self._map)
        for start in range(0, len(view), _CHUNK):
            digest.update(view[start : start + _CHUNK])
        if digest.hexdigest() + SUFFIX != self.path.name:
            raise IndexCorruptError(
                f"{self.path.name} does not have the content it was written with; "
                "remove the index folder and rebuild it from the references"
            )

    @cached_property
    def lengths(self) -> I64Array:
        """Words of each reference, shape (references,)."""
        starts = self.starts.astype(np.int64)
        return starts[1:] - starts[:-1]

    @cached_property
    def frame_starts(self) -> I64Array:
        """Where each reference begins on the tape of frames, shape (references + 1,)."""
        return frame_starts(self.durations)

    @cached_property
    def vector_counts(self) -> I64Array:
        """Vectors of each reference, shape (references,)."""
        starts = self.vector_starts.astype(np.int64)
        return starts[1:] - starts[:-1]

    @cached_property
    def work_counts(self) -> I64Array:
        """Vectors of the work of each reference, shape (references,)."""
        starts = self.work_starts.astype(np.int64)
        return starts[1:] - starts[:-1]

    @cached_property
    def peak_counts(self) -> I64Array:
        """Peaks of each reference, shape (references,)."""
        starts = self.peak_starts.astype(np.int64)
        return starts[1:] - starts[:-1]

    def _table(self) -> dict[str, dict[str, Any]]:
        name = self.path.name
        if self.size < _HEAD.size:
            raise IndexCorruptError(f"{name} is too short for a segment")
        magic, version, length, checksum = _HEAD.unpack_from(self._map)
        text = self._map[_HEAD.size : _HEAD.size + length]
        if magic != _MAGIC or version != _VERSION or zlib.crc32(text) != checksum:
            raise IndexCorruptError(f"{name} is not a segment of version {_VERSION}")
        return cast("dict[str, dict[str, Any]]", json.loads(text))

    def _array(self, table: dict[str, dict[str, Any]], name: str) -> np.ndarray[Any, Any]:
        try:
            entry = table[name]
            return np.frombuffer(self._map, entry["dtype"], entry["length"], entry["offset"])
        except (KeyError, ValueError) as error:
            raise IndexCorruptError(f"{self.path.name} lacks its array {name!r}") from error
