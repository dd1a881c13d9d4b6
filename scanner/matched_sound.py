"""What of a reference's sound goes with a match in a track, for who may hear it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlmodel import Session, col, select

from scanner.errors import NotFoundError
from scanner.reference_previews import Excerpt
from scanner.tables import Reference, Track, TrackMatch

AROUND_SECONDS: Final = 5.0
"""So much a creator hears before and after what matches in their track."""
MOST_SECONDS: Final = 60.0
MOST_SHARE: Final = 0.5
"""Of a recording that a creator hears, however much of it is matched in however many parts: never the whole."""
SHORTEST_SECONDS: Final = 1.0
Span = tuple[float, float]


@dataclass(frozen=True)
class Heard:
    """A reference in a track, and what is heard of it for each matched segment; None where nothing is."""

    reference: Reference
    match: TrackMatch
    excerpts: list[Excerpt | None]

    def of(self, number: int) -> Excerpt:
        """Return what is heard for a segment by its place.

        Raises
        ------
        NotFoundError
            If there is no such segment, or other segments are all that is heard of the reference.
        """
        excerpt = self.excerpts[number] if number < len(self.excerpts) else None
        if excerpt is None:
            raise NotFoundError("sound", "for this segment: other segments are all that is heard")
        return excerpt

    def parts(self, most: int) -> list[dict[str, Any]]:
        """Return the segments that are heard, each with its place."""
        return [
            dict(segment) | {"number": number}
            for number, segment in enumerate(self.match.segments[:most])
            if self.excerpts[number] is not None
        ]


def found_in(
    session: Session, track: Track, reference_id: str | None = None
) -> tuple[Reference, TrackMatch]:
    """Return a reference that was found in a track and has a preview; the surest, if none is named.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    query = (
        select(Reference, TrackMatch)
        .join(TrackMatch, col(TrackMatch.reference_id) == col(Reference.id))
        .where(TrackMatch.analysis_id == track.analysis_id, Reference.tenant_id == track.tenant_id)
        .order_by(col(TrackMatch.score).desc())
    )
    if reference_id is not None:
        query = query.where(Reference.id == reference_id)
    for reference, match in session.exec(query):
        if reference.preview_sha256 and match.segments:
            return reference, match
    raise NotFoundError("preview", "of a reference that was found in this track")


def segment_of(match: TrackMatch, number: int) -> Mapping[str, Any]:
    """Return a matched segment by its place, or raise ``NotFoundError``."""
    if number >= len(match.segments):
        raise NotFoundError("segment", "of this number in the match")
    return match.segments[number]


def heard(session: Session, track: Track, reference_id: str | None = None) -> Heard:
    """Return what of a reference that was found in a track its creator, or their parent, may hear.

    Raises
    ------
    NotFoundError
        If nothing was found, or no sound of it is kept.
    """
    reference, match = found_in(session, track, reference_id)
    return Heard(reference, match, creators_excerpts(match.segments, reference.duration))


def creators_excerpts(
    segments: Sequence[Mapping[str, Any]], duration: float
) -> list[Excerpt | None]:
    """Return what a creator hears for each segment: all of them together no more than for one that is long.

    None where nothing of a second or more is left. A part that is heard already counts once.
    """
    left = most_heard(duration)
    known: list[Span] = []
    found: list[Excerpt | None] = []
    for segment in segments:
        excerpt = creators_excerpt(segment, duration)
        end = _reached(excerpt, known, left)
        if end - excerpt.start_s < SHORTEST_SECONDS:
            found.append(None)
            continue
        new = _unheard((excerpt.start_s, end), known)
        left -= sum(stop - start for start, stop in new)
        known += new
        found.append(replace(excerpt, end_s=round(end, 3)))
    return found


def creators_excerpt(segment: Mapping[str, Any], duration: float) -> Excerpt:
    """Return what a creator hears of a reference of so many seconds: the matched part, five seconds around it."""
    start, most = segment["reference_start"], most_heard(duration)
    length = min(max(segment["reference_end"] - start, 0.1), most)
    around = min(AROUND_SECONDS, (most - length) / 2)
    begins, ends = max(0.0, start - around), min(duration, start + length + around)
    return Excerpt(round(begins, 3), round(ends, 3), 1.0, 0.0, segment["query_start"])


def most_heard(duration: float) -> float:
    """Return how many seconds of a recording a creator hears at most."""
    return min(MOST_SECONDS, MOST_SHARE * duration)


def _reached(excerpt: Excerpt, known: Sequence[Span], left: float) -> float:
    """Return until when an excerpt can be heard with so many new seconds left."""
    for start, end in _unheard((excerpt.start_s, excerpt.end_s), known):
        if end - start > left:
            return start + left
        left -= end - start
    return excerpt.end_s


def _unheard(wanted: Span, known: Sequence[Span]) -> list[Span]:
    """Return the pieces of a span that no other one covers, in order."""
    left = [wanted]
    for start, end in known:
        left = [
            piece
            for a, b in left
            for piece in ((a, min(b, start)), (max(a, end), b))
            if piece[0] < piece[1]
        ]
    return sorted(left)
