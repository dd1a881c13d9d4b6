"""What a pilot is judged by: how soon tracks are decided, how often wrongly, and whether people stay and keep what is made.

All figures are of groups: one that is smaller than a setting is not told, only how large it is. What each figure means is in
docs/monitoring.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, or_
from sqlalchemy import select as sql_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from scanner import dashboards, waiting_times
from scanner.error_rates import DECIDED, NORMAL_95, wilson
from scanner.tables import (
    Appeal,
    CaseVerdict,
    Generation,
    PolicyDecision,
    Take,
    TakeProject,
    Track,
)
from scanner.track_states import State
from scanner.transparency.report import BadPeriodError, check_period
from scanner.waiting_times import Wait

if TYPE_CHECKING:
    from scanner.service import Service

RETURN: Final = timedelta(days=7)
MOST: Final = 10_000
"""Rows that a figure is of, the newest."""
FEWEST: Final = 6
"""Values of whose median there is a 95 % interval: of fewer even the least and the greatest hold it less often."""
LEFT_THE_QUEUE: Final = frozenset({State.WITHDRAWN, State.HELD})
"""States of tracks that wait for no decision any more, whether they had one or not."""
SECONDS, SHARE = "seconds", "share"


@dataclass(frozen=True)
class Period:
    """Days, UTC, both counted."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    def holds(self, column: Any) -> list[Any]:
        """Return the conditions that a time lies within."""
        return [column >= self.start, column < self.end]


def compared_days(first: date | None, last: date | None) -> Period | None:
    """Return the days to compare with, or None if none were named.

    Raises
    ------
    BadPeriodError
        If only one end was.
    """
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise BadPeriodError("name both ends of the days to compare with, or neither")
    return Period(first, last)


@dataclass(frozen=True)
class Figure:
    """A figure of a group; ``value`` and what is beside it are None where the group is too small to be told.

    Attributes
    ----------
    value : float or None
        The median of seconds, or a share.
    interval : tuple of float or None
        In which the value lies with 95 % confidence, as if each of ``n`` stood for itself; None of too few.
    p95 : float or None
        Of seconds: what 95 of 100 do not pass.
    undecided, undecided_age : int, float, or None
        Of the time to decision: how many of ``n`` wait still, and half of those for how long.
    """

    name: str
    unit: str
    n: int
    value: float | None = None
    interval: tuple[float, float] | None = None
    p95: float | None = None
    undecided: int | None = None
    undecided_age: float | None = None


def report(
    service: "Service",
    session: Session,
    tenant_id: str,
    period: Period,
    against: Period | None = None,
) -> dict[str, Any]:
    """Return a platform's figures of some days, and how they differ from those of others.

    Raises
    ------
    BadPeriodError
        If the days make no sense, or some are in both periods: the interval is of two that share nothing.
    """
    least = service.settings.kpi_minimum
    for each in filter(None, (period, against)):
        check_period(each.first, each.last)
    if against is not None and against.first <= period.last and period.first <= against.last:
        raise BadPeriodError("the days to compare with are none of the period's own")
    figures = _figures(session, tenant_id, period, least, service.now())
    told = {**_days(period), "minimum": least, "kpis": [_told(each) for each in figures]}
    if against is not None:
        told["against"] = _days(against)
        others = _figures(session, tenant_id, against, least, service.now())
        told["kpis"] = [
            _told(now) | _compared(now, before) for now, before in zip(figures, others, strict=True)
        ]
    return told


def _days(period: Period) -> dict[str, str]:
    return {"from": period.first.isoformat(), "to": period.last.isoformat()}


def _figures(
    session: Session, tenant_id: str, period: Period, least: int, now: datetime
) -> list[Figure]:
    own = (session, tenant_id, period)
    return [
        _waits("time_to_decision", *_decision_waits(*own, now), least),
        _share("false_positive_rate", *_false_positives(*own), least),
        _share("overturn_rate", *_overturned(*own), least),
        _times("time_to_first_track", _first_tracks(*own), least),
        _share("retention_after_generation", *_returned(*own), least),
        _share("creative_lift", *_kept_variations(*own), least),
    ]


def _times(name: str, seconds: Sequence[float], least: int) -> Figure:
    n = len(seconds)
    if n < least:
        return Figure(name, SECONDS, n)
    told = sorted(seconds)
    p95 = told[math.ceil(0.95 * n) - 1]
    return Figure(name, SECONDS, n, median(told), median_interval(told), p95)


