"""HTTP resources for reasons that verdicts give, and for how well reviewers decide."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime

from scanner import reasons, review_quality, schemas
from scanner.case_views import check_reader
from scanner.dependencies import CasesReader, PolicyWriter, ServiceDep
from scanner.problems import problems
from scanner.routing import Route

router = APIRouter(prefix="/v1", tags=["cases"], route_class=Route)
Code = Annotated[str, Path(description="The reason's code, such as `human.licence-shown`.")]


@router.get("/cases/reasons", response_model=schemas.Reasons, response_model_exclude_unset=True)
def list_reasons(caller: CasesReader, service: ServiceDep) -> dict[str, Any]:
    """List the reasons that a verdict can give. Needs the scope `cases:read`."""
    with service.database.reading() as session:
        return {"items": [each.to_json() for each in reasons.listed(session, caller.tenant_id)]}


@router.put(
    "/cases/reasons/{code}",
    response_model=schemas.ReasonAnswer,
    response_model_exclude_unset=True,
    responses=problems("malformed-json", "unsupported-media-type", "bad-fields"),
)
def put_reason(
    code: Code, caller: PolicyWriter, wanted: schemas.ReasonAsked, service: ServiceDep
) -> dict[str, Any]:
    """Give a reason in your own words, or a new one. Needs the scope `policies:write`."""
    return reasons.put(service, caller, code, **wanted.model_dump()).to_json()


@router.delete(
    "/cases/reasons/{code}",
    status_code=204,
    responses=problems("not-found"),
    response_class=Response,
)
def remove_reason(code: Code, caller: PolicyWriter, service: ServiceDep) -> Response:
    """Take your own words for a reason away. Needs the scope `policies:write`."""
    reasons.remove(service, caller, code)
    return Response(status_code=204)


@router.get(
    "/reports/review-quality",
    response_model=schemas.ReviewQuality,
    response_model_exclude_unset=True,
    responses=problems("bad-fields"),
)
def report_review_quality(
    caller: CasesReader,
    service: ServiceDep,
    since: Annotated[
        AwareDatetime | None, Query(description="Only verdicts given from then on.")
    ] = None,
) -> dict[str, Any]:
    """How far reviewers agree, and how often they find what is known. Needs `cases:read`."""
    with service.database.reading() as session:
        check_reader(session, caller)
        return review_quality.report(service, session, caller.tenant_id, since)
