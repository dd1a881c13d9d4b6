"""What a decision does to a track: released, conditioned, quarantined or blocked, and why."""

from typing import TYPE_CHECKING, Final

import structlog
from sqlmodel import Session

import appeals
import policy
from scanner import (
    analysis,
    delivery,
    events,
    generation_engines,
    spot_checks,
    statements,
    watermark_keys,
)
from scanner.audio import AudioError
from scanner.certificates import CertificateError
from scanner.clock import new_id
from scanner.errors import TransientError
from scanner.journal import Event, record
from scanner.judgements import decision_row, facts_about
from scanner.manifests import UnverifiableError
from scanner.metrics import MANIFESTS, MARKS_FAILED
from scanner.provenance import UnsignedFileError
from scanner.tables import Analysis, PolicyDecision, Track
from scanner.track_states import EFFECT_OF, GENERATED, Command, State
from scanner.tracks import move
from watermark.provenance import ProvenanceError

if TYPE_CHECKING:
    from scanner.service import Service

log = structlog.get_logger()


ENGINE: Final = "engine"
_UNFIT: Final = {
    "watermark": ("watermarks", "core.mark-not-read-back", "mark-unreadable"),
    "provenance": ("provenance", "core.manifest-not-read-back", "manifest-unreadable"),
    ENGINE: ("provenance", "core.engine-disabled", "engine-disabled"),
}
"""By detector: the fact that is unknown, the rule and the problem where a file must not go out."""


def unfit(service: "Service", event: Event) -> tuple[str, str] | None:
    """Make the file that a generated track is released as.

    Returns
    -------
    str, str or None
        What is wrong with it, if anything: the detector that failed on it, and why.

    Raises
    ------
    TransientError, StoreError
        If it may work later.
    """
    with service.database.reading() as session:
        decision = session.get_one(PolicyDecision, event.data["decision_id"])
        track = session.get_one(Track, event.subject)
    going_out = EFFECT_OF[decision.decision][1] in delivery.OUT
    if track.origin != GENERATED or track.state != State.DECIDED or not going_out:
        return None
    try:
        form = delivery.first_form(service, track)
        delivery.prepared(service, track, form, service.settings.delivery_bit_rate)
    except (
        delivery.UnreadableMarkError,
        delivery.AlteredFileError,
        watermark_keys.WatermarkKeyError,
        AudioError,
    ) as error:
        if getattr(error, "transient", False):
            raise TransientError(str(error)) from error
        log.error("track_kept_back", track_id=track.id, detail=str(error))
        MARKS_FAILED.labels("release").inc()
        return "watermark", str(error)
    except (CertificateError, ProvenanceError, UnsignedFileError, UnverifiableError) as error:
        log.error("track_kept_back", track_id=track.id, detail=str(error))
        MANIFESTS.labels("not_signed").inc()
        return "provenance", str(error)
    return None


def stopped(session: Session, track: Track, decision: PolicyDecision) -> tuple[str, str] | None:
    """Say why a take does not go out whose engine was switched off, unless a person decided on it."""
    if track.origin != GENERATED or decision.ruled_by is not None:
        return None
    if EFFECT_OF[decision.decision][1] not in delivery.OUT:
        return None
    why = generation_engines.is_stopped(session, track)
    return None if why is None else (ENGINE, why)


def keep_back(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    unfit: tuple[str, str],
    event: Event,
) -> None:
    """Supersede a decision by what is known now: mark or manifest can't be read back (AIA-50-2)."""
    detector, why = unfit
    fact, rule, problem = _UNFIT[detector]
    row = session.get_one(Analysis, decision.analysis_id)
    facts = facts_about(service, session, track, row)
    facts = facts.model_copy(
        update={
            fact: policy.Unknown(unknown=why[:500]),
            "detectors": facts.detectors | {detector: analysis.FAILED},
        }
    )
    by = service.packs.usable(session, track.tenant_id, track.id, facts)
    stored = decision_row(service, track, row, facts, policy.decide(by.pack, facts), by)
    stored.reasons = [*stored.reasons, {"rule": rule, "text": why}]
    session.add(stored)
    track.decision_id = stored.id
    track.problem = {"type": problem, "detail": why}
    session.flush()
    quarantine(service, session, track, stored, event, Command.QUARANTINE, "indeterminate")


def take_effect(
    service: "Service", session: Session, track: Track, decision: PolicyDecision, event: Event
) -> None:
    """Move a decided track to where its decision puts it; a check of an earlier clear one is over."""
    spot_checks.end(session, track, decision, service.now())
    command, effect = EFFECT_OF[decision.decision]
    if command is Command.QUARANTINE:
        kind = "indeterminate" if decision.decision == "indeterminate" else "review"
        quarantine(service, session, track, decision, event, command, kind)
        return
    data: events.TrackEvent
    if command is Command.RELEASE:
        data = events.TrackReleased(decision_id=decision.id)
    else:
        statement = statements.write(service, session, track, decision, effect, event)
        if command is Command.BLOCK:
            data = events.TrackBlocked(decision_id=decision.id, statement_id=statement.id)
        else:
            data = events.TrackConditioned(
                decision_id=decision.id,
                statement_id=statement.id,
                restrictions=decision.restrictions,
            )
    move(session, track, command, data, service.now(), cause=event)


def quarantine(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    event: Event,
    command: Command,
    kind: str,
) -> None:
    """Put a track before a person: its statement of reasons and its case with it."""
    statement = statements.write(service, session, track, decision, State.QUARANTINED, event)
    case = appeals.open_case(
        case_id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        kind=kind,
        reasons=decision.reasons,
        now=service.now(),
        decision_id=decision.id,
    )
    case.version = 1
    session.add(case)
    session.flush()
    quarantined = events.TrackQuarantined(
        decision_id=decision.id, statement_id=statement.id, case_id=case.id
    )
    move(session, track, command, quarantined, service.now(), cause=event)
    record(
        session,
        tenant_id=track.tenant_id,
        subject=case.id,
        version=case.version,
        data=events.CaseOpened(track_id=track.id, kind=kind, decision_id=decision.id),
        now=service.now(),
        cause=event,
    )
