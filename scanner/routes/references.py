"""HTTP resources for references."""

import hashlib
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import rfc8785
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from scanner import cursors, reference_lyrics, references, schemas, upkeep, uploads
from scanner.declarations import Declaration, DeclarationError
from scanner.dependencies import (
    Cursor,
    IfMatch,
    Limit,
    OnceDep,
    ReadableReference,
    ReferencesReader,
    ReferencesWriter,
    ServiceDep,
    WritableReference,
    etag,
)
from scanner.problems import HttpError, problems
from scanner.reference_checks import POLICIES
from scanner.replays import Answer
from scanner.routing import Route, media_type_of
from scanner.service import Service
from scanner.tables import Reference

router = APIRouter(prefix="/v1/references", tags=["references"], route_class=Route)

FIELDS: Final = {"title", "holder", "policy", "isrc", "territories", "bank", "lyrics"}
_LONGEST: Final = {"title": 300, "holder": 200, "bank": 100}
_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/ReferenceByForm"}}
    },
}


@router.post(
    "",
    status_code=201,
    response_model=schemas.ReferenceAnswer,
    responses=problems(
        "malformed-multipart",
        "upload-timeout",
        "in-progress",
        "too-large",
        "unsupported-media-type",
        "bad-fields",
        "empty-file",
        "not-audio",
        "unreadable-audio",
        "conflict",
        "too-short",
        "silent-audio",
        "idempotency-conflict",
        "busy",
    ),
    openapi_extra={"requestBody": _BODY},
)
async def add_reference(
    request: Request, caller: ReferencesWriter, service: ServiceDep, once: OnceDep
) -> JSONResponse:
    """Add a recording to compare tracks with; it is found from the moment of the answer.

    Needs the scope `references:write`. The audio is fingerprinted and not kept. It is compared with
    what is there first: `status` is `active`, `quarantined` where it has `conflicts`, which a person
    settles, or `checking` while that can't be told yet.
    """
    if media_type_of(request) != "multipart/form-data":
        raise HttpError("unsupported-media-type", "send multipart/form-data with a file")
    form = uploads.Form()
    async with uploads.kept_open() as stack:
        await uploads.receive(
            request,
            form,
            max_file_bytes=service.settings.max_upload_bytes,
            max_field_bytes=service.settings.max_body_bytes,
            open_sink=lambda _: stack.enter_context(uploads.spooled(service.settings)),
        )
        fields, upload, path = _checked(form)
        identity = hashlib.sha256(rfc8785.dumps([fields, upload.sha256])).hexdigest()

        def work() -> Answer:
            with service.reference_slots:  # decoding is CPU work
                reference = references.add(
                    service,
                    caller,
                    path=path,
                    title=fields.get("title"),
                    holder=fields.get("holder"),
                    policy=fields.get("policy"),
                    isrc=fields.get("isrc"),
                    territories=tuple(fields.get("territories", ())),
                    bank=fields.get("bank"),
                    lyrics=fields.get("lyrics", ""),
                    patience=service.settings.precheck_seconds,
                    file_name=upload.name,
                    audio_sha256=upload.sha256,
                )
            described = _described(service, reference)
            location = {"Location": f"/v1/references/{reference.id}"}
            return Answer(201, described, etag(reference.version) | location)

        return await run_in_threadpool(once.answer, identity, work)


