"""Stored tracks looked at again, whose analysis was made with other versions of detectors than today's.

A worker takes one track at a time, and none while new uploads wait for their analysis. A worker that dies costs its
track, which another takes once the lease is over; one that kept three workers from their end counts as failed.

The new analysis is kept beside the one that decided, and decides nothing: what it finds anew is recorded as
retro-matching records it, and where that limits the track further (:mod:`scanner.unseen`), a case asks a
person. State and decision of the track stay, and so does what a person decided on them. Where the pack would be
milder, that is counted.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import ColumnElement, and_, exists, not_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

import fingerprint
from scanner import (
    analysis,
    detector_versions,
    pipeline,
    retro,
    retro_cases,
    strictness,
    tracks,
    unseen,
    words,
)
from scanner.audio import AudioError
from scanner.bus.dispatch import once
from scanner.clock import new_id
from scanner.declared import declared
from scanner.errors import BadOptionError, ConflictError, NotFoundError, TransientError
from scanner.events import RescanEnded, RescanStarted
from scanner.journal import PIPELINE, Actor, Event, record
from scanner.source_audio import audio_sha256, local_audio
from scanner.store import StoreError
from scanner.tables import Analysis, Rescan, RetroMatch, Tenant, Track, TrackMatch
from scanner.track_facts import evidence_of, facts_of, match_of
from scanner.track_states import GENERATED, State
from scanner.unseen import Judged

if TYPE_CHECKING:
    from scanner.analysis import Evidence
    from scanner.callers import Caller
    from scanner.service import Service

RUNNING, DONE, STOPPED = "running", "done", "stopped"
LEASE: Final = timedelta(minutes=10)
"""To which the length of the track is added."""
TRIES: Final = 3
DECIDED: Final = (State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED)
"""States of tracks that are looked at again: what is on its way looks with today's detectors."""
OUT: Final = (State.RELEASED, State.CONDITIONED)

_UNTRIED: Final = {"tries": 0}

log = structlog.get_logger()


def start(service: "Service", caller: "Caller", detectors: Collection[str] = ()) -> Rescan:
    """Begin to look again at what other versions of detectors looked at.

    Parameters
    ----------
    detectors : collection of str, optional
        By whose versions tracks are chosen; none: all. A track that is chosen is looked at by all detectors.

    Raises
    ------
    BadOptionError
        If a detector is not known.
    ConflictError
        If one is running.
    """
    present = detector_versions.present(service)
    if unknown := sorted(set(detectors) - set(present)):
        raise BadOptionError(f"no detector {', '.join(unknown)}; there are: {', '.join(present)}")
    wanted = {name: present[name] for name in present if not detectors or name in detectors}
    now, tenant_id = service.now(), caller.tenant_id
    with service.database.transaction() as session:
        # So that two who start at once wait for each other, and nobody who writes rows of the platform does.
        session.get_one(Tenant, tenant_id, with_for_update={"key_share": True})
        if (open_ := latest(session, tenant_id)) is not None and open_.state == RUNNING:
            raise ConflictError("a rescan is running: wait for its end, or stop it")
        last = select(func.max(Track.id)).where(Track.tenant_id == tenant_id)
        run = Rescan(
            id=new_id(),
            tenant_id=tenant_id,
            state=RUNNING,
            wanted=wanted,
            total=0,
            last_track_id=session.exec(last).one() or "",
            asked_by=caller.actor.id,
            started_at=now,
            touched_at=now,
        )
        run.total = session.exec(select(func.count()).select_from(_outdated(run).subquery())).one()
        session.add(run)
        data = RescanStarted(wanted=wanted, tracks=run.total)
        _note(session, run, data, now, caller.actor)
        return run


def stop(service: "Service", caller: "Caller", rescan_id: str | None = None) -> Rescan:
    """End a rescan before its end, by default the newest; another one goes on with what is left.

    Raises
    ------
    NotFoundError
        If there is none of this id.
    ConflictError
        If none is running.
    """
    with service.database.transaction() as session:
        run = (
            latest(session, caller.tenant_id)
            if rescan_id is None
            else find(session, caller.tenant_id, rescan_id)
        )
        run = run and session.get_one(Rescan, run.id, with_for_update=True, populate_existing=True)
        if run is None or run.state != RUNNING:
            raise ConflictError("no rescan is running")
        _end(session, run, STOPPED, service.now(), caller.actor)
        return run


def latest(session: Session, tenant_id: str) -> Rescan | None:
    """Return a tenant's newest rescan."""
    return next(iter(listed(session, tenant_id, limit=1)), None)


