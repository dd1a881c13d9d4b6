"""What people found out about matches, and how right a reference's matches have been so far."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, col, func, select

from scanner.reasons import DISPOSITIONS, BadVerdictError
from scanner.tables import Analysis, Case, RetroMatch, Track, TrackMatch
from scanner.wording import Told

LIKELY: Final = 0.5
"""Least score of a match that a verdict speaks of unless it names it."""
WINDOW: Final = timedelta(days=90)
"""How far back a reference's precision looks."""


def matches_of(
    session: Session, case: Case, track: Track, *, lock: bool = False
) -> list[TrackMatch] | list[RetroMatch]:
    """Return the matches that a case is about: those of the analysis, or those found later."""
    later = case.kind == "retro_match"
    table: Any = RetroMatch if later else TrackMatch
    about = (
        RetroMatch.track_id == track.id if later else TrackMatch.analysis_id == track.analysis_id
    )
    query = select(table).where(about).order_by(table.id)
    return list(session.exec(query.with_for_update() if lock else query))


def check(session: Session, case: Case, track: Track | None, wanted: Mapping[str, str]) -> None:
    """Raise ``BadVerdictError`` unless these are matches of the case, with what they can be."""
    if unknown := sorted(set(wanted.values()) - set(DISPOSITIONS)):
        raise BadVerdictError(
            Told(
                "a match is %(dispositions)s; not %(unknown)s",
                dispositions=", ".join(DISPOSITIONS),
                unknown=", ".join(unknown),
            )
        )
    known = {each.id for each in matches_of(session, case, track)} if track is not None else set()
    if foreign := sorted(set(wanted) - known):
        raise BadVerdictError(
            Told("no match of this case: %(foreign)s", foreign=", ".join(foreign))
        )


def record(
    session: Session, case: Case, track: Track, named: Mapping[str, str], others: str | None
) -> None:
    """Write down what a verdict says of matches.

    Parameters
    ----------
    named : mapping of match id to disposition
    others : str, optional
        What all other likely matches are.
    """
    for match in matches_of(session, case, track, lock=True):
        found = named.get(match.id) or (others if match.score >= LIKELY else None)
        if found is not None:
            match.disposition = found


def precision(
    session: Session, tenant_id: str, reference_ids: Collection[str], now: datetime
) -> dict[str, tuple[float, int]]:
    """Return, for references of which matches were decided, the share that was right and how many.

    A match that is licensed was right: it is what it was taken for. Matches of the last 90 days count.
    """
    since = now - WINDOW
    decided: dict[str, dict[str, int]] = {}
    tables: list[tuple[Any, Any]] = [
        (
            TrackMatch,
            select(TrackMatch.reference_id, TrackMatch.disposition, func.count())
            .join(Analysis, col(Analysis.id) == col(TrackMatch.analysis_id))
            .where(col(Analysis.ended_at) > since),
        ),
        (
            RetroMatch,
            select(RetroMatch.reference_id, RetroMatch.disposition, func.count()).where(
                col(RetroMatch.created_at) > since
            ),
        ),
    ]
    for table, query in tables:
        counted = query.where(
            table.tenant_id == tenant_id,
            col(table.reference_id).in_(set(reference_ids)),
            col(table.disposition).in_(DISPOSITIONS),
        ).group_by(table.reference_id, table.disposition)
        for reference_id, disposition, count in session.exec(counted):
            counts = decided.setdefault(reference_id, {})
            counts[disposition] = counts.get(disposition, 0) + count
    return {
        reference_id: (1 - counts.get("false", 0) / total, total)
        for reference_id, counts in decided.items()
        if (total := sum(counts.values()))
    }
