"""Notices that were acted on or refused, the appeals about them, and the strikes that follow."""

from dataclasses import replace

from sqlmodel import select

from scanner import appeal_outcomes, appealing, inline
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.service import Service
from scanner.tables import Appeal, Notice, Strike
from tests import noticed

(STRIKES,) = (each for each in GROUPS if each.name == "strikes")
AGE = {"kind": "age", "min_age": 16}


def actioned(
    service: Service, caller: Caller, *track_ids: str, form: str = "dmca", remedy: str | None = None
) -> Notice:
    """A notice that was acted on, with its strikes."""
    notice = noticed.sent(service, caller, *track_ids, form=form)
    noticed.decided(service, notice.id, replace(noticed.ACTION, remedy=remedy))
    inline.drive_group(service, STRIKES, caller.tenant_id)
    return notice


def refused(service: Service, caller: Caller, track_id: str, form: str = "dmca") -> Notice:
    notice = noticed.sent(service, caller, track_id, form=form)
    noticed.decided(service, notice.id, noticed.REFUSE)
    return notice


def assigned(
    service: Service, caller: Caller, officer: Caller, subject_id: str, kind: str = "track"
) -> Appeal:
    row = appealing.file(service, caller, AppealAsked(kind, subject_id, "No."))
    return appealing.assign(service, officer, row.id)


def decide(service: Service, officer: Caller, row: Appeal, decided: AppealDecision) -> None:
    appeal_outcomes.decide(service, officer, row.id, decided)
    if row.track_id is not None:
        inline.drive(service, row.track_id)


def strikes(service: Service) -> dict[str, tuple[str, str | None]]:
    """State and track of each strike, by the notice that it was given for."""
    with service.database.reading() as session:
        return {row.ground_id: (row.state, row.track_id) for row in session.exec(select(Strike))}
