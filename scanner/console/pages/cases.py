"""The queue, and a case with the evidence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from scanner import blob_answers, explanations, progress, stem_lanes, verdicts
from scanner.blob_answers import AudioResponse, WantedDep
from scanner.console import case_views, queue, review, sessions
from scanner.console.access import Allowed, ConsoleRoute, token_of
from scanner.console.identities import Identity
from scanner.console.navigation import CASE_READERS
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import ForbiddenError, NotFoundError
from scanner.journal_frames import PING_SECONDS, EventStream
from scanner.match_picture import draw
from scanner.routes.explanations import PngResponse
from scanner.routes.tracks import media_type_of, read_audio
from scanner.service import Service
from scanner.tables import Case, Track
from scanner.track_states import GENERATED
from scanner.track_states import State as TrackState

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)
Reader = Annotated[Identity, Depends(Allowed(CASE_READERS))]

State = Literal[
    "open",
    "queued",
    "leased",
    "waiting_info",
    "escalated",
    "decided",
    "second_review",
    "closed",
    "all",
]


def asked(
    state: Annotated[State, Query()] = "open",
    kind: Annotated[str, Query(max_length=30)] = "",
    right: Annotated[str, Query(max_length=20)] = "",
    language: Annotated[str, Query(max_length=10)] = "",
    holder: Annotated[Literal["", "me", "nobody"], Query()] = "",
    group: Annotated[Literal["", "uploader", "file", "reference"], Query()] = "",
    like: Annotated[str, Query(max_length=36)] = "",
    order: Annotated[Literal["deadline", "priority", "newest"], Query()] = "deadline",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> queue.Filters:
    """Return the filters in the address."""
    return queue.Filters(state, kind, right, language, holder, group, like, order, page)


Asked = Annotated[queue.Filters, Depends(asked)]


@router.get("/queue")
def read_queue(request: Request, identity: Reader, service: ServiceDep, filters: Asked) -> Response:
    """The cases, those first that law gives the least time."""
    caller = identity.caller
    groups: list[queue.Group] | None = None
    entries: list[queue.Entry] = []
    with service.database.reading() as session:
        if filters.group and not filters.like:
            groups, more = queue.grouped(service, session, caller, filters)
        else:
            entries, more = queue.listed(service, session, caller, filters)
        held = queue.held_by(session, caller, service.now())
        mine = queue.entries(service, session, caller, held)
        counts = queue.counts(session, caller.tenant_id)
        within = queue.time_to_decide(session, caller.tenant_id)
        state = review.beside(service, session, caller)
    return page(
        request,
        "queue.html",
        entries=entries,
        groups=groups,
        mine=mine,
        more=more,
        counts=counts,
        within=within,
        filters=filters,
        address=lambda **changes: address_of(filters, **changes),
        shown=",".join(each.case.id for each in entries),
        states=queue.STATES,
        orders=queue.ORDERS,
        none_left="none" in request.query_params,
        **state,
    )


@router.get("/queue/live")
def read_live_queue(
    request: Request,
    identity: Reader,
    service: ServiceDep,
    filters: Asked,
    shown: Annotated[str, Query(max_length=37 * queue.PAGE)] = "",
) -> Response:
    """What changed in the rows that a reader has before them, in place, and how many others there are now."""
    ids = [each for each in shown.split(",") if is_id(each)]
    with service.database.reading() as session:
        entries, _ = queue.listed(service, session, identity.caller, filters)
        rows = queue.entries(service, session, identity.caller, ids)
    return page(
        request,
        "review_live.html",
        rows=rows,
        others=len({each.case.id for each in entries} - set(ids)),
        here_again=address_of(filters),
    )


@router.get("/queue/events", response_class=EventStream)
async def follow_queue(request: Request, identity: Reader, service: ServiceDep) -> Response:
    """Tell that the platform's open cases changed, each time; which ones, the page asks for itself.

    The first time is at once, since something may have changed before anybody followed; it ends with the session.
    """
    followed, token = progress.queue_of(identity.caller.tenant_id), token_of(request)

    async def frames() -> AsyncIterator[ServerSentEvent]:
        with request.app.state.progress.following(followed) as moved:
            yield ServerSentEvent("", event="changed")
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(moved.wait(), PING_SECONDS)
                if not await run_in_threadpool(sessions.goes_on, service, token):
                    return
                if moved.is_set():
                    moved.clear()
                    yield ServerSentEvent("", event="changed")

    return EventStream(frames(), ping=PING_SECONDS)


def address_of(filters: queue.Filters, **changes: Any) -> str:
    """Return the address of the same list, with changes."""
    query = urlencode(filters.query(**changes))
    return f"/queue?{query}" if query else "/queue"


def own_case(identity: Reader, service: ServiceDep, case_id: str) -> Case:
    """Return the case in the path."""
    if not is_id(case_id):
        raise NotFoundError("case", "of this id")
    with service.database.reading() as session:
        return case_views.find(session, identity.caller.tenant_id, case_id)


OwnCase = Annotated[Case, Depends(own_case)]


def seen_case(identity: Reader, service: ServiceDep, case: OwnCase) -> Case:
    """Return the case in the path to who may see what it is about."""
    if not queue.may_see(service, identity.caller, case):
        raise ForbiddenError("a reviewer sees what a case is about while they hold it: take it")
    return case


SeenCase = Annotated[Case, Depends(seen_case)]


@router.get("/cases/{case_id}")
def read_case(
    request: Request,
    identity: Reader,
    case: OwnCase,
    service: ServiceDep,
    filters: Asked,
    match: Annotated[int, Query(ge=0, le=1000)] = 0,
    whole: bool = False,
    after: Annotated[str, Query(max_length=36)] = "",
) -> Response:
    """One case: the sound, what was found in it, why it is here, and what to decide; for others that it is there."""
    caller = identity.caller
    with service.database.reading() as session:
        state = review.beside(service, session, caller)
    if not queue.may_see(service, caller, case):
        entry = queue.entry(service, caller, case, None)
        return page(request, "review_closed.html", entry=entry, filters=filters, **state)
    view = case_views.view(service, caller, case, chosen=match, whole=whole)
    return page(
        request,
        "case.html",
        player=True,
        view=view,
        chosen=match,
        whole=whole,
        rows=case_views.rows_of(view.match) if view.match else [],
        filters=filters,
        after=after,
        desk=review.desk(service, caller, case, view),
        **state,
    )


@router.get("/cases/{case_id}/similarity.png", response_class=PngResponse)
def read_similarity(
    identity: Reader,
    case: SeenCase,
    service: ServiceDep,
    reference: Annotated[str | None, Query(max_length=36)] = None,
) -> Response:
    """How alike every moment of the one is to every moment of the other."""
    with service.precheck_slots:  # decoding and drawing are CPU work
        drawn = explanations.picture(
            service,
            track_in(service, case),
            reference_id=reference,
            patience=service.settings.precheck_seconds,
        )
        return PngResponse(draw(drawn, "png"), headers={"Cache-Control": "private, no-cache"})


@router.get("/cases/{case_id}/audio", response_class=AudioResponse)
def read_case_audio(
    identity: Reader, case: SeenCase, service: ServiceDep, wanted: WantedDep
) -> Response:
    """The track's sound, whole or one range."""
    track = track_in(service, case)
    if track.origin != GENERATED or track.state == TrackState.WITHDRAWN:
        return read_audio(track, service, wanted)
    # What was scanned, out or not: people decide on it by ear.
    sha256 = stem_lanes.mix_of(service, track)
    if sha256 is None:
        raise NotFoundError("audio", "of this track")
    media_type = media_type_of(service, track.tenant_id, sha256)
    return blob_answers.answer(service, track.tenant_id, sha256, media_type, wanted)


def track_in(service: Service, case: Case) -> Track:
    """Return the track of a case, or raise ``NotFoundError``."""
    with service.database.reading() as session:
        track = verdicts.track_of(session, case)
    if track is None:
        raise NotFoundError("track", "in this case")
    return track
