"""Where an administrator begins: what waits for them, and how the platform does."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from scanner import attention, dashboards
from scanner.console.access import ConsoleRoute
from scanner.console.pages.administration import Admin
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)


@router.get("/overview")
def read_overview(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """What is to be mended, each with the page where it is."""
    tenant_id, now = identity.caller.tenant_id, service.now()
    with service.database.reading() as session:
        waits = attention.of(service, session, tenant_id)
        ages = dashboards.queue_ages(session, tenant_id, now)
        hours = dashboards.decided_by_hour(session, tenant_id, now)
    return page(
        request,
        "admin_overview.html",
        waits=waits,
        open_cases=sum(ages.values()),
        old_cases=ages[dashboards.OLDER],
        by_rules=sum(row["rules"] for row in hours),
        by_people=sum(row["people"] for row in hours),
    )
