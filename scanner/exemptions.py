"""Matches that are held against a track no more, since a dispute, an appeal or a release ended so.

A holder may free all of a match, some seconds of the track, or all but some territories (DSM-17-7: what
is lawful stays available).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlmodel import Session, select

import fingerprint
import policy
from scanner.harmless import Standing
from scanner.tables import MatchExemption

SHORTEST: Final = 0.5
"""Seconds; what is left of a segment and shorter is nobody's music."""


@dataclass(frozen=True)
class Exemptions:
    """The exemptions of one track, by reference."""

    rows: tuple[MatchExemption, ...] = ()

    def applied(self, reference_id: str, stands: Standing) -> Standing:
        """Return what stands of a match without the seconds that its holder gave up."""
        segments = stands.segments
        for row in self._of(reference_id):
            if not row.segments and not row.claimed_in:
                return replace(stands, excluded=True)
            for part in row.segments:
                segments = tuple(
                    left for each in segments for left in without(each, part["start"], part["end"])
                )
        if segments:
            return replace(stands, segments=segments)
        return replace(stands, excluded=bool(stands.segments) or stands.excluded)

    def within(self, fact: policy.MatchFact) -> policy.MatchFact:
        """Return a match's fact with the territories in which its holder still claims it."""
        places = fact.territories
        for row in self._of(fact.reference_id):
            if row.claimed_in:
                kept = set(row.claimed_in) & set(places) if places else set(row.claimed_in)
                if not kept:
                    return fact.model_copy(update={"excluded": True})
                places = tuple(sorted(kept))
        return fact.model_copy(update={"territories": places})

    def _of(self, reference_id: str) -> Sequence[MatchExemption]:
        return [row for row in self.rows if row.reference_id == reference_id]


def of_track(session: Session, track_id: str | None) -> Exemptions:
    """Return what is exempted in a track; of no track, nothing."""
    if track_id is None:
        return Exemptions()
    query = select(MatchExemption).where(MatchExemption.track_id == track_id)
    return Exemptions(tuple(session.exec(query)))


def without(
    segment: fingerprint.Segment, start_s: float, end_s: float
) -> tuple[fingerprint.Segment, ...]:
    """Return a segment less some seconds of the track: none, one or two pieces.

    Times of the reference follow by the segment's own slope.
    """
    begin, end = segment.query_start, segment.query_end
    if end_s <= begin or start_s >= end:
        return (segment,)
    pieces = [(begin, start_s), (end_s, end)]
    return tuple(_part(segment, *piece) for piece in pieces if piece[1] - piece[0] >= SHORTEST)


def less(
    segments: Sequence[dict[str, Any]], parts: Sequence[tuple[float, float]]
) -> list[dict[str, Any]]:
    """Return stored segments without some seconds of the track."""
    left = [fingerprint.Segment(**each) for each in segments]
    for start, end in parts:
        left = [piece for each in left for piece in without(each, start, end)]
    return [asdict(each) for each in left]


def _part(segment: fingerprint.Segment, start: float, end: float) -> fingerprint.Segment:
    length = segment.query_end - segment.query_start
    slope = (segment.reference_end - segment.reference_start) / length
    origin = segment.reference_start - slope * segment.query_start
    return replace(
        segment,
        query_start=start,
        query_end=end,
        reference_start=origin + slope * start,
        reference_end=origin + slope * end,
    )
