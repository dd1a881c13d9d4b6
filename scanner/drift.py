"""Drift: whether the scores that detectors give are distributed day by day as they were when somebody looked.

An operator freezes a baseline of each kind of score. Each day that is over is then held against it by the
population stability index, and by the share of tracks with a find (`scanner/stability.py`): far from it is an alarm,
and a day with too few tracks is neither an alarm nor an all-clear. What drifts may be the music, a detector, or the catalogue: a person finds out which.

A score is one number a track: the surest match, the best mark, how many listed words; or that nothing was found
where the detector did look. So a detector that no longer finds anything drifts as well.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

from scanner import webhooks
from scanner.clock import new_id
from scanner.errors import ConflictError
from scanner.events import DriftAlarmRaised, DriftBaselineFrozen
from scanner.journal import PIPELINE, Actor, Event, record
from scanner.metrics import DRIFT, DRIFT_ALARMS
from scanner.stability import Bins, psi, share_changed
from scanner.tables import Analysis, DriftBaseline, DriftDay, Tenant, Track, TrackMatch

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.events import EventData
    from scanner.service import Service

RECORDING, COMPOSITION, MARK, WORDS = "recording", "composition", "mark", "words"
KINDS: Final = (RECORDING, COMPOSITION, MARK, WORDS)
STEADY, DRIFTED, FEW = "steady", "drifted", "few"
MOST_TRACKS: Final = 20_000
"""Tracks of a day that are counted, by the random end of their ids: more make the index no better."""
BASELINE_DAYS: Final = 28
BASELINE_TIMES: Final = 5
"""So many times the tracks of the smallest day that counts a baseline needs."""
CATCH_UP: Final = 7
"""Days back that are still judged when no worker ran."""
SHOWN_DAYS: Final = 14
_DETECTOR: Final = {
    RECORDING: "fingerprint",
    COMPOSITION: "composition",
    MARK: "watermark",
    WORDS: "lyrics",
}
_CHUNK: Final = 500

Scores = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Frozen:
    """What became of one kind: its baseline, or none where there were too few tracks."""

    kind: str
    tracks: int
    baseline: DriftBaseline | None


def freeze(
    service: "Service", caller: "Caller", first: date | None = None, last: date | None = None
) -> list[Frozen]:
    """Freeze the scores of some days as the baseline of each kind; the baseline before it ends.

    Parameters
    ----------
    first, last : date, optional
        Days, UTC, both counted. Default: the 28 days that ended yesterday.

    Returns
    -------
    list of Frozen
        One a kind. A kind with too few tracks keeps the baseline that it has.

    Raises
    ------
    ConflictError
        If the days are none, or not over.
    """
    now = service.now()
    last = last or now.date() - timedelta(days=1)
    first = first or last - timedelta(days=BASELINE_DAYS - 1)
    if not first <= last < now.date():
        raise ConflictError("a baseline is of days that are over, the first before the last")
    with service.database.reading() as session:
        found = scores(session, caller.tenant_id, first, last)
    least = BASELINE_TIMES * service.settings.drift_minimum
    with service.database.transaction() as session:
        # So that two who freeze at once wait for each other: one baseline of each kind is in force.
        session.get_one(Tenant, caller.tenant_id, with_for_update={"key_share": True})
        return [
            Frozen(
                kind,
                len(found[kind]),
                _frozen(session, caller, kind, found[kind], (first, last), now)
                if len(found[kind]) >= least
                else None,
            )
            for kind in KINDS
        ]


def judge_due(service: "Service") -> int:
    """Hold the days that are over against the baselines; return how many were judged."""
    today = service.now().date()
    days = [today - timedelta(days=back) for back in range(CATCH_UP, 0, -1)]
    judged = 0
    with service.database.reading() as session:
        due = list(_due(session, days))
    for tenant_id, day, open_ in due:
        with service.database.reading() as session:
            found = scores(session, tenant_id, day, day)
        for baseline in open_:
            judged += _judge(service, baseline, day, found[baseline.kind])
    with service.database.reading() as session:
        largest, alarms = latest(session, service.now() - timedelta(days=1))
    for kind in KINDS:
        DRIFT_ALARMS.labels(kind).set(alarms[kind])
        DRIFT.labels(kind).set(largest.get(kind, math.nan))
    return judged


def baselines(session: Session, tenant_id: str) -> list[DriftBaseline]:
    """Return the baselines in force, in the order of :data:`KINDS`."""
    query = select(DriftBaseline).where(
        DriftBaseline.tenant_id == tenant_id, col(DriftBaseline.ended_at).is_(None)
    )
    return sorted(session.exec(query), key=lambda each: KINDS.index(each.kind))


def days(session: Session, baseline: DriftBaseline, *, limit: int = SHOWN_DAYS) -> list[DriftDay]:
    """Return the newest days that were judged by a baseline, oldest first."""
    query = select(DriftDay).where(DriftDay.baseline_id == baseline.id)
    return list(session.exec(query.order_by(col(DriftDay.day).desc()).limit(limit)))[::-1]


def described(session: Session, tenant_id: str, *, limit: int = SHOWN_DAYS) -> list[dict[str, Any]]:
    """Return each baseline with its days, as JSON."""
    return [
        {
            "kind": each.kind,
            "first_day": each.first_day,
            "last_day": each.last_day,
            "tracks": sum(each.counts),
            "found": sum(each.counts[1:]),
            "frozen_at": each.frozen_at.isoformat(),
            "days": [
                {"day": row.day, "tracks": row.tracks, "psi": row.psi, "state": row.state}
                for row in days(session, each, limit=limit)
            ],
        }
        for each in baselines(session, tenant_id)
    ]


def told(each: Frozen) -> dict[str, Any]:
    """Return what became of a kind, as JSON."""
    return {"kind": each.kind, "tracks": each.tracks, "frozen": each.baseline is not None}


def latest(session: Session, since: datetime) -> tuple[dict[str, float], dict[str, int]]:
    """Return the largest index and the alarms by kind, of all days judged since some time."""
    query = select(DriftBaseline.kind, DriftDay.psi, DriftDay.state).join(
        DriftDay, col(DriftDay.baseline_id) == col(DriftBaseline.id)
    )
    largest: dict[str, float] = {}
    alarms = dict.fromkeys(KINDS, 0)
    for kind, index, state in session.exec(query.where(DriftDay.judged_at >= since)):
        if index is not None:
            largest[kind] = max(index, largest.get(kind, 0.0))
        alarms[kind] += state == DRIFTED
    return largest, alarms


def scores(session: Session, tenant_id: str, first: date, last: date) -> Scores:
    """Return the scores of the tracks that were analysed on some days, by kind.

    The day is that of an analysis' id (RFC 9562); stored tracks that were looked at again don't count.
    """
    query = (
        select(Analysis.id, Analysis.detectors, Analysis.watermarks, Analysis.words)
        .join(Track, col(Track.analysis_id) == col(Analysis.id))
        .where(
            Analysis.tenant_id == tenant_id,
            col(Analysis.id) >= _id_at(first),
            col(Analysis.id) < _id_at(last + timedelta(days=1)),
        )
        .order_by(func.substr(col(Analysis.id), 25))
        .limit(MOST_TRACKS)
    )
    rows = session.exec(query).all()
    best = _surest(session, [row[0] for row in rows])
    found: dict[str, list[float | None]] = {kind: [] for kind in KINDS}
    for analysis_id, detectors, marks, words in rows:
        told = {
            RECORDING: best.get((analysis_id, RECORDING)),
            COMPOSITION: best.get((analysis_id, COMPOSITION)),
            MARK: max((each["score"] for each in marks), default=None),
            WORDS: sum(each["count"] for each in (words or {}).get("findings", ())) or None,
        }
        for kind, score in told.items():
            if detectors.get(_DETECTOR[kind]) == "ok":
                found[kind].append(score)
    return found


def _surest(session: Session, analyses: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return the score of the surest match of each kind, by analysis."""
    best: dict[tuple[str, str], float] = {}
    for start in range(0, len(analyses), _CHUNK):
        query = (
            select(TrackMatch.analysis_id, TrackMatch.kind, func.max(TrackMatch.score))
            .where(col(TrackMatch.analysis_id).in_(analyses[start : start + _CHUNK]))
            .group_by(col(TrackMatch.analysis_id), col(TrackMatch.kind))
        )
        best |= {(analysis_id, kind): score for analysis_id, kind, score in session.exec(query)}
    return best


