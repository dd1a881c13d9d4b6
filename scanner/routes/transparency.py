"""HTTP resources of what is reported about a period: for publication, and for those who run a pilot."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from scanner import kpis, transparency
from scanner.dependencies import AuditReader, ServiceDep
from scanner.problems import problems
from scanner.routing import Route
from scanner.schemas import transparency as shapes
from scanner.schemas.kpis import Kpis

router = APIRouter(prefix="/v1/reports", tags=["audit"], route_class=Route)


@router.get(
    "/transparency",
    response_model=shapes.TransparencyReport,
    response_model_exclude_unset=True,
    responses=problems(
        "bad-fields",
        also={
            200: {
                "description": "The report.",
                "content": {"text/csv": {}, "text/html": {}, "application/zip": {}},
            }
        },
    ),
)
def read_transparency_report(
    caller: AuditReader,
    service: ServiceDep,
    first: Annotated[date, Query(alias="from", description="First day of the period.")],
    last: Annotated[date, Query(alias="to", description="Last day of the period.")],
    form: Annotated[
        Literal["json", "csv", "html", "template"],
        Query(
            alias="format",
            description="Of the answer; `template` is a ZIP of the parts of the EU's template as CSV.",
        ),
    ] = "json",
) -> Any:
    """What was done in a period, for publication (DSA-24/15). Needs the scope `audit:read`."""
    report = transparency.of_period(service, caller.tenant_id, first, last)
    if form == "csv":
        return Response(transparency.as_csv(report), media_type="text/csv; charset=utf-8")
    if form == "template":
        content = transparency.as_zip(report, service.now().date())
        return Response(content, media_type="application/zip")
    if form == "html":
        from scanner.transparency.page import as_page

        return Response(as_page(report), media_type="text/html; charset=utf-8")
    return report


@router.get(
    "/kpis",
    response_model=Kpis,
    response_model_exclude_unset=True,
    responses=problems("bad-fields"),
)
def read_kpis(
    caller: AuditReader,
    service: ServiceDep,
    first: Annotated[date, Query(alias="from", description="First day of the period.")],
    last: Annotated[date, Query(alias="to", description="Last day of the period.")],
    against_first: Annotated[
        date | None,
        Query(alias="against_from", description="First of the days to compare with."),
    ] = None,
    against_last: Annotated[
        date | None, Query(alias="against_to", description="Last of the days to compare with.")
    ] = None,
) -> dict[str, Any]:
    """How soon tracks are decided, how often wrongly, who stays and keeps what is made. Needs the scope `audit:read`."""
    against = kpis.compared_days(against_first, against_last)
    with service.database.reading() as session:
        period = kpis.Period(first, last)
        return kpis.report(service, session, caller.tenant_id, period, against)
