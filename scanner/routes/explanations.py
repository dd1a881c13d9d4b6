"""HTTP resources that explain a track: in words, at another threshold, as pictures."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from scanner import explanations, schemas
from scanner.dependencies import ReadableTrack, ServiceDep
from scanner.match_picture import Format, draw
from scanner.problems import problems
from scanner.routing import Route
from scanner.service import Service
from scanner.tables import Track

router = APIRouter(prefix="/v1/tracks", tags=["tracks"], route_class=Route)

Threshold = Annotated[
    float | None,
    Query(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Search the stored fingerprint again now, with this least score.",
    ),
]
ReferenceId = Annotated[
    str | None,
    Query(max_length=36, description="Draw the match with this reference; else the surest one."),
]
_PROBLEMS: Final = ("not-found", "bad-fields", "busy", "unavailable")


class PngResponse(Response):
    """A picture of pixels."""

    media_type = "image/png"


class SvgResponse(Response):
    """A drawing."""

    media_type = "image/svg+xml"


@router.get(
    "/{track_id}/explanation",
    response_model=schemas.ExplanationAnswer,
    response_model_exclude_unset=True,
    responses=problems(*_PROBLEMS),
)
def read_explanation(
    track: ReadableTrack, service: ServiceDep, threshold: Threshold = None
) -> dict[str, Any]:
    """What was found, in plain words; with `threshold`, beside what a search finds now.

    Needs the scope `tracks:read`.
    """
    if threshold is None:
        return explanations.explain(service, track)
    with service.precheck_slots:  # a search is CPU work
        patience = service.settings.precheck_seconds
        return explanations.explain(service, track, threshold=threshold, patience=patience)


@router.get(
    "/{track_id}/explanation.png",
    response_class=PngResponse,
    responses=problems(
        *_PROBLEMS, "nothing-to-draw", also={200: {"description": "A match as a picture."}}
    ),
)
def read_explanation_png(
    track: ReadableTrack,
    service: ServiceDep,
    reference: ReferenceId = None,
    threshold: Threshold = None,
) -> Response:
    """A match as a picture: both waveforms, the path, the similarity. Needs the scope `tracks:read`."""
    return PngResponse(_drawn(service, track, "png", reference, threshold), headers=_PRIVATE)


@router.get(
    "/{track_id}/explanation.svg",
    response_class=SvgResponse,
    responses=problems(
        *_PROBLEMS, "nothing-to-draw", also={200: {"description": "A match as a drawing."}}
    ),
)
def read_explanation_svg(
    track: ReadableTrack,
    service: ServiceDep,
    reference: ReferenceId = None,
    threshold: Threshold = None,
) -> Response:
    """The same as a drawing, with its text as text. Needs the scope `tracks:read`."""
    return SvgResponse(_drawn(service, track, "svg", reference, threshold), headers=_PRIVATE)


_PRIVATE: Final = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}
"""A drawing is a document: opened by itself, it runs nothing."""


def _drawn(
    service: Service, track: Track, form: Format, reference: str | None, threshold: float | None
) -> bytes:
    with service.precheck_slots:  # decoding and drawing are CPU work
        picture = explanations.picture(
            service,
            track,
            reference_id=reference,
            threshold=threshold,
            patience=service.settings.precheck_seconds,
        )
        return draw(picture, form)
