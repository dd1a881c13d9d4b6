"""The notes of both sides of a match as a picture, and the stems of a track, for who may see the evidence."""

import contextlib
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

import fingerprint
from scanner import amendments, blob_answers, chroma_picture, stem_lanes
from scanner.blob_answers import AudioResponse, WantedDep
from scanner.chroma_picture import Words
from scanner.console import case_views, languages
from scanner.console.access import ConsoleRoute
from scanner.console.pages.cases import Reader, SeenCase, track_in
from scanner.console.rendering import language_of
from scanner.dependencies import ServiceDep
from scanner.errors import NotFoundError
from scanner.routes.explanations import PngResponse
from scanner.routes.tracks import media_type_of
from scanner.tables import Evidence, TrackAmendment

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)


@router.get("/cases/{case_id}/chroma.png", response_class=PngResponse)
def read_chroma(
    request: Request,
    identity: Reader,
    case: SeenCase,
    service: ServiceDep,
    match: Annotated[int, Query(ge=0, le=1000)] = 0,
    segment: Annotated[int, Query(ge=0, le=10_000)] = 0,
    dark: bool = False,
) -> Response:
    """Which notes the track and the reference play around a segment, from what their fingerprints hold."""
    track = track_in(service, case)
    shown = case_views.match_of(service, track, match)
    if shown is None or segment >= len(shown["segments"]):
        raise NotFoundError("segment", "of this number in a match of this track")
    language = language_of(request)
    key = (str(track.analysis_id), shown["reference_id"], match, segment, dark, language)
    headers = {"Cache-Control": "private, no-cache"}
    if (content := chroma_picture.kept(key)) is not None:
        return PngResponse(content, headers=headers)
    own, theirs = case_views.prints(service, track, shown)
    if own is None or theirs is None:
        raise NotFoundError("picture", "of a match of which only one side is kept")
    part = case_views.segment_of(shown["segments"][segment])
    with service.precheck_slots:  # drawing is CPU work
        try:
            chroma = fingerprint.chromagrams(own, theirs, part)
        except fingerprint.TooShortError as error:
            raise NotFoundError("picture", "of this match: no notes were kept") from error
        similarity = None
        with contextlib.suppress(fingerprint.TooShortError):
            similarity = fingerprint.compared(own, theirs, part, kind=shown["kind"])
        words = _words(language, similarity)
        content = chroma_picture.draw(key, chroma, similarity, part, words, dark=dark)
    return PngResponse(content, headers=headers)


@router.get("/cases/{case_id}/stems/{stem_id}/audio", response_class=AudioResponse)
def read_stem(
    identity: Reader, case: SeenCase, service: ServiceDep, stem_id: str, wanted: WantedDep
) -> Response:
    """A stem's sound, whole or one range."""
    stem = stem_lanes.find(service, track_in(service, case), stem_id)
    sha256 = stem_lanes.sound_of(stem)
    media_type = media_type_of(service, stem.tenant_id, sha256)
    return blob_answers.answer(service, stem.tenant_id, sha256, media_type, wanted)


@router.get("/cases/{case_id}/documents/{document_id}", response_class=AudioResponse)
def read_document(
    identity: Reader, case: SeenCase, service: ServiceDep, document_id: str, wanted: WantedDep
) -> Response:
    """A document that the creator of a case's track attached to a licence, to be saved and not shown."""
    track = track_in(service, case)
    with service.database.reading() as session:
        row = session.get(Evidence, document_id)
        own = {each.id for each in amendments.listed(session, track.id)}
    if row is None or row.matter_kind != TrackAmendment.KIND or row.matter_id not in own:
        raise NotFoundError("document", "of this id in this case")
    name = f"document-{row.id[-6:]}"
    answer = blob_answers.answer(
        service, row.tenant_id, row.sha256, "application/octet-stream", wanted
    )
    answer.headers["Content-Disposition"] = (
        f'attachment; filename="{name}{_ENDINGS[row.media_type]}"'
    )
    return answer


_ENDINGS: Final = {
    "application/pdf": ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "text/plain; charset=utf-8": ".txt",
    "text/plain": ".txt",
    "application/octet-stream": "",
}


def _words(language: str, similarity: fingerprint.Similarity | None) -> Words:
    _ = languages.words(language).gettext
    measures = {
        "words": _("share of equal bits of the fingerprint"),
        "peaks": _("share of coinciding peaks"),
        "vectors": _("cosine of the vectors"),
        "chroma": _("cosine of the notes"),
    }
    by = measures[similarity.measure] if similarity else ""
    return Words(
        melodies=_("Melodies: the track's narrow, the reference's broad"),
        by_second=_("Agreement in each second of the match: %(measure)s") % {"measure": by},
        track=_("Notes of the track"),
        reference=_("Notes of the reference, at the track's time and in its key"),
        likeness=_("How alike they are, from 0 to 1"),
    )
