"""What of a match is left when parts of either side speak for nothing.

A reference has parts that its holder does not own; a query has stretches that something harmless
explains. Both are ranges of seconds that are taken out of segments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from fingerprint.matches import Segment, covered
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS, Fingerprint

Range = tuple[float, float]

EDGE_SECONDS: Final = 1.5
"""What is left at the edge of a range is not left if it is shorter.

A segment's ends are off by 0.6 s in one case of ten, and by up to half a word, 1.4 s, where the
audio changes abruptly (:mod:`fingerprint.index.answer`)."""

EXPLAINED_SHARE: Final = 0.8
"""Share of a segment that must be explained, so that two edges do not make up most of it."""


SAME_SHARE: Final = 0.1
"""Share of bits that differ below which two stretches are one sound.

The same samples differ by 0.07 to 0.09 where they begin half a hop apart; a voice half as loud as
the loop below it makes that 0.1 to 0.2 (decision 10)."""

NEAR_WORDS: Final = 2
SPAN_WORDS: Final = round(SPAN_SECONDS / HOP_SECONDS)
"""A word describes so many hops of audio; one that goes on beyond a part tells of something else."""


def claimed(segments: Iterable[Segment], excluded: Iterable[Range]) -> tuple[Segment, ...]:
    """What of segments lies outside the excluded parts of the reference.

    Parameters
    ----------
    segments : iterable of Segment
    excluded : iterable of (start, end)
        Seconds of the reference, in any order, overlapping or not.

    Returns
    -------
    tuple of Segment
        In the order given; a segment that an excluded part cuts comes in pieces. A segment that no
        part touches is the same object.
    """
    parts = _joined(excluded)
    return tuple(piece for segment in segments for piece in _outside(segment, parts))


def explained_by(
    segment: Segment,
    query: Fingerprint,
    reference: Fingerprint,
    others: Iterable[tuple[Fingerprint, Sequence[Segment]]],
) -> bool:
    """Tell whether harmless references explain all of the query that a segment covers, and better.

    A song that shares a loop with another one is less like that one than like the loop: each has
    its own voice on top. A copy is more like the song it was made of. So the differing bits of
    sub-fingerprints are compared over the same stretch; scores can't be, all are nearly 1.

    Parameters
    ----------
    segment : Segment
        Of the query in ``reference``.
    query, reference : Fingerprint
    others : iterable of (Fingerprint, segments)
        Harmless references that are in the query too, and where.

    Returns
    -------
    bool
        False too where it can't be told: at another tempo or pitch words do not line up.
    """
    whole = (segment.query_start, segment.query_end)
    pieces = [
        (overlap, other, place)
        for other, places in others
        for place in places
        if (overlap := _common(whole, (place.query_start, place.query_end))) is not None
    ]
    gaps = _less(whole, _joined(overlap for overlap, _, _ in pieces))
    length = whole[1] - whole[0]
    if length <= 0 or any(end - start >= EDGE_SECONDS for start, end in gaps):
        return False
    if covered(gaps, length) > 1 - EXPLAINED_SHARE:
        return False
    compared = [
        (overlap, theirs, own)
        for overlap, other, place in pieces
        for theirs in [_difference(query, other, place, overlap)]
        for own in [_difference(query, reference, segment, overlap)]
        if theirs is not None and own is not None
    ]
    if covered((part for part, _, _ in compared), length) < EXPLAINED_SHARE:
        return False
    return sum((end - start) * (own - theirs) for (start, end), theirs, own in compared) >= 0


def same_sound(query: Fingerprint, reference: Fingerprint, segments: Iterable[Segment]) -> bool:
    """Tell whether segments are the same sound, with nothing of either side's own on top.

    Parameters
    ----------
    query, reference : Fingerprint
    segments : iterable of Segment
        Of the query in the reference.
    """
    shares = [
        _difference(query, reference, each, (each.query_start, each.query_end)) for each in segments
    ]
    known = [share for share in shares if share is not None]
    return bool(known) and sum(known) / len(known) < SAME_SHARE


def _difference(
    query: Fingerprint, reference: Fingerprint, segment: Segment, part: Range
) -> float | None:
    """Share of differing bits of the words that lie within a part of the query.

    None where no word does, or words do not line up. Peaks and vectors tell the place to a few
    words only, so the best of the places around it counts.
    """
    if segment.tempo_ratio != 1 or segment.pitch_semitones != 0:
        return None
    words, others = query.sub_fingerprints, reference.sub_fingerprints
    first, last = (round(at / HOP_SECONDS) for at in part)
    offset = round((segment.reference_start - segment.query_start) / HOP_SECONDS)
    shares = []
    for shift in range(offset - NEAR_WORDS, offset + NEAR_WORDS + 1):
        start = max(first, -shift, 0)
        end = min(last - SPAN_WORDS, len(words), len(others) - shift)
        if end > start:
            changed = words[start:end] ^ others[start + shift : end + shift]
            shares.append(float(np.bitwise_count(changed).mean()) / 32)
    return min(shares, default=None)


def _common(a: Range, b: Range) -> Range | None:
    start, end = max(a[0], b[0]), min(a[1], b[1])
    return (start, end) if end > start else None


def _outside(segment: Segment, parts: Sequence[Range]) -> Iterable[Segment]:
    whole = (segment.reference_start, segment.reference_end)
    if not any(start < whole[1] and end > whole[0] for start, end in parts):
        return [segment]
    pieces = _less(whole, parts)
    return [_piece(segment, start, end) for start, end in pieces if end - start >= EDGE_SECONDS]


def _piece(segment: Segment, start: float, end: float) -> Segment:
    """The part of a segment between two seconds of the reference: time runs evenly within it."""
    first, last = segment.reference_start, segment.reference_end
    pace = (segment.query_end - segment.query_start) / (last - first)
    return replace(
        segment,
        query_start=segment.query_start + (start - first) * pace,
        query_end=segment.query_end - (last - end) * pace,
        reference_start=start,
        reference_end=end,
    )


def _joined(ranges: Iterable[Range]) -> list[Range]:
    """Ranges in order, those that touch made one."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined


def _less(whole: Range, parts: Sequence[Range]) -> list[Range]:
    """What of a range is in none of the parts, which are in order and apart."""
    left: list[Range] = []
    at, last = whole
    for start, end in parts:
        if end <= at or start >= last:
            continue
        if start > at:
            left.append((at, start))
        at = max(at, end)
    return [*left, (at, last)] if at < last else left
