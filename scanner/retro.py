"""Retro-matching: stored tracks are compared with references that came later.

When a reference becomes active it is *due*. A sweep takes what is due of one tenant as a batch and
walks over the tenant's tracks in chunks, one event a chunk, with the fingerprints that their
analyses kept: nothing is decoded again, and the walk costs the same for one reference as for a
thousand; but for fingerprints of networks that an upgrade replaced (`scanner/stored_prints.py`).

No clock decides what is compared. An analysis says which change of the catalogue its index held, and
what it did not hold is looked for by one of two: by the event *analysed* of the track itself, which
sees every reference that was there before it is handled; or by a sweep, which begins after its
references came and sees every analysis that was there before it began. One of them comes second.

What is found is recorded, and where the policy pack would now be stricter than it was, a case asks
a person. The track's state stays: only people tighten what was decided.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import ColumnElement, String, cast, or_
from sqlmodel import Session, col, select

import fingerprint
from scanner import banks, retro_cases, stored_prints
from scanner.bus.dispatch import once
from scanner.catalogue import MATCHES, standing_epoch
from scanner.clock import new_id
from scanner.database import Database
from scanner.harmless import explanations
from scanner.journal import Event, record
from scanner.reference_events import BankChanged, RetroAdvanced, RetroEnded, RetroStarted
from scanner.reference_states import Status
from scanner.retro_cases import Found, Stored
from scanner.tables import Analysis, Bank, Reference, RetroDue, RetroSweep, Track, TrackMatch
from scanner.track_facts import match_of, stem_of
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "retro"
BATCH: Final = 500
"""References of one sweep: their index is made anew by each worker that takes a chunk."""
WIDENING: Final = frozenset({"bank", "enabled", "rollout", "fingerprint"})
"""Changes by which a reference may be found in tracks that it was not looked for, or not found, in."""

log = structlog.get_logger()


def begin(service: "Service", event: Event) -> None:
    """Note a reference that became active, and start a sweep unless one is under way."""
    with once(service, GROUP, event) as session:
        tenant_id = event.tenant or ""
        changed = event.data.get("changed", WIDENING)
        if service.settings.retro_days == 0 or WIDENING.isdisjoint(changed):
            return
        standing_epoch(session, tenant_id)  # one at a time decides whether a sweep is open
        of_bank = event.type == BankChanged.type
        subject = col(Reference.bank_id) if of_bank else col(Reference.id)
        _make_due(session, tenant_id, subject == event.subject)
        _start(service, session, tenant_id, event)


def advance(service: "Service", event: Event) -> None:
    """Compare the next chunk of a sweep's tracks."""
    with service.database.reading() as session:
        sweep = session.get_one(RetroSweep, event.subject)
        chunk = _chunk(service, session, sweep) if sweep.ended_at is None else []
    found = []
    chunk = stored_prints.up_to_date(service, chunk)
    if chunk:
        with service.retro_indexes.of_sweep(sweep) as index:
            found = [(stored, _found(service, index, stored)) for stored in chunk]
    with once(service, GROUP, event) as session:
        standing_epoch(session, sweep.tenant_id)  # as whoever starts a sweep does
        sweep = session.get_one(RetroSweep, event.subject, with_for_update=True)
        if sweep.ended_at is not None:
            return
        sweep.compared += len(chunk)
        sweep.found += sum(
            retro_cases.note(service, session, stored, new, event, sweep_id=sweep.id)
            for stored, new in found
            if new
        )
        if chunk:
            sweep.cursor = chunk[-1].track_id
            _record(service, session, sweep, RetroAdvanced, event)
        else:
            _end(service, session, sweep, event)
    if not chunk:
        service.retro_indexes.forget(sweep.id)


def give_up(service: "Service", event: Event, why: str) -> None:
    """End a sweep whose event is dead, so that what comes after it is still compared."""
    log.error("retro_given_up", sweep=event.subject, detail=why)
    with service.database.transaction() as session:
        standing_epoch(session, event.tenant or "")
        sweep = session.get(RetroSweep, event.subject, with_for_update=True)
        if sweep is not None and sweep.ended_at is None:
            _end(service, session, sweep, event)
    service.retro_indexes.forget(event.subject)


def replay(service: "Service", event: Event) -> None:
    """Compare the stored tracks again with what a sweep that was given up looked for.

    It walks from the beginning; what was found before is not recorded twice.
    """
    tenant_id = event.tenant or ""
    with service.database.transaction() as session:
        standing_epoch(session, tenant_id)
        sweep = session.get_one(RetroSweep, event.subject)
        _make_due(session, tenant_id, col(Reference.id).in_(sweep.reference_ids))
        _start(service, session, tenant_id, event)


def catch_up(service: "Service", event: Event) -> None:
    """Compare a track with what became active while it was analysed: no sweep may see it."""
    with service.database.reading() as session:
        analysis = session.get(Analysis, event.data["analysis_id"])
        stored = Stored.of(analysis) if analysis is not None else None
        newer = _newer(service, session, stored) if stored is not None else []
    found: list[Found] = []
    if stored is not None and newer:
        (stored,) = stored_prints.up_to_date(service, [stored])
        with service.retro_indexes.of(stored.tenant_id, newer) as index:
            found = _found(service, index, stored)
    with once(service, GROUP, event) as session:
        if stored is not None and found:
            retro_cases.note(service, session, stored, found, event)


def _make_due(session: Session, tenant_id: str, which: ColumnElement[bool]) -> None:
    """Note which of some references can be found and are claimed."""
    due = (
        select(Reference.id)
        .join(Bank, col(Bank.id) == col(Reference.bank_id))
        .where(
            Reference.tenant_id == tenant_id,
            Reference.status == Status.ACTIVE,
            Bank.kind == banks.RIGHTS,
            col(Bank.enabled),
            which,
        )
    )
    ids = session.exec(due).all()
    Database.insert_if_absent(
        session, *(RetroDue(reference_id=each, tenant_id=tenant_id) for each in ids)
    )
    session.flush()


