"""HTTP resources for marks that anybody may use: the check, and the way back from a mark or a sound."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from fingerprint import Fingerprint
from scanner import mark_check, mark_schemas, soft_bindings
from scanner.callers import Caller
from scanner.dependencies import ServiceDep, Visitor
from scanner.problems import problems
from scanner.routes import open_uploads
from scanner.routing import Route
from scanner.service import Service

router = APIRouter(prefix="/v1", tags=["watermarks"], route_class=Route)


@router.post(
    "/watermarks/detect",
    response_model=mark_schemas.MarkCheck,
    response_model_exclude_unset=True,
    responses=problems(*open_uploads.PROBLEMS, "too-short"),
    openapi_extra={"requestBody": open_uploads.BODY, "security": open_uploads.OPEN},
)
async def detect_marks(request: Request, caller: Visitor, service: ServiceDep) -> dict[str, Any]:
    """Check a file for marks; open to anybody, without a key up to 64 MiB by default.

    Nothing of the file is kept. With a key, the marks of its platform's own keys are looked for as
    well, and its takes are named.
    """
    return await checked_upload(request, caller, service)


@router.post(
    "/soft-bindings",
    response_model=mark_schemas.SoftBindings,
    response_model_exclude_unset=True,
    responses=problems(
        "malformed-json", "unsupported-media-type", "bad-fields", "bad-fingerprint", "busy"
    ),
    openapi_extra={"security": open_uploads.OPEN},
)
def look_up(
    caller: Visitor, wanted: mark_schemas.SoftBindingAsked, service: ServiceDep
) -> dict[str, Any]:
    """Find a released and published generated track by its mark or its sound; open to anybody."""
    if wanted.watermark is not None:
        return {"matches": soft_bindings.by_mark(service, wanted.watermark)}
    print_ = Fingerprint.from_json(wanted.fingerprint)
    with service.public_slots if caller is None else service.precheck_slots:  # a search is CPU work
        return {"matches": soft_bindings.by_fingerprint(service, print_)}


async def checked_upload(
    request: Request, caller: Caller | None, service: Service
) -> dict[str, Any]:
    """Receive a file, look for marks in it, and forget it."""

    def look(path: Path, tenant_id: str | None) -> dict[str, Any]:
        return mark_check.check(service, path, tenant_id, service.settings.precheck_seconds)

    return await open_uploads.looked_at(request, caller, service, look)