def listed(
    session: Session, tenant_id: str, *, limit: int, before: str | None = None
) -> list[Rescan]:
    """Return a tenant's rescans, newest first, from below an id."""
    query = select(Rescan).where(Rescan.tenant_id == tenant_id)
    if before is not None:
        query = query.where(col(Rescan.id) < before)
    return list(session.exec(query.order_by(col(Rescan.id).desc()).limit(limit)))


def find(session: Session, tenant_id: str, rescan_id: str) -> Rescan:
    """Return a rescan, or raise ``NotFoundError`` if it is none of the tenant's."""
    run = session.get(Rescan, rescan_id)
    if run is None or run.tenant_id != tenant_id:
        raise NotFoundError("rescan", "of this id")
    return run


def described(run: Rescan) -> dict[str, Any]:
    """Return a rescan and how far it has come, as JSON."""
    counted = ("total", "looked_at", "stricter", "looser", "without_audio", "failed")
    return {
        "id": run.id,
        "state": run.state,
        "wanted": run.wanted,
        **{name: getattr(run, name) for name in counted},
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
    }


def work(service: "Service") -> bool:
    """Look at the next track of a rescan; tell whether there was one."""
    with service.database.reading() as session:  # most rounds there is none, and nothing to lock
        if session.exec(select(Rescan.id).where(Rescan.state == RUNNING).limit(1)).first() is None:
            return False
    if service.transport.depth("analyse"):
        return False
    taken = _take(service)
    if taken is None:
        return False
    run, track = taken
    started = service.now()
    try:
        evidence, outcome = _look(service, track)
    except (AudioError, StoreError) as error:
        if getattr(error, "transient", False):
            raise TransientError(str(error)) from error  # the lease ends, and it is taken again
        log.warning("rescan_failed", track=track.id, error=type(error).__name__)
        evidence, outcome = None, "without_audio" if isinstance(error, StoreError) else "failed"
    _finish(service, run, track, evidence, outcome, started)
    return True


def _take(service: "Service") -> tuple[Rescan, Track] | None:
    """Take the next track of the rescan that waited longest; end one that has none left."""
    now = service.now()
    query = select(Rescan).where(Rescan.state == RUNNING).order_by(col(Rescan.touched_at))
    with service.database.transaction() as session:
        run = session.exec(query.limit(1).with_for_update(skip_locked=True)).first()
        if run is None:
            return None
        run.touched_at = now
        track = _lost(session, run, now) or _next(session, run)
        if track is None:
            if not run.at_work:
                _end(session, run, DONE, now, PIPELINE)
            return None
        run.cursor = max(run.cursor, track.id)
        until = now + LEASE + timedelta(seconds=track.duration or 0.0)
        tries = 1 + run.at_work.get(track.id, _UNTRIED)["tries"]
        run.at_work = run.at_work | {track.id: {"until": until.isoformat(), "tries": tries}}
        session.add(run)
        return run, track


def _lost(session: Session, run: Rescan, now: datetime) -> Track | None:
    """Return a track whose worker died, unless too many did; those that were erased meanwhile are nobody's any more."""
    for track_id, work in sorted(run.at_work.items()):
        if work["until"] > now.isoformat():
            continue
        track = session.get(Track, track_id)
        if track is not None and work["tries"] < TRIES:
            return track
        run.at_work = _without(run.at_work, track_id)
        if track is not None:
            log.error("rescan_given_up", track=track_id, tries=work["tries"])
            run.failed += 1
    return None


def _without(at_work: dict[str, dict[str, Any]], track_id: str) -> dict[str, dict[str, Any]]:
    return {each: work for each, work in at_work.items() if each != track_id}


def _next(session: Session, run: Rescan) -> Track | None:
    waiting = _outdated(run).where(col(Track.id) > run.cursor)
    found: Track | None = session.exec(waiting.order_by(col(Track.id)).limit(1)).first()
    return found


def _outdated(run: Rescan) -> Any:
    """Select tracks of which neither the analysis nor a later look was made with the wanted versions.

    A look in which one of these detectors failed is none: the track is looked at once more by the next rescan.
    """
    later = aliased(Analysis)
    known = exists().where(
        col(later.track_id) == col(Track.id),
        col(later.id) > col(Analysis.id),
        not_(_made_by_others(later, run.wanted)),
        not_(or_(*(_member(later.detectors, name) == analysis.FAILED for name in run.wanted))),
    )
    return (
        select(Track)
        .join(Analysis, col(Analysis.id) == col(Track.analysis_id))
        .where(
            Track.tenant_id == run.tenant_id,
            col(Track.id) <= run.last_track_id,
            col(Track.state).in_(DECIDED),
            _made_by_others(Analysis, run.wanted),
            ~known,
        )
    )


