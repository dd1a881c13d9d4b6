"""Cases about tracks without audio, and reviewers who take and decide them."""

from datetime import datetime
from typing import Any

import appeals
from scanner import cases, verdicts
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.events import CaseOpened
from scanner.journal import record
from scanner.service import Service
from scanner.tables import Case, TrackMatch
from scanner.verdicts import Verdict
from tests import casework

COPY = Verdict("block", "human.copy-confirmed")
FINE = Verdict("release", "human.nothing-wrong")


def opened(service: Service, caller: Caller, kind: str = "review", **columns: Any) -> Case:
    """Put a case into the queue, as those who open one do."""
    case = appeals.open_case(
        case_id=new_id(),
        tenant_id=caller.tenant_id,
        kind=kind,
        reasons=[{"rule": "copy", "text": "It is a copy.", "legal_basis": ["DSM-17-4"]}],
        now=service.now(),
        **columns,
    )
    case.version = 1
    with service.database.transaction() as session:
        session.add(case)
        record(
            session,
            tenant_id=case.tenant_id,
            subject=case.id,
            version=1,
            data=CaseOpened(track_id=case.track_id, kind=kind),
            now=service.now(),
        )
    return case


def about_track(
    service: Service,
    caller: Caller,
    kind: str = "review",
    legal_due_at: datetime | None = None,
    **columns: Any,
) -> Case:
    """Put a decided track of ten seconds before a person."""
    track = casework.decided_track(service, caller, **columns)
    about = {"track_id": track.id, "decision_id": track.decision_id, "legal_due_at": legal_due_at}
    return opened(service, caller, kind, **about)


def decided(service: Service, who: Caller, case: Case, verdict: Verdict = COPY) -> Case:
    """Take a case and decide it."""
    cases.lease(service, who, case.id)
    return verdicts.decide(service, who, case.id, verdict)


def later(service: Service, **more: float) -> None:
    """Move the clock on, and let everything happen that is due then."""
    from scanner import queues, second_reviews

    casework.later(service, **more)
    queues.take_in(service)
    cases.expire_due(service)
    verdicts.settle_due(service)
    second_reviews.lapse_due(service)


def case_of(service: Service, case: Case) -> Case:
    """Read a case again."""
    with service.database.reading() as session:
        return session.get_one(Case, case.id)


def matched(
    service: Service, case: Case, reference_id: str, score: float = 0.9, count: int = 1
) -> list[str]:
    """Say that references were found in a case's track; return the matches' ids."""
    track = casework.track_of(service, str(case.track_id))
    rows = [
        TrackMatch(
            id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            analysis_id=str(track.analysis_id),
            reference_id=reference_id,
            kind="recording",
            score=score,
            coverage_query=1,
            coverage_reference=1,
            longest_seconds=10,
            segments=[],
        )
        for _ in range(count)
    ]
    with service.database.transaction() as session:
        session.add_all(rows)
    return [row.id for row in rows]
