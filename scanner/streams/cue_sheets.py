"""Streams as JSON, and the cue sheet: what was on from when to when, and what is not known."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, col, select

from scanner import safe_csv
from scanner.tables import Holder, Reference, Stream, StreamPlay

JOINED_SECONDS: Final = 60.0
"""A play goes on after a gap of less, if it goes on where it should be by then."""
JOINED_OFF: Final = 3.0
COLUMNS: Final = (
    "from",
    "to",
    "start",
    "end",
    "title",
    "isrc",
    "holder",
    "reference_id",
    "reference_start",
    "reference_end",
    "pitch_semitones",
    "tempo_ratio",
    "score",
)


def describe(row: Stream) -> dict[str, Any]:
    """Return a stream as JSON."""
    return {
        "stream_id": row.id,
        "name": row.name,
        "url": row.url,
        "state": row.state,
        "heard_seconds": round(row.heard_seconds, 3),
        "problem": row.problem,
        "created_at": row.created_at.isoformat(),
        "heard_at": row.heard_at.isoformat() if row.heard_at else None,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "version": row.version,
    }


def on_air(session: Session, row: Stream) -> list[dict[str, Any]]:
    """Return what is on now."""
    query = select(StreamPlay).where(StreamPlay.stream_id == row.id, ~col(StreamPlay.is_over))
    return _entries(session, row, session.exec(query.order_by(col(StreamPlay.start))).all())


def cue_sheet(session: Session, row: Stream) -> dict[str, Any]:
    """Return what was on, in order, with gaps and what could not be searched.

    A reference that was lost and found again where it should be by then, as behind a presenter's
    voice or a lost connection, is one entry.
    """
    query = select(StreamPlay).where(StreamPlay.stream_id == row.id)
    plays = session.exec(query.order_by(col(StreamPlay.start), col(StreamPlay.id))).all()
    return {
        "stream_id": row.id,
        "name": row.name,
        "is_final": row.ended_at is not None,
        "heard_seconds": round(row.heard_seconds, 3),
        "entries": _entries(session, row, _joined(plays)),
        "gaps": _gaps(row),
        "unsearched": [{"start": start, "end": end} for start, end in row.unsearched],
    }


def as_csv(sheet: dict[str, Any]) -> str:
    """Return a cue sheet as CSV: a line for each entry."""
    lines = [[entry[name] for name in COLUMNS] for entry in sheet["entries"]]
    return safe_csv.written([COLUMNS, *lines])


def _joined(plays: Sequence[StreamPlay]) -> list[StreamPlay]:
    joined: list[StreamPlay] = []
    for play in plays:
        before = next((each for each in reversed(joined) if _goes_on(each, play)), None)
        if before is None:
            joined.append(StreamPlay(**play.model_dump()))
            continue
        if play.end > before.end:
            before.end, before.reference_end = play.end, play.reference_end
        before.score = max(before.score, play.score)
        before.is_over = play.is_over
    return joined


def _goes_on(before: StreamPlay, after: StreamPlay) -> bool:
    away = after.start - before.end
    expected = before.reference_end + away * before.tempo_ratio
    return (
        before.reference_id == after.reference_id
        and away <= JOINED_SECONDS
        and abs(after.reference_start - expected) <= JOINED_OFF
    )


def _entries(session: Session, row: Stream, plays: Sequence[StreamPlay]) -> list[dict[str, Any]]:
    ids = {play.reference_id for play in plays}
    named = {
        reference.id: (reference, holder)
        for reference, holder in session.exec(
            select(Reference, Holder)
            .join(Holder, col(Holder.id) == col(Reference.holder_id))
            .where(Reference.tenant_id == row.tenant_id, col(Reference.id).in_(ids))
        )
    }
    return [_entry(row, play, *named.get(play.reference_id, (None, None))) for play in plays]


def _entry(
    row: Stream, play: StreamPlay, reference: Reference | None, holder: Holder | None
) -> dict[str, Any]:
    return {
        "play_id": play.id,
        "reference_id": play.reference_id,
        "title": reference.title if reference else None,
        "isrc": reference.isrc if reference else None,
        "holder": holder.name if holder else None,
        "from": _moment(row, play.start),
        "to": _moment(row, play.end) if play.is_over else None,
        "start": round(play.start, 2),
        "end": round(play.end, 2),
        "reference_start": round(play.reference_start, 2),
        "reference_end": round(play.reference_end, 2),
        "pitch_semitones": round(play.pitch_semitones, 2),
        "tempo_ratio": round(play.tempo_ratio, 4),
        "score": round(play.score, 4),
        "is_over": play.is_over,
        "said_after": play.said_after,
    }


def _moment(row: Stream, at: float) -> str | None:
    """Return when a place of the stream was heard, in UTC."""
    begun = [each for each in row.connections if each["start"] <= at + 1e-3] or row.connections
    if not begun:
        return None
    stretch = begun[-1]
    moment = datetime.fromisoformat(stretch["at"]) + timedelta(seconds=at - stretch["start"])
    return moment.isoformat(timespec="milliseconds")


def _gaps(row: Stream) -> list[dict[str, float]]:
    pairs = zip(row.connections, row.connections[1:], strict=False)
    return [{"start": before["end"], "end": after["start"]} for before, after in pairs]
