"""What a worker does now and then, beside handling events. Each chore may run in many workers."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import and_, delete
from sqlmodel import Session, col, select

import appeals
from scanner import (
    ages,
    appointments,
    audit_walks,
    backtest_runs,
    cases,
    catalogue_imports,
    checkpoints,
    consents,
    database_push,
    deadlines,
    dmca_agent,
    drift,
    flood,
    left_copies,
    licensees,
    previews,
    queues,
    reference_checks,
    rehearsals,
    remade_files,
    sanctions,
    second_reviews,
    setbacks,
    stay_down,
    take_invitations,
    temporary,
    upkeep,
    verdicts,
    webhooks,
)
from scanner.bus import dead_letter_ends, dead_letters
from scanner.clock import new_id
from scanner.metrics import count_what_waits
from scanner.openings import enqueue
from scanner.privacy import sweeper
from scanner.streams import records as stream_records
from scanner.tables import Case, DeadLetter, IdempotencyKey, Track

if TYPE_CHECKING:
    from scanner.service import Service

FOREIGN_KEPT: Final = timedelta(days=30)
FOREIGN_CAP: Final = 10_000
UPLOAD_SECONDS: Final = 24 * 3600.0
"""Age from which what an upload left half-written is swept."""
SLOW_EVERY: Final = 60

log = structlog.get_logger()


class Chores:
    """One worker's rounds, about one a second."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._rounds = 0

    def run_due(self) -> None:
        """Do what is due now."""
        service = self._service
        due: list[Callable[[], object]] = [
            lambda: count_what_waits(service),
            lambda: upkeep.wake_due(service),
            lambda: reference_checks.finish_checks(service),
            lambda: licensees.revoke_due(service),
            lambda: ages.purge_expired(service),
            lambda: consents.expire_due(service),
            lambda: take_invitations.expire_due(service),
            lambda: deadlines.tick(service),
            lambda: sanctions.expire_due(service),
            lambda: database_push.send_due(service),
            lambda: queues.take_in(service),
            lambda: cases.expire_due(service),
            lambda: verdicts.settle_due(service),
            lambda: second_reviews.lapse_due(service),
            lambda: backtest_runs.work(service),
            lambda: catalogue_imports.run_due(service),
            lambda: audit_walks.work(service),
            lambda: previews.end_lost(service),
        ]
        if self._rounds % SLOW_EVERY == 0:
            due += [
                lambda: open_overdue_cases(service),
                lambda: expire_foreign(service),
                lambda: dead_letter_ends.drop_old(service),
                lambda: flood.forget_old(service),
                lambda: rehearsals.forget_old(service),
                lambda: drift.judge_due(service),
                lambda: expire_idempotency_keys(service),
                lambda: setbacks.forget_old(service),
                lambda: appointments.watch(service),
                lambda: webhooks.forget_settled(service),
                lambda: service.store.sweep(UPLOAD_SECONDS, service.now()),
                lambda: temporary.sweep(service.settings.temporary_folder, service.now()),
                lambda: sweeper.sweep(service),
                lambda: dmca_agent.watch(service),
                lambda: stay_down.find_more(service),
                lambda: left_copies.tell_due(service),
                lambda: checkpoints.write_due(service),
                lambda: stream_records.lapse(service),
                lambda: remade_files.make_due(service),
            ]
        self._rounds += 1
        for chore in due:
            try:
                chore()
            except Exception:  # one that fails must not keep the others from their turn
                log.exception("chore_failed")


def open_overdue_cases(service: "Service") -> int:
    """Put dead letters of known tenants that nobody replayed before a person."""
    now = service.now()
    with service.database.transaction() as session:
        overdue = session.exec(
            select(DeadLetter)
            .where(DeadLetter.state == "dead", col(DeadLetter.case_due_at) <= now)
            .with_for_update()
        ).all()
        for letter in overdue:
            letter.case_due_at = None
            track = _track_of(session, letter)
            if track is None or letter.tenant_id is None or _has_open_case(session, track.id):
                continue
            enqueue(
                session,
                appeals.open_case(
                    case_id=new_id(),
                    tenant_id=letter.tenant_id,
                    track_id=track.id,
                    kind="dead_letter",
                    reasons=[{"rule": "dead-letter", "text": f"{letter.error}: {letter.detail}"}],
                    now=now,
                ),
            )
        return len(overdue)


def _track_of(session: Session, letter: DeadLetter) -> Track | None:
    """The track that a letter is about, itself or by its case."""
    if letter.subject is None:
        return None
    case = session.get(Case, letter.subject)
    track_id = case.track_id if case is not None else letter.subject
    return session.get(Track, track_id) if track_id is not None else None


def _has_open_case(session: Session, track_id: str) -> bool:
    """Tell whether a person looks at the track anyway; giving up on its stage opened a case."""
    query = select(Case.id).where(Case.track_id == track_id, col(Case.closed_at).is_(None))
    return session.exec(query.limit(1)).first() is not None


def expire_foreign(service: "Service") -> None:
    """Drop messages of nobody known: old ones, and the oldest beyond the cap."""
    with service.database.transaction() as session:
        nobodys = and_(
            col(DeadLetter.tenant_id).is_(None), col(DeadLetter.group) == dead_letters.FOREIGN
        )
        session.execute(
            delete(DeadLetter).where(
                nobodys, col(DeadLetter.created_at) < service.now() - FOREIGN_KEPT
            )
        )
        beyond = (
            select(DeadLetter.id)
            .where(nobodys)
            .order_by(col(DeadLetter.id).desc())
            .offset(FOREIGN_CAP)
        )
        session.execute(delete(DeadLetter).where(col(DeadLetter.id).in_(beyond)))


def expire_idempotency_keys(service: "Service") -> None:
    """Forget answers that were kept for their time; a replay after that is a new request."""
    before = service.now() - timedelta(days=service.settings.idempotency_days)
    with service.database.transaction() as session:
        session.execute(delete(IdempotencyKey).where(col(IdempotencyKey.created_at) < before))
