"""The queue, and a case with the evidence."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner import explanations
from scanner.blob_answers import AudioResponse, WantedDep
from scanner.console import case_views, queue
from scanner.console.access import Allowed, ConsoleRoute
from scanner.console.identities import Identity
from scanner.console.navigation import CASE_READERS
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.match_picture import draw
from scanner.routes.explanations import PngResponse
from scanner.routes.tracks import read_audio
from scanner.service import Service
from scanner.tables import Case, Track

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
    holder: Annotated[Literal["", "me", "nobody"], Query()] = "",
    account: Annotated[str, Query(max_length=36)] = "",
    order: Annotated[Literal["deadline", "priority", "newest"], Query()] = "deadline",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> queue.Filters:
    """Return the filters in the address."""
    return queue.Filters(state, kind, holder, account, order, page)


@router.get("/queue")
def read_queue(
    request: Request,
    identity: Reader,
    service: ServiceDep,
    filters: Annotated[queue.Filters, Depends(asked)],
) -> Response:
    """The cases, those first that law gives the least time."""
    caller = identity.caller
    with service.database.reading() as session:
        entries, more = queue.listed(
            session, caller.tenant_id, caller.actor.id, filters, service.now()
        )
        counts = queue.counts(session, caller.tenant_id)

    def address(**changes: Any) -> str:
        query = urlencode(filters.query(**changes))
        return f"/queue?{query}" if query else "/queue"

    return page(
        request,
        "queue.html",
        entries=entries,
        more=more,
        counts=counts,
        filters=filters,
        address=address,
        states=queue.STATES,
        orders=queue.ORDERS,
    )


def own_case(identity: Reader, service: ServiceDep, case_id: str) -> Case:
    """Return the case in the path."""
    if not is_id(case_id):
        raise NotFoundError("case", "of this id")
    with service.database.reading() as session:
        return case_views.find(session, identity.caller.tenant_id, case_id)


OwnCase = Annotated[Case, Depends(own_case)]


@router.get("/cases/{case_id}")
def read_case(
    request: Request,
    identity: Reader,
    case: OwnCase,
    service: ServiceDep,
    match: Annotated[int, Query(ge=0, le=1000)] = 0,
    whole: bool = False,
) -> Response:
    """One case: the sound, what was found in it, why it is here, what is known beside."""
    view = case_views.view(service, case, identity.caller.actor.id, chosen=match, whole=whole)
    return page(
        request,
        "case.html",
        player=True,
        view=view,
        chosen=match,
        whole=whole,
        rows=case_views.rows_of(view.match) if view.match else [],
    )


@router.get("/cases/{case_id}/similarity.png", response_class=PngResponse)
def read_similarity(
    identity: Reader,
    case: OwnCase,
    service: ServiceDep,
    reference: Annotated[str | None, Query(max_length=36)] = None,
) -> Response:
    """How alike every moment of the one is to every moment of the other."""
    with service.precheck_slots:  # decoding and drawing are CPU work
        drawn = explanations.picture(
            service,
            _track(service, case),
            reference_id=reference,
            patience=service.settings.precheck_seconds,
        )
        return PngResponse(draw(drawn, "png"), headers={"Cache-Control": "private, no-cache"})


@router.get("/cases/{case_id}/audio", response_class=AudioResponse)
def read_case_audio(
    identity: Reader, case: OwnCase, service: ServiceDep, wanted: WantedDep
) -> Response:
    """The track's sound, whole or one range."""
    return read_audio(_track(service, case), service, wanted)


def _track(service: Service, case: Case) -> Track:
    with service.database.reading() as session:
        track = session.get(Track, case.track_id) if case.track_id else None
    if track is None:
        raise NotFoundError("track", "in this case")
    return track
