"""The reference's sound beside the track's, for who may see the evidence."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from scanner import blob_answers, matched_sound, reference_previews
from scanner.blob_answers import WEBM, AudioResponse, WantedDep, WebmResponse
from scanner.console.access import ConsoleRoute
from scanner.console.pages.cases import Reader, SeenCase, track_in
from scanner.dependencies import ServiceDep
from scanner.service import Service
from scanner.tables import Case, Reference, TrackMatch

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)

Named = Annotated[str | None, Query(max_length=36)]


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
    excerpt = reference_previews.excerpt_of(matched_sound.segment_of(match, segment), row.duration)
    with service.precheck_slots:  # decoding and stretching are CPU work
        content = reference_previews.rendered(service, row, excerpt)
    return WebmResponse(content, headers={"Cache-Control": "private, max-age=600"})


def _matched(
    service: Service, case: Case, reference_id: str | None
) -> tuple[Reference, TrackMatch]:
    track = track_in(service, case)
    with service.database.reading() as session:
        return matched_sound.found_in(session, track, reference_id)
