"""HTTP resources of trusted flaggers: who they are, how often they are right, and how the status ends."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from scanner import flaggers
from scanner.dependencies import IfMatch, Operator, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.routing import Route
from scanner.schemas import flaggers as shapes

router = APIRouter(prefix="/v1/flaggers", tags=["notices"], route_class=Route)
FlaggerId = Annotated[str, Path(description="The flagger's id.")]


@router.get("", response_model=shapes.Flaggers)
def list_flaggers(caller: Operator, service: ServiceDep) -> dict[str, Any]:
    """List trusted flaggers, oldest first, those that lost the status too. Needs the scope `operations`."""
    with service.database.reading() as session:
        found = flaggers.listed(session, caller.tenant_id)
        return {"items": [flaggers.describe(session, each) for each in found]}


@router.get("/{flagger_id}", response_model=shapes.FlaggerAnswer, responses=problems("not-found"))
def read_flagger(
    caller: Operator, service: ServiceDep, flagger_id: FlaggerId, response: Response
) -> dict[str, Any]:
    """One flagger. Needs the scope `operations`."""
    with service.database.reading() as session:
        found = flaggers.find(session, caller.tenant_id, _id(flagger_id))
        response.headers.update(etag(found.version))
        return flaggers.describe(session, found)


@router.delete(
    "/{flagger_id}",
    status_code=204,
    responses=problems("not-found", "bad-fields", "precondition-required", "precondition-failed"),
)
def remove_flagger(
    caller: Operator,
    service: ServiceDep,
    flagger_id: FlaggerId,
    precondition: IfMatch,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="The flagger is told.")],
) -> None:
    """Take the status from a flagger and revoke their keys (DSA-22). Needs the scope `operations`."""
    with service.database.reading() as session:
        found = flaggers.find(session, caller.tenant_id, _id(flagger_id))
    precondition.check(found.version)
    flaggers.remove(service, caller, found.id, reason)


def _id(text: str) -> str:
    if not is_id(text):
        raise NotFoundError("flagger", "of this id")
    return text
