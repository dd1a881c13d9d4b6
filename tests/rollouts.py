"""Packs for rollouts, the people who move them, and tracks that were analysed without any audio."""

from dataclasses import replace
from typing import Any

from sqlmodel import select

from scanner import pipeline, policies, rehearsals
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.events import TrackAnalysed
from scanner.journal import Actor, Event, event_of, record
from scanner.service import Service
from scanner.tables import (
    Analysis,
    JournalRow,
    PolicyActivation,
    PolicyDecision,
    PolicyPack,
    PolicyRollout,
    Submission,
    Track,
)

FOUND = {"fingerprint": "ok", "embedding": "ok", "composition": "ok", "provenance": "ok"}


def pack_text(seconds: float = 30, name: str = "patient") -> str:
    """A pack that clears all but tracks of more than so many seconds."""
    return f"""\
name: {name}
description: Long tracks go to a person.
thresholds: {{longest: {seconds}}}
rules:
  - id: long-track
    title: Long track
    when: duration > thresholds.longest
    outcome: review
    statement: "It lasts {{duration:seconds}}. A person will look at it."
tests:
  - name: a long track goes to a person
    facts: {{duration: {seconds + 1}, detectors: {{fingerprint: ok}}}}
    expect: {{decision: review, fired: [long-track]}}
  - name: a short one is clear
    facts: {{duration: 1, detectors: {{fingerprint: ok}}}}
    expect: {{decision: clear}}
"""


def another(caller: Caller, name: str = "second") -> Caller:
    """Another identity of the same platform."""
    return replace(caller, actor=Actor(name, "policy_lead"))


def approved(service: Service, caller: Caller, text: str | None = None) -> PolicyPack:
    """Bring a pack through proposal and approval, by two identities."""
    pack = policies.add(service, caller, text or pack_text())
    pack = policies.propose(service, caller, pack)
    return policies.approve(service, another(caller), pack)


def analysed(service: Service, caller: Caller, duration: float = 10, **columns: Any) -> Event:
    """Write down a track and what its analysis found: no match, so many seconds.

    ``columns`` are further ones of the track, such as its account.
    """
    now, track_id, analysis_id = service.now(), new_id(), new_id()
    track = Track(
        id=track_id,
        tenant_id=caller.tenant_id,
        state="analysing",
        version=1,
        analysis_id=analysis_id,
        duration=duration,
        created_at=now,
        updated_at=now,
        **columns,
    )
    submission = Submission(
        id=new_id(),
        tenant_id=caller.tenant_id,
        track_id=track_id,
        entrance="api",
        declaration=Declaration.parse({}).to_json(),
        created_at=now,
    )
    analysis = Analysis(
        id=analysis_id,
        tenant_id=caller.tenant_id,
        track_id=track_id,
        detectors=FOUND,
        versions={},
        audio={},
        warnings=[],
        seconds={},
        started_at=now,
        ended_at=now,
    )
    with service.database.transaction() as session:
        session.add(track)
        session.flush()
        session.add_all([submission, analysis])
        return record(
            session,
            tenant_id=caller.tenant_id,
            subject=track_id,
            version=1,
            data=TrackAnalysed(
                analysis_id=analysis_id, sha256=None, detectors=FOUND, index_version=None, matches=0
            ),
            now=now,
        )


def decided(service: Service, caller: Caller, duration: float = 10) -> PolicyDecision:
    """Let the pack in force decide a track, and everything that follows be counted."""
    event = analysed(service, caller, duration)
    pipeline.decide(service, event)
    with service.database.reading() as session:
        row = session.exec(
            select(JournalRow).where(
                JournalRow.subject == event.subject, JournalRow.type == "clearance.track.decided"
            )
        ).one()
        decision = session.get_one(PolicyDecision, row.data["decision_id"])
    rehearsals.watch(service, event_of(row))
    return decision


def state_of(service: Service, pack: PolicyPack) -> str:
    with service.database.reading() as session:
        return session.get_one(PolicyPack, pack.id).state


def running(service: Service, caller: Caller) -> tuple[PolicyActivation, PolicyActivation | None]:
    """The activation in force, and the candidate's."""
    with service.database.reading() as session:
        rollout = session.get_one(PolicyRollout, caller.tenant_id)
        candidate = rollout.candidate_id
        return (
            session.get_one(PolicyActivation, rollout.active_id),
            session.get_one(PolicyActivation, candidate) if candidate else None,
        )


def journal(service: Service, type_: str) -> list[JournalRow]:
    with service.database.reading() as session:
        query = select(JournalRow).where(JournalRow.type == type_)
        return list(session.exec(query.order_by(JournalRow.id)))
