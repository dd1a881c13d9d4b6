"""What of a reference's sound goes with a match in a track, for who may hear it."""

from collections.abc import Mapping
from typing import Any, Final

from sqlmodel import Session, col, select

from scanner.errors import NotFoundError
from scanner.reference_previews import Excerpt
from scanner.tables import Reference, Track, TrackMatch

AROUND_SECONDS: Final = 5.0
"""So much a creator hears before and after what matches in their track."""
MOST_SECONDS: Final = 60.0
MOST_SHARE: Final = 0.5
"""Of a recording that a creator hears at once, however much of it is matched: never the whole."""


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


def creators_excerpt(segment: Mapping[str, Any], duration: float) -> Excerpt:
    """Return what a creator hears of a reference of so many seconds: the matched part, five seconds around it."""
    start = segment["reference_start"]
    most = min(MOST_SECONDS, MOST_SHARE * duration)
    length = min(max(segment["reference_end"] - start, 0.1), most)
    around = min(AROUND_SECONDS, (most - length) / 2)
    begins, ends = max(0.0, start - around), min(duration, start + length + around)
    return Excerpt(round(begins, 3), round(ends, 3), 1.0, 0.0, segment["query_start"])