def _made_by_others(table: Any, wanted: dict[str, str]) -> ColumnElement[bool]:
    """Whether a detector that looked did so with another version, or nobody wrote down which."""
    return or_(
        *(
            and_(
                _member(table.detectors, name) == analysis.OK,
                _member(table.versions, name) != version,
            )
            for name, version in wanted.items()
        )
    )


def _member(column: Any, name: str) -> Any:
    return func.coalesce(column[name].as_string(), "")


def _look(service: "Service", track: Track) -> "tuple[Evidence | None, str]":
    """Analyse a stored track anew; without its audio nothing can be looked at."""
    if audio_sha256(service, track) is None:
        return None, "without_audio"
    with local_audio(service, track) as path:
        evidence = analysis.analyse_audio(service, track.tenant_id, path, seed=track.id)
    if track.origin == GENERATED:
        pipeline.examine_stems(service, track, evidence)
        pipeline.check_submitted(service, track.id, evidence)
    with service.database.reading() as session:
        words.look_at(evidence, declared(session, track.id))
    return evidence, "looked_at"


def _finish(
    service: "Service",
    run: Rescan,
    seen: Track,
    evidence: "Evidence | None",
    outcome: str,
    started: datetime,
) -> None:
    """Keep what was found and count the track, unless another worker that took it over came to its end first."""
    with service.database.transaction() as session:
        track = tracks.locked(session, seen.tenant_id, seen.id)
        own = session.get_one(Rescan, run.id, with_for_update=True, populate_existing=True)
        if seen.id not in own.at_work:
            return
        own.at_work = _without(own.at_work, seen.id)
        own.touched_at = service.now()
        if evidence is not None:
            if track.analysis_id != seen.analysis_id or track.state not in DECIDED:
                return  # withdrawn, or analysed again meanwhile, by today's detectors
            if any(evidence.detectors.get(name) == analysis.FAILED for name in own.wanted):
                outcome = "failed"
            look = pipeline.analysis_row(track, evidence, started, service.now())
            session.add(look)
            for what in _compared(service, session, track, evidence, look):
                setattr(own, what, getattr(own, what) + 1)
        setattr(own, outcome, getattr(own, outcome) + 1)


def _compared(
    service: "Service", session: Session, track: Track, evidence: "Evidence", look: Analysis
) -> Iterable[str]:
    """Record what is new in a locked track; return whether a person is asked, or the pack would be looser now."""
    known, unread = _known(session, track), unseen.unread(session, track)
    evidence = _as_known(session, track, evidence)
    found = list(_found(evidence))
    more = [
        each for each in found if unseen.is_more(each.match, known.get(each.match.reference_id, ()))
    ]
    new = more + [each for each in found if each.match.reference_id in unread and each not in more]
    judged = _judged(service, session, track, evidence, new)
    is_asked = unseen.is_asked(session, track, judged)
    if more or is_asked:
        on_record = new if is_asked else more
        retro_cases.put_on_record(
            service, session, track, on_record, judged, None, analysis_id=look.id
        )
    if is_asked:
        return ("stricter",)
    before = judged.before[0]
    return ("looser",) if strictness.stricter(before, judged.after) is not None else ()


def ask_again(service: "Service", event: Event) -> None:
    """Ask about what was found in a track that is out now, while something stricter kept anybody from being asked."""
    with once(service, retro.GROUP, event) as session:
        track = tracks.locked(session, event.tenant or "", event.subject)
        if track.state not in OUT or track.analysis_id is None:
            return
        later = (Analysis.track_id == track.id, col(Analysis.id) > track.analysis_id)
        look = session.exec(
            select(Analysis).where(*later).order_by(col(Analysis.id).desc())
        ).first()
        if look is not None and unseen.is_put(session, track, look):
            look = None
        unread = unseen.unread(session, track)
        if look is None and not unread:
            return
        stored = look or session.get_one(Analysis, track.analysis_id)
        known = _stored(session, track)
        evidence = replace(
            _as_known(session, track, evidence_of(stored, track.duration, [])),
            matches=known.matches,
            explained=known.explained,
            stems=known.stems,
        )
        new = [each for each in _found(evidence) if each.match.reference_id in unread]
        judged = _judged(service, session, track, evidence, new)
        if unseen.is_asked(session, track, judged):
            retro_cases.put_on_record(
                service, session, track, new, judged, event, analysis_id=look.id if look else None
            )


