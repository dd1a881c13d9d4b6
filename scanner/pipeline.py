"""One track's life after it was submitted: analysed, decided, then released, limited or held.

Each stage is a handler of the bus. It does its slow work outside any transaction; its effect, the
next journal row and the mark *handled* commit together.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

import policy
from scanner import (
    analysis,
    events,
    licensees,
    marking,
    objections,
    reconsideration,
    spot_checks,
    webhooks,
    words,
)
from scanner.analysis import Evidence
from scanner.audio import AudioError
from scanner.bus.dispatch import once
from scanner.clock import new_id
from scanner.declared import declared
from scanner.effects import keep_back, quarantine, stopped, take_effect, unfit
from scanner.errors import TransientError
from scanner.fetch import FetchError
from scanner.journal import Event, record
from scanner.judgements import decision_row, facts_about
from scanner.metrics import OUTCOMES
from scanner.packs_in_force import InForce
from scanner.privacy import blobs
from scanner.source_audio import bring_in, local_audio, local_fingerprint
from scanner.store import StoreError
from scanner.tables import (
    Analysis,
    PolicyDecision,
    Track,
    TrackMatch,
)
from scanner.track_states import GENERATED, Command, State
from scanner.tracks import analyse_again, locked, move
from scanner.watermark_keys import WatermarkKeyError

if TYPE_CHECKING:
    from scanner.service import Service

ANALYSABLE: Final = frozenset({State.RECEIVED, State.ANALYSING, State.INDETERMINATE})


def analyse(service: "Service", event: Event) -> None:
    """Bring the sound in, look at it from every side, and write down the evidence."""
    track = _begin(service, event)
    if track is None:
        with once(service, "analyse", event):
            return
    started = service.now()
    try:
        evidence = _examine(service, track)
        if track.origin == GENERATED:
            check_submitted(service, track.id, evidence)
        words.look_at(evidence, _declared(service, track.id))
        print_blob = (
            service.store.put_bytes(track.tenant_id, evidence.print.to_bytes())
            if evidence.print is not None
            else None
        )
    except (AudioError, FetchError, StoreError) as error:
        problem = _problem_of(error)
        if getattr(error, "transient", False):
            _note_failure(service, event, problem)
            raise TransientError(problem["detail"]) from error
        _hold(service, event, problem)
        return
    except (licensees.MarkRightRevokedError, WatermarkKeyError) as error:
        revoked = isinstance(error, licensees.MarkRightRevokedError)
        name = "mark-right-revoked" if revoked else "no-key-to-mark-with"
        _hold(service, event, {"type": name, "detail": str(error)})
        return
    except Exception as error:
        _note_failure(service, event, {"type": "analysis-failed", "detail": type(error).__name__})
        raise
    with once(service, "analyse", event) as session:
        track = locked(session, track.tenant_id, track.id)
        if track.state not in {State.ANALYSING, State.INDETERMINATE} or track.analysis_id:
            if print_blob is not None:
                blobs.due(session, track.tenant_id, [print_blob.sha256], service.now())
            return  # withdrawn, held, or analysed by another worker meanwhile
        if track.state == State.INDETERMINATE:
            # Another delivery of this event failed while this one went on: the evidence counts.
            data = events.TrackAnalysing(attempt=2)
            move(session, track, Command.ANALYSE, data, service.now(), cause=event)
        row = _store_evidence(service, session, track, evidence, started)
        row.fingerprint_sha256 = print_blob.sha256 if print_blob else None
        _journal_analysed(service, session, track, row, evidence.count_matches(), event)


def decide(service: "Service", event: Event) -> None:
    """Let the policy pack in force judge the evidence."""
    with service.database.reading() as session:
        row = session.get_one(Analysis, event.data["analysis_id"])
        track = session.get_one(Track, event.subject)
        facts = facts_about(service, session, track, row)
    service.packs.ensure(service, row.tenant_id)
    with service.database.reading() as session:
        by = service.packs.in_force(session, row.tenant_id, track.id, facts=facts)
    decision = policy.decide(by.pack, facts)
    with once(service, "decide", event) as session:
        track = locked(session, row.tenant_id, event.subject)
        if track.state != State.ANALYSING or track.analysis_id != row.id:
            return  # withdrawn, or analysed again
        now_by = service.packs.in_force(session, row.tenant_id, track.id, facts=facts, held=True)
        if now_by.activation_id != by.activation_id:  # another pack was put in force meanwhile
            by, decision = now_by, policy.decide(now_by.pack, facts)
        _store_decision(service, session, track, row, facts, decision, by, event)
    OUTCOMES.labels(decision.decision).inc()


def release(service: "Service", event: Event) -> None:
    """Give the decision its effect, with the statement of reasons and the case it needs.

    A generated track goes out only with its mark and its manifest: if either can't be read back from the
    file it is to be delivered as, the decision is superseded and a person looks at it.
    """
    why_not = unfit(service, event)
    with once(service, "release", event) as session:
        decision = session.get_one(PolicyDecision, event.data["decision_id"])
        track = locked(session, decision.tenant_id, event.subject)
        if track.state != State.DECIDED or track.decision_id != decision.id:
            return
        if reconsideration.decided_anew(service, session, track, decision, event):
            return
        why_not = why_not or stopped(session, track, decision)
        if why_not is not None:
            keep_back(service, session, track, decision, why_not, event)
            return
        decision = reconsideration.up_to_date(service, session, track, decision, event)
        take_effect(service, session, track, decision, event)
        objections.put_before_a_person(service, session, track, event)
        reconsideration.freed(service, session, track, decision, event)
        spot_checks.draw(service, session, track, decision, event)


def notify(service: "Service", event: Event) -> None:
    """Queue a message for each webhook that wants this event; sending is a chore of the worker."""
    with once(service, "notify", event) as session:
        webhooks.queue(service, session, event)


def give_up(service: "Service", event: Event, why: str) -> None:
    """Put a track whose stage failed for good before a person: quarantined, never clear."""
    with service.database.transaction() as session:
        track = session.get(Track, event.subject, with_for_update=True)
        if track is None or State(track.state) not in ANALYSABLE | {State.DECIDED}:
            return
        problem = track.problem or {"type": "analysis-failed", "detail": "a stage kept failing"}
        evidence = analysis.failed_evidence()
        row = _store_evidence(service, session, track, evidence, service.now())
        track.problem = problem
        if track.state != State.DECIDED:
            data = events.TrackIndeterminate(problem=problem, final=True)
            move(session, track, Command.FAIL, data, service.now(), cause=event)
        facts = facts_about(service, session, track, row)
        by = service.packs.usable(session, track.tenant_id, track.id, facts)
        decision = policy.decide(by.pack, facts)
        stored = decision_row(service, track, row, facts, decision, by)
        session.add(stored)
        track.decision_id = stored.id
        session.flush()
        quarantine(service, session, track, stored, event, Command.GIVE_UP, "indeterminate")
    OUTCOMES.labels(decision.decision).inc()


def replay(service: "Service", event: Event) -> None:
    """Begin anew with a track whose stage was given up; whose track went on meanwhile, nothing."""
    with service.database.transaction() as session:
        track = session.get(Track, event.subject, with_for_update=True)
        if track is not None and track.state == State.QUARANTINED and track.problem is not None:
            reason = "a dead letter was replayed"
            analyse_again(session, track, reason, service.now(), cause=event)


def _begin(service: "Service", event: Event) -> Track | None:
    """Mark the track as being analysed; None if there is nothing left to do for this event."""
    with service.database.transaction() as session:
        track = session.get_one(Track, event.subject, with_for_update=True)
        if State(track.state) not in ANALYSABLE or track.analysis_id is not None:
            return None
        if track.state != State.ANALYSING:
            attempt = 1 if track.state == State.RECEIVED else 2
            data = events.TrackAnalysing(attempt=attempt)
            move(session, track, Command.ANALYSE, data, service.now(), cause=event)
        return track


def _examine(service: "Service", track: Track) -> Evidence:
    if track.client_fingerprint is not None:
        return analysis.analyse_fingerprint(
            service, track.tenant_id, local_fingerprint(service, track), seed=track.id
        )
    track = bring_in(service, track)
    mark = marking.mark(service, track) if track.origin == GENERATED else None
    with local_audio(service, track) as path:
        evidence = analysis.analyse_audio(service, track.tenant_id, path, seed=track.id)
    if mark is not None:
        examine_stems(service, track, evidence)
        # The master is whole, but what it was made of may not have been.
        evidence.warnings = _united(mark.warnings, evidence.warnings)
    return evidence


def _declared(service: "Service", track_id: str) -> dict[str, Any]:
    with service.database.reading() as session:
        return declared(session, track_id)


def check_submitted(service: "Service", track_id: str, evidence: Evidence) -> None:
    """Take a generated track's provenance from the file that was submitted."""
    with service.database.reading() as session:
        track = session.get_one(Track, track_id)
    if track.sha256 is not None:
        with service.store.path_or_copy(track.tenant_id, track.sha256) as path:
            analysis.check_submitted(service, evidence, path)


