"""What operators and clients' tools read without a key: health, metrics, schemas, problems."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from scanner import event_schemas, health, schemas
from scanner.dependencies import ServiceDep, public
from scanner.errors import NotFoundError
from scanner.problems import KINDS, problems
from scanner.routing import Route

router = APIRouter(tags=["running"], route_class=Route)


class PlainText(Response):
    """Prometheus' text format."""

    media_type = "text/plain"


@router.get("/healthz", response_model=schemas.Liveness)
async def healthz() -> dict[str, str]:
    """Tell that the process runs, without a thread: those may all be busy."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    response_model=schemas.Readiness,
    responses={503: {"model": schemas.Readiness, "description": "A part does not answer."}},
)
async def readyz(request: Request) -> JSONResponse:
    """Check database, bus, index and store, each by name."""
    checker: health.Health = request.app.state.health
    report = await run_sync(checker.report, limiter=checker.probes)
    return JSONResponse(report, 200 if report["status"] == "ready" else 503)


@router.get("/metrics", response_class=PlainText)
async def read_metrics(request: Request, service: ServiceDep) -> Response:
    """Metrics in Prometheus' text format."""
    checker: health.Health = request.app.state.health
    text = await run_sync(health.metrics, service, limiter=checker.scrapes)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get(
    "/v1/schemas/{type}/{version}",
    tags=["events"],
    dependencies=[Depends(public)],
    responses=problems("not-found", "bad-fields", "rate-limited", "busy"),
)
def read_schema(
    type_: Annotated[str, Path(alias="type", description="An event type.")],
    version: Annotated[int, Path(ge=1, le=10_000, description="Its `dataschema` version.")],
) -> dict[str, Any]:
    """The JSON Schema of an event's `data`."""
    schema = event_schemas.schema_of(type_, version)
    if schema is None:
        raise NotFoundError("schema", "of this type and version")
    return schema


@router.get(
    "/problems/{name}",
    response_model=schemas.ProblemKind,
    dependencies=[Depends(public)],
    responses=problems("not-found", "rate-limited", "busy"),
)
def read_problem(
    name: Annotated[str, Path(description="The end of a problem's `type`.")],
) -> dict[str, Any]:
    """What a problem's `type` leads to."""
    if name not in KINDS:
        raise NotFoundError("problem", "of this name")
    return {"name": name, "status": KINDS[name].status, "title": KINDS[name].title}
