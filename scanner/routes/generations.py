"""HTTP resources for generations."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scanner import generation_limits, generations, people, queues, take_variations
from scanner.dependencies import OnceDep, ServiceDep, TracksReader, TracksWriter, etag, known_id
from scanner.errors import NotFoundError
from scanner.problems import POSTED, problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.schemas import people as shapes
from scanner.tables import Account, Generation

router = APIRouter(prefix="/v1/generations", tags=["generations"], route_class=Route)


def readable_generation(
    caller: TracksReader,
    service: ServiceDep,
    generation_id: Annotated[str, Path(description="Its id.")],
) -> Generation:
    """Return the generation in the path."""
    known_id(generation_id, "generation")
    with service.database.reading() as session:
        try:
            row = generations.find(session, caller.tenant_id, generation_id)
        except NotFoundError:
            raise NotFoundError("generation", "of this id") from None
        queues.check_made(session, caller, row.track_id, service.now())
        return row


def writable_generation(
    caller: TracksWriter,
    service: ServiceDep,
    generation_id: Annotated[str, Path(description="Its id.")],
) -> Generation:
    """Return the generation in the path for asking anew."""
    return readable_generation(caller, service, generation_id)


WritableGeneration = Annotated[Generation, Depends(writable_generation)]
ReadableGeneration = Annotated[Generation, Depends(readable_generation)]


@router.post(
    "",
    status_code=202,
    response_model=shapes.GenerationAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found",
        "engine-disabled",
        *POSTED,
    ),
)
def request_generation(
    request: Request,
    caller: TracksWriter,
    once: OnceDep,
    wanted: shapes.GenerationAskedFor,
    service: ServiceDep,
) -> JSONResponse:
    """Ask for a track. Needs the scope `tracks:write`.

    `state` says if it is `queued`, waits for a parent (`waiting_consent`) or is `refused`, and
    `reasons` why. Once it is `made`, `track_id` names the track: it is marked, scanned and judged
    like an upload, and its files are there once it is released. `generator` says if takes are made here.
    """

    def work() -> Answer:
        asked = generations.GenerationAsked(
            wanted.prompt, wanted.account, wanted.parameters(), melody=wanted.melody_midi
        )
        view = generations.request(service, caller, asked)
        location = {"Location": f"/v1/generations/{view['id']}"}
        with service.database.reading() as session:
            row = session.get_one(Generation, view["id"])
            own = session.get(Account, row.account_id) if row.account_id else None
            left = generation_limits.quota(service, session, own).headers()
        return Answer(202, view, etag(view["version"]) | location | left)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get("/quota", response_model=shapes.QuotaAnswer, responses=problems("not-found"))
def read_quota(
    caller: TracksReader,
    service: ServiceDep,
    account: Annotated[
        str | None, Query(max_length=200, description="For whom; none: the platform itself.")
    ] = None,
) -> dict[str, Any]:
    """How many takes are left today, by account and age band. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        if caller.account_id is not None:  # a creator's link speaks for that creator alone
            own: Account | None = session.get_one(Account, caller.account_id)
        else:
            own = people.find(session, caller.tenant_id, account) if account else None
        return generation_limits.quota(service, session, own).to_json()


@router.post(
    "/{generation_id}/away",
    status_code=202,
    response_model=shapes.GenerationAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found",
        "illegal-transition",
        "engine-disabled",
        "in-progress",
        "idempotency-conflict",
    ),
)
def generate_away(
    request: Request,
    generation: WritableGeneration,
    caller: TracksWriter,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Ask anew, with another seed, for what was refused for what it resembles. Needs `tracks:write`.

    As often as `CLEARANCE_GENERATION_TRIES` says; each counts to the day's quota.
    """

    def work() -> Answer:
        view = take_variations.away(service, caller, generation.id)
        location = {"Location": f"/v1/generations/{view['id']}"}
        return Answer(202, view, etag(view["version"]) | location)

    return once.answer(identity_of(request.url.path, b""), work)


@router.get(
    "/{generation_id}",
    response_model=shapes.GenerationAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_generation(
    generation: ReadableGeneration, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """One generation. Needs the scope `tracks:read`."""
    response.headers.update(etag(generation.version))
    with service.database.reading() as session:
        return generations.describe(session, generation)
