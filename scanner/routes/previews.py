"""HTTP resources for previews: listening to music while it is made."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scanner import live_answers, previews, queues
from scanner.dependencies import (
    IfMatch,
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
from scanner.schemas import previews as shapes
from scanner.tables import Preview

router = APIRouter(prefix="/v1/previews", tags=["generations"], route_class=Route)

PreviewId = Annotated[str, Path(description="The preview's id.")]
Form = Annotated[Literal["ogg", "wav"], Query(description="Opus in Ogg, or 16-bit PCM.")]


def readable_preview(caller: TracksReader, service: ServiceDep, preview_id: PreviewId) -> Preview:
    """Return the preview in the path for reading."""
    known_id(preview_id, "preview")
    queues.check_list(caller)
    with service.database.reading() as session:
        return previews.find(session, caller, preview_id)


def writable_preview(caller: TracksWriter, service: ServiceDep, preview_id: PreviewId) -> Preview:
    """Return the preview in the path for changing."""
    return readable_preview(caller, service, preview_id)


ReadablePreview = Annotated[Preview, Depends(readable_preview)]
WritablePreview = Annotated[Preview, Depends(writable_preview)]


@router.post(
    "",
    status_code=201,
    response_model=shapes.PreviewAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "engine-disabled",
        *POSTED,
    ),
)
def ask_for_preview(
    request: Request,
    caller: TracksWriter,
    once: OnceDep,
    wanted: shapes.PreviewAskedFor,
    service: ServiceDep,
) -> JSONResponse:
    """Ask to listen to music while it is made. Needs the scope `tracks:write`.

    The prompt is screened and the account's gates are asked first: `state` says if it is `open`, and
    `reasons` why it is `refused`. As many previews may be heard in a day as takes may be asked for; they are
    counted apart. A preview is no release: nothing of it is kept. What is to be kept is asked for as a generation.
    """

    def work() -> Answer:
        asked = previews.PreviewAskedFor(wanted.prompt, wanted.account, wanted.parameters())
        view = previews.ask(service, caller, asked)
        service.players.make_ready()
        location = {"Location": f"/v1/previews/{view['id']}"}
        return Answer(201, view, etag(view["version"]) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "/{preview_id}",
    response_model=shapes.PreviewAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_preview(
    preview: ReadablePreview, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """One preview, and what was heard of it so far. Needs the scope `tracks:read`."""
    response.headers.update(etag(preview.changes))
    with service.database.reading() as session:
        return previews.describe(session, preview)


@router.get(
    "/{preview_id}/audio",
    status_code=200,  # which FastAPI can not read from this class
    response_class=live_answers.LiveResponse,
    responses=problems(
        "not-found",
        "illegal-transition",
        "engine-disabled",
        "bad-fields",
        "busy",
        also={
            200: {
                "description": "Sound as it is made, marked from its first block on: its length is not known.",
                "content": {"audio/ogg": {}, "audio/wav": {}},
            }
        },
    ),
)
def listen(
    preview: WritablePreview, caller: TracksWriter, service: ServiceDep, form: Form = "ogg"
) -> Response:
    """Listen to a preview, once. Needs the scope `tracks:write`.

    Bars come as they are made, a few seconds ahead of what can have been heard. An account hears one
    preview at a time: another that plays ends. It ends when the connection does.
    """
    return live_answers.answer(service, caller, preview.id, form)


@router.patch(
    "/{preview_id}",
    response_model=shapes.PreviewAnswer,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found",
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "illegal-transition",
        "conflict",
        "precondition-required",
        "precondition-failed",
    ),
)
def change_preview(
    preview: WritablePreview,
    precondition: IfMatch,
    caller: TracksWriter,
    wanted: shapes.ControlsAsked,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Change mood, tempo or instruments from the next bar on. Needs the scope `tracks:write`."""
    expected = precondition.check(preview.changes)
    controls = wanted.model_dump(exclude_none=True)
    view = previews.change(service, caller, preview.id, controls, expected)
    response.headers.update(etag(view["version"]))
    return view


@router.delete(
    "/{preview_id}",
    status_code=204,
    responses=problems("not-found", "precondition-required", "precondition-failed"),
)
def stop_preview(
    preview: WritablePreview, precondition: IfMatch, caller: TracksWriter, service: ServiceDep
) -> Response:
    """End a preview with its bar. Needs the scope `tracks:write`."""
    precondition.check(preview.changes)
    previews.stop(service, caller, preview.id)
    return Response(status_code=204)
