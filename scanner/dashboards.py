"""Figures about a platform's work: what waits, how much is decided, how often rules are wrong, what drifts.

Each is counted by a query that an index bounds, so that it takes milliseconds whatever the platform's size.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import case
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, func, select

from appeals.machines.case import State
from scanner import spot_checks
from scanner.reference_states import Status
from scanner.rehearsals import ALL
from scanner.tables import (
    Analysis,
    Bank,
    Case,
    CaseVerdict,
    DeadLetter,
    Deadline,
    Generation,
    GoldenCase,
    PolicyDecision,
    Reference,
    RuleTally,
    Take,
    TrackMatch,
)

if TYPE_CHECKING:
    from scanner.service import Service

AGES: Final = (
    ("< 1 h", timedelta(hours=1)),
    ("1–4 h", timedelta(hours=4)),
    ("4–24 h", timedelta(days=1)),
    ("1–3 d", timedelta(days=3)),
    ("3–7 d", timedelta(days=7)),
)
OLDER: Final = "> 7 d"
WAITING: Final = (State.OPEN, State.QUEUED, State.LEASED, State.WAITING_INFO, State.ESCALATED)
RECENT: Final = timedelta(days=30)
HOURS: Final = 48
MOST_VERDICTS: Final = 1000
MOST_MATCHES: Final = 5_000
MOST: Final = 20
"""Rules, banks, genres or languages that are told of."""
FEWEST: Final = 3
"""Of a rule, a bank, a genre, a language or a reviewer with fewer verdicts no rate is told."""
KINDS: Final = ("rule", "bank", "genre", "language", "reviewer")
IN_EFFECT: Final = ("applied", "agreed", "differed")
"""States of a verdict that was given for good."""
HAD_EFFECT: Final = frozenset({"clear", "restrict", "block"})
OUTCOME: Final = {"release": "clear", "restrict": "restrict", "block": "block"}


@dataclass(frozen=True)
class Rate:
    """How often people judged otherwise than the rules.

    Attributes
    ----------
    looked_at : int
        Decisions that a person gave a verdict on.
    decided, overturned : int
        Those of them that had an effect, and how many of these the person changed.
    released : int
        Those that a person found nothing wrong with: false positives.
    """

    name: str
    looked_at: int
    decided: int
    overturned: int
    released: int

    @property
    def overturn_rate(self) -> float | None:
        return self.overturned / self.decided if self.decided else None

    @property
    def false_positive_rate(self) -> float:
        return self.released / self.looked_at


@dataclass(frozen=True)
class ScoreDay:
    """Scores of one day's matches: the median, and what a tenth lies below and above."""

    day: str
    matches: int
    low: float
    median: float
    high: float


def queue_ages(session: Session, tenant_id: str, now: datetime) -> dict[str, int]:
    """Return how many open cases are how old."""
    bounds = [(name, now - most) for name, most in AGES]
    bucket = case(*((col(Case.opened_at) > bound, name) for name, bound in bounds), else_=OLDER)
    query = (
        sql_select(bucket, func.count())
        .where(col(Case.tenant_id) == tenant_id, col(Case.state).in_(WAITING))
        .group_by(bucket)
    )
    counted = {str(name): int(count) for name, count in session.execute(query)}
    return {name: counted.get(name, 0) for name in (*(name for name, _ in AGES), OLDER)}


def decided_by_hour(session: Session, tenant_id: str, now: datetime) -> list[dict[str, Any]]:
    """Return decisions of rules and verdicts of people by the hour, oldest first."""
    last = now.replace(minute=0, second=0, microsecond=0)
    since = last - timedelta(hours=HOURS - 1)
    tallied = (
        select(RuleTally.hour, func.sum(RuleTally.fired))
        .where(
            RuleTally.tenant_id == tenant_id,
            RuleTally.rule == ALL,
            col(RuleTally.hour) >= since,
        )
        .group_by(col(RuleTally.hour))
    )
    rules = dict(session.exec(tallied).all())
    given = select(CaseVerdict.created_at).where(
        CaseVerdict.tenant_id == tenant_id,
        col(CaseVerdict.created_at) >= since,
        CaseVerdict.state != "undone",
    )
    people = Counter(at.replace(minute=0, second=0, microsecond=0) for at in session.exec(given))
    hours = [since + timedelta(hours=n) for n in range(HOURS)]
    return [
        {"hour": hour, "rules": int(rules.get(hour, 0)), "people": people[hour]} for hour in hours
    ]


def rates(
    service: "Service", session: Session, tenant_id: str, now: datetime
) -> dict[str, list[Rate]]:
    """Return rates by each of :data:`KINDS`, of the newest verdicts of 30 days.

    A language is that of the lyrics, a genre what a generated track was asked to be (uploads say none), a
    reviewer a pseudonym. What was drawn by chance is not among them: nearly all of that is found fine.
    """
    asked_for = verdicts_given(tenant_id, now).where(col(Case.kind) != spot_checks.KIND)
    found = list(session.execute(asked_for))
    staff = service.pseudonyms.on(tenant_id)
    banks = _banks_of(session, {row.analysis_id for row in found if row.analysis_id})
    groups: dict[str, dict[str, list[tuple[str, str]]]] = {
        kind: defaultdict(list) for kind in KINDS
    }
    for row in found:
        judged = (row.decision, OUTCOME.get(row.verdict, row.decision))
        names = {
            "rule": {reason["rule"] for reason in row.reasons},
            "bank": banks.get(row.analysis_id, set()),
            "genre": _genres(row.parameters, row.take),
            "language": {
                each for each in ((row.words or {}).get("sources") or {}).values() if each
            },
            "reviewer": {staff.of(row.reviewer_id)},
        }
        for kind, of_kind in names.items():
            for name in of_kind:
                groups[kind][name].append(judged)
    told = {kind: _rates(of_kind.items()) for kind, of_kind in groups.items()}
    return {
        kind: of_kind if kind == "reviewer" else of_kind[:MOST] for kind, of_kind in told.items()
    }