def _start(service: "Service", session: Session, tenant_id: str, event: Event) -> None:
    """Open a sweep for what is due; the catalogue's epoch is locked."""
    open_ = select(RetroSweep.id).where(
        RetroSweep.tenant_id == tenant_id, col(RetroSweep.ended_at).is_(None)
    )
    if session.exec(open_.limit(1)).first() is not None:
        return
    due = session.exec(
        select(RetroDue)
        .where(RetroDue.tenant_id == tenant_id)
        .order_by(col(RetroDue.reference_id))
        .limit(BATCH)
    ).all()
    if not due:
        return
    now = service.now()
    sweep = RetroSweep(
        id=new_id(),
        tenant_id=tenant_id,
        version=1,
        reference_ids=[each.reference_id for each in due],
        epoch=standing_epoch(session, tenant_id),
        last_track_id=_last_track_id(session, tenant_id),
        started_at=now,
    )
    session.add(sweep)
    for each in due:
        session.delete(each)
    session.flush()
    record(
        session,
        tenant_id=tenant_id,
        subject=sweep.id,
        version=1,
        data=RetroStarted(references=len(due)),
        now=now,
        cause=event,
    )


def _last_track_id(session: Session, tenant_id: str) -> str:
    last = select(Track.id).where(Track.tenant_id == tenant_id).order_by(col(Track.id).desc())
    return session.exec(last.limit(1)).first() or ""


def _end(service: "Service", session: Session, sweep: RetroSweep, event: Event) -> None:
    """End a sweep and begin with what became due meanwhile."""
    sweep.ended_at = service.now()
    _record(service, session, sweep, RetroEnded, event)
    session.flush()
    _start(service, session, sweep.tenant_id, event)


def _record(
    service: "Service",
    session: Session,
    sweep: RetroSweep,
    what: type[RetroAdvanced] | type[RetroEnded],
    event: Event,
) -> None:
    sweep.version += 1
    record(
        session,
        tenant_id=sweep.tenant_id,
        subject=sweep.id,
        version=sweep.version,
        data=what(compared=sweep.compared, found=sweep.found),
        now=service.now(),
        cause=event,
    )


def _newer(service: "Service", session: Session, stored: Stored) -> Sequence[str]:
    if service.settings.retro_days == 0:
        return []
    return session.exec(
        select(Reference.id)
        .join(Bank, col(Bank.id) == col(Reference.bank_id))
        .where(
            Reference.tenant_id == stored.tenant_id,
            or_(
                col(Reference.epoch) > stored.index_epoch,
                col(Reference.bank_id).in_(stored.banks_left_out),
            ),
            Reference.status == Status.ACTIVE,
            Bank.kind == banks.RIGHTS,
            col(Bank.enabled),
        )
    ).all()


def _chunk(service: "Service", session: Session, sweep: RetroSweep) -> list[Stored]:
    """The next tracks by id whose analysis did not look for all that the sweep looks for.

    What has no analysis yet, or comes after the last track, compares itself (:func:`catch_up`).
    """
    since = sweep.started_at - timedelta(days=service.settings.retro_days)
    own_banks = session.exec(
        select(Reference.bank_id).where(col(Reference.id).in_(sweep.reference_ids)).distinct()
    ).all()
    left_out = cast(Analysis.banks_left_out, String)  # a JSON array of ids
    rows = session.exec(
        select(Analysis)
        .join(Track, col(Analysis.id) == col(Track.analysis_id))
        .where(
            Track.tenant_id == sweep.tenant_id,
            Track.id > sweep.cursor,
            Track.id <= sweep.last_track_id,
            Track.created_at >= since,
            Track.state != State.WITHDRAWN,
            or_(
                col(Analysis.index_epoch) < sweep.epoch,
                *(left_out.contains(bank_id) for bank_id in own_banks),
            ),
            col(Analysis.fingerprint_sha256).is_not(None),
            col(Analysis.index_epoch).is_not(None),
        )
        .order_by(col(Track.id))
        .limit(service.settings.retro_chunk)
    )
    return [stored for row in rows if (stored := Stored.of(row)) is not None]


def _found(service: "Service", index: fingerprint.SegmentIndex, stored: Stored) -> list[Found]:
    """What of the index is in a track, without what its analysis had looked for."""
    print_ = stored_prints.read(service, stored)
    matches = index.search(print_, limit=MATCHES) if print_ is not None else []
    if print_ is None or not matches:
        return []
    with service.database.reading() as session:
        left_out = banks.left_out(session, stored.tenant_id, stored.track_id)
        new = session.exec(
            select(Reference.id).where(
                col(Reference.id).in_([match.reference_id for match in matches]),
                Reference.status == Status.ACTIVE,
                col(Reference.bank_id).not_in(left_out),
                or_(
                    col(Reference.epoch) > stored.index_epoch,
                    col(Reference.bank_id).in_(stored.banks_left_out),
                ),
            )
        ).all()
        rows = session.exec(
            select(TrackMatch).where(TrackMatch.analysis_id == stored.analysis_id)
        ).all()
    new_matches = [match for match in matches if match.reference_id in set(new)]
    before = [match_of(row) for row in rows if stem_of(row) is None]
    explained = (
        explanations(service, stored.tenant_id, print_, [*before, *new_matches])
        if new_matches
        else {}
    )
    return [Found(match, explained.get(match.reference_id)) for match in new_matches]
