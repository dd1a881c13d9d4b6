"""The reference's sound beside the track's, for who may see the evidence."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from sqlmodel import select

from scanner import blob_answers, reference_previews
from scanner.blob_answers import AudioResponse, WantedDep
from scanner.console.access import ConsoleRoute
from scanner.console.pages.cases import Reader, SeenCase, track_in
from scanner.dependencies import ServiceDep
from scanner.errors import NotFoundError
from scanner.service import Service
from scanner.tables import Case, Reference, TrackMatch

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)

WEBM = "audio/webm"
Named = Annotated[str | None, Query(max_length=36)]


class WebmResponse(Response):
    """A short sound."""

    media_type = WEBM


@router.get("/cases/{case_id}/reference.webm", response_class=AudioResponse)
def read_reference(
    identity: Reader,
    case: SeenCase,
    service: ServiceDep,
    wanted: WantedDep,
    reference: Named = None,
) -> Response:
    """A matched reference as its preview holds it."""
    row, _ = _matched(service, case, reference)
    return blob_answers.answer(service, row.tenant_id, str(row.preview_sha256), WEBM, wanted)


@router.get("/cases/{case_id}/warped.webm", response_class=WebmResponse)
def read_warped(
    identity: Reader,
    case: SeenCase,
    service: ServiceDep,
    reference: Named = None,
    segment: Annotated[int, Query(ge=0, le=10_000)] = 0,
) -> Response:
    """A matched segment of a reference at the track's pitch and tempo."""
    row, match = _matched(service, case, reference)
    if segment >= len(match.segments):
        raise NotFoundError("segment", "of this number in the match")
    excerpt = reference_previews.excerpt_of(match.segments[segment], row.duration)
    with service.precheck_slots:  # decoding and stretching are CPU work
        content = reference_previews.rendered(service, row, excerpt)
    return WebmResponse(content, headers={"Cache-Control": "private, max-age=600"})


def _matched(
    service: Service, case: Case, reference_id: str | None
) -> tuple[Reference, TrackMatch]:
    """Return a reference that was found in the case's track and has a preview; the surest, if none is named."""
    track = track_in(service, case)
    query = (
        select(Reference, TrackMatch)
        .join(TrackMatch, TrackMatch.reference_id == Reference.id)  # type: ignore[arg-type]
        .where(TrackMatch.analysis_id == track.analysis_id, Reference.tenant_id == case.tenant_id)
        .order_by(TrackMatch.score.desc())  # type: ignore[attr-defined]
    )
    if reference_id is not None:
        query = query.where(Reference.id == reference_id)
    with service.database.reading() as session:
        for reference, match in session.exec(query):
            if reference.preview_sha256 and match.segments:
                return reference, match
    raise NotFoundError("preview", "of a reference that was found in this case's track")
