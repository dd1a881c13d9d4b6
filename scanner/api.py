"""The HTTP API as one application: `create_app(settings)`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from scanner import console, problems, schemas, temporary
from scanner.access import Access
from scanner.declarations import Declaration
from scanner.health import Health
from scanner.limits import BackPressure, Crowd, RateLimits
from scanner.privacy import erasure
from scanner.progress import Progress
from scanner.routes import (
    accounts,
    amendments,
    appeal_decisions,
    appeals,
    audit,
    banks,
    case_reasons,
    case_work,
    cases,
    catalogue_imports,
    claims,
    consents,
    counter_notices,
    dead,
    detectors,
    disputes,
    edits,
    entry_links,
    explanations,
    flaggers,
    generations,
    holders,
    holds,
    hygiene,
    invitations,
    keys,
    letters,
    licences,
    licensees,
    notice_pages,
    notices,
    objections,
    personal_data,
    policies,
    presumed_uses,
    previews,
    prompts,
    provenance,
    redacted_notices,
    references,
    releases,
    running,
    sanction_pages,
    sanctions,
    shares,
    statements,
    streams,
    strike_policies,
    takes,
    track_events,
    tracks,
    transparency,
    watermarks,
    webhooks,
)
from scanner.service import Service
from scanner.settings import Settings

VERSION: Final = "1.0.0"
_DESCRIPTION: Final = """
A track goes in, a reasoned decision comes out, and everyone touched by it can see why.

Every address but those tagged *running*, *events* and *provenance* needs an API key;
the check for marks and the look-up of soft bindings take one. Errors are problems
(RFC 9457). Lists take `limit` and `cursor`. Objects carry an `ETag`; changing or deleting one needs
`If-Match`. Any POST may carry an `Idempotency-Key`; submitting a track must.
Fields may be added to answers; none is renamed or removed within `/v1`.
"""
_KEYED: Final = (
    tracks,
    track_events,
    streams,
    statements,
    strike_policies,
    redacted_notices,
    explanations,
    releases,
    watermarks,
    licensees,
    references,
    hygiene,
    banks,
    accounts,
    objections,
    entry_links,
    letters,
    consents,
    generations,
    invitations,
    takes,
    webhooks,
    case_reasons,
    case_work,
    cases,
    notices,
    counter_notices,
    appeals,
    appeal_decisions,
    sanctions,
    personal_data,
    presumed_uses,
    flaggers,
    holds,
    audit,
    transparency,
    keys,
    policies,
    previews,
    prompts,
    dead,
    detectors,
    claims,
    disputes,
    edits,
    amendments,
    holders,
    licences,
    shares,
    catalogue_imports,
)
_ALWAYS: Final = problems.problems(
    "bad-request",
    "unauthorised",
    "forbidden",
    "not-acceptable",
    "rate-limited",
    "internal-error",
    "busy",
)
_OBJECTS: Final = frozenset({"attestation", "ai_disclosure", "generated"})
_REF: Final = "#/components/schemas/{model}"


def create_app(settings: Settings, service: Service | None = None) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    settings : Settings
    service : Service, optional
        One that the caller made and closes; without it the application has its own.
    """
    own = service is None
    service = service or Service(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        temporary.sweep(settings.temporary_folder, service.now())
        await run_in_threadpool(erasure.reapply, service)  # before anybody asks for who is back
        yield
        await app.state.progress.close()
        app.state.health.close()
        if own:
            service.close()

    app = FastAPI(
        title="Clearance",
        version=VERSION,
        summary="Moderation and copyright clearance for music.",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        routes=_routes(),
    )
    app.state.service = service
    app.state.rate_limits = RateLimits(settings)
    app.state.crowd = Crowd(settings)
    app.state.pressure = BackPressure(service)
    app.state.progress = Progress(service.database)
    app.state.health = Health(service)
    console.install(app)
    problems.install(app)
    app.add_middleware(Access)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Return the routes, once a process: the first request reads every signature, for half a second."""
    router = APIRouter()
    for module in (*_KEYED, provenance):
        router.include_router(module.router, responses=_ALWAYS)
    for module in (running, notice_pages, sanction_pages):
        router.include_router(module.router)
    router.include_router(console.router)
    return router.routes


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with what FastAPI can't know of bodies that are streamed."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
        )
        components = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (schemas.Problem, schemas.TrackByJson):
            components |= _components(model)
        components["TrackByForm"] = _track_by_form()
        components["ReferenceByForm"] = _reference_by_form()
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        _problems_for_validation(document)
        app.openapi_schema = document
    return app.openapi_schema


def _components(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template=_REF)
    nested = schema.pop("$defs", {})
    return {model.__name__: schema, **nested}


def _track_by_form() -> dict[str, Any]:
    """Return the form's fields: those of a declaration, lists and objects as JSON text."""
    fields = Declaration.model_json_schema(ref_template=_REF)["properties"]
    text = {
        name: {
            "type": "string",
            "description": "JSON" if name in _OBJECTS else field["title"],
        }
        for name, field in fields.items()
    }
    listed = {
        name: {"type": "array", "items": {"type": "string"}, "description": what}
        for name, what in (
            ("territories", "ISO 3166-1 codes; also as `territories[]`"),
            ("licences", "JSON objects; also as `licences[]`"),
            ("sources", "JSON objects; also as `sources[]`"),
        )
    }
    return {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary", "description": "The audio."},
            "stems": {
                "type": "array",
                "items": {"type": "string", "format": "binary"},
                "description": "Stems of a track with `generated`, named by their file names.",
            },
            "mode": {"type": "string", "enum": ["release", "precheck"], "default": "release"},
            **text,
            **listed,
        },
    }


def _reference_by_form() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary", "description": "The recording."},
            "title": {"type": "string", "maxLength": 300},
            "holder": {"type": "string", "maxLength": 200},
            "policy": {
                "type": "string",
                "enum": ["block", "monetise", "track"],
                "default": "block",
            },
            "isrc": {"type": "string"},
            "territories": {"type": "array", "items": {"type": "string"}},
            "bank": {"type": "string", "maxLength": 100, "default": "default"},
            "lyrics": {
                "type": "string",
                "maxLength": 20_000,
                "description": "What is sung in it, which prompts may not quote; if it is left "
                "out, what the file's tags say.",
            },
        },
    }


def _problems_for_validation(document: dict[str, Any]) -> None:
    """Replace FastAPI's own 422 by the problem that is really answered."""
    bad_fields = problems.problems("bad-fields")[422]
    for operations in document["paths"].values():
        for operation in operations.values():
            answers = operation.get("responses", {})
            if "application/json" in answers.get("422", {}).get("content", {}):
                answers["422"] = bad_fields
