"""Spot checks: a random share of what rules clear goes before a person, so that what they let pass is counted.

Drawn are all tracks that rules cleared and that are out, whether or not somebody looks at one for another reason: those are
the likelier errors. Where such a case decides the track first, that is the check's answer. Which tracks are drawn
creators are not told, and a track is out meanwhile. What a reviewer finds has effect as on
any track that is out; how often they found something is the error rate of clearing (`scanner/error_rates.py`).
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session

import appeals
from scanner import case_closing
from scanner.clock import new_id
from scanner.delivery import OUT
from scanner.events import CaseOpened
from scanner.journal import PIPELINE, Event, record
from scanner.tables import Case, PolicyDecision, Track

if TYPE_CHECKING:
    from scanner.service import Service

KIND: Final = "spot_check"


def draw(
    service: "Service", session: Session, track: Track, decision: PolicyDecision, event: Event
) -> None:
    """Ask a person about a locked track that is out, if its decision is among those that are drawn."""
    if decision.decision != "clear" or track.state not in OUT or decision.ruled_by is not None:
        return  # a person's or law's decision shows nothing of rules, and is not looked at once more
    number = service.secrets.share("spot-check", decision.id)
    if number >= service.settings.spot_check_share:
        return
    case = appeals.open_case(
        case_id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        kind=KIND,
        reasons=[],
        now=service.now(),
        decision_id=decision.id,
    )
    case.version = 1
    session.add(case)
    record(
        session,
        tenant_id=case.tenant_id,
        subject=case.id,
        version=1,
        data=CaseOpened(track_id=track.id, kind=KIND, decision_id=decision.id),
        now=service.now(),
        cause=event,
    )


def end(session: Session, track: Track, decision: PolicyDecision, now: datetime) -> None:
    """Close what is drawn of an earlier decision on a locked track: its verdict must not loosen this one."""
    case_closing.close(
        session,
        Case.track_id == track.id,
        Case.kind == KIND,
        Case.decision_id != decision.id,
        reason="the track was decided anew",
        now=now,
        actor=PIPELINE,
    )
