"""From stretches of words, coinciding peaks and traces of vectors to matches in seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from fingerprint.composition.geometry import FIELD_SECONDS
from fingerprint.embedding.following import Line
from fingerprint.index.alignment import Stretch
from fingerprint.index.composition_search import Performance
from fingerprint.index.constellation_search import Sighting
from fingerprint.index.embedding_search import HALF_FIELD_SECONDS, Trace
from fingerprint.index.score import (
    altered_probability,
    buried_probability,
    composition_probability,
    probability,
)
from fingerprint.index.segment_file import IndexSegment
from fingerprint.matches import Match, Segment, covered
from fingerprint.spectrum import FRAMES_PER_SECOND
from fingerprint.sub_fingerprints import HOP_SECONDS, Fingerprint

ALLOWED_OVERLAP: Final = 0.25
"""Share of the shorter of two stretches by which they may overlap in the query.

The words around a cut describe audio of both its sides, so true neighbours overlap a little."""

START_INSIDE_SECONDS: Final = 0.59
END_INSIDE_SECONDS: Final = 1.23
"""Where in the first and the last matching word the common audio starts and ends, if that is
inside both sides. Medians over 80 joins of real tracks at random places; half of the errors left
are below 0.2 s, nine of ten below 0.6 s."""

A_SECOND_OF_PEAKS: Final = 1.0
A_SECOND_OF_WORDS: Final = 0.95
A_SECOND_OF_VECTORS: Final = 0.7
"""What a second counts that each detector explains, where several explain the same: the better one
tells the time, the more. Only vectors follow a change of tempo from end to end."""

SAME_SECONDS: Final = 1.0
"""Two alignments that lie nearer to each other tell of one place."""

PEAK_SECONDS: Final = 0.1
"""Music begins and ends about so far from the first and the last coinciding peak."""

SAME_RECORDING: Final = 0.8
"""A recording that is found so surely explains why its work is found in the same place."""
SAME_PART: Final = 0.5
"""Share of what tells of a work that recordings must explain."""

EDGE_SECONDS: Final = 0.24
"""By how much a trace that ends inside both sides goes on beyond its last vector's middle."""


WORK_EDGE_SECONDS: Final = 1.5
"""Likewise of a work that is played anew, whose vectors see eight seconds each."""


@dataclass(frozen=True, eq=False)
class _Found:
    """A scored stretch of a reference.

    Attributes
    ----------
    worth : float
        What a second of the query that it explains counts.
    evidence : float
        What speaks for it beside others of its kind.
    """

    source: IndexSegment
    ordinal: int
    segment: Segment
    worth: float
    evidence: float

    @property
    def key(self) -> tuple[int, int]:
        """The reference."""
        return id(self.source), self.ordinal

    @property
    def weight(self) -> float:
        """By what the first of several detectors' explanations is chosen."""
        own = self.segment
        return self.worth * own.score * (own.query_end - own.query_start)


def matches(
    stretches: Iterable[Stretch],
    sightings: Iterable[Sighting],
    traces: Iterable[Trace],
    performances: Iterable[Performance],
    query: Fingerprint,
    min_score: float,
) -> list[Match]:
    """Group what was found by reference, drop repeats, score, best first.

    Parameters
    ----------
    stretches : iterable of Stretch
    sightings : iterable of Sighting
    traces : iterable of Trace
    performances : iterable of Performance
        Of works; left out where the reference's recording is found in the same place.
    query : Fingerprint
    min_score : float
        Segments and matches below it are left out.
    """
    recordings = _grouped(
        [
            *(_of_words(stretch, query) for stretch in stretches),
            *(_of_peaks(sighting, query) for sighting in sightings),
            *(_of_vectors(trace, query) for trace in traces),
        ],
        min_score,
    )
    found = [_of_work(each, query) for each in performances]
    works = _grouped(
        [each for each in found if not _recorded(each, recordings.get(each.key, []))], min_score
    )
    result = [_match(group, query, "recording") for group in recordings.values()]
    result += [_match(group, query, "composition") for group in works.values()]
    return sorted(result, key=lambda m: (-m.score, -m.coverage_query, m.reference_id))