@router.get(
    "",
    response_model=schemas.References,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_references(
    caller: ReferencesReader, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List references, newest first. Needs the scope `references:read`."""
    before: Any = cursors.decode("references", cursor, datetime, str)
    with service.database.reading() as session:
        found = references.listed(session, caller.tenant_id, limit=limit + 1, before=before)
        page = found[:limit]
        items = references.describe(session, page)
    more = len(found) > limit
    next_cursor = cursors.encode("references", page[-1].created_at, page[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.get("/stats", response_model=schemas.ReferenceStats, response_model_exclude_unset=True)
def read_stats(caller: ReferencesReader, service: ServiceDep) -> dict[str, Any]:
    """How much there is to compare with. Needs the scope `references:read`."""
    return asdict(references.stats(service, caller.tenant_id))


@router.get(
    "/{reference_id}",
    response_model=schemas.ReferenceAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_reference(
    reference: ReadableReference, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """One reference. Needs the scope `references:read`."""
    response.headers.update(etag(reference.version))
    return _described(service, reference)


@router.patch(
    "/{reference_id}",
    response_model=schemas.ReferenceAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found",
        "precondition-required",
        "precondition-failed",
        "bad-fields",
        "malformed-json",
        "illegal-transition",
    ),
)
def change_reference(
    reference: WritableReference,
    precondition: IfMatch,
    changes: schemas.ReferenceChanges,
    caller: ReferencesWriter,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Change title, policy, ISRC, territories, lyrics or bank, or snooze it until a time.

    Needs the scope `references:write`.
    """
    expected = precondition.check(reference.version)
    wanted = _checked_changes(changes)
    changed = reference
    if "snoozed_until" in wanted:
        until = wanted["snoozed_until"]
        changed = (
            upkeep.wake(service, caller, reference.id, expected_version=expected)
            if until is None
            else upkeep.snooze(service, caller, reference.id, until, expected_version=expected)
        )
    elif wanted:
        changed = references.change(
            service, caller, reference.id, wanted, expected_version=expected
        )
    response.headers.update(etag(changed.version))
    return _described(service, changed)


@router.delete(
    "/{reference_id}",
    status_code=204,
    responses=problems("not-found", "precondition-required", "precondition-failed"),
)
def remove_reference(
    reference: WritableReference,
    precondition: IfMatch,
    caller: ReferencesWriter,
    service: ServiceDep,
) -> None:
    """Retire a reference: it is found no more. Needs the scope `references:write`."""
    expected = precondition.check(reference.version)
    references.remove(service, caller, reference.id, expected_version=expected)


def _described(service: Service, reference: Reference) -> dict[str, Any]:
    with service.database.reading() as session:
        return references.describe(session, [reference])[0]


def _checked(form: uploads.Form) -> tuple[dict[str, Any], uploads.Upload, Path]:
    errors = [
        {"field": name[:100], "detail": f"unknown field; there are: {', '.join(sorted(FIELDS))}"}
        for name in form.fields
        if name not in FIELDS
    ]
    fields: dict[str, Any] = {}
    for name, values in form.fields.items():
        if name == "territories":
            fields[name] = [code.strip() for value in values for code in value.split(",")]
        elif len(values) > 1:
            errors.append({"field": name[:100], "detail": "give it once"})
        elif values[0].strip():
            fields[name] = values[0].strip()
    for name, longest in _LONGEST.items():
        if len(fields.get(name, "")) > longest:
            errors.append({"field": name, "detail": f"at most {longest} characters"})
    errors += _wrong_lyrics(fields)
    if fields.get("policy", "block") not in POLICIES:
        errors.append({"field": "policy", "detail": f"one of {', '.join(POLICIES)}"})
    if form.upload is None:
        errors.append({"field": "file", "detail": "send the recording as the field `file`"})
    fields |= _checked_codes(fields, errors)
    if form.upload is None or not isinstance(form.upload.sink, uploads.Spool):
        raise DeclarationError(errors)
    return fields, form.upload, form.upload.sink.finish()


def _checked_changes(changes: schemas.ReferenceChanges) -> dict[str, Any]:
    wanted = changes.model_dump(exclude_unset=True)
    errors = [
        {"field": name, "detail": "can't be null"}
        for name in ("title", "policy", "territories", "bank", "lyrics")
        if name in wanted and wanted[name] is None
    ]
    if "snoozed_until" in wanted and len(wanted) > 1:
        errors.append({"field": "snoozed_until", "detail": "change it by itself"})
    errors += _wrong_lyrics(wanted)
    return wanted | _checked_codes(wanted, errors)


def _wrong_lyrics(fields: dict[str, Any]) -> list[dict[str, str]]:
    found = reference_lyrics.errors_of(fields.get("lyrics") or "")
    return [{"field": "lyrics", "detail": each} for each in found]


def _checked_codes(fields: dict[str, Any], errors: list[dict[str, str]]) -> dict[str, Any]:
    """Check ISRC and territories as a declaration's are; raise with all that is wrong."""
    codes = {name: fields[name] for name in ("isrc", "territories") if fields.get(name)}
    try:
        declared = Declaration.parse(codes)
    except DeclarationError as error:
        raise DeclarationError(errors + error.errors) from None
    if errors:
        raise DeclarationError(errors)
    checked: dict[str, Any] = {"isrc": declared.isrc, "territories": list(declared.territories)}
    return {name: checked[name] for name in codes}
