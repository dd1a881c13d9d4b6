"""HTTP resources for takes: one, its tree, new ones from it, its files."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scanner import (
    cursors,
    people,
    queues,
    take_files,
    take_invitations,
    take_nodes,
    take_projects,
    take_variations,
    take_views,
)
from scanner.blob_answers import FileResponse, WantedDep, answers
from scanner.callers import Caller
from scanner.dependencies import (
    Cursor,
    IfMatch,
    Limit,
    OnceDep,
    ServiceDep,
    TracksReader,
    TracksWriter,
    etag,
    known_id,
)
from scanner.problems import POSTED, problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.schemas import takes as shapes
from scanner.service import Service
from scanner.tables import Take, TakeProject

router = APIRouter(prefix="/v1/takes", tags=["generations"], route_class=Route)

TakeId = Annotated[str, Path(description="The take's id.")]
FileName = Annotated[str, Path(max_length=120, description="One of the take's `downloads`.")]
AccountName = Annotated[str, Path(max_length=200, description="The platform's name for it.")]


def readable_take(caller: TracksReader, service: ServiceDep, take_id: TakeId) -> Take:
    """Return the take in the path for reading."""
    known_id(take_id, "take")
    with service.database.reading() as session:
        take = take_nodes.find(session, caller, take_id)
        queues.check_made(session, caller, take.track_id, service.now())
        return take


def writable_take(caller: TracksWriter, service: ServiceDep, take_id: TakeId) -> Take:
    """Return the take in the path for changing."""
    return readable_take(caller, service, take_id)


ReadableTake = Annotated[Take, Depends(readable_take)]
WritableTake = Annotated[Take, Depends(writable_take)]


@router.get(
    "",
    response_model=shapes.Takes,
    response_model_exclude_unset=True,
    responses=problems("not-found", "bad-fields", "bad-cursor"),
)
def list_takes(
    caller: TracksReader,
    service: ServiceDep,
    account: Annotated[
        str | None, Query(max_length=200, description="Only takes made for it.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List takes, newest first. Needs the scope `tracks:read`."""
    queues.check_list(caller)
    last: Any = cursors.decode("takes", cursor, str)
    with service.database.reading() as session:
        account_id = people.find(session, caller.tenant_id, account).id if account else None
        found = take_nodes.listed(
            session,
            caller,
            limit=limit + 1,
            account_id=account_id,
            before=last[0] if last else None,
        )
        page = found[:limit]
        items = take_views.lines(session, page)
    more = len(found) > limit
    next_cursor = cursors.encode("takes", page[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/{take_id}",
    response_model=shapes.TakeAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_take(take: ReadableTake, service: ServiceDep, response: Response) -> dict[str, Any]:
    """One take: stems, reasons, who made which bars, what it resembles, what can be downloaded.

    Needs the scope `tracks:read`.
    """
    response.headers.update(etag(take.version))
    with service.database.reading() as session:
        return take_views.describe(service, session, take)


@router.get(
    "/{take_id}/tree",
    response_model=shapes.TreeAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_tree(take: ReadableTake, caller: TracksReader, service: ServiceDep) -> dict[str, Any]:
    """All takes of the project that a take belongs to. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        return take_views.tree(session, caller, take)


@router.post(
    "/{take_id}/variations",
    status_code=202,
    response_model=shapes.Variations,
    response_model_exclude_unset=True,
    responses=problems("not-found", "forbidden", *POSTED),
)
def vary_take(
    request: Request,
    take: WritableTake,
    caller: TracksWriter,
    once: OnceDep,
    wanted: shapes.VariationAskedFor,
    service: ServiceDep,
) -> JSONResponse:
    """Ask for up to four variations of a take. Needs the scope `tracks:write`.

    Locked stems are the same to the sample before mastering and marking. For an account that does not
    work on the project a shared take is forked: the new take begins a project and credits the old one.
    Each is a generation of its own and counts to the day's quota.
    """

    def work() -> Answer:
        made = take_variations.vary(service, caller, take.id, wanted.asked())
        return Answer(202, {"items": made}, {})

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.post(
    "/{take_id}/current",
    response_model=shapes.TreeAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found", "forbidden", "in-progress", "idempotency-conflict"),
)
def go_on_from_take(
    request: Request, take: WritableTake, caller: TracksWriter, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Go on from this take, also an earlier one: nothing is lost. Needs the scope `tracks:write`."""

    def work() -> Answer:
        take_projects.go_on_from(service, caller, take.id)
        with service.database.reading() as session:
            return Answer(200, take_views.tree(session, caller, take), {})

    return once.answer(identity_of(request.url.path, b""), work)


@router.put(
    "/{take_id}/sharing",
    response_model=shapes.TakeAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found", "forbidden", "gate-closed", "precondition-required", "precondition-failed"
    ),
)
def share_take(
    take: WritableTake,
    precondition: IfMatch,
    caller: TracksWriter,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Let others of the platform fork a take, its prompt with it. Needs the scope `tracks:write`."""
    return _shared(service, caller, take, precondition.check(take.version), response, shared=True)


@router.delete(
    "/{take_id}/sharing",
    response_model=shapes.TakeAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found", "forbidden", "precondition-required", "precondition-failed"),
)
def unshare_take(
    take: WritableTake,
    precondition: IfMatch,
    caller: TracksWriter,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Let nobody fork the take any more; forks that are there stay. Needs `tracks:write`."""
    return _shared(service, caller, take, precondition.check(take.version), response, shared=False)


@router.put(
    "/{take_id}/contributors/{account}",
    response_model=shapes.Contributors,
    responses=problems("not-found", "forbidden", "gate-closed", "conflict"),
)
def add_contributor(
    take: WritableTake, account: AccountName, caller: TracksWriter, service: ServiceDep
) -> dict[str, Any]:
    """Ask an account to work on the take's project. Needs the scope `tracks:write`.

    It works on it once it has accepted: `POST /v1/invitations/{invitation_id}/accept`.
    """
    project = take_invitations.invite(service, caller, take.id, account)
    return _contributors(service, caller, project)


@router.delete(
    "/{take_id}/contributors/{account}",
    response_model=shapes.Contributors,
    responses=problems("not-found", "forbidden", "conflict"),
)
def remove_contributor(
    take: WritableTake, account: AccountName, caller: TracksWriter, service: ServiceDep
) -> dict[str, Any]:
    """Let an account work on the project no more, or ask it no longer; its takes stay. Needs `tracks:write`."""
    project, left = take_invitations.end(service, caller, take.id, account)
    return {"items": [], "invited": []} if left else _contributors(service, caller, project)


@router.get(
    "/{take_id}/files/{name}",
    response_class=FileResponse,
    responses=problems(
        "not-found",
        "range-not-satisfiable",
        "bad-fields",
        "illegal-transition",
        "not-deliverable",
        "stem-unmarkable",
        "busy",
        also=answers("application/octet-stream"),
    ),
)
def read_take_file(
    take: ReadableTake, name: FileName, service: ServiceDep, wanted: WantedDep
) -> Response:
    """A file of a cleared take: mix, a stem, MIDI, score, DAWproject, or all in one archive.

    Needs the scope `tracks:read`.
    """
    return take_files.answer(service, take, name, wanted)


def _contributors(service: Service, caller: Caller, project: TakeProject) -> dict[str, Any]:
    with service.database.reading() as session:
        return {
            "items": take_projects.contributors(session, project.id),
            "invited": take_invitations.invited(session, caller, project),
        }


def _shared(
    service: Service,
    caller: Caller,
    take: Take,
    expected: int | None,
    response: Response,
    *,
    shared: bool,
) -> dict[str, Any]:
    changed = take_projects.share(
        service, caller, take.id, shared=shared, expected_version=expected
    )
    response.headers.update(etag(changed.version))
    with service.database.reading() as session:
        return take_views.describe(service, session, changed)
