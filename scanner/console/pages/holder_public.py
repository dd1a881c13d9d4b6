"""Public pages: the rules in force in plain words, the agent for notices, transparency reports, a track's badge."""

from itertools import groupby
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import select

from appeals.standing import MisusePolicy
from scanner import badges, dmca_agent, transparency
from scanner.console import public_reports, public_words, report_words
from scanner.console.access import ConsoleRoute, Visiting
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.keys import tenants
from scanner.service import Service
from scanner.tables import Tenant
from scanner.transparency.tables import RULES, rows

router = APIRouter(prefix="/public", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Platform = Annotated[str | None, Query(max_length=200)]
Year = Annotated[int, Path(ge=2000, le=9999)]


@router.get("/policies")
def read_policies(
    request: Request, visiting: Visiting, service: ServiceDep, platform: Platform = None
) -> Response:
    """The rules in force: what each is about, what happens, the legal basis (DSA-14); what is done about misuse (DSA-23)."""
    tenant = platform_of(service, platform)
    with service.database.reading() as session:
        pack = service.packs.in_force(session, tenant.id).pack
    return page(
        request,
        "holder_policies.html",
        platform=tenant.name,
        pack=pack,
        words=public_words,
        misuse=MisusePolicy(),
    )


@router.get("/dmca-agent")
def read_agent(request: Request, visiting: Visiting, service: ServiceDep) -> Response:
    """The designated agent (DMCA-C4)."""
    agent = dmca_agent.shown(service.settings)
    if agent is None:
        raise NotFoundError("agent", "is designated here")
    return page(request, "holder_agent.html", agent=agent)


@router.get("/transparency")
def read_reports(
    request: Request, visiting: Visiting, service: ServiceDep, platform: Platform = None
) -> Response:
    """The years that are over, each with its report (DSA-24/15)."""
    tenant = platform_of(service, platform)
    return page(
        request,
        "holder_reports.html",
        platform=tenant.name,
        named=platform,
        years=[*reversed(_years(service, tenant))],
        shown=service.settings.public_reports,
    )


@router.get("/transparency/{year}")
def read_report(
    request: Request,
    visiting: Visiting,
    service: ServiceDep,
    year: Year,
    platform: Platform = None,
) -> Response:
    """A year's report."""
    tenant = platform_of(service, platform)
    found = groupby(rows(_report(service, tenant, year)), key=lambda row: row[0])
    return page(
        request,
        "holder_report.html",
        platform=tenant.name,
        named=platform,
        year=year,
        sections=[(name, RULES[name], list(figures)) for name, figures in found],
        words=public_words,
        said=report_words.said,
    )


@router.get("/transparency/{year}/figures.csv")
def read_figures(
    visiting: Visiting, service: ServiceDep, year: Year, platform: Platform = None
) -> Response:
    """A year's report as CSV."""
    tenant = platform_of(service, platform)
    text = transparency.as_csv(_report(service, tenant, year))
    headers = {"Content-Disposition": f'attachment; filename="transparency-{year}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/tracks/{track_id}")
def read_badge(
    request: Request,
    visiting: Visiting,
    service: ServiceDep,
    track_id: Annotated[str, Path(max_length=36)],
) -> Response:
    """What is known of a released track's origin, and what is not (AIA-50-4)."""
    if not is_id(track_id):
        raise NotFoundError("track", "of this id")
    return page(request, "holder_badge.html", badge=badges.badge_of(service, track_id))


def platform_of(service: Service, name: str | None) -> Tenant:
    """Return the platform that a page is about: the one that is named, or the only one.

    Raises
    ------
    NotFoundError
        If there is none of this name, or several and none is named.
    """
    with service.database.reading() as session:
        if name is None:
            found = list(tenants(session))
        else:
            own = select(Tenant).where(Tenant.name == name, Tenant.sandbox_of == None)  # noqa: E711
            found = list(session.exec(own))
    if len(found) != 1:
        raise NotFoundError("platform", "of this name: give its name as `?platform=NAME`")
    return found[0]


def _years(service: Service, tenant: Tenant) -> range:
    """Return the years that are over where the report's days are counted; none, if the operator shows none."""
    if not service.settings.public_reports:
        return range(0)
    zone = ZoneInfo(service.settings.legal_zone)
    first, this = (at.astimezone(zone).year for at in (tenant.created_at, service.now()))
    return range(first, this)


def _report(service: Service, tenant: Tenant, year: int) -> dict[str, Any]:
    """Return the report of a year that is over."""
    if year not in _years(service, tenant):
        raise NotFoundError("report", "of this year: a year is counted once it is over")
    return public_reports.of_year(service, tenant.id, year)