def _id_at(day: date) -> str:
    """Return the least id that can be made on a day."""
    moment = datetime.combine(day, time(), UTC)
    digits = f"{int(1000 * moment.timestamp()):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


def _frozen(
    session: Session,
    caller: "Caller",
    kind: str,
    found: Sequence[float | None],
    period: tuple[date, date],
    now: datetime,
) -> DriftBaseline:
    for old in baselines(session, caller.tenant_id):
        if old.kind == kind:
            old.ended_at = now
    bins = Bins.of(found)
    baseline = DriftBaseline(
        id=new_id(),
        tenant_id=caller.tenant_id,
        kind=kind,
        edges=list(bins.edges),
        counts=bins.counts(found),
        first_day=period[0].isoformat(),
        last_day=period[1].isoformat(),
        frozen_by=caller.actor.id,
        frozen_at=now,
    )
    session.add(baseline)
    data = DriftBaselineFrozen(
        kind=kind, tracks=len(found), first_day=baseline.first_day, last_day=baseline.last_day
    )
    _note(session, baseline, data, now, caller.actor)
    return baseline


def _due(session: Session, over: Sequence[date]) -> Iterator[tuple[str, date, list[DriftBaseline]]]:
    """Yield each tenant's days that some of its baselines were not held against."""
    open_ = session.exec(select(DriftBaseline).where(col(DriftBaseline.ended_at).is_(None))).all()
    known = select(DriftDay.baseline_id, DriftDay.day).where(
        col(DriftDay.baseline_id).in_([each.id for each in open_]),
        col(DriftDay.day) >= over[0].isoformat(),
    )
    judged = {(baseline_id, day) for baseline_id, day in session.exec(known)} if open_ else set()
    for tenant_id in sorted({each.tenant_id for each in open_}):
        for day in over:
            waiting = [
                each
                for each in open_
                if each.tenant_id == tenant_id
                and each.last_day < day.isoformat()
                and (each.id, day.isoformat()) not in judged
            ]
            if waiting:
                yield tenant_id, day, waiting


