"""Holders with references that are found in tracks, without any audio."""

from dataclasses import asdict, replace
from typing import Any

from sqlmodel import col, select

import fingerprint
from scanner import banks, inline, rulings
from scanner.callers import Caller
from scanner.catalogue import next_epoch
from scanner.clock import new_id
from scanner.journal import Actor, Event
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Claim, Holder, Reference, StatementOfReasons, Track, TrackMatch
from scanner.tracks import locked
from tests import casework, rollouts

WORDS = "It is a free recording that the holder sampled."
ATTESTED = {"name": "Ana Lopez", "text_version": "dispute-1"}


def holder(
    service: Service, caller: Caller, name: str = "Label", *, verified: bool = True
) -> Holder:
    """Put a holder on record."""
    made = Holder(
        id=new_id(),
        tenant_id=caller.tenant_id,
        name=name,
        verified=verified,
        contact_email=f"{name.lower()}@example.org",
        created_at=service.now(),
    )
    with service.database.transaction() as session:
        session.add(made)
    return made


def of(caller: Caller, who: Holder) -> Caller:
    """Return a caller with that holder's key."""
    return replace(caller, actor=Actor(who.id, "rights_holder"), holder_id=who.id)


def reference(
    service: Service, caller: Caller, who: Holder, policy: str = "monetise", title: str = "Song"
) -> Reference:
    """Put an active reference of 180 s on record; it is in no index."""
    now = service.now()
    with service.database.transaction() as session:
        made = Reference(
            id=new_id(),
            tenant_id=caller.tenant_id,
            bank_id=banks.ensured(session, caller.tenant_id, None, now, caller.actor).id,
            holder_id=who.id,
            epoch=next_epoch(session, caller.tenant_id),
            status="active",
            policy=policy,
            title=title,
            duration=180,
            fingerprint_sha256="0" * 64,
            created_at=now,
            updated_at=now,
        )
        session.add(made)
    return made


def analysed(
    service: Service,
    caller: Caller,
    *found: Reference,
    parts: tuple[tuple[float, float], ...] = ((0, 30), (60, 120)),
    score: float = 0.995,
    **columns: Any,
) -> Event:
    """Write down a track of 180 s in which references were found at some seconds."""
    event = rollouts.analysed(service, caller, 180, **columns)
    segments = [fingerprint.Segment(start, end, start, end, score) for start, end in parts]
    covered = sum(end - start for start, end in parts) / 180
    with service.database.transaction() as session:
        session.add_all(
            TrackMatch(
                id=new_id(),
                tenant_id=caller.tenant_id,
                track_id=event.subject,
                analysis_id=event.data["analysis_id"],
                reference_id=each.id,
                kind="recording",
                score=score,
                coverage_query=covered,
                coverage_reference=covered,
                longest_seconds=max(end - start for start, end in parts),
                segments=[asdict(segment) for segment in segments],
            )
            for each in found
        )
    return event


def claimed(
    service: Service, caller: Caller, *found: Reference, **more: Any
) -> tuple[Track, Claim]:
    """Let a track be decided on and claimed; return it with its newest claim."""
    event = analysed(service, caller, *found, **more)
    inline.drive(service, event.subject)
    return casework.track_of(service, event.subject), claims(service, event.subject)[-1]


def claims(service: Service, track_id: str) -> list[Claim]:
    """Return a track's claims, oldest first."""
    with service.database.reading() as session:
        query = select(Claim).where(Claim.track_id == track_id)
        return list(session.exec(query.order_by(col(Claim.id))))


def statements(service: Service, track_id: str) -> list[StatementOfReasons]:
    """Return a track's statements of reasons, oldest first."""
    with service.database.reading() as session:
        query = select(StatementOfReasons).where(StatementOfReasons.track_id == track_id)
        return list(session.exec(query.order_by(col(StatementOfReasons.id))))


def types(service: Service, subject: str) -> list[str]:
    """Return the last words of the types of what happened to something."""
    return [row.type.removeprefix("clearance.") for row in casework.events(service, subject)]


def ruled(service: Service, caller: Caller, track_id: str, outcome: str) -> None:
    """Let a reviewer decide on a track."""
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        ruling = Ruling(outcome, "human.looked", "A person looked.")
        rulings.rule(service, session, track, ruling, Actor("rita", "reviewer"))
    inline.drive(service, track_id)
