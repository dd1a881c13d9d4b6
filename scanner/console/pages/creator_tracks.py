"""A creator's tracks: the list, one track with everything about it, its sound, a fix that is looked at at once."""

from collections.abc import Mapping
from math import ceil, floor, inf, nan
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner import cases, edit_fills, edits, human_review, matched_sound, reference_previews
from scanner.audio.mending import Part
from scanner.blob_answers import AudioResponse, WantedDep, WebmResponse
from scanner.console import creator_lists, creator_views
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.creator_views import TrackView
from scanner.console.creators import Creator
from scanner.console.rendering import language_of, page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.journal_frames import EventStream
from scanner.routes.track_events import follow_track
from scanner.routes.tracks import read_audio
from scanner.service import Service
from scanner.tables import Track
from scanner.track_states import FINAL, State

router = APIRouter(prefix="/my", route_class=ConsoleRoute, default_response_class=HTMLResponse)
UNDER_WAY: Final = frozenset({State.RECEIVED, State.ANALYSING, State.DECIDED})
MOST_PARTS: Final = 20
Before = Annotated[str | None, Query(max_length=36)]


def my_track(identity: Creator, service: ServiceDep, track_id: str) -> Track:
    """Return the creator's track in the path."""
    if not is_id(track_id):
        raise NotFoundError("track", "of this id")
    with service.database.reading() as session:
        return creator_lists.find(session, identity.caller, track_id)


MyTrack = Annotated[Track, Depends(my_track)]


@router.get("/tracks")
def list_tracks(
    request: Request, identity: Creator, service: ServiceDep, before: Before = None
) -> Response:
    """Every track of the account, and what waits for its creator."""
    found = creator_lists.lines(service, identity.caller, before)
    lines = found[: creator_lists.PAGE]
    return page(
        request,
        "creator_tracks.html",
        lines=lines,
        more=lines[-1].track.id if len(found) > len(lines) else None,
        unread=creator_lists.unread(service, identity.caller),
    )


@router.get("/tracks/{track_id}")
def read_track(
    request: Request,
    identity: Creator,
    track: MyTrack,
    service: ServiceDep,
    match: Annotated[int, Query(ge=0, le=1000)] = 0,
) -> Response:
    """What happened to a track, and what its creator can do."""
    return _page(request, identity, track, service, match)


@router.get("/tracks/{track_id}/audio", response_class=AudioResponse)
def read_track_audio(
    identity: Creator, track: MyTrack, service: ServiceDep, wanted: WantedDep
) -> Response:
    """The track's sound, whole or one range."""
    return read_audio(track, service, wanted)


@router.get("/tracks/{track_id}/reference.webm", response_class=WebmResponse)
def read_matched_sound(
    identity: Creator,
    track: MyTrack,
    service: ServiceDep,
    reference: Annotated[str | None, Query(max_length=36)] = None,
    segment: Annotated[int, Query(ge=0, le=10_000)] = 0,
) -> Response:
    """What was found in the track as the reference has it: the matched part and five seconds around it."""
    if not _has_sound(track):
        raise NotFoundError("preview", "of a reference that was found in this track")
    return matched_answer(service, track, reference, segment)