def _judge(
    service: "Service", baseline: DriftBaseline, day: date, found: Sequence[float | None]
) -> bool:
    """Write down how far a day is from a baseline; tell whether another worker had not done so."""
    settings, now = service.settings, service.now()
    index, state = None, FEW
    if len(found) >= settings.drift_minimum:
        counts = Bins(tuple(baseline.edges)).counts(found)
        index = psi(baseline.counts, counts)
        is_far = index >= settings.drift_threshold or share_changed(baseline.counts, counts)
        state = DRIFTED if is_far else STEADY
    with service.database.transaction() as session:
        own = session.get_one(DriftBaseline, baseline.id, with_for_update=True)
        known = session.get(DriftDay, (own.id, day.isoformat()))
        if own.ended_at is not None or known is not None:
            return False
        session.add(
            DriftDay(
                baseline_id=own.id,
                day=day.isoformat(),
                tracks=len(found),
                psi=index,
                state=state,
                judged_at=now,
            )
        )
        if index is not None and state == DRIFTED:
            data = DriftAlarmRaised(
                kind=own.kind,
                day=day.isoformat(),
                tracks=len(found),
                psi=round(index, 4),
                threshold=settings.drift_threshold,
                found=sum(each is not None for each in found),
            )
            event = _note(session, own, data, now, PIPELINE)
            webhooks.queue(service, session, event)
    return True


def _note(
    session: Session, baseline: DriftBaseline, data: "EventData", now: datetime, actor: Actor
) -> Event:
    baseline.version += 1
    session.flush()
    return record(
        session,
        tenant_id=baseline.tenant_id,
        subject=baseline.id,
        version=baseline.version,
        data=data,
        now=now,
        actor=actor,
    )
