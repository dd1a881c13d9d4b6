"""The flood guard: a reference that is suddenly found everywhere is taken out until a person looks.

A wrong reference (silence, a loop, a jingle of an encoder) matches thousands of tracks in a day.
How often each reference is found is tallied by the hour, so that asking costs a few hundred rows
whatever the traffic. Copies of one file, and files of exactly the same samples (of other tags, say),
count as one within a month: who sends the same thing a thousand times can't switch off the reference
that is in it. Copies that are trimmed by a sample, or encoded anew, each count, but those of one account
in a day no more often than a tenth of what a flood is at least. Where a platform names no accounts, who makes
so many copies can switch a reference off, until a person has looked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from scanner import quarantine
from scanner.banks import RIGHTS
from scanner.bus.dispatch import once
from scanner.catalogue import next_epoch
from scanner.database import Database
from scanner.journal import PIPELINE, Event
from scanner.reference_states import Status
from scanner.tables import (
    Analysis,
    Bank,
    Reference,
    ReferenceSighting,
    ReferenceTally,
    Submission,
    Track,
    TrackMatch,
)

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "guard"
DAY: Final = timedelta(days=1)
BASELINE_DAYS: Final = 30
ACCOUNTS: Final = 10
"""So many accounts it takes at least for a flood, where they are named."""


def watch(service: "Service", event: Event) -> None:
    """Count what an analysis found, and quarantine what is found far more often than is usual."""
    with once(service, GROUP, event) as session:
        analysis = session.get_one(Analysis, event.data["analysis_id"])
        ids = session.exec(
            select(TrackMatch.reference_id).where(TrackMatch.analysis_id == analysis.id).distinct()
        ).all()
        watched = session.exec(
            select(Reference)
            .join(Bank, col(Bank.id) == col(Reference.bank_id))
            .where(
                col(Reference.id).in_(ids),
                Reference.status == Status.ACTIVE,
                Bank.kind == RIGHTS,  # what is harmless is meant to be found everywhere
            )
            .order_by(col(Reference.id))  # two events lock in the same order
        ).all()
        contents = _contents(session, analysis)
        turns = max(1, service.settings.flood_minimum // ACCOUNTS)
        flooding = [
            (reference.id, matches, baseline)
            for reference in watched
            if _is_new(session, reference.id, analysis.id, contents, event.time)
            and _has_turn(session, reference.id, analysis, event.time, turns)
            for matches, baseline in [_tallied(session, reference, event.time)]
            if matches >= service.settings.flood_minimum
            and matches > service.settings.flood_factor * baseline
        ]
        for reference_id, matches, baseline in flooding:
            epoch = next_epoch(session, event.tenant or "")
            reference = session.get_one(
                Reference, reference_id, with_for_update=True, populate_existing=True
            )
            if reference.status == Status.ACTIVE:
                quarantine.confine_for_flood(
                    session, reference, epoch, matches, baseline, service.now(), PIPELINE
                )


def _contents(session: Session, analysis: Analysis) -> list[str]:
    """Name what was analysed, in order: its bytes, and its samples by the fingerprint that was kept."""
    track = session.get_one(Track, analysis.track_id)
    names = {track.sha256, track.client_fingerprint, analysis.fingerprint_sha256}
    return sorted(name for name in names if name is not None)


def _is_new(
    session: Session, reference_id: str, analysis_id: str, contents: Sequence[str], at: datetime
) -> bool:
    """Note in what an analysis found a reference; tell whether nobody found it in that before."""
    seen = [
        ReferenceSighting(
            reference_id=reference_id, content=content, analysis_id=analysis_id, at=at
        )
        for content in contents
    ]
    Database.insert_if_absent(session, *seen)  # waits for whoever inserts the same just now
    before = select(ReferenceSighting.content).where(
        ReferenceSighting.reference_id == reference_id,
        col(ReferenceSighting.content).in_(contents),
        ReferenceSighting.analysis_id != analysis_id,
    )
    return session.exec(before.limit(1)).first() is None


def _has_turn(
    session: Session, reference_id: str, analysis: Analysis, at: datetime, turns: int
) -> bool:
    """Whether the account that sent a track may count once more for a reference that day; if so, note it."""
    sent = select(Submission.declaration).where(Submission.track_id == analysis.track_id)
    account = (session.exec(sent).first() or {}).get("account")
    if account is None:
        return True
    sender = f"{analysis.tenant_id} {account} {at.date()}"
    slots = [sha256(f"{sender} {turn}".encode()).hexdigest() for turn in range(turns)]
    taken = select(ReferenceSighting.content).where(
        ReferenceSighting.reference_id == reference_id, col(ReferenceSighting.content).in_(slots)
    )
    free = set(slots).difference(session.exec(taken).all())
    if not free:
        return False
    turn = ReferenceSighting(
        reference_id=reference_id, content=min(free), analysis_id=analysis.id, at=at
    )
    Database.insert_if_absent(session, turn)
    return True


def _tallied(session: Session, reference: Reference, at: datetime) -> tuple[int, float]:
    """Count one thing more; return those of the last day, and how many a day are usual."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    new = ReferenceTally(reference_id=reference.id, hour=hour, matches=0)
    Database.insert_if_absent(session, new)
    row = session.get_one(
        ReferenceTally, (reference.id, hour), with_for_update=True, populate_existing=True
    )
    row.matches += 1
    session.flush()
    since = hour - DAY
    before = max(since - BASELINE_DAYS * DAY, reference.created_at)
    days = max((since - before) / DAY, 0.0)
    usual = _sum(session, reference.id, before, since) / days if days >= 1 else 0.0
    return _sum(session, reference.id, since, at), max(usual, reference.accepted_rate)


def _sum(session: Session, reference_id: str, after: datetime, until: datetime) -> int:
    total = session.exec(
        select(func.coalesce(func.sum(ReferenceTally.matches), 0)).where(
            ReferenceTally.reference_id == reference_id,
            col(ReferenceTally.hour) > after,
            col(ReferenceTally.hour) <= until,
        )
    ).one()
    return int(total)


def forget_old(service: "Service") -> None:
    """Drop tallies and sightings that no baseline reaches back to."""
    before = service.now() - (BASELINE_DAYS + 2) * DAY
    with service.database.transaction() as session:
        session.execute(delete(ReferenceTally).where(col(ReferenceTally.hour) < before))
        session.execute(delete(ReferenceSighting).where(col(ReferenceSighting.at) < before))
