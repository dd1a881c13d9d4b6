"""A creator's fixes without a new version: credit, countries, licence; drafted, seen, applied, undone."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from scanner import amendments, evidence
from scanner.amendments import KINDS, Change
from scanner.console import countries, creator_lists
from scanner.console.access import ConsoleRoute, Posted, proved
from scanner.console.creators import Creator
from scanner.console.pages.creator_tracks import MyTrack
from scanner.console.rendering import language_of, page, redirect
from scanner.declarations import DeclarationError
from scanner.declared import CREDIT, LICENCE, TERRITORIES
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.rights_callers import received
from scanner.service import Service
from scanner.tables import PolicyDecision, Track, TrackAmendment

router = APIRouter(
    prefix="/my/tracks/{track_id}/changes",
    route_class=ConsoleRoute,
    default_response_class=HTMLResponse,
)
MEGABYTES: Final = evidence.MAX_BYTES // 2**20
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    CREDIT: ("title", "artist", "isrc"),
    TERRITORIES: ("mode", "places"),
    LICENCE: ("licensor", "reference", "scope", "valid_from", "valid_to", "places"),
}
"""What the form of a kind asks for."""


def my_change(
    identity: Creator, track: MyTrack, service: ServiceDep, amendment_id: str
) -> TrackAmendment:
    """Return the change in the path."""
    if not is_id(amendment_id):
        raise NotFoundError("change", "of this id")
    with service.database.reading() as session:
        return amendments.find_own(session, identity.caller, track.id, amendment_id)[1]


MyChange = Annotated[TrackAmendment, Depends(my_change)]


@router.get("/new/{change_kind}")
def read_form(
    request: Request, identity: Creator, track: MyTrack, service: ServiceDep, change_kind: str
) -> Response:
    """The form of a kind of change."""
    _known(change_kind)
    typed = {"mode": "without", "places": ", ".join(_blocked_in(service, track, request))}
    return _form(request, track, change_kind, typed if change_kind == TERRITORIES else {}, {})


@router.post("/new/{change_kind}")
def send_form(
    request: Request,
    identity: Creator,
    track: MyTrack,
    service: ServiceDep,
    change_kind: str,
    form: Posted,
) -> Response:
    """Draft the change, and go on to what it would do."""
    _known(change_kind)
    typed = {name: form.get(name, "").strip() for name in FIELDS[change_kind]}
    try:
        content = _content(change_kind, typed, language_of(request))
        row = amendments.draft(service, identity.caller, track.id, change_kind, content)
    except DeclarationError as error:
        wrong = {
            _FIELD_OF.get(each["field"], each["field"]): each["detail"] for each in error.errors
        }
        return _form(request, track, change_kind, typed, wrong, 422)
    return redirect(request, f"/my/tracks/{track.id}/changes/{row.id}")


@router.get("/{amendment_id}")
def read_change(
    request: Request, identity: Creator, track: MyTrack, change: MyChange, service: ServiceDep
) -> Response:
    """What a change says, what it does, its documents, and what can be done with it."""
    seen = (
        amendments.preview(service, identity.caller, change) if change.state == "drafted" else None
    )
    with service.database.reading() as session:
        described = amendments.describe(session, change, seen)
        possible = amendments.can_be_amended(session, track)
    language = language_of(request)
    return page(
        request,
        "creator_change.html",
        track=track,
        track_name=creator_lists.name_of(track),
        change=described,
        offered=_shown(change.content.get("territories") or (), language),
        preview=_told(seen, language) if seen else None,
        possible=possible,
        undoable=amendments.can_be_undone(track, change),
        megabytes=MEGABYTES,
    )


@router.post("/{amendment_id}/documents", dependencies=[Depends(proved)])
async def add_document(
    request: Request, identity: Creator, change: MyChange, service: ServiceDep
) -> Response:
    """Attach the licence: PDF, image, text or sound."""
    evidence.refuse_over(change)
    await received(request, service, identity.caller, (change.KIND, change.id))
    return redirect(request, f"/my/tracks/{change.track_id}/changes/{change.id}")


@router.post("/{amendment_id}/apply")
def apply_change(
    request: Request, identity: Creator, change: MyChange, service: ServiceDep, form: Posted
) -> Response:
    """Let it count, and go back to the track."""
    amendments.apply(service, identity.caller, change.track_id, change.id)
    return redirect(request, f"/my/tracks/{change.track_id}")


@router.post("/{amendment_id}/undo")
def undo_change(
    request: Request, identity: Creator, change: MyChange, service: ServiceDep, form: Posted
) -> Response:
    """Take it back, and go back to the track."""
    amendments.undo(service, identity.caller, change.track_id, change.id)
    return redirect(request, f"/my/tracks/{change.track_id}")


_FIELD_OF: Final[Mapping[str, str]] = {
    "territories": "places",
    "without": "places",
    "content": "valid_to",
}
"""Which field of a form holds what an amendment calls otherwise."""


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise NotFoundError("form", "of this kind")


def _content(kind: str, typed: Mapping[str, str], language: str) -> dict[str, Any]:
    given: dict[str, Any] = {
        name: text for name, text in typed.items() if text and name not in {"mode", "places"}
    }
    if kind == CREDIT:
        return given
    places = countries.read(typed["places"], language, "places")
    if kind == LICENCE:
        return given | {"territories": places}
    return {"territories" if typed["mode"] == "only" else "without": places}


def _form(
    request: Request,
    track: Track,
    kind: str,
    typed: Mapping[str, str],
    wrong: Mapping[str, str],
    status: int = 200,
) -> Response:
    return page(
        request,
        "creator_change_form.html",
        status,
        track=track,
        track_name=creator_lists.name_of(track),
        kind=kind,
        typed=typed,
        wrong=wrong,
    )


def _blocked_in(service: Service, track: Track, request: Request) -> list[str]:
    """Return the names of the countries in which a track can't be had, where only some are."""
    with service.database.reading() as session:
        decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    outcomes = decision.outcomes if decision is not None else {}
    codes = [code for code, outcome in outcomes.items() if code != "*" and outcome == "block"]
    return countries.names(codes, language_of(request))


def _shown(codes: Any, language: str) -> dict[str, Any]:
    """Return how to name countries: those, or everywhere but some."""
    left_out = countries.missing(codes) if codes else []
    but = bool(codes) and len(left_out) < len(codes)
    return {"but": but, "names": countries.names(left_out if but else codes, language)}


def _told(change: Change, language: str) -> dict[str, Any]:
    """Return what would be decided now and then, and in which countries the track can't be had."""
    return {"changes": change.is_any} | {
        name: {
            "decision": judged["decision"],
            "places": [
                {"outcome": outcome, "names": countries.names(codes, language)}
                for outcome, codes in _by_outcome(judged["outcomes"]).items()
            ],
        }
        for name, judged in (("now", change.now), ("then", change.then))
    }


def _by_outcome(outcomes: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the countries that a block or a review is about, if they are some only."""
    found: dict[str, list[str]] = {}
    for code, outcome in outcomes.items():
        if code != "*" and outcome in {"block", "review"}:
            found.setdefault(outcome, []).append(code)
    return found if len(set(outcomes.values())) > 1 else {}
