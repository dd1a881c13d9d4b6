"""Which cases a reviewer listened to: one verdict for several needs a sample that was heard.

A person says so of each case, while they hold it; it is on record, and in the journal. After a day it counts no more.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

import appeals
from appeals.machines.case import State
from scanner import cases, matters, parties
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.journal import Actor, record
from scanner.matter_events import CaseHeard
from scanner.reasons import BadVerdictError
from scanner.tables import Case, CaseHearing
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

FRESH: Final = timedelta(days=1)
"""How long a case that was listened to counts as heard."""
SAMPLE: Final = 5
"""So many of the cases that are decided at once are heard; all, where there are fewer."""


def hear(service: "Service", caller: Caller, case_id: str) -> CaseHearing:
    """Note that a reviewer listened to a case that they hold; a repeat within a day changes nothing.

    Raises
    ------
    appeals.IllegalTransitionError
        If they don't hold it.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        now = service.now()
        late = case.due_at is None or case.due_at <= now
        if case.state != State.LEASED or case.holder != actor.id or late:
            raise appeals.IllegalTransitionError("hold the case first: lease it")
        cases.touch(service, session, case, actor)
        own = (CaseHearing.case_id == case.id, CaseHearing.user_id == actor.id)
        known = session.exec(select(CaseHearing).where(*own)).first()
        if known is not None and known.heard_at > now - FRESH:
            return known
        row = known or CaseHearing(
            id=new_id(), case_id=case.id, user_id=actor.id, tenant_id=case.tenant_id, heard_at=now
        )
        row.heard_at = now
        session.add(row)
        case.version += 1
        record(
            session,
            tenant_id=case.tenant_id,
            subject=case.id,
            version=case.version,
            data=CaseHeard(track_id=case.track_id),
            now=now,
            actor=Actor(actor.id, actor.role.value),
        )
        return row


def heard(session: Session, caller: Caller, case_ids: Collection[str], now: datetime) -> set[str]:
    """Return which of these cases a reviewer listened to lately."""
    query = select(CaseHearing.case_id).where(
        CaseHearing.tenant_id == caller.tenant_id,
        CaseHearing.user_id == caller.user_id,
        col(CaseHearing.heard_at) > now - FRESH,
        col(CaseHearing.case_id).in_(case_ids),
    )
    return set(session.exec(query))


def required(case_ids: Sequence[str]) -> int:
    """Return how many of these cases are heard before one verdict decides them all."""
    return min(SAMPLE, len(set(case_ids)))


def check(session: Session, caller: Caller, case_ids: Sequence[str], now: datetime) -> None:
    """Raise ``BadVerdictError`` unless a sample of these cases was heard."""
    left = required(case_ids) - len(heard(session, caller, case_ids, now))
    if left > 0:
        raise BadVerdictError(
            Told(
                "listen to %(left)s more of these %(case_ids)s cases first, and say of "
                "each that you did: one verdict for several needs a sample that was heard",
                left=left,
                case_ids=len(set(case_ids)),
            )
        )
