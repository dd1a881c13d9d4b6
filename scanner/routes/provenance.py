"""HTTP resources that anybody may read: the check of a manifest, badges, manifests of released tracks."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from scanner import badge_drawing, badges, provenance_check, schemas, stored_manifests
from scanner.callers import Caller
from scanner.console import languages
from scanner.dependencies import ServiceDep, TrackId, Visitor, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.routes import open_uploads
from scanner.routing import Route

router = APIRouter(prefix="/v1", tags=["provenance"], route_class=Route)

_PUBLIC: Final = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}
_PRIVATE: Final = _PUBLIC | {"Cache-Control": "private, no-store"}


class SvgResponse(Response):
    """A drawing."""

    media_type = "image/svg+xml"


class ManifestResponse(Response):
    """A C2PA manifest store."""

    media_type = "application/c2pa"


def released_id(track_id: TrackId) -> str:
    """Return the id in the path; what can't be one never reaches the database."""
    if not is_id(track_id):
        raise NotFoundError("track", "of this id")
    return track_id


ReleasedId = Annotated[str, Depends(released_id)]


def _tenant(caller: Caller | None) -> str | None:
    """Return the platform that asks; a rights holder's or flagger's key sees no more of its tracks than anybody."""
    outside = caller is None or caller.holder_id is not None or caller.flagger_id is not None
    return None if outside or caller is None else caller.tenant_id


@router.post(
    "/provenance/verify",
    response_model=schemas.ProvenanceCheck,
    response_model_exclude_unset=True,
    responses=problems(
        *open_uploads.PROBLEMS, "manifest-unverifiable", "rate-limited", "internal-error"
    ),
    openapi_extra={"requestBody": open_uploads.BODY, "security": open_uploads.OPEN},
)
async def verify(request: Request, caller: Visitor, service: ServiceDep) -> dict[str, Any]:
    """Verify the C2PA manifest of a file; open to anybody. Nothing of the file is kept.

    Where there is none, a mark of this service in the sound leads back to the one that was stripped.
    What was signed here is told of published tracks, and of its own to a platform.
    """

    def look(path: Path, tenant_id: str | None) -> dict[str, Any]:
        return provenance_check.check(service, path, service.settings.precheck_seconds, tenant_id)

    return await open_uploads.looked_at(request, caller, service, look)


@router.get(
    "/tracks/{track_id}/badge",
    response_model=schemas.BadgeAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found", "rate-limited", "internal-error"),
    openapi_extra={"security": open_uploads.OPEN},
)
def read_badge(caller: Visitor, track_id: ReleasedId, service: ServiceDep) -> dict[str, Any]:
    """What is known of a released track's origin, by whom, and what is not; open to anybody.

    The manifest, its signer and the model are told of published tracks, and of its own to a platform.
    """
    return badges.badge_of(service, track_id, _tenant(caller)).to_json()


@router.get(
    "/tracks/{track_id}/badge.svg",
    response_class=SvgResponse,
    responses=problems("not-found", "rate-limited", "internal-error"),
    openapi_extra={"security": open_uploads.OPEN},
)
def read_badge_svg(
    request: Request,
    caller: Visitor,
    track_id: ReleasedId,
    service: ServiceDep,
    lang: Annotated[Literal["en", "de", "fr", "es"] | None, Query()] = None,
) -> Response:
    """What anybody is told, as a small drawing to put beside a track; in the language of `lang`, else the browser's."""
    language = lang or languages.wanted(request.headers.get("accept-language"))
    drawing = badge_drawing.draw(
        badges.badge_of(service, track_id), language, languages.words(language).gettext
    )
    told = {"Content-Language": language, "Vary": "Accept-Language"}
    return SvgResponse(drawing, headers={**_PUBLIC, **told})


@router.get(
    "/tracks/{track_id}/manifest",
    response_class=ManifestResponse,
    responses=problems(
        "not-found",
        "rate-limited",
        "internal-error",
        "store-unavailable",
        also={
            200: {
                "description": "The manifest store.",
                "content": {"application/c2pa": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    ),
    openapi_extra={"security": open_uploads.OPEN},
)
def read_manifest(caller: Visitor, track_id: ReleasedId, service: ServiceDep) -> Response:
    """The manifest that was signed into a published track; open to anybody, its own to a platform.

    It fits the file whose SHA-256 the badge names; a copy that lost it can be told by its mark.
    """
    with service.database.reading() as session:
        track = badges.public_track(session, track_id)
        told = stored_manifests.tells_all(session, track, _tenant(caller))
        row = stored_manifests.of_track(session, track.id) if told else None
    if row is None or not row.manifest_sha256:
        raise NotFoundError(
            "manifest", "of this track: none was signed here, or it is not published"
        )
    content = stored_manifests.manifest_bytes(service, row)
    headers = (_PUBLIC if caller is None else _PRIVATE) | {
        "Content-Disposition": 'attachment; filename="manifest.c2pa"',
    }
    return ManifestResponse(content, headers=headers)
