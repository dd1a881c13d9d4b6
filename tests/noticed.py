"""Notices and counter-notices that lack nothing, and what becomes of them."""

from datetime import UTC, datetime
from typing import Any

from sqlmodel import select

import appeals
from appeals import Role
from scanner import inline, notice_verdicts, notices
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.notice_tracks import of_notice
from scanner.notice_verdicts import NoticeVerdict
from scanner.notices import Filing
from scanner.service import Service
from scanner.tables import Bank, Case, Holder, Notice, NoticeTrack, Reference, TrackMatch
from tests import rollouts

MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)
DMCA = {
    "signature": "Ada Author",
    "work": "The song “Blue Door”",
    "email": "ada@example.org",
    "good_faith": "good-faith-1",
    "accuracy": "accuracy-1",
}
LIKENESS = {
    "person": "Ada Author",
    "reason": "It is my voice, and I agreed to nothing.",
    "name": "Ada Author, herself",
    "email": "ada@example.org",
    "good_faith": "dsa-good-faith-1",
}
COUNTER = {
    "signature": "Cleo Creator",
    "mistake": "mistake-1",
    "name": "Cleo Creator",
    "address": "1 Main Street, Springfield",
    "phone": "+1 212 555 0123",
    "email": "cleo@example.org",
    "jurisdiction": "jurisdiction-1",
}
SEGMENT = {
    "query_start": 0.0,
    "query_end": 9.0,
    "reference_start": 30.0,
    "reference_end": 39.0,
    "score": 0.9,
}
RITA = appeals.Actor(Role.REVIEWER, "rita")
BLOCK = NoticeVerdict("block", "copy", "It is a copy of the song.")
ACTION = NoticeVerdict("action", "copy", "It is a copy of the song.")
REFUSE = NoticeVerdict("refuse", "licensed", "The uploader has a licence.")


def sent(service: Service, caller: Caller, *places: str, form: str = "dmca", **more: Any) -> Notice:
    """Send a notice about tracks."""
    elements = {"dmca": DMCA, "likeness": LIKENESS}[form] | {"location": list(places)}
    return notices.file(service, caller, Filing(form, elements, **more))


def decided(service: Service, notice_id: str, verdict: NoticeVerdict = ACTION) -> list[NoticeTrack]:
    """Decide in the case of a notice, let it take effect, and return the notice's tracks."""
    with service.database.transaction() as session:
        query = select(Case).where(Case.matter_id == notice_id, Case.kind == "notice")
        notice_verdicts.apply(service, session, session.exec(query).one(), verdict, RITA)
    rows = tracks_of(service, notice_id)
    for row in rows:
        if row.state == "actioned":
            inline.drive(service, row.track_id)
    return tracks_of(service, notice_id)


def tracks_of(service: Service, notice_id: str) -> list[NoticeTrack]:
    """Read the tracks of a notice."""
    with service.database.reading() as session:
        return of_notice(session, notice_id)


def read(service: Service, notice_id: str) -> Notice:
    """Read a notice."""
    with service.database.reading() as session:
        return session.get_one(Notice, notice_id)


def cases(service: Service, kind: str) -> list[Case]:
    """Every case of a kind, in order."""
    with service.database.reading() as session:
        return list(session.exec(select(Case).where(Case.kind == kind).order_by(Case.id)))


def referenced(service: Service, caller: Caller) -> str:
    """A work in the catalogue, without any audio."""
    now = service.now()
    bank = Bank(
        id=new_id(),
        tenant_id=caller.tenant_id,
        name="works",
        kind="rights",
        created_at=now,
        updated_at=now,
    )
    holder = Holder(
        id=new_id(), tenant_id=caller.tenant_id, name="label", named=True, created_at=now
    )
    work = Reference(
        id=new_id(),
        tenant_id=caller.tenant_id,
        bank_id=bank.id,
        holder_id=holder.id,
        epoch=1,
        status="active",
        policy="track",
        title="Blue Door",
        isrc="USRC17607839",
        duration=200,
        fingerprint_sha256="0" * 64,
        created_at=now,
        updated_at=now,
    )
    with service.database.transaction() as session:
        session.add_all([bank, holder])
        session.flush()
        session.add(work)
    return work.id


def analysed_copy(service: Service, caller: Caller, reference_id: str) -> str:
    """A new track in which the work is found, brought to its end."""
    event = rollouts.analysed(service, caller)
    match = TrackMatch(
        id=new_id(),
        tenant_id=caller.tenant_id,
        track_id=event.subject,
        analysis_id=event.data["analysis_id"],
        reference_id=reference_id,
        kind="recording",
        score=0.9,
        coverage_query=0.9,
        coverage_reference=0.9,
        longest_seconds=9,
        segments=[SEGMENT],
    )
    with service.database.transaction() as session:
        session.add(match)
    inline.drive(service, event.subject)
    return event.subject
