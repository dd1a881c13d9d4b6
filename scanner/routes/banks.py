"""HTTP resources for banks: named parts of the catalogue."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from scanner import banks, cursors, schemas
from scanner.declarations import DeclarationError
from scanner.dependencies import (
    Cursor,
    IfMatch,
    Limit,
    OnceDep,
    ReadableBank,
    ReferencesReader,
    ReferencesWriter,
    ServiceDep,
    WritableBank,
    etag,
)
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.service import Service
from scanner.tables import Bank

router = APIRouter(prefix="/v1/banks", tags=["references"], route_class=Route)


@router.post(
    "",
    status_code=201,
    response_model=schemas.BankAnswer,
    responses=problems(
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "conflict",
        "in-progress",
        "idempotency-conflict",
    ),
)
def create_bank(
    request: Request,
    caller: ReferencesWriter,
    once: OnceDep,
    wanted: schemas.BankAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Make a bank. Needs the scope `references:write`."""

    def work() -> Answer:
        made = banks.create(
            service,
            caller,
            wanted.name,
            kind=wanted.kind,
            enabled=wanted.enabled,
            rollout=wanted.rollout,
        )
        location = {"Location": f"/v1/banks/{made.id}"}
        return Answer(201, _described(service, made), etag(made.version) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "",
    response_model=schemas.Banks,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_banks(
    caller: ReferencesReader, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List banks, oldest first. Needs the scope `references:read`."""
    (after,) = cursors.decode("banks", cursor, str) or ("",)
    with service.database.reading() as session:
        found = banks.listed(session, caller.tenant_id, limit=limit + 1, after=after)
        page = found[:limit]
        items = banks.describe(session, page)
    next_cursor = cursors.encode("banks", page[-1].id) if len(found) > limit else None
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/{bank_id}",
    response_model=schemas.BankAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_bank(bank: ReadableBank, service: ServiceDep, response: Response) -> dict[str, Any]:
    """One bank. Needs the scope `references:read`."""
    response.headers.update(etag(bank.version))
    return _described(service, bank)


@router.patch(
    "/{bank_id}",
    response_model=schemas.BankAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found",
        "precondition-required",
        "precondition-failed",
        "bad-fields",
        "malformed-json",
        "conflict",
    ),
)
def change_bank(
    bank: WritableBank,
    precondition: IfMatch,
    changes: schemas.BankChanges,
    caller: ReferencesWriter,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Rename a bank, switch it on or off, or roll it out to a share of the tracks.

    Needs the scope `references:write`. It holds from the next track on.
    """
    expected = precondition.check(bank.version)
    wanted = changes.model_dump(exclude_unset=True)
    if nothing := [name for name, value in wanted.items() if value is None]:
        raise DeclarationError([{"field": name, "detail": "can't be null"} for name in nothing])
    changed = (
        banks.change(service, caller, bank.id, wanted, expected_version=expected)
        if wanted
        else bank
    )
    response.headers.update(etag(changed.version))
    return _described(service, changed)


def _described(service: Service, bank: Bank) -> dict[str, Any]:
    with service.database.reading() as session:
        return banks.describe(session, [bank])[0]
