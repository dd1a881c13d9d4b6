"""How often each rule was wrong, by what shows it: reviews, appeals, and golden cases.

The sources are not alike and are not added up: reviews are of what rules sent to people or people took up, appeals of what
somebody contested, golden cases of what an officer chose, samples of what was cleared and drawn by chance. Each is told with how many there were and a 95 % interval.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select as sql_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from scanner import dashboards, spot_checks
from scanner.tables import Appeal, Case, CaseVerdict, GoldenCase, PolicyDecision

REVIEWS, APPEALS, GOLDEN, SAMPLE = "reviews", "appeals", "golden", "sample"
SOURCES: Final = (REVIEWS, APPEALS, GOLDEN, SAMPLE)
NORMAL_95: Final = 1.959964
"""Quantile of the normal distribution for a two-sided interval of 95 %."""
DECIDED: Final = ("granted", "partly", "denied")


@dataclass(frozen=True)
class ErrorRate:
    """Of one rule and one source: how often it was wrong, of how often that was looked at."""

    rule: str
    source: str
    errors: int
    n: int

    @property
    def rate(self) -> float:
        return self.errors / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.errors, self.n)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson 1927).

    Raises
    ------
    ValueError
        If nothing was looked at.
    """
    if n < 1:
        raise ValueError("of nothing there is no share")
    z2 = NORMAL_95**2
    share, spread = hits / n, 1 + z2 / n
    middle = (share + z2 / (2 * n)) / spread
    half = NORMAL_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / spread
    return max(0.0, middle - half), min(1.0, middle + half)


def by_rule(session: Session, tenant_id: str, now: datetime) -> list[ErrorRate]:
    """Return the rates of each rule that fired in something that was looked at, by rule and source.

    A rule was wrong where a person, or what is known of a golden case, gave another effect than the decision that it
    fired in; a rule that asked a person was wrong where there was nothing to do. In cleared tracks that were
    drawn by chance it was wrong where a person found something, in the check or by another case before it. Reviews
    and appeals are those of 30 days, of each source the newest 1,000; a decision is one golden case, however
    often it was put up.
    """
    counted: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for source, rows in (
        (REVIEWS, _reviews(session, tenant_id, now)),
        (APPEALS, _appeals(session, tenant_id, now)),
        (GOLDEN, _golden(session, tenant_id)),
        (SAMPLE, _sampled(session, tenant_id, now)),
    ):
        for reasons, wrong in rows:
            for rule in {reason["rule"] for reason in reasons}:
                counted[rule, source].append(wrong)
    order = {source: place for place, source in enumerate(SOURCES)}
    keys = sorted(counted, key=lambda key: (key[0], order[key[1]]))
    return [ErrorRate(*key, sum(counted[key]), len(counted[key])) for key in keys]


def _wrong(decision: str, given: str) -> bool:
    outcome = dashboards.OUTCOME.get(given)
    if outcome is None:  # a verdict that leaves what was decided
        return False
    return outcome != decision if decision in dashboards.HAD_EFFECT else outcome == "clear"


def _reviews(session: Session, tenant_id: str, now: datetime) -> Iterable[tuple[Any, bool]]:
    query = dashboards.verdicts_given(tenant_id, now).where(col(Case.kind) != spot_checks.KIND)
    for row in session.execute(query):
        yield row.reasons, _wrong(row.decision, row.verdict)


def _sampled(session: Session, tenant_id: str, now: datetime) -> Iterable[tuple[Any, bool]]:
    query = dashboards.verdicts_given(tenant_id, now).where(col(Case.kind) == spot_checks.KIND)
    for row in session.execute(query):
        yield row.reasons, row.verdict != "dismiss"
    yield from _settled(session, tenant_id, now)


def _settled(session: Session, tenant_id: str, now: datetime) -> Iterable[tuple[Any, bool]]:
    """Tracks that were drawn and that a person decided anew by another case before anybody checked them."""
    cleared: Any = aliased(PolicyDecision)
    later: Any = aliased(PolicyDecision)
    after: Any = aliased(PolicyDecision)
    next_one = (
        sql_select(later.id)
        .where(later.track_id == cleared.track_id, later.created_at > cleared.created_at)
        .order_by(later.created_at, later.id)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sql_select(cleared.reasons, after.decision)
        .select_from(Case)
        .join(cleared, cleared.id == col(Case.decision_id))
        .join(after, after.id == next_one)
        .where(
            col(Case.tenant_id) == tenant_id,
            col(Case.kind) == spot_checks.KIND,
            col(Case.closed_at) >= now - dashboards.RECENT,
            after.ruled_by == "person",
            col(Case.id).not_in(
                select(CaseVerdict.case_id).where(col(CaseVerdict.state).in_(dashboards.IN_EFFECT))
            ),
        )
        .order_by(col(Case.closed_at).desc())
        .limit(dashboards.MOST_VERDICTS)
    )
    for reasons, decision in session.execute(query):
        yield reasons, decision != "clear"


def _appeals(session: Session, tenant_id: str, now: datetime) -> Iterable[tuple[Any, bool]]:
    query = (
        sql_select(col(PolicyDecision.reasons), col(Appeal.outcome_kind))
        .join(Appeal, col(Appeal.subject_id) == col(PolicyDecision.id))
        .where(
            col(Appeal.tenant_id) == tenant_id,
            col(Appeal.subject_kind) == "decision",
            col(PolicyDecision.ruled_by).is_(None),
            col(Appeal.outcome_kind).in_(DECIDED),
            col(Appeal.created_at) >= now - dashboards.RECENT,
        )
        .order_by(col(Appeal.created_at).desc())
        .limit(dashboards.MOST_VERDICTS)
    )
    for reasons, outcome in session.execute(query):
        yield reasons, outcome != "denied"


def _golden(session: Session, tenant_id: str) -> Iterable[tuple[Any, bool]]:
    """What is known of each decision, however often it was put up: of several answers the newest."""
    decided = col(PolicyDecision.id)
    newest = (col(GoldenCase.created_at).desc(), col(GoldenCase.case_id).desc())
    place = func.row_number().over(partition_by=decided, order_by=newest)
    known = (
        sql_select(
            decided.label("decision_id"),
            col(GoldenCase.verdict),
            col(GoldenCase.created_at),
            place.label("place"),
        )
        .join(Case, col(Case.decision_id) == decided)
        .join(GoldenCase, col(GoldenCase.case_id) == col(Case.id))
        .where(col(GoldenCase.tenant_id) == tenant_id)
        .subquery()
    )
    query = (
        sql_select(col(PolicyDecision.reasons), col(PolicyDecision.decision), known.c.verdict)
        .join(known, known.c.decision_id == decided)
        .where(known.c.place == 1)
        .order_by(known.c.created_at.desc())
        .limit(dashboards.MOST_VERDICTS)
    )
    for reasons, decision, verdict in session.execute(query):
        yield reasons, _wrong(decision, verdict)