def _grouped(found: Sequence[_Found], min_score: float) -> dict[tuple[int, int], list[_Found]]:
    """What is sure enough, by reference."""
    groups: dict[tuple[int, int], list[_Found]] = {}
    for each in found:
        if each.segment.score >= min_score:
            groups.setdefault(each.key, []).append(each)
    return groups


def _recorded(work: _Found, recordings: Sequence[_Found]) -> bool:
    """Whether the recording itself is what is played where a work is found."""
    own = work.segment
    inside = [
        (
            max(0.0, each.query_start - own.query_start),
            min(each.query_end, own.query_end) - own.query_start,
        )
        for each in (found.segment for found in recordings)
        if each.score >= SAME_RECORDING and each.query_start < own.query_end
    ]
    return covered(inside, own.query_end - own.query_start) >= SAME_PART


def _chosen(group: Sequence[_Found]) -> list[Segment]:
    """Drop what tells again of a part of the query that something better tells of.

    First each detector chooses among its own by evidence, then what explains most is taken. What
    stays is as sure as the surest of those that tell of the same place.
    """
    rivals = [
        found
        for worth in {each.worth for each in group}
        for found in _apart([each for each in group if each.worth == worth])
    ]
    kept: list[Segment] = []
    for found in sorted(rivals, key=lambda each: each.weight, reverse=True):
        own = found.segment
        others = [n for n, each in enumerate(kept) if _overlap(own, each) > ALLOWED_OVERLAP]
        if not others:
            kept.append(own)
        for n in others:
            if own.score > kept[n].score and _same_place(own, kept[n]):
                kept[n] = replace(kept[n], score=own.score)
    return sorted(kept, key=lambda segment: segment.query_start)


def _apart(found: Sequence[_Found]) -> list[_Found]:
    """Those of one detector that do not overlap in the query, by evidence."""
    kept: list[_Found] = []
    for own in sorted(found, key=lambda each: each.evidence, reverse=True):
        if all(_overlap(own.segment, each.segment) <= ALLOWED_OVERLAP for each in kept):
            kept.append(own)
    return kept


def _same_place(a: Segment, b: Segment) -> bool:
    """Whether both put the middle of what they share at one time of the reference."""
    middle = (max(a.query_start, b.query_start) + min(a.query_end, b.query_end)) / 2
    there = [
        each.reference_start + each.tempo_ratio * (middle - each.query_start) for each in (a, b)
    ]
    return abs(there[0] - there[1]) < SAME_SECONDS


def _overlap(a: Segment, b: Segment) -> float:
    """Share of the shorter one's part of the query that both claim.

    Music repeats: a chorus aligns with every other chorus, a loop with all its repeats. Of those
    only what earned most stays.
    """
    common = min(a.query_end, b.query_end) - max(a.query_start, b.query_start)
    shorter = min(a.query_end - a.query_start, b.query_end - b.query_start)
    return max(0.0, common) / max(shorter, 1e-6)


def _match(
    group: Sequence[_Found], query: Fingerprint, kind: Literal["recording", "composition"]
) -> Match:
    first = group[0]
    segments = tuple(_chosen(group))
    seconds = float(first.source.durations[first.ordinal])
    return Match(
        reference_id=first.source.id_of(first.ordinal),
        kind=kind,
        score=max(each.segment.score for each in group),
        segments=segments,
        coverage_query=covered([(s.query_start, s.query_end) for s in segments], query.duration),
        coverage_reference=covered(
            [(s.reference_start, s.reference_end) for s in segments], seconds
        ),
    )


def _of_vectors(trace: Trace, query: Fingerprint) -> _Found:
    """Times of a trace: its first and last vectors see a second more on each side.

    Where it reaches the end of either side, all that is left of that side is common; where it ends
    inside both, the audio changed somewhere within that second.
    """
    path = trace.path
    segment = _along(
        path.fine,
        (path.query_start, path.query_end),
        query.duration,
        float(trace.segment.durations[trace.ordinal]),
        near=HALF_FIELD_SECONDS + 0.5,
        edge=EDGE_SECONDS,
    )
    segment = replace(
        segment,
        score=altered_probability(path, trace.unison, query.duration),
        pitch_semitones=round(trace.pitch_semitones, 2),
    )
    return _Found(trace.segment, trace.ordinal, segment, A_SECOND_OF_VECTORS, path.weight)


