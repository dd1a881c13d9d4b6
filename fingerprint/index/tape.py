"""References before they are indexed, laid end to end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fingerprint.arrays import F64Array, I64Array, U32Array, U64Array
from fingerprint.composition.embedder import KEYED_VALUES, WorkVectors, work_vectors
from fingerprint.composition.geometry import DIMENSIONS as WORK_DIMENSIONS
from fingerprint.constellation.constellation import GRID_PEAKS, strongest
from fingerprint.constellation.landmarks import MOST_FRAMES, reference_landmarks
from fingerprint.embedding.embedding import NO_EMBEDDING, I8Array
from fingerprint.spectrum import FRAMES_PER_SECOND
from fingerprint.sub_fingerprints import Fingerprint

_NO_PEAKS: Final = np.empty(0, np.uint32)
NO_WORK: Final = WorkVectors(
    np.empty((0, WORK_DIMENSIONS), np.int8),
    np.empty((0, KEYED_VALUES), np.int8),
    np.empty(0, np.float64),
)


@dataclass(frozen=True, eq=False)
class Tape:
    """References before they are indexed.

    Attributes
    ----------
    ids : sequence of str, length references
    durations : float64 array, shape (references,), seconds
    starts : uint32 array, shape (references + 1,)
        Reference ``i`` is ``words[starts[i] : starts[i + 1]]``.
    words : uint32 array, shape (words,)
    vector_starts : uint32 array, shape (references + 1,)
        Likewise of the vectors; a reference without an embedding has none.
    vectors : int8 array, shape (vectors, DIMENSIONS)
    chroma : int8 array, shape (vectors, BINS_PER_OCTAVE)
    peak_starts : uint32 array, shape (references + 1,)
        Likewise of the peaks.
    peaks : uint32 array, shape (peaks,)
        In the order of their constellations.
    landmarks : uint64 array, shape (landmarks,)
        ``hash << 32 | frame``, the frame counted from the first reference's start; in no order.
    work_starts : uint32 array, shape (references + 1,)
        Likewise of the vectors by which works are known.
    works : int8 array, shape (work vectors, DIMENSIONS)
        Those that are looked up.
    keyed : int8 array, shape (work vectors, KEYED_VALUES)
        Those that are followed.
    """

    ids: Sequence[str]
    durations: F64Array
    starts: U32Array
    words: U32Array
    vector_starts: U32Array
    vectors: I8Array
    chroma: I8Array
    peak_starts: U32Array
    peaks: U32Array
    landmarks: U64Array
    work_starts: U32Array
    works: I8Array
    keyed: I8Array


def frame_starts(durations: F64Array) -> I64Array:
    """Where references of so many seconds begin on the tape of frames, shape (references + 1,).

    They lie so far apart that no pair of peaks can be of two of them.
    """
    own = (durations * FRAMES_PER_SECOND).astype(np.int64) + 4 + MOST_FRAMES
    return np.append(0, np.cumsum(own))


def join(parts: Iterable[tuple[str, Fingerprint]]) -> Tape:
    """Lay references end to end."""
    listed = list(parts)
    words = [print_.sub_fingerprints for _, print_ in listed]
    embeddings = [print_.embedding or NO_EMBEDDING for _, print_ in listed]
    durations = np.array([print_.duration for _, print_ in listed], np.float64)
    own = [
        _NO_PEAKS if print_.constellation is None else print_.constellation.peaks
        for _, print_ in listed
    ]
    works = [NO_WORK if each.tones is None else work_vectors(each.tones) for _, each in listed]
    kept = [strongest(peaks, GRID_PEAKS) for peaks in own]
    landmarks = [np.empty(0, np.uint64)]
    for peaks, start in zip(own, frame_starts(durations), strict=False):
        pairs = reference_landmarks(peaks)
        places = (pairs.frames + start).astype(np.uint64)
        landmarks.append((pairs.hashes.astype(np.uint64) << np.uint64(32)) | places)
    return Tape(
        ids=[reference_id for reference_id, _ in listed],
        durations=durations,
        starts=np.cumsum([0, *map(len, words)]).astype(np.uint32),
        words=np.concatenate([np.empty(0, np.uint32), *words]),
        vector_starts=np.cumsum([0, *map(len, embeddings)]).astype(np.uint32),
        vectors=np.concatenate([NO_EMBEDDING.vectors[0], *(e.vectors[0] for e in embeddings)]),
        chroma=np.concatenate([NO_EMBEDDING.chroma, *(e.chroma for e in embeddings)]),
        peak_starts=np.cumsum([0, *map(len, kept)]).astype(np.uint32),
        peaks=np.concatenate([_NO_PEAKS, *kept]),
        landmarks=np.concatenate(landmarks),
        work_starts=np.cumsum([0, *map(len, works)]).astype(np.uint32),
        works=np.concatenate([NO_WORK.looked_up, *(each.looked_up for each in works)]),
        keyed=np.concatenate([NO_WORK.followed, *(each.followed for each in works)]),
    )


def concatenate(tapes: Sequence[Tape]) -> Tape:
    """Lay tapes end to end."""
    bases = np.cumsum([0, *(frame_starts(tape.durations)[-1] for tape in tapes)])
    return Tape(
        ids=[i for tape in tapes for i in tape.ids],
        durations=np.concatenate([tape.durations for tape in tapes]),
        starts=_chained([tape.starts for tape in tapes]),
        words=np.concatenate([tape.words for tape in tapes]),
        vector_starts=_chained([tape.vector_starts for tape in tapes]),
        vectors=np.concatenate([tape.vectors for tape in tapes]),
        chroma=np.concatenate([tape.chroma for tape in tapes]),
        peak_starts=_chained([tape.peak_starts for tape in tapes]),
        peaks=np.concatenate([tape.peaks for tape in tapes]),
        work_starts=_chained([tape.work_starts for tape in tapes]),
        works=np.concatenate([tape.works for tape in tapes]),
        keyed=np.concatenate([tape.keyed for tape in tapes]),
        landmarks=_moved([tape.landmarks for tape in tapes], bases[:-1]),
    )


def _moved(landmarks: Sequence[U64Array], bases: I64Array) -> U64Array:
    """Landmarks of tapes that come to lie end to end: the largest array, so it is written once."""
    out = np.empty(sum(map(len, landmarks)), np.uint64)
    at = 0
    for own, base in zip(landmarks, bases, strict=True):
        np.add(own, np.uint64(base), out=out[at : at + len(own)])
        at += len(own)
    return out


def _chained(starts: Sequence[U32Array]) -> U32Array:
    """Starts of tapes that come to lie end to end."""
    bases = np.cumsum([0, *(int(own[-1]) for own in starts)])
    moved = [own[1:] + np.uint32(base) for own, base in zip(starts, bases[:-1], strict=True)]
    return np.concatenate([np.zeros(1, np.uint32), *moved])
