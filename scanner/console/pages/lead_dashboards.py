"""Dashboards: how a platform's work goes, as charts with their figures in tables."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from scanner import dashboards, drift, error_rates, kpis, review_quality
from scanner.console import charts
from scanner.console.access import Allowed, ConsoleRoute
from scanner.console.identities import Identity
from scanner.console.languages import words
from scanner.console.navigation import OVERSEERS, _
from scanner.console.rendering import language_of, page
from scanner.dependencies import ServiceDep
from scanner.service import Service

router = APIRouter(
    prefix="/dashboards", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
Overseer = Annotated[Identity, Depends(Allowed(OVERSEERS))]
Chart = Literal["queue", "hours", "rule", "bank", "genre", "language", "scores"]
LABELS: Final = {
    "rules": _("rules"),
    "people": _("people"),
    "overturned": _("overturned"),
    "released": _("found fine"),
}
DRIFT: Final = {
    "recording": _("Recordings: score of the surest match"),
    "composition": _("Compositions: score of the surest match"),
    "mark": _("Marks: score of the best"),
    "words": _("Words: listed words in a track"),
    "steady": _("as before"),
    "drifted": _("drifted"),
    "few": _("too few tracks"),
}
KPIS: Final = {
    "time_to_decision": _("From submission to decision"),
    "false_positive_rate": _("Found fine by people"),
    "overturn_rate": _("Appeals granted"),
    "time_to_first_track": _("From first request to first take"),
    "retention_after_generation": _("Came back within 7 days"),
    "creative_lift": _("Variations kept"),
}
SOURCES: Final = {
    "reviews": _("Reviews, 30 days"),
    "appeals": _("Appeals, 30 days"),
    "golden": _("Golden cases"),
    "sample": _("Drawn by chance, 30 days"),
}


class SvgResponse(Response):
    media_type = "image/svg+xml"


@router.get("")
def read_dashboards(request: Request, identity: Overseer, service: ServiceDep) -> Response:
    """All figures of the platform."""
    tenant_id, now = identity.caller.tenant_id, service.now()
    recently = kpis.Period((now - dashboards.RECENT).date(), now.date())
    with service.database.reading() as session:
        quality = review_quality.report(service, session, tenant_id, now - dashboards.RECENT)
        return page(
            request,
            "lead_dashboards.html",
            ages=dashboards.queue_ages(session, tenant_id, now),
            hours=dashboards.decided_by_hour(session, tenant_id, now),
            rates=dashboards.rates(service, session, tenant_id, now),
            scores=dashboards.scores_by_day(session, tenant_id),
            kpis=kpis.report(service, session, tenant_id, recently),
            kpi_words=KPIS,
            errors=error_rates.by_rule(session, tenant_id, now),
            error_sources=SOURCES,
            drift=drift.described(session, tenant_id),
            drift_words=DRIFT,
            drift_threshold=service.settings.drift_threshold,
            missed=dashboards.missed_deadlines(session, tenant_id, now),
            dead=dashboards.dead_letters(session, tenant_id),
            flooded=dashboards.flooded(session, tenant_id),
            quality=quality,
            most_verdicts=dashboards.MOST_VERDICTS,
            fewest=dashboards.FEWEST,
        )


@router.get("/{name}.svg", response_class=SvgResponse)
def read_chart(
    request: Request,
    identity: Overseer,
    service: ServiceDep,
    name: Chart,
    dark: bool = False,
    narrow: bool = False,
) -> Response:
    """One chart as a picture, for a light or a dark page, a wide or a narrow one."""
    said = words(language_of(request)).gettext
    with service.database.reading() as session:
        drawn = _DRAWN[name](
            service, session, identity.caller.tenant_id, said, charts.Look(dark, narrow)
        )
    return SvgResponse(drawn, headers=PICTURE)


PICTURE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "private, max-age=30",
}
"""A picture's own styles are in it; as an image nothing in it runs."""

Said = Callable[[str], str]


def _queue(
    service: Service, session: Session, tenant_id: str, said: Said, look: charts.Look
) -> str:
    ages = dashboards.queue_ages(session, tenant_id, service.now())
    return charts.bars(list(ages), {"": list(ages.values())}, look=look)


def _hours(
    service: Service, session: Session, tenant_id: str, said: Said, look: charts.Look
) -> str:
    rows = dashboards.decided_by_hour(session, tenant_id, service.now())
    series = {said(LABELS[who]): [row[who] for row in rows] for who in ("rules", "people")}
    return charts.bars([f"{row['hour']:%H:%M}" for row in rows], series, look=look)


def _rates(kind: str) -> Callable[[Service, Session, str, Said, charts.Look], str]:
    def drawn(
        service: Service, session: Session, tenant_id: str, said: Said, look: charts.Look
    ) -> str:
        rates = dashboards.rates(service, session, tenant_id, service.now())
        found: Sequence[dashboards.Rate] = rates[kind]
        series = {
            said(LABELS["overturned"]): [each.overturn_rate or 0.0 for each in found],
            said(LABELS["released"]): [each.false_positive_rate for each in found],
        }
        return charts.shares([each.name for each in found], series, look=look)

    return drawn


def _scores(
    service: Service, session: Session, tenant_id: str, said: Said, look: charts.Look
) -> str:
    days = dashboards.scores_by_day(session, tenant_id)
    return charts.band(
        [each.day[5:] for each in days],
        [each.low for each in days],
        [each.median for each in days],
        [each.high for each in days],
        look=look,
    )


_DRAWN: Final[dict[str, Any]] = {
    "queue": _queue,
    "hours": _hours,
    "rule": _rates("rule"),
    "bank": _rates("bank"),
    "genre": _rates("genre"),
    "language": _rates("language"),
    "scores": _scores,
}