def _of_work(found: Performance, query: Fingerprint) -> _Found:
    """Times of a work that is played anew, as those of a trace."""
    like = found.likeness
    segment = _along(
        like.line,
        (like.query_start, like.query_end),
        query.duration,
        float(found.segment.durations[found.ordinal]),
        near=FIELD_SECONDS / 2 + 1.0,
        edge=WORK_EDGE_SECONDS,
    )
    segment = replace(
        segment,
        score=composition_probability(like, query.duration),
        pitch_semitones=float(like.semitones),
    )
    return _Found(found.segment, found.ordinal, segment, A_SECOND_OF_VECTORS, like.weight)


def _along(
    line: Line,
    middles: tuple[float, float],
    query_seconds: float,
    reference_seconds: float,
    *,
    near: float,
    edge: float,
) -> Segment:
    """The stretch of a line from a first to a last vector, whose middles are given.

    Parameters
    ----------
    near : float
        Where so little or less of either side is left, all of it is common.
    edge : float
        Elsewhere the common part goes on so far.
    """
    first, last = middles
    there = line.offset + line.tempo_ratio * first
    start = 0.0 if first < near or there < near else first - edge
    there = line.offset + line.tempo_ratio * last
    end = last + edge
    if last > query_seconds - near or there > reference_seconds - near:
        end = query_seconds
    start = max(start, 0.0, -line.offset / line.tempo_ratio)
    end = min(end, query_seconds, (reference_seconds - line.offset) / line.tempo_ratio)
    return Segment(
        query_start=start,
        query_end=max(start, end),
        reference_start=line.offset + line.tempo_ratio * start,
        reference_end=line.offset + line.tempo_ratio * max(start, end),
        score=0.0,
        tempo_ratio=round(line.tempo_ratio, 4),
    )


def _of_peaks(sighting: Sighting, query: Fingerprint) -> _Found:
    """Times of coinciding peaks: from the first to the last of them."""
    found = sighting.coincidence
    reference_seconds = float(sighting.segment.durations[sighting.ordinal])
    shift = found.offset / FRAMES_PER_SECOND
    start = max(0.0, -shift, found.first / FRAMES_PER_SECOND - PEAK_SECONDS)
    end = min(
        query.duration, reference_seconds - shift, found.last / FRAMES_PER_SECOND + PEAK_SECONDS
    )
    segment = Segment(
        query_start=start,
        query_end=max(start, end),
        reference_start=start + shift,
        reference_end=max(start, end) + shift,
        score=buried_probability(found, sighting.accord, query.duration),
    )
    return _Found(sighting.segment, sighting.ordinal, segment, A_SECOND_OF_PEAKS, found.information)


def _of_words(stretch: Stretch, query: Fingerprint) -> _Found:
    """Times of a stretch.

    A word describes 2.7 s. Where a stretch reaches the end of either side, all the audio of its
    last word is common; where it ends inside both, the audio changed somewhere within that word.
    """
    reference_words = int(stretch.segment.lengths[stretch.ordinal])
    reference_seconds = float(stretch.segment.durations[stretch.ordinal])
    query_words = len(query.sub_fingerprints)
    shift = stretch.offset * HOP_SECONDS
    first, last = stretch.query_first, stretch.query_last
    start = first * HOP_SECONDS
    if first > 0 and first + stretch.offset > 0:
        start += START_INSIDE_SECONDS
    if last == query_words:
        end = query.duration
    elif last + stretch.offset == reference_words:
        end = reference_seconds - shift
    else:
        end = (last - 1) * HOP_SECONDS + END_INSIDE_SECONDS
    end = min(end, query.duration, reference_seconds - shift)
    start = max(0.0, min(start, end), -shift)
    segment = Segment(
        query_start=start,
        query_end=end,
        reference_start=start + shift,
        reference_end=end + shift,
        score=probability(stretch.error, stretch.self_error, stretch.turnover),
    )
    return _Found(stretch.segment, stretch.ordinal, segment, A_SECOND_OF_WORDS, stretch.gain)
