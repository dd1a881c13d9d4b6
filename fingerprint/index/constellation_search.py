"""Buried copies: landmarks looked up, offsets voted for, the best followed peak by peak."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, I64Array
from fingerprint.constellation import votes
from fingerprint.constellation.coincidence import REACH, Coincidence, Companion, Grid, kept
from fingerprint.constellation.constellation import Constellation, frames_of
from fingerprint.constellation.landmarks import Landmarks, query_landmarks
from fingerprint.embedding.embedding import SCALE, Embedding
from fingerprint.embedding.geometry import HOP_SECONDS
from fingerprint.index.chroma import Accord, accord_at
from fingerprint.index.embedding_search import Trace
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
WATCHED: Final = 60
"""References with the most votes in one window of which some are followed that have fewer votes, but
whose strongest peaks the query keeps: what is laid over a copy brings votes of its own to others."""
BESIDE: Final = 6
"""So many of them."""
HINTED: Final = 6
"""Places that vectors tell of, in one half minute, that are followed whatever their votes."""
UNISON_SEMITONES: Final = 0.5
"""Peaks of a copy at another pitch do not coincide."""
PLACES: Final = 512
"""Offsets with the most votes in one segment, of which those are chosen that are followed."""
SORTED: Final = 1 << 18
"""Postings whose votes are counted at first, about: those that may have most."""
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


@dataclass(frozen=True, eq=False)
class Hint:
    """A place where something else hears a reference: about there its peaks may coincide.

    Attributes
    ----------
    segment : IndexSegment
    ordinal : int
        Reference within the segment.
    offset : int
        Reference frame minus query frame, in the middle.
    first, last : int
        Frames of the query.
    """

    segment: IndexSegment
    ordinal: int
    offset: int
    first: int
    last: int


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
    hints: Sequence[Hint] = (),
) -> list[Sighting]:
    """Look for a query's peaks in all segments of an index.

    Parameters
    ----------
    searchable : sequence of bool array, shape (references,)
        Which references of each segment may be found.
    followed : int
        References that are followed in one window of the query for their votes.
    hints : sequence of Hint
        Places that are followed too.

    Returns
    -------
    list of Sighting, in no order; several may tell of one stretch.
    """
    holding = [number for number, segment in enumerate(segments) if segment.has_landmarks]
    if not holding or not len(query):
        return []
    ordered = np.sort(query.peaks)
    frames = frames_of(ordered)
    heard = Grid(ordered, int(frames[0]), int(frames[-1]))
    places: dict[tuple[int, int], list[int]] = {}
    for window in _windows(query_landmarks(query.peaks)):
        watched = _watched(window, segments, searchable, holding, max(WATCHED, followed))
        most = list(chain.from_iterable(watched[:followed]))
        for each in [*most, *_beside(watched[followed:], window, heard, segments)]:
            _note(each.offset, places.setdefault((each.segment, each.ordinal), []))
    hinted: dict[tuple[int, int], list[Hint]] = {}
    numbers = {id(segments[number]): number for number in holding}
    for hint in hints:
        if id(hint.segment) in numbers:
            hinted.setdefault((numbers[id(hint.segment)], hint.ordinal), []).append(hint)
    found = []
    for number, ordinal in {**places, **hinted}:
        segment = segments[number]
        peaks, length = segment.peaks_of(ordinal), segment.frames_of(ordinal)
        beside = Companion(ordered, heard, peaks, length)
        offsets = places.get((number, ordinal), [])
        for hint in hinted.get((number, ordinal), []):
            _note(beside.nearest(hint.offset, hint.first, hint.last), offsets)
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


def hints_of(traces: Sequence[Trace], query: Embedding) -> list[Hint]:
    """Where vectors of a query hear a reference at its own pitch: the heaviest traces, first one first."""
    seconds = len(query) * HOP_SECONDS
    most = HINTED * math.ceil(seconds * FRAMES_PER_SECOND / WINDOW_FRAMES)
    hints: list[Hint] = []
    for each in sorted(traces, key=lambda trace: -trace.path.weight):
        path = each.path
        middle = (path.query_start + path.query_end) / 2
        there = path.line.offset + path.line.tempo_ratio * middle
        own = Hint(
            each.segment,
            each.ordinal,
            offset=round((there - middle) * FRAMES_PER_SECOND),
            first=round(path.query_start * FRAMES_PER_SECOND),
            last=round(path.query_end * FRAMES_PER_SECOND),
        )
        if abs(each.pitch_semitones) <= UNISON_SEMITONES and not any(
            own.segment is hint.segment
            and own.ordinal == hint.ordinal
            and abs(own.offset - hint.offset) <= REACH
            for hint in hints
        ):
            hints.append(own)
        if len(hints) == most:
            break
    return hints


def _windows(landmarks: Landmarks) -> list[Landmarks]:
    if not len(landmarks.frames):
        return []
    last = int(landmarks.frames.max())
    parts = []
    for start in range(0, max(1, last + 1 - WINDOW_FRAMES // 2), WINDOW_FRAMES // 2):
        own = (landmarks.frames >= start) & (landmarks.frames < start + WINDOW_FRAMES)
        parts.append(Landmarks(landmarks.hashes[own], landmarks.frames[own]))
    return parts


def _watched(
    landmarks: Landmarks,
    segments: Sequence[IndexSegment],
    searchable: Sequence[BoolArray],
    holding: Sequence[int],
    most: int,
) -> list[list[_Candidate]]:
    """References with the most votes, and of each a few offsets that have most of them."""
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
    watched: dict[tuple[int, int], list[_Candidate]] = {}
    for each in found:
        own = (each.segment, each.ordinal)
        if own not in watched and len(watched) == most:
            continue
        known = watched.setdefault(own, [])
        if len(known) < A_REFERENCE and all(
            abs(each.offset - other.offset) >= SAME_FRAMES for other in known
        ):
            known.append(each)
    return list(watched.values())


def _beside(
    watched: Sequence[Sequence[_Candidate]],
    window: Landmarks,
    heard: Grid,
    segments: Sequence[IndexSegment],
) -> list[_Candidate]:
    """Of places with fewer votes those whose strongest peaks the query keeps best."""
    if not watched:
        return []
    start, stop = int(window.frames.min()), int(window.frames.max())

    def share(each: _Candidate) -> float:
        peaks = segments[each.segment].peaks_of(each.ordinal)
        return kept(heard, peaks, each.offset, start, stop)

    return sorted(chain.from_iterable(watched), key=share, reverse=True)[:BESIDE]


def _note(offset: int, known: list[int]) -> None:
    """Add an offset unless it is there, but for a few frames."""
    if all(abs(offset - other) >= SAME_FRAMES for other in known):
        known.append(offset)


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
    diagonals = places - np.repeat(frames - moved, count)
    bounds = votes.at_most(diagonals)
    least = max(FEWEST_VOTES, votes.fewest(bounds, SORTED))
    starts = segment.frame_starts
    while True:
        near = np.flatnonzero(bounds >= least)
        distinct, shared, middles = votes.counted(diagonals[near], places[near], FEWEST_VOTES)
        ordinals = np.searchsorted(starts, middles, "right") - 1
        on = np.flatnonzero(alive[ordinals])
        most = on[np.argsort(-shared[on], kind="stable")[:PLACES]]
        # What was left out has fewer votes than asked for; that may still be more than the last one's.
        reached = int(shared[most[-1]]) if len(most) == PLACES else FEWEST_VOTES
        if least <= max(reached, FEWEST_VOTES):
            break
        least = reached
    return [
        _Candidate(int(shared[n]), number, int(own), int(distinct[n] - moved - starts[own]))
        for n, own in zip(most, ordinals[most], strict=True)
    ]
