"""Buried copies: landmarks looked up, offsets voted for, the best followed peak by peak."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, I64Array
from fingerprint.constellation.coincidence import Coincidence, Companion
from fingerprint.constellation.constellation import Constellation
from fingerprint.constellation.landmarks import Landmarks, query_landmarks
from fingerprint.embedding.embedding import SCALE, Embedding
from fingerprint.index.chroma import Accord, accord_at
from fingerprint.index.segment_file import IndexSegment
from fingerprint.index.vector_source import VectorSource
from fingerprint.spectrum import FRAMES_PER_SECOND

WINDOW_FRAMES: Final = 750
"""Half a minute of the query votes together; half of it votes in the next window too."""
BUDGET: Final = 1 << 20
"""Postings that one window reads, all segments together: its rarest landmarks first."""
FEWEST_VOTES: Final = 3
FOLLOWED: Final = 12
"""References that are followed in one window."""
A_REFERENCE: Final = 3
"""Offsets of one reference that are followed in one window."""
PLACES: Final = 512
"""Offsets with the most votes in one segment, of which those are chosen that are followed."""
SAME_FRAMES: Final = 3
"""Offsets that lie nearer to each other are one."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """Peaks of the query found in one reference.

    Attributes
    ----------
    segment : IndexSegment
    ordinal : int
        Reference within the segment.
    coincidence : Coincidence
    accord : Accord or None
        Whether chroma and vectors agree there as well; None where they are not known.
    """

    segment: IndexSegment
    ordinal: int
    coincidence: Coincidence
    accord: Accord | None = None


@dataclass(frozen=True)
class _Candidate:
    votes: int
    segment: int
    ordinal: int
    offset: int


def sightings(
    query: Constellation,
    segments: Sequence[IndexSegment],
    searchable: Sequence[BoolArray],
    followed: int = FOLLOWED,
) -> list[Sighting]:
    """Look for a query's peaks in all segments of an index.

    Parameters
    ----------
    searchable : sequence of bool array, shape (references,)
        Which references of each segment may be found.
    followed : int
        References that are followed in one window of the query.

    Returns
    -------
    list of Sighting, in no order; several may tell of one stretch.
    """
    holding = [number for number, segment in enumerate(segments) if segment.has_landmarks]
    if not holding or not len(query):
        return []
    ordered = np.sort(query.peaks)
    landmarks = query_landmarks(query.peaks)
    places: dict[tuple[int, int], list[int]] = {}
    for window in _windows(landmarks):
        for each in _candidates(window, segments, searchable, holding, followed):
            known = places.setdefault((each.segment, each.ordinal), [])
            if all(abs(each.offset - offset) >= SAME_FRAMES for offset in known):
                known.append(each.offset)
    found = []
    for (number, ordinal), offsets in places.items():
        segment = segments[number]
        beside = Companion(ordered, segment.peaks_of(ordinal), segment.frames_of(ordinal))
        for offset in sorted(offsets):
            seen = beside.at(offset)
            if seen is not None:
                found.append(Sighting(segment, ordinal, seen))
    return found


def heard_together(
    found: Sequence[Sighting], query: Embedding, source: VectorSource
) -> list[Sighting]:
    """Add whether the chroma and the vectors of both sides agree where peaks do.

    Peaks of two tunes by one synthesiser coincide wherever a pitch is struck at the same moment. Vectors hear a
    copy under what is laid over it too faintly to look it up, and well enough to tell its place from those beside.
    """
    places = [source.number(each.segment, each.ordinal) for each in found]
    source.fetch({number for number in places if number is not None})
    seconds = query.seconds()
    chroma, vectors = (
        own.astype(np.float32) / np.float32(SCALE) for own in (query.chroma, query.vectors[0])
    )
    told = []
    for each, number in zip(found, places, strict=True):
        if number is None:
            told.append(each)
            continue
        seen = each.coincidence
        offset = seen.offset / FRAMES_PER_SECOND
        stretch = seen.first / FRAMES_PER_SECOND, seen.last / FRAMES_PER_SECOND
        accord = accord_at(
            offset,
            stretch,
            seconds,
            chroma=(chroma, source.chroma_of(number)),
            vectors=(vectors, source.vectors_of(number)),
        )
        told.append(replace(each, accord=accord))
    return told


def _windows(landmarks: Landmarks) -> list[Landmarks]:
    if not len(landmarks.frames):
        return []
    last = int(landmarks.frames.max())
    parts = []
    for start in range(0, max(1, last - WINDOW_FRAMES // 2), WINDOW_FRAMES // 2):
        own = (landmarks.frames >= start) & (landmarks.frames < start + WINDOW_FRAMES)
        parts.append(Landmarks(landmarks.hashes[own], landmarks.frames[own]))
    return parts


def _candidates(
    landmarks: Landmarks,
    segments: Sequence[IndexSegment],
    searchable: Sequence[BoolArray],
    holding: Sequence[int],
    followed: int,
) -> list[_Candidate]:
    """Offsets with the most votes, a few of each reference."""
    ranges = [segments[number].landmark_range(landmarks.hashes) for number in holding]
    count = np.sum([last - first for first, last in ranges], axis=0)
    rarest = np.argsort(count, kind="stable")
    read = rarest[np.cumsum(count[rarest]) <= BUDGET]
    found: list[_Candidate] = []
    for number, (first, last) in zip(holding, ranges, strict=True):
        found += _voted(
            segments[number],
            number,
            searchable[number],
            landmarks.frames[read],
            first=first[read],
            last=last[read],
        )
    found.sort(key=lambda each: -each.votes)
    kept: list[_Candidate] = []
    offsets: dict[tuple[int, int], list[int]] = {}
    for each in found:
        own = (each.segment, each.ordinal)
        if own not in offsets and len(offsets) == followed:
            continue
        known = offsets.setdefault(own, [])
        if len(known) < A_REFERENCE and all(
            abs(each.offset - other) >= SAME_FRAMES for other in known
        ):
            known.append(each.offset)
            kept.append(each)
    return kept


def _voted(
    segment: IndexSegment,
    number: int,
    alive: BoolArray,
    frames: I64Array,
    *,
    first: I64Array,
    last: I64Array,
) -> list[_Candidate]:
    """Offsets by votes, those of the frames beside each counted in."""
    count = last - first
    total = int(count.sum())
    if not total:
        return []
    before = np.cumsum(count) - count
    at = np.repeat(first - before, count) + np.arange(total)
    places = segment.landmark_places[at].astype(np.int64)
    moved = int(frames.max())
    # One sort of plain integers groups equal offsets and keeps a place to name the reference by.
    packed = ((places - np.repeat(frames, count) + moved) << np.int64(32)) | places
    packed.sort()
    diagonal = packed >> np.int64(32)
    begins = np.flatnonzero(np.append(True, diagonal[1:] != diagonal[:-1]))
    votes = np.diff(np.append(begins, total))
    distinct = diagonal[begins]
    beside = np.append(distinct[1:] == distinct[:-1] + 1, False)
    shared = votes + np.where(beside, np.append(votes[1:], 0), 0)
    shared[1:] += np.where(beside[:-1], votes[:-1], 0)
    enough = np.flatnonzero(shared >= FEWEST_VOTES)
    # Votes of one offset may lie in several references: the middle one's has most of them.
    middles = packed[begins[enough] + votes[enough] // 2] & np.int64(0xFFFFFFFF)
    starts = segment.frame_starts
    ordinals = np.searchsorted(starts, middles, "right") - 1
    enough, ordinals = enough[alive[ordinals]], ordinals[alive[ordinals]]
    if len(enough) > PLACES:
        most = np.argpartition(shared[enough], len(enough) - PLACES)[-PLACES:]
        enough, ordinals = enough[most], ordinals[most]
    return [
        _Candidate(int(shared[n]), number, int(ordinal), int(distinct[n] - moved - starts[ordinal]))
        for n, ordinal in zip(enough, ordinals, strict=True)
    ]
