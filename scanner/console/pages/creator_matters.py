"""What a creator has filed: its clock, its thread, and what they can still do with it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

import appeals
from appeals.roles import Role
from scanner import (
    appeal_outcomes,
    appealing,
    complaint_windows,
    counter_notices,
    disputes,
    evidence,
)
from scanner.console import creator_clocks, creator_lists, creator_threads, creator_views
from scanner.console.access import ConsoleRoute, Posted, proved
from scanner.console.creators import Creator
from scanner.console.rendering import page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.rights_callers import received
from scanner.tables import Appeal, CounterNotice, Dispute, Track
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

router = APIRouter(
    prefix="/my/matters/{matter_kind}/{matter_id}",
    route_class=ConsoleRoute,
    default_response_class=HTMLResponse,
)
MOST: Final = 5000
Matter = Dispute | Appeal | CounterNotice


def my_matter(identity: Creator, service: ServiceDep, matter_kind: str, matter_id: str) -> Matter:
    """Return what the creator has filed, in the path."""
    if not is_id(matter_id):
        raise NotFoundError("matter", "of this id")
    with service.database.reading() as session:
        return creator_views.matter(session, identity.caller, matter_kind, matter_id)


MyMatter = Annotated[Matter, Depends(my_matter)]


@router.get("")
def read_matter(
    request: Request,
    identity: Creator,
    matter: MyMatter,
    service: ServiceDep,
    sent: Annotated[bool, Query()] = False,
) -> Response:
    """One dispute, appeal or counter-notice."""
    with service.database.reading() as session:
        described = creator_views.describe(session, identity.caller, matter)
        said = creator_threads.messages(session, matter) if isinstance(matter, Appeal) else []
        track = session.get(Track, matter.track_id) if matter.track_id else None
        files = evidence.listed(session, (matter.KIND, matter.id))
        ends = complaint_windows.ends(session, [matter] if isinstance(matter, Dispute) else [])
    return page(
        request,
        "creator_matter.html",
        matter=matter,
        described=described,
        said=said,
        files=files,
        track=track,
        track_name=creator_lists.name_of(track) if track else None,
        clock=creator_clocks.clock_of(matter, ends),
        allowed=appeals.MACHINES[matter.KIND].allowed(matter.state, Role.CREATOR),
        takes_files=_takes_files(matter),
        bodies=appeal_outcomes.bodies(service) if isinstance(matter, Appeal) else [],
        megabytes=evidence.MAX_BYTES // 2**20,
        sent=sent,
    )


@router.post("/evidence", dependencies=[Depends(proved)])
async def add_evidence(
    request: Request, identity: Creator, matter: MyMatter, service: ServiceDep
) -> Response:
    """Put a file forward: PDF, image, text or sound."""
    if not _takes_files(matter):
        raise DeclarationError([{"field": "file", "detail": "nobody reads more about it now"}])
    await received(request, service, identity.caller, (matter.KIND, matter.id))
    return redirect(request, f"/my/matters/{matter.KIND}/{matter.id}")


@router.post("/{matter_act}")
def move_matter(
    request: Request,
    identity: Creator,
    matter: MyMatter,
    service: ServiceDep,
    matter_act: str,
    form: Posted,
) -> Response:
    """Withdraw, answer, or say which body out of court was asked."""
    move = _MOVES.get((matter.KIND, matter_act))
    if move is None:
        raise NotFoundError("step", "of this name")
    move(service, identity.caller, matter, form)
    return redirect(request, f"/my/matters/{matter.KIND}/{matter.id}")


def _takes_files(matter: Matter) -> bool:
    return not isinstance(matter, CounterNotice) and evidence.takes_more(matter)


def text_in(form: Mapping[str, str], field: str) -> str:
    """Return what was written in a field, or raise ``DeclarationError``."""
    text = form.get(field, "").strip()
    if not 1 <= len(text) <= MOST:
        raise DeclarationError(
            [
                {
                    "field": field,
                    "detail": Told("write something, in at most %(most)s characters", most=MOST),
                }
            ]
        )
    return text


Move = Callable[["Service", "Caller", Any, Mapping[str, str]], object]
_MOVES: Final[Mapping[tuple[str, str], Move]] = {
    ("dispute", "withdraw"): lambda service, caller, row, _: disputes.withdraw(
        service, caller, row.id
    ),
    ("appeal", "withdraw"): lambda service, caller, row, _: appealing.withdraw(
        service, caller, row.id, None
    ),
    ("counter_notice", "withdraw"): lambda service, caller, row, _: counter_notices.withdraw(
        service, caller, row
    ),
    ("appeal", "say"): lambda service, caller, row, form: appealing.say(
        service, caller, row.id, text_in(form, "text")
    ),
    ("appeal", "out-of-court"): lambda service, caller, row, form: appeal_outcomes.go_out_of_court(
        service, caller, row.id, text_in(form, "body"), body_case=form.get("body_case") or None
    ),
}
"""What a creator may do with what they filed: by its kind and the last part of the address."""
