"""Cases to which the answer is known, put among the others: nobody who decides them can tell."""

from typing import TYPE_CHECKING

import appeals
from appeals.machines.case import State
from scanner import matters, parties
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import IllegalTransitionError
from scanner.events import CaseOpened
from scanner.journal import record
from scanner.reasons import BadVerdictError
from scanner.tables import Case, GoldenCase
from scanner.verdicts import ALLOWED
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service


def add(service: "Service", caller: Caller, source_id: str, verdict: str) -> Case:
    """Put a closed case before a reviewer once more, to see whether they find what is known.

    Only an appeals officer knows which these are. The verdict on it has no effect.

    Raises
    ------
    IllegalTransitionError
        If the case is not closed, or is about a matter that can't be looked at twice.
    BadVerdictError
        If the known verdict is none for this kind of case.
    """
    officer = parties.senior(caller)
    with service.database.transaction() as session:
        source = matters.find(session, Case, caller.tenant_id, source_id)
        if source.state != State.CLOSED or source.matter_kind is not None:
            raise IllegalTransitionError(
                "only a closed case about a track or reference can be put up once more"
            )
        if verdict not in ALLOWED.get(source.kind, ()):
            known = ", ".join(ALLOWED.get(source.kind, ()))
            raise BadVerdictError(
                Told(
                    "a case of kind %(kind)s is decided by one of %(known)s",
                    kind=source.kind,
                    known=known,
                )
            )
        now = service.now()
        case = appeals.open_case(
            case_id=new_id(),
            tenant_id=source.tenant_id,
            kind=source.kind,
            reasons=source.reasons,
            now=now,
            decision_id=source.decision_id,
            right=source.right,
            language=source.language,
            deciders=source.deciders,
        )
        case.version = 1
        golden = GoldenCase(
            case_id=case.id,
            tenant_id=source.tenant_id,
            source_id=source.id,
            track_id=source.track_id,
            reference_id=source.reference_id,
            verdict=verdict,
            created_by=officer.id,
            created_at=now,
        )
        session.add_all([case, golden])
        session.flush()
        record(
            session,
            tenant_id=case.tenant_id,
            subject=case.id,
            version=1,
            data=CaseOpened(kind=case.kind),
            now=now,
            actor=matters.actor_of(officer),
        )
        return case
