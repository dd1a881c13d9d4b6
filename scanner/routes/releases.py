"""HTTP resources of a track that goes out: its files, stems and bundle, its publication, its timeline."""

import re
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scanner import blob_answers, delivery, mark_schemas, marking, publication, timeline
from scanner.audio import encoding
from scanner.blob_answers import ArchiveResponse, AudioResponse, Wanted, WantedDep
from scanner.dependencies import (
    IfMatch,
    OnceDep,
    ReadableTrack,
    ServiceDep,
    TracksWriter,
    WritableTrack,
    etag,
)
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.service import Service
from scanner.tables import Track

router = APIRouter(prefix="/v1/tracks/{track_id}", tags=["tracks"], route_class=Route)

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_FILE_PROBLEMS: Any = (
    "not-found",
    "range-not-satisfiable",
    "bad-fields",
    "illegal-transition",
    "not-deliverable",
    "busy",
)
AudioForm = Annotated[
    Literal["flac", "wav", "mp3", "m4a"] | None,
    Query(alias="format", description="Of a generated track: the file's format; default: flac."),
]
BitRate = Annotated[
    int | None,
    Query(
        ge=encoding.LEAST_BIT_RATE,
        le=encoding.MOST_BIT_RATE,
        multiple_of=1000,
        description="Bit/s of a lossy format; default: `CLEARANCE_DELIVERY_BIT_RATE`.",
    ),
]
StemName = Annotated[str, Path(max_length=100, description="The stem's name.")]


@router.get(
    "/files",
    response_model=mark_schemas.Files,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def list_files(track: ReadableTrack, service: ServiceDep) -> dict[str, Any]:
    """Every file of a generated track that went, or may go, out. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        files = [delivery.describe(each) for each in delivery.files_of(session, track.id)]
    return {"items": files, "next_cursor": None}


@router.get(
    "/stems",
    response_model=mark_schemas.Stems,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def list_stems(track: ReadableTrack, service: ServiceDep) -> dict[str, Any]:
    """The stems of a generated track and whether each carries its mark. Needs `tracks:read`."""
    with service.database.reading() as session:
        stems = [marking.describe_stem(each) for each in marking.stems_of(session, track.id)]
    return {"items": stems, "next_cursor": None}


@router.get(
    "/stems/{name}/audio",
    response_class=AudioResponse,
    responses=problems(*_FILE_PROBLEMS, "stem-unmarkable", also=blob_answers.answers("audio/*")),
)
def read_stem(
    track: ReadableTrack,
    name: StemName,
    service: ServiceDep,
    wanted: WantedDep,
    form: AudioForm = None,
    bit_rate: BitRate = None,
) -> Response:
    """A stem of a released track, with its mark read back. Needs the scope `tracks:read`."""
    return delivered(service, track, f"{delivery.STEM}{name}", form, bit_rate, wanted)


@router.get(
    "/bundle",
    response_class=ArchiveResponse,
    responses=problems(*_FILE_PROBLEMS, also=blob_answers.answers("application/zip")),
)
def read_bundle(track: ReadableTrack, service: ServiceDep, wanted: WantedDep) -> Response:
    """Mix and all stems of a released track in one archive. Needs the scope `tracks:read`."""
    with service.precheck_slots:
        file = delivery.deliver(service, track, delivery.ZIP, 0, delivery.BUNDLE)
    return blob_answers.answer(
        service, track.tenant_id, file.sha256, "application/zip", wanted, f"{track.id}.zip"
    )


@router.get(
    "/timeline",
    response_model=mark_schemas.Timeline,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_timeline(track: ReadableTrack, service: ServiceDep) -> dict[str, Any]:
    """Where a track comes from and what was done with it, in order. Needs `tracks:read`."""
    with service.database.reading() as session:
        return timeline.of(session, track)


@router.post(
    "/publication",
    response_model=mark_schemas.Publication,
    responses=problems(
        "not-found", "gate-closed", "illegal-transition", "in-progress", "idempotency-conflict"
    ),
)
def publish_track(
    request: Request, track: WritableTrack, caller: TracksWriter, service: ServiceDep, once: OnceDep
) -> JSONResponse:
    """Let anybody find a released generated track by its mark or its sound. Needs `tracks:write`."""

    def work() -> Answer:
        published = publication.publish(service, caller, track.id)
        return Answer(200, publication.describe(published), etag(published.version))

    return once.answer(identity_of(request.url.path, b""), work)


@router.delete(
    "/publication",
    response_model=mark_schemas.Publication,
    responses=problems(
        "not-found", "precondition-required", "precondition-failed", "illegal-transition"
    ),
)
def unpublish_track(
    track: WritableTrack,
    precondition: IfMatch,
    caller: TracksWriter,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Let nobody but you find the track any more. Needs the scope `tracks:write`."""
    expected = precondition.check(track.version)
    changed = publication.unpublish(service, caller, track.id, expected_version=expected)
    response.headers.update(etag(changed.version))
    return publication.describe(changed)


def delivered(
    service: Service,
    track: Track,
    part: str,
    form: str | None,
    bit_rate: int | None,
    wanted: Wanted,
) -> Response:
    """Answer with a file of a generated track, made if it is asked for first."""
    chosen = encoding.FORMS[form or encoding.FLAC.name]
    with service.precheck_slots:  # encoding and reading back are CPU work
        file = delivery.deliver(
            service, track, chosen, bit_rate or service.settings.delivery_bit_rate, part
        )
    name = _UNSAFE.sub("-", f"{track.id}-{part}.{chosen.name}")
    return blob_answers.answer(
        service, track.tenant_id, file.sha256, chosen.media_type, wanted, name
    )
