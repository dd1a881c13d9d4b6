"""HTTP resources for marks that anybody may use: the check, and the way back from a mark or a sound."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from fingerprint import Fingerprint
from scanner import mark_check, mark_schemas, soft_bindings, uploads
from scanner.callers import Caller
from scanner.dependencies import ServiceDep, Visitor
from scanner.problems import HttpError, problems
from scanner.routing import Route, media_type_of
from scanner.service import Service

router = APIRouter(prefix="/v1", tags=["watermarks"], route_class=Route)

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "The audio."}
                },
            }
        }
    },
}
_OPEN: Final[list[dict[str, list[str]]]] = [{}, {"ApiKey": []}]
"""A key is optional."""


@router.post(
    "/watermarks/detect",
    response_model=mark_schemas.MarkCheck,
    response_model_exclude_unset=True,
    responses=problems(
        "malformed-multipart",
        "upload-timeout",
        "too-large",
        "unsupported-media-type",
        "bad-fields",
        "empty-file",
        "not-audio",
        "unreadable-audio",
        "too-short",
        "busy",
    ),
    openapi_extra={"requestBody": _BODY, "security": _OPEN},
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
    openapi_extra={"security": _OPEN},
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
    if media_type_of(request) != "multipart/form-data":
        raise HttpError("unsupported-media-type", "send multipart/form-data with a file")
    settings, form = service.settings, uploads.Form()
    most = settings.public_upload_bytes if caller is None else settings.max_upload_bytes
    async with uploads.kept_open() as stack:
        await uploads.receive(
            request,
            form,
            max_file_bytes=min(most, settings.max_upload_bytes),
            max_field_bytes=settings.max_body_bytes,
            open_sink=lambda _: stack.enter_context(uploads.spooled(settings)),
        )
        if form.upload is None or not isinstance(form.upload.sink, uploads.Spool):
            told = [{"field": "file", "detail": "send a file"}]
            raise HttpError("bad-fields", "file: send a file", errors=told)
        path = form.upload.sink.finish()
        tenant_id = None if caller is None else caller.tenant_id

        def work() -> dict[str, Any]:
            with service.public_slots if caller is None else service.precheck_slots:
                return mark_check.check(service, path, tenant_id, settings.precheck_seconds)

        return await run_in_threadpool(work)
