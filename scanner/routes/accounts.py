"""HTTP resources of an account's person: age, controls, and what they may do."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response, Security

from scanner import ages, parental_controls, people
from scanner.callers import Caller
from scanner.dependencies import Holding, ServiceDep, UpdateMatch, etag
from scanner.problems import problems
from scanner.routing import Route
from scanner.schemas import people as shapes
from scanner.tables import Account

router = APIRouter(prefix="/v1/accounts/{account}", tags=["people"], route_class=Route)

AccountsReader = Annotated[Caller, Security(Holding("accounts:read"))]
AccountsWriter = Annotated[Caller, Security(Holding("accounts:write"))]
AccountName = Annotated[
    str, Path(min_length=1, max_length=200, description="The account, as you call it.")
]
PUT: Any = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "precondition-required",
    "precondition-failed",
)


def readable_account(caller: AccountsReader, service: ServiceDep, account: AccountName) -> Account:
    """Return the account in the path."""
    with service.database.reading() as session:
        return people.find(session, caller.tenant_id, account)


ReadableAccount = Annotated[Account, Depends(readable_account)]


@router.get(
    "/age",
    response_model=shapes.AgeAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_age(account: ReadableAccount, service: ServiceDep, response: Response) -> dict[str, Any]:
    """The age band of an account and what it rests on. Needs the scope `accounts:read`."""
    with service.database.reading() as session:
        view = ages.describe(service, session, account)
    response.headers.update(etag(view["version"]))
    return view


@router.put(
    "/age",
    response_model=shapes.AgeAnswer,
    response_model_exclude_unset=True,
    responses=problems(*PUT),
)
def assure_age(
    caller: AccountsWriter,
    account: AccountName,
    match: UpdateMatch,
    wanted: shapes.AgeAsked,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Write down what somebody vouches for. Needs the scope `accounts:write`.

    Where something is on record already, `If-Match` is needed.
    """
    with service.database.reading() as session:
        present = people.version_of_age(session, caller.tenant_id, account)
    expected = match.check(present)
    said = ages.AgeSaid(**wanted.model_dump())
    view = ages.assure(service, caller, account, said, expected_version=expected)
    response.headers.update(etag(view["version"]))
    return view


@router.get(
    "/controls",
    response_model=shapes.ControlsAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_controls(
    account: ReadableAccount, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """What a parent has set for an account. Needs the scope `accounts:read`."""
    with service.database.reading() as session:
        view = parental_controls.describe(session, account)
    response.headers.update(etag(view["version"]))
    return view


@router.put(
    "/controls",
    response_model=shapes.ControlsAnswer,
    response_model_exclude_unset=True,
    responses=problems(*PUT),
)
def put_controls(
    caller: AccountsWriter,
    account: AccountName,
    match: UpdateMatch,
    wanted: shapes.ControlsAsked,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Set an account's controls, all of them. Needs the scope `accounts:write`.

    Where controls are set already, `If-Match` is needed.
    """
    with service.database.reading() as session:
        present = people.version_of_controls(session, caller.tenant_id, account)
    expected = match.check(present)
    controls = parental_controls.ControlsSet(**wanted.model_dump())
    view = parental_controls.put(service, caller, account, controls, expected_version=expected)
    response.headers.update(etag(view["version"]))
    return view


@router.get(
    "/gates",
    response_model=shapes.GatesAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_gates(account: ReadableAccount, service: ServiceDep) -> dict[str, Any]:
    """What the person may do now, and what stands in the way. Needs `accounts:read`."""
    with service.database.reading() as session:
        found = people.gates(service, session, account.id)
    return {"id": account.external_id, "gates": [each.to_json() for each in found]}
