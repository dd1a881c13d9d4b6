"""HTTP resources for API keys."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from scanner import cursors, keys, schemas
from scanner.dependencies import (
    Cursor,
    IfMatch,
    Limit,
    OnceDep,
    Operator,
    OwnKey,
    ServiceDep,
    etag,
)
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route

router = APIRouter(prefix="/v1/keys", tags=["operations"], route_class=Route)


@router.post(
    "",
    status_code=201,
    response_model=schemas.KeyMade,
    responses=problems(
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "in-progress",
        "idempotency-conflict",
    ),
)
def create_key(
    request: Request, caller: Operator, once: OnceDep, wanted: schemas.KeyAsked, service: ServiceDep
) -> JSONResponse:
    """Make an API key, shown this once. Needs the scope `operations`.

    A key gives away no scope that it lacks; a sandbox key makes sandbox keys only. Of staff, admins alone make keys.
    """
    keys.check_maker(caller)
    keys.require_scopes(caller, wanted.scopes)

    def work() -> Answer:
        key, token = keys.create_key(
            service,
            caller.tenant_id,
            wanted.name,
            wanted.scopes,
            sandbox=wanted.sandbox or caller.sandbox,
            expires_at=wanted.expires_at,
            actor=caller.actor,
        )
        location = {"Location": f"/v1/keys/{key.id}"}
        return Answer(201, keys.describe(key) | {"key": token}, etag(1) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "",
    response_model=schemas.Keys,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_keys(
    caller: Operator, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List API keys, newest first, revoked ones included. Needs the scope `operations`."""
    (before,) = cursors.decode("keys", cursor, str) or (None,)
    with service.database.reading() as session:
        found = keys.listed(session, caller.tenant_id, limit=limit + 1, before=before)
    page = found[:limit]
    next_cursor = cursors.encode("keys", page[-1].id) if len(found) > limit else None
    return {"items": [keys.describe(key) for key in page], "next_cursor": next_cursor}


@router.get(
    "/{key_id}",
    response_model=schemas.KeyAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_key(key: OwnKey, response: Response) -> dict[str, Any]:
    """One API key, without the key itself. Needs the scope `operations`."""
    response.headers.update(etag(keys.version_of(key)))
    return keys.describe(key)


@router.delete(
    "/{key_id}",
    status_code=204,
    responses=problems("not-found", "precondition-required", "precondition-failed"),
)
def revoke_key(key: OwnKey, precondition: IfMatch, caller: Operator, service: ServiceDep) -> None:
    """Revoke an API key; it is refused from now on. Needs the scope `operations`."""
    expected = precondition.check(keys.version_of(key))
    keys.revoke(service, caller.tenant_id, key.id, caller.actor, expected_version=expected)
