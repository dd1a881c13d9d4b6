"""HTTP resources of the links by which creators enter; platforms make and end them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from scanner import entry_links
from scanner.dependencies import IfMatch, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routes.accounts import AccountsWriter, ReadableAccount
from scanner.routing import Route
from scanner.schemas import letters as shapes

router = APIRouter(prefix="/v1/accounts/{account}/links", tags=["people"], route_class=Route)


@router.post(
    "",
    status_code=201,
    response_model=shapes.LinkMade,
    responses=problems(
        "not-found",
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "in-progress",
        "idempotency-conflict",
    ),
)
def make_link(
    request: Request,
    account: ReadableAccount,
    caller: AccountsWriter,
    service: ServiceDep,
    once: OnceDep,
    wanted: shapes.LinkAsked | None = None,
) -> JSONResponse:
    """Make a token by which a creator enters; shown this once. Needs the scope `accounts:write`.

    It has the scopes `contest:read` and `contest:write`, for this account alone.
    """
    asked = wanted or shapes.LinkAsked()

    def work() -> Answer:
        link, token = entry_links.make(service, caller, account.external_id, asked.hours)
        return Answer(201, entry_links.describe(link) | {"token": token}, etag(1))

    return once.answer(identity_of(request.url.path, asked.model_dump_json().encode()), work)


@router.get("", response_model=shapes.Links, responses=problems("not-found"))
def list_links(
    account: ReadableAccount, caller: AccountsWriter, service: ServiceDep
) -> dict[str, Any]:
    """List an account's links, newest first, without tokens. Needs the scope `accounts:write`."""
    with service.database.reading() as session:
        return {"items": [entry_links.describe(x) for x in entry_links.listed(session, account)]}


@router.delete(
    "/{link_id}",
    status_code=204,
    responses=problems("not-found", "precondition-required", "precondition-failed"),
)
def revoke_link(
    account: ReadableAccount,
    link_id: Annotated[str, Path(description="The link's id.")],
    precondition: IfMatch,
    caller: AccountsWriter,
    service: ServiceDep,
) -> None:
    """End a link at once. Needs the scope `accounts:write`."""
    if not is_id(link_id):
        raise NotFoundError("link", "of this id")
    with service.database.reading() as session:
        present = entry_links.version_of(entry_links.find(session, account, link_id))
    entry_links.revoke(service, caller, account, link_id, precondition.check(present))