def verdicts_given(tenant_id: str, now: datetime, *, since: datetime | None = None) -> Any:
    """Select verdicts with what rules had decided, golden cases and second reviews left out."""
    return (
        sql_select(
            col(CaseVerdict.verdict),
            col(CaseVerdict.reviewer_id),
            col(PolicyDecision.decision),
            col(PolicyDecision.reasons),
            col(PolicyDecision.analysis_id),
            col(Analysis.words),
            col(Generation.parameters),
            col(Generation.take),
        )
        .select_from(CaseVerdict)
        .join(Case, col(Case.id) == col(CaseVerdict.case_id))
        .join(PolicyDecision, col(PolicyDecision.id) == col(Case.decision_id))
        .outerjoin(Analysis, col(Analysis.id) == col(PolicyDecision.analysis_id))
        .outerjoin(Take, col(Take.track_id) == col(PolicyDecision.track_id))
        .outerjoin(Generation, col(Generation.id) == col(Take.generation_id))
        .where(
            col(CaseVerdict.tenant_id) == tenant_id,
            col(CaseVerdict.created_at) >= (since or now - RECENT),
            col(CaseVerdict.state).in_(IN_EFFECT),
            col(CaseVerdict.checks).is_(None),
            col(CaseVerdict.case_id).not_in(select(GoldenCase.case_id)),
        )
        .order_by(col(CaseVerdict.created_at).desc())
        .limit(MOST_VERDICTS)
    )


def _genres(parameters: dict[str, Any] | None, take: dict[str, Any] | None) -> set[str]:
    """Return the genre that a generation was asked for: as a field, else in the words of its prompt."""
    if named := (parameters or {}).get("genre"):
        return {str(named).lower()}
    read = (take or {}).get("understood", ())
    return {str(each["words"]).lower() for each in read if each["field"] == "genre"}


def _rates(groups: Iterable[tuple[str, list[tuple[str, str]]]]) -> list[Rate]:
    """Return the rates of what was looked at often enough, the most often first."""
    made = [
        Rate(
            name,
            looked_at=len(judged),
            decided=sum(rules in HAD_EFFECT for rules, _ in judged),
            overturned=sum(rules in HAD_EFFECT and rules != person for rules, person in judged),
            released=sum(rules != "clear" and person == "clear" for rules, person in judged),
        )
        for name, judged in groups
        if len(judged) >= FEWEST
    ]
    return sorted(made, key=lambda rate: (-rate.looked_at, rate.name))


def _banks_of(session: Session, analyses: set[str]) -> dict[str, set[str]]:
    named: dict[str, set[str]] = defaultdict(set)
    ids = sorted(analyses)
    for start in range(0, len(ids), 500):
        query = (
            select(TrackMatch.analysis_id, Bank.name)
            .join(Reference, col(Reference.id) == col(TrackMatch.reference_id))
            .join(Bank, col(Bank.id) == col(Reference.bank_id))
            .where(col(TrackMatch.analysis_id).in_(ids[start : start + 500]))
            .distinct()
        )
        for analysis_id, name in session.exec(query):
            named[analysis_id].add(name)
    return named


def scores_by_day(session: Session, tenant_id: str) -> list[ScoreDay]:
    """Return the scores of the newest matches by day (UTC), oldest first; the time is in a match's id (RFC 9562)."""
    query = select(TrackMatch.id, TrackMatch.score).where(TrackMatch.tenant_id == tenant_id)
    newest = query.order_by(col(TrackMatch.id).desc()).limit(MOST_MATCHES)
    days: dict[str, list[float]] = defaultdict(list)
    for match_id, score in session.exec(newest):
        milliseconds = UUID(match_id).int >> 80
        day = datetime.fromtimestamp(milliseconds / 1000, tz=UTC).date().isoformat()
        days[day].append(score)
    return [_score_day(day, scores) for day, scores in sorted(days.items())][-30:]


def _score_day(day: str, scores: Sequence[float]) -> ScoreDay:
    if len(scores) == 1:
        return ScoreDay(day, 1, scores[0], scores[0], scores[0])
    tenths = quantiles(scores, n=10, method="inclusive")
    return ScoreDay(day, len(scores), tenths[0], tenths[4], tenths[8])


def missed_deadlines(session: Session, tenant_id: str, now: datetime) -> list[tuple[str, int]]:
    """Return how many clocks of 30 days were missed, by rule of law."""
    query = select(Deadline.rule, func.count()).where(
        Deadline.tenant_id == tenant_id,
        Deadline.state == "missed",
        col(Deadline.due_at) >= now - RECENT,
    )
    return sorted(session.exec(query.group_by(Deadline.rule)).all(), key=lambda row: -row[1])


def dead_letters(session: Session, tenant_id: str) -> list[tuple[str, int]]:
    """Return how many dead letters wait, by stage."""
    query = select(DeadLetter.group, func.count()).where(
        DeadLetter.tenant_id == tenant_id, DeadLetter.state == "dead"
    )
    return sorted(session.exec(query.group_by(DeadLetter.group)).all(), key=lambda row: -row[1])


def flooded(session: Session, tenant_id: str, *, limit: int = 20) -> list[Reference]:
    """Return references that are out of the index since they were suddenly found everywhere."""
    query = select(Reference).where(
        Reference.tenant_id == tenant_id,
        Reference.status == Status.QUARANTINED,
        Reference.quarantined_for == "flood",
    )
    return list(session.exec(query.order_by(col(Reference.flood_rate).desc()).limit(limit)))
