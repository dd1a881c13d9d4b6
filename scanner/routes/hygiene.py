"""HTTP resources below a reference: excluded parts, and what a person decides on it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from scanner import references, schemas, upkeep
from scanner.dependencies import (
    IfMatch,
    OnceDep,
    ReadableReference,
    ReferencesSettler,
    ReferencesWriter,
    ServiceDep,
    SettledReference,
    WritableReference,
    etag,
)
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.service import Service
from scanner.tables import Reference

router = APIRouter(prefix="/v1/references/{reference_id}", tags=["references"], route_class=Route)

_POSTED: Any = (
    "not-found",
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)
ExclusionId = Annotated[str, Path(description="The exclusion's id.")]


@router.get(
    "/exclusions",
    response_model=schemas.Exclusions,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def list_exclusions(reference: ReadableReference, service: ServiceDep) -> dict[str, Any]:
    """The parts of a reference that its holder does not own. Needs `references:read`."""
    return {"items": _described(service, reference)["exclusions"], "next_cursor": None}


@router.post(
    "/exclusions",
    status_code=201,
    response_model=schemas.ExclusionAnswer,
    responses=problems(*_POSTED),
)
def exclude_part(
    request: Request,
    reference: WritableReference,
    caller: ReferencesWriter,
    once: OnceDep,
    wanted: schemas.ExclusionAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Exclude a part that the holder does not own. Needs the scope `references:write`.

    A match that lies within excluded parts is exempt, from the next decision on.
    """

    def work() -> Answer:
        part = upkeep.exclude(
            service,
            caller,
            reference.id,
            wanted.start_s,
            wanted.end_s,
            origin=wanted.origin,
            note=wanted.note,
        )
        return Answer(201, references.describe_exclusion(part))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.delete(
    "/exclusions/{exclusion_id}",
    status_code=204,
    responses=problems("not-found", "precondition-required", "precondition-failed"),
)
def include_part(
    reference: WritableReference,
    exclusion_id: ExclusionId,
    precondition: IfMatch,
    caller: ReferencesWriter,
    service: ServiceDep,
) -> None:
    """Take an exclusion back; If-Match names the reference's version.

    Needs the scope `references:write`.
    """
    precondition.check(reference.version)
    upkeep.include(service, caller, reference.id, exclusion_id)


@router.post(
    "/settle",
    response_model=schemas.ReferenceAnswer,
    responses=problems(*_POSTED, "illegal-transition"),
)
def settle_reference(
    request: Request,
    reference: SettledReference,
    caller: ReferencesSettler,
    once: OnceDep,
    wanted: schemas.Settlement,
    service: ServiceDep,
) -> JSONResponse:
    """Decide, as a person, on a reference that is quarantined. Needs `references:settle`."""

    def work() -> Answer:
        settled = upkeep.settle(service, caller, reference.id, wanted.verdict, wanted.reason)
        return Answer(200, _described(service, settled), etag(settled.version))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.post(
    "/opinion",
    response_model=schemas.ReferenceAnswer,
    responses=problems(*_POSTED),
)
def judge_reference(
    request: Request,
    reference: SettledReference,
    caller: ReferencesSettler,
    once: OnceDep,
    wanted: schemas.Opinion,
    service: ServiceDep,
) -> JSONResponse:
    """Confirm or deconfirm, as a person, what a peer shared. Needs `references:settle`.

    A deconfirmed reference is not found any more; confirmed later, it is again.
    """

    def work() -> Answer:
        judged = upkeep.judge(service, caller, reference.id, wanted.opinion, wanted.reason)
        return Answer(200, _described(service, judged), etag(judged.version))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


def _described(service: Service, reference: Reference) -> dict[str, Any]:
    with service.database.reading() as session:
        return references.describe(session, [reference])[0]