def _waits(name: str, waits: Sequence[Wait], ages: Sequence[float], least: int) -> Figure:
    """Return a figure of times of which some are not over yet, ``ages`` being those of what still waits."""
    n, ended = len(waits), [wait.seconds for wait in waits if wait.over]
    if n < least:
        return Figure(name, SECONDS, n)
    if len(ended) == n:
        figure = _times(name, ended, least)
    else:
        steps = waiting_times.still_waiting(waits)
        interval = waiting_times.median_interval(steps) if len(ended) >= FEWEST else None
        p95 = waiting_times.quantile(steps, 0.95)
        figure = Figure(name, SECONDS, n, waiting_times.median(steps), interval, p95)
    age = median(ages) if len(ages) >= least else None
    return replace(figure, undecided=len(ages), undecided_age=age)


def _share(name: str, hits: int, n: int, group: int, least: int) -> Figure:
    if n == 0 or group < least:
        return Figure(name, SHARE, n)
    return Figure(name, SHARE, n, hits / n, wilson(hits, n))


def median_interval(told: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a median by order statistics, of sorted values (David & Nagaraja 2003, 7.1).

    The normal approximation of the binomial is taken; of few values the interval ends with the least and the most, of
    fewer than :data:`FEWEST` there is none.
    """
    n = len(told)
    if n < FEWEST:
        return None
    spread = NORMAL_95 * math.sqrt(n) / 2
    low, high = math.floor(n / 2 - spread), math.ceil(n / 2 + 1 + spread)
    return told[max(low, 1) - 1], told[min(high, n) - 1]


def _compared(now: Figure, before: Figure) -> dict[str, Any]:
    """Return how a figure differs from an earlier one, with the interval that follows from theirs.

    By the method of variance estimates recovery (Zou & Donner 2008), which of two shares with Wilson's intervals is
    Newcombe's tenth (1998).
    """
    was = {"n": before.n, "value": _rounded(before, before.value)}
    if now.value is None or before.value is None:
        return {"before": was, "difference": None, "interval": None}
    difference = now.value - before.value
    told: dict[str, Any] = {
        "before": was,
        "difference": _rounded(now, difference),
        "interval": None,
    }
    if now.interval and before.interval:
        down = math.hypot(now.value - now.interval[0], before.interval[1] - before.value)
        up = math.hypot(now.interval[1] - now.value, before.value - before.interval[0])
        ends = (difference - down, difference + up)
        told["interval"] = [_rounded(now, each) for each in ends]
    return told


def _told(each: Figure) -> dict[str, Any]:
    return {
        "name": each.name,
        "unit": each.unit,
        "n": each.n,
        "value": _rounded(each, each.value),
        "p95": _rounded(each, each.p95),
        "undecided": each.undecided,
        "undecided_age": _rounded(each, each.undecided_age),
    }


def _rounded(figure: Figure, value: float | None) -> float | None:
    return None if value is None else round(value, 1 if figure.unit == SECONDS else 4)


def _decision_waits(
    session: Session, tenant_id: str, period: Period, now: datetime
) -> tuple[list[Wait], list[float]]:
    """From a track's submission to its first decision, and the ages of the tracks that still wait for theirs.

    One that was withdrawn, or could not be read, waited until then.
    """
    decided = (
        sql_select(
            col(PolicyDecision.track_id), func.min(col(PolicyDecision.created_at)).label("at")
        )
        .where(
            col(PolicyDecision.tenant_id) == tenant_id,
            col(PolicyDecision.created_at) >= period.start,
        )
        .group_by(col(PolicyDecision.track_id))
        .subquery()
    )
    query = (
        sql_select(col(Track.created_at), decided.c.at, col(Track.state), col(Track.updated_at))
        .outerjoin(decided, decided.c.track_id == col(Track.id))
        .where(col(Track.tenant_id) == tenant_id, *period.holds(col(Track.created_at)))
        .order_by(col(Track.created_at).desc())
        .limit(MOST)
    )
    waits, ages = [], []
    for since, at, state, changed in session.execute(query):
        left = state in LEFT_THE_QUEUE
        until = at or (changed if left else now)
        waits.append(Wait((until - since).total_seconds(), over=at is not None))
        if at is None and not left:
            ages.append(waits[-1].seconds)
    return waits, ages


def _false_positives(session: Session, tenant_id: str, period: Period) -> tuple[int, int, int]:
    """Verdicts on what rules had limited or sent to a person, in which nothing was found wrong."""
    query = dashboards.verdicts_given(tenant_id, period.end, since=period.start).where(
        col(CaseVerdict.created_at) < period.end, col(PolicyDecision.decision) != "clear"
    )
    rows = session.execute(query).all()
    released = sum(dashboards.OUTCOME.get(row.verdict) == "clear" for row in rows)
    return released, len(rows), len(rows)


def _overturned(session: Session, tenant_id: str, period: Period) -> tuple[int, int, int]:
    """Appeals filed in the period and decided since, that were granted or partly granted."""
    query = select(Appeal.outcome_kind).where(
        Appeal.tenant_id == tenant_id,
        col(Appeal.outcome_kind).in_(DECIDED),
        *period.holds(col(Appeal.created_at)),
    )
    found = session.exec(query.order_by(col(Appeal.created_at).desc()).limit(MOST)).all()
    return sum(each != "denied" for each in found), len(found), len(found)


def _first_tracks(session: Session, tenant_id: str, period: Period) -> list[float]:
    """From an account's first request for music to its first take, of those whose first take is in the period."""
    asked = (
        sql_select(col(Generation.account_id), func.min(col(Generation.created_at)).label("at"))
        .where(col(Generation.tenant_id) == tenant_id, col(Generation.account_id).is_not(None))
        .group_by(col(Generation.account_id))
        .subquery()
    )
    made = (
        sql_select(col(Take.account_id), func.min(col(Take.created_at)).label("at"))
        .where(col(Take.tenant_id) == tenant_id, col(Take.account_id).is_not(None))
        .group_by(col(Take.account_id))
        .subquery()
    )
    query = (
        sql_select(asked.c.at, made.c.at)
        .join(made, made.c.account_id == asked.c.account_id)
        .where(*period.holds(made.c.at))
        .order_by(made.c.at.desc())
        .limit(MOST)
    )
    return [(at - since).total_seconds() for since, at in session.execute(query)]


def _returned(session: Session, tenant_id: str, period: Period) -> tuple[int, int, int]:
    """Accounts that asked for music, at least seven days before the period's end, and did so again on one of them."""
    asked = (Generation.tenant_id == tenant_id, *period.holds(col(Generation.created_at)))
    began = func.min(col(Generation.created_at))
    firsts = (
        sql_select(col(Generation.account_id), began.label("at"))
        .where(*asked, col(Generation.account_id).is_not(None))
        .group_by(col(Generation.account_id))
        .having(began <= period.end - RETURN)
        .order_by(began.desc())
        .limit(MOST)
        .subquery()
    )
    query = (
        sql_select(firsts.c.account_id, firsts.c.at, col(Generation.created_at))
        .join(Generation, col(Generation.account_id) == firsts.c.account_id)
        .where(*asked)
    )
    returned: dict[str, bool] = {}
    for account_id, first, at in session.execute(query).yield_per(MOST):
        returned[account_id] = returned.get(account_id, False) or _again(first, at)
    return sum(returned.values()), len(returned), len(returned)


def _again(first: datetime, at: datetime) -> bool:
    return at.date() > first.date() and at <= first + RETURN


def _kept_variations(session: Session, tenant_id: str, period: Period) -> tuple[int, int, int]:
    """Variations that were gone on from, shared, or are what their project goes on from; the group is their accounts."""
    child = aliased(Take)
    kept = or_(
        col(Take.shared_at).is_not(None),
        exists().where(col(child.parent_id) == col(Take.id)),
        exists().where(col(TakeProject.current_take_id) == col(Take.id)),
    )
    query = sql_select(col(Take.account_id), kept).where(
        col(Take.tenant_id) == tenant_id,
        col(Take.parent_id).is_not(None),
        *period.holds(col(Take.created_at)),
    )
    rows = session.execute(query.order_by(col(Take.id).desc()).limit(MOST)).all()
    accounts = {account_id for account_id, _ in rows if account_id is not None}
    return sum(bool(each) for _, each in rows), len(rows), len(accounts)
