"""A use in a creator's track that is presumed lawful in Germany: the complaint about it, and what they say (DE-URHDAG)."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

import appeals
from appeals.roles import Role
from scanner import presumed_uses
from scanner.console import creator_lists, creator_threads
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.creators import Creator
from scanner.console.pages.creator_matters import text_in
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.tables import PresumedUse, Track

router = APIRouter(
    prefix="/my/presumed/{use_id}", route_class=ConsoleRoute, default_response_class=HTMLResponse
)


@router.get("")
def read_use(request: Request, identity: Creator, service: ServiceDep, use_id: str) -> Response:
    """One use: where it stands, what the rights holder says, what was said so far."""
    with service.database.reading() as session:
        row = presumed_uses.find(session, identity.caller, _known(use_id))
        track = session.get_one(Track, row.track_id)
        return page(
            request,
            "creator_presumed.html",
            use=presumed_uses.describe(session, row),
            said=creator_threads.messages(session, row),
            track=track,
            track_name=creator_lists.name_of(track),
            allowed=appeals.MACHINES[PresumedUse.KIND].allowed(row.state, Role.CREATOR),
        )


@router.post("/comment")
def comment(
    request: Request, identity: Creator, service: ServiceDep, use_id: str, form: Posted
) -> Response:
    """Say something about the complaint; whoever decides reads it."""
    presumed_uses.comment(service, identity.caller, _known(use_id), text_in(form, "text"))
    return redirect(request, f"/my/presumed/{use_id}")


def _known(use_id: str) -> str:
    if not is_id(use_id):
        raise NotFoundError("presumed use", "of this id")
    return use_id