@router.get("/tracks/{track_id}/events", response_class=EventStream)
async def follow(
    request: Request,
    identity: Creator,
    track: MyTrack,
    service: ServiceDep,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """What happens to a track, as it happens."""
    return await follow_track(request, track, identity.caller, service, last_event_id)


@router.post("/tracks/{track_id}/fix")
def fix_track(
    request: Request, identity: Creator, track: MyTrack, service: ServiceDep, form: Posted
) -> Response:
    """Cut, mute or replace what was chosen, and go on to the new version, which is looked at at once."""
    try:
        parts = _parts(form)
        with service.reference_slots:  # decoding is CPU work
            edit = edits.mend(service, identity.caller, track.id, parts)
    except DeclarationError as error:
        wrong = error.errors[0]["detail"]
        return _page(request, identity, track, service, 0, status=422, typed=form, wrong=wrong)
    return redirect(request, f"/my/tracks/{edit.new_track_id}")


@router.post("/tracks/{track_id}/human-review")
def ask_for_a_person(
    request: Request, identity: Creator, track: MyTrack, service: ServiceDep, form: Posted
) -> Response:
    """Put what rules alone decided before a person, with what the creator says (GDPR-22)."""
    text = form.get("text", "").strip()[:2000]
    human_review.ask(service, identity.caller, track.id, text or None)
    return redirect(request, f"/my/tracks/{track.id}")


@router.post("/questions/{case_id}")
def answer_question(
    request: Request, identity: Creator, service: ServiceDep, case_id: str, form: Posted
) -> Response:
    """Answer what was asked about a track, and go back to it."""
    text = form.get("text", "").strip()
    if not is_id(case_id):
        raise NotFoundError("case", "of this id")
    if not text:
        raise DeclarationError([{"field": "text", "detail": "write an answer"}])
    case = cases.answer(service, identity.caller, case_id, text[:5000])
    return redirect(request, f"/my/tracks/{case.track_id}")


def matched_answer(
    service: Service, track: Track, reference_id: str | None, number: int
) -> Response:
    """Return the sound of a matched segment that a track's creator, or their parent, may hear."""
    with service.database.reading() as session:
        found = matched_sound.heard(session, track, reference_id)
    excerpt = found.of(number)
    with service.precheck_slots:  # decoding is CPU work
        content = reference_previews.rendered(service, found.reference, excerpt)
    return WebmResponse(content, headers={"Cache-Control": "private, max-age=600"})


def _page(
    request: Request,
    identity: Creator,
    track: Track,
    service: ServiceDep,
    chosen: int,
    *,
    status: int = 200,
    typed: Mapping[str, str] | None = None,
    wrong: str | None = None,
) -> Response:
    view = creator_views.view(service, identity.caller, track, language_of(request), chosen)
    under_way, has_sound = State(track.state) in UNDER_WAY, _has_sound(track)
    return page(
        request,
        "creator_track.html",
        status,
        player=has_sound,
        view=view,
        track_name=creator_lists.name_of(track),
        chosen=chosen,
        under_way=under_way,
        settled=State(track.state) in FINAL,
        audio=f"/my/tracks/{track.id}/audio" if has_sound else None,
        heard=view.heard.parts(MOST_PARTS) if has_sound and view.heard else [],
        fixes=_stretches(view),
        others=_others(service, track),
        typed=typed or {},
        wrong=wrong,
    )


def _has_sound(track: Track) -> bool:
    over = State(track.state) in {*UNDER_WAY, State.WITHDRAWN}
    return track.sha256 is not None and not over


def _others(service: Service, track: Track) -> list[tuple[str, str]]:
    """Return the tracks that may take the place of a part, by id and name."""
    with service.database.reading() as session:
        return [
            (each.id, creator_lists.name_of(each)) for each in edit_fills.possible(session, track)
        ]


def _stretches(view: TrackView) -> list[tuple[str, str]]:
    """Return what of the track is claimed, or found, as a form shows it: to the tenth of a second, outwards."""
    claimed = [each for claim in view.claims for each in claim["segments"]]
    found = claimed or (view.match["segments"] if view.match else [])
    spans = sorted({(each["query_start"], each["query_end"]) for each in found})
    return [(_written(floor(10 * a) / 10), _written(ceil(10 * b) / 10)) for a, b in spans][
        :MOST_PARTS
    ]


def _written(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _parts(form: Mapping[str, str]) -> list[Part]:
    """Return what a form says to do with each stretch of the track."""
    parts = []
    for number in range(MOST_PARTS):
        what = form.get(f"do-{number}", "keep")
        if what in {"cut", "mute"}:
            start, end = (_seconds(form.get(f"{name}-{number}", "")) for name in ("start", "end"))
            parts.append(Part("cut" if what == "cut" else "mute", start, end))
        elif what == "replace":
            start, end, begins = (
                _seconds(form.get(f"{name}-{number}", "")) for name in ("start", "end", "from")
            )
            parts.append(Part("replace", start, end, form.get(f"with-{number}", ""), begins))
    return parts


def _seconds(text: str) -> float:
    """Read ``75.5`` or ``1:15.5`` as seconds."""
    minutes, _, rest = text.strip().replace(",", ".").rpartition(":")
    try:
        seconds = 60 * int(minutes or 0) + float(rest)
    except ValueError:
        seconds = nan
    if not 0 <= seconds < inf:
        told = "write times as minutes and seconds, such as 1:15"
        raise DeclarationError([{"field": "parts", "detail": told}])
    return seconds
