"""What a pilot is judged by: how soon tracks are decided, how often wrongly, and whether people stay and keep what is made.

All figures are of groups: one that is smaller than a setting is not told, only how large it is. What each figure means is in
docs/monitoring.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, or_
from sqlalchemy import select as sql_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from scanner import dashboards
from scanner.error_rates import DECIDED
from scanner.tables import (
    Appeal,
    CaseVerdict,
    Generation,
    PolicyDecision,
    Take,
    TakeProject,
    Track,
)
from scanner.transparency.report import check_period

if TYPE_CHECKING:
    from scanner.service import Service

RETURN: Final = timedelta(days=7)
MOST: Final = 10_000
"""Rows that a figure is of, the newest."""
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


def report(
    service: "Service", session: Session, tenant_id: str, first: date, last: date
) -> dict[str, Any]:
    """Return a platform's figures of some days.

    Raises
    ------
    BadPeriodError
        If the days make no sense.
    """
    check_period(first, last)
    period = Period(first, last)
    least = service.settings.kpi_minimum
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "minimum": least,
        "kpis": [
            _times("time_to_decision", _decision_times(session, tenant_id, period), least),
            _share("false_positive_rate", *_false_positives(session, tenant_id, period), least),
            _share("overturn_rate", *_overturned(session, tenant_id, period), least),
            _times("time_to_first_track", _first_tracks(session, tenant_id, period), least),
            _share("retention_after_generation", *_returned(session, tenant_id, period), least),
            _share("creative_lift", *_kept_variations(session, tenant_id, period), least),
        ],
    }


def _times(name: str, seconds: Sequence[float], least: int) -> dict[str, Any]:
    told = sorted(seconds) if len(seconds) >= least else []
    return {
        "name": name,
        "unit": SECONDS,
        "n": len(seconds),
        "value": round(median(told), 1) if told else None,
        "p95": round(told[math.ceil(0.95 * len(told)) - 1], 1) if told else None,
    }


def _share(name: str, hits: int, n: int, group: int, least: int) -> dict[str, Any]:
    told = n > 0 and group >= least
    return {
        "name": name,
        "unit": SHARE,
        "n": n,
        "value": round(hits / n, 4) if told else None,
        "p95": None,
    }


def _decision_times(session: Session, tenant_id: str, period: Period) -> list[float]:
    """From a track's submission to its first decision."""
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
        sql_select(col(Track.created_at), decided.c.at)
        .join(decided, decided.c.track_id == col(Track.id))
        .where(col(Track.tenant_id) == tenant_id, *period.holds(col(Track.created_at)))
        .order_by(col(Track.created_at).desc())
        .limit(MOST)
    )
    return [(at - since).total_seconds() for since, at in session.execute(query)]


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