def examine_stems(service: "Service", track: Track, evidence: Evidence) -> None:
    """Look at each stem's master too: what is in a stem need not be heard in the mix."""
    with service.database.reading() as session:
        stems = marking.stems_of(session, track.id)
    for stem in stems:
        with service.store.path_or_copy(track.tenant_id, str(stem.master_sha256)) as path:
            found = analysis.analyse_stem(service, track.tenant_id, path, seed=track.id)
        evidence.with_stem(stem.name, found)


def _united(*warnings: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return all warnings, each type once."""
    by_type = {each["type"]: each for several in reversed(warnings) for each in several}
    return list(by_type.values())


def analysis_row(track: Track, evidence: Evidence, started: datetime, ended: datetime) -> Analysis:
    """Return evidence as a row, of which its matches are no part."""
    return Analysis(
        id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        detectors=evidence.detectors,
        versions=evidence.versions,
        audio=evidence.audio,
        warnings=evidence.warnings,
        seconds=evidence.seconds,
        index_version=evidence.index_version,
        index_epoch=evidence.index_epoch,
        index_age_seconds=evidence.index_age_seconds,
        banks_left_out=evidence.banks_left_out,
        provenance=evidence.provenance,
        watermarks=evidence.watermarks,
        words=evidence.words,
        started_at=started,
        ended_at=ended,
    )


def _store_evidence(
    service: "Service", session: Session, track: Track, evidence: Evidence, started: datetime
) -> Analysis:
    row = analysis_row(track, evidence, started, service.now())
    session.add(row)
    session.flush()
    session.add_all(
        TrackMatch(
            id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            analysis_id=row.id,
            **analysis.match_columns(match, stem),
            explained=found.explained.get(match.reference_id),
        )
        for stem, found in [(None, evidence), *evidence.stems.items()]
        for match in found.matches
    )
    track.analysis_id = row.id
    if evidence.duration is not None:
        track.duration = evidence.duration
    session.flush()
    return row


def _journal_analysed(
    service: "Service", session: Session, track: Track, row: Analysis, matches: int, event: Event
) -> None:
    """Write 'analysed'. The state stays ``analysing`` until there is a decision."""
    now = service.now()
    track.version += 1
    track.updated_at = now
    record(
        session,
        tenant_id=track.tenant_id,
        subject=track.id,
        version=track.version,
        data=events.TrackAnalysed(
            analysis_id=row.id,
            sha256=track.sha256,
            detectors=row.detectors,
            index_version=row.index_version,
            matches=matches,
        ),
        now=now,
        cause=event,
    )


def _store_decision(
    service: "Service",
    session: Session,
    track: Track,
    row: Analysis,
    facts: policy.Facts,
    decision: policy.Decision,
    by: InForce,
    event: Event,
) -> PolicyDecision:
    stored = decision_row(service, track, row, facts, decision, by)
    session.add(stored)
    track.decision_id = stored.id
    track.problem = None
    data = events.TrackDecided(
        decision_id=stored.id,
        decision=stored.decision,
        outcomes=stored.outcomes,
        rules=sorted({reason["rule"] for reason in stored.reasons}),
        pack=stored.pack,
        outcome_hash=stored.outcome_hash,
    )
    move(session, track, Command.DECIDE, data, service.now(), cause=event)
    return stored


def _hold(service: "Service", event: Event, problem: dict[str, Any]) -> None:
    with once(service, "analyse", event) as session:
        track = session.get_one(Track, event.subject, with_for_update=True)
        if State(track.state) not in ANALYSABLE:
            return
        track.problem = problem
        move(
            session,
            track,
            Command.HOLD,
            events.TrackHeld(problem=problem),
            service.now(),
            cause=event,
        )


def _note_failure(service: "Service", event: Event, problem: dict[str, Any]) -> None:
    """Show that the analysis failed and will be tried again; a failed scan is never clear."""
    with service.database.transaction() as session:
        track = session.get_one(Track, event.subject, with_for_update=True)
        if track.state != State.ANALYSING or track.analysis_id is not None:
            return  # another delivery of this event has brought it further
        track.problem = problem
        data = events.TrackIndeterminate(problem=problem, final=False)
        move(session, track, Command.FAIL, data, service.now(), cause=event)


def _problem_of(error: Exception) -> dict[str, Any]:
    return {
        "type": getattr(error, "problem", "store-unavailable"),
        "detail": getattr(error, "detail", None) or str(error),
    }