def _as_known(session: Session, track: Track, evidence: "Evidence") -> "Evidence":
    """Return a look with what was known where a detector failed that had looked before: a failure finds nothing new."""
    stored = session.get_one(Analysis, track.analysis_id)
    failed = [
        name
        for name, state in evidence.detectors.items()
        if (state, stored.detectors.get(name)) == (analysis.FAILED, analysis.OK)
    ]
    return replace(
        evidence,
        detectors=evidence.detectors | dict.fromkeys(failed, analysis.OK),
        watermarks=[*evidence.watermarks, *(stored.watermarks if "watermark" in failed else ())],
        provenance=stored.provenance if "provenance" in failed else evidence.provenance,
    )


def _known(session: Session, track: Track) -> dict[str, list[fingerprint.Match]]:
    """Return by reference what was found of it: by the analysis that decided, and later."""
    own = select(TrackMatch).where(TrackMatch.analysis_id == track.analysis_id)
    later = select(RetroMatch).where(RetroMatch.track_id == track.id)
    known: dict[str, list[fingerprint.Match]] = {}
    for row in [*session.exec(own), *session.exec(later)]:
        known.setdefault(row.reference_id, []).append(match_of(row))
    return known


def _found(evidence: "Evidence") -> Iterable[retro_cases.Found]:
    """What is in a track or in one of its stems, each reference once, where it is surest."""
    parts = [(None, evidence), *evidence.stems.items()]
    found = [
        retro_cases.Found(match, part.explained.get(match.reference_id), stem)
        for stem, part in parts
        for match in part.matches
    ]
    by_reference: dict[str, retro_cases.Found] = {}
    for each in sorted(found, key=lambda each: each.match.score, reverse=True):
        by_reference.setdefault(each.match.reference_id, each)
    return by_reference.values()


def _judged(
    service: "Service",
    session: Session,
    track: Track,
    evidence: "Evidence",
    new: Iterable[retro_cases.Found],
) -> Judged:
    """What the pack says now of all that was known of the track, of what is found now, and of what is new.

    What was found later and put before a person counts as known. So does all that a look found about which a person
    was asked and decided.
    """
    told, now = declared(session, track.id), service.now()
    known = _stored(session, track, unseen.unread(session, track))
    looks = [
        replace(
            evidence_of(each, track.duration, []),
            matches=known.matches,
            explained=known.explained,
            stems=known.stems,
        )
        for each in unseen.seen_looks(session, track)
    ]
    *seen, facts = (
        facts_of(session, track.tenant_id, told, each, now, track.id)
        for each in (known, *looks, evidence)
    )
    pack = service.packs.in_force(session, track.tenant_id, track.id, facts=facts).pack
    return unseen.judged(pack, seen, facts, [each.match.reference_id for each in new])


def _stored(session: Session, track: Track, but: Collection[str] = ()) -> "Evidence":
    """Return what decided, with what was found later, save later finds of some references."""
    row = session.get_one(Analysis, track.analysis_id)
    own = session.exec(select(TrackMatch).where(TrackMatch.analysis_id == row.id)).all()
    later = session.exec(select(RetroMatch).where(RetroMatch.track_id == track.id)).all()
    later = [each for each in later if each.reference_id not in but]
    stored = evidence_of(row, track.duration, own)
    newer = {each.reference_id for each in later}
    return replace(
        stored,
        matches=[
            *(each for each in stored.matches if each.reference_id not in newer),
            *(match_of(each) for each in later),
        ],
        explained=stored.explained
        | {each.reference_id: each.explained for each in later if each.explained},
    )


def _end(session: Session, run: Rescan, state: str, now: datetime, actor: Actor) -> None:
    run.state, run.ended_at, run.at_work = state, now, {}
    counts = {name: getattr(run, name) for name in ("looked_at", "stricter", "without_audio")}
    _note(session, run, RescanEnded(state=state, failed=run.failed, **counts), now, actor)


def _note(
    session: Session, run: Rescan, data: RescanStarted | RescanEnded, now: datetime, actor: Actor
) -> None:
    run.version += 1
    session.flush()
    record(
        session,
        tenant_id=run.tenant_id,
        subject=run.id,
        version=run.version,
        data=data,
        now=now,
        actor=actor,
    )
