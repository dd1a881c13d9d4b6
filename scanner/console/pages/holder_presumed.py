"""Uses of a holder's works that are presumed lawful in Germany: looked at, contested, taken back (DE-URHDAG)."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

import appeals
from appeals.presumed_uses import ATTESTATIONS
from appeals.roles import Role
from scanner import presumed_uses
from scanner.console import holder_words
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.holder_forms import FORESEEN, SHOWN, RightsHolder, again, holder_of
from scanner.console.identities import Identity
from scanner.console.rendering import page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, known_id
from scanner.presumed_uses import Attested
from scanner.service import Service
from scanner.tables import Holder, PresumedUse
from scanner.wording import Told

router = APIRouter(
    prefix="/rights/presumed", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
UseId = Annotated[str, Path(max_length=36)]
LONGEST = 5000


@router.get("")
def read_uses(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    state: Annotated[str, Query(max_length=20)] = "presumed",
    before: Annotated[str | None, Query(max_length=36)] = None,
) -> Response:
    """The holder's works in others' tracks, first those that they said nothing about yet."""
    wanted = None if state == "all" else state
    with service.database.reading() as session:
        found = presumed_uses.listed(
            session, identity.caller, limit=SHOWN + 1, before=before, state=wanted
        )
        uses = [presumed_uses.describe(session, each) for each in found[:SHOWN]]
    more = uses[-1]["id"] if len(found) > SHOWN else None
    return page(
        request, "holder_presumed.html", uses=uses, more=more, state=state, words=holder_words
    )


@router.get("/{use_id}")
def read_use(
    request: Request, identity: RightsHolder, service: ServiceDep, use_id: UseId
) -> Response:
    """One use: what the rule saw, what the holder can say, what was decided."""
    return page(request, "holder_presumed_use.html", **_shown(service, identity, use_id))


@router.post("/{use_id}/complaint")
def complain(
    request: Request, identity: RightsHolder, service: ServiceDep, use_id: UseId, form: Posted
) -> Response:
    """Contest a use, and have it blocked until that is decided if the holder attests to it."""
    shown = _shown(service, identity, use_id)
    try:
        reason, block = _complaint(form)
        presumed_uses.complain(service, identity.caller, use_id, reason, block)
    except FORESEEN as error:
        return again(request, "holder_presumed_use.html", error, **(shown | {"given": dict(form)}))
    return redirect(request, f"/rights/presumed/{use_id}")


@router.post("/{use_id}/withdraw")
def withdraw(
    request: Request, identity: RightsHolder, service: ServiceDep, use_id: UseId, form: Posted
) -> Response:
    """Take a complaint back."""
    presumed_uses.withdraw(service, identity.caller, known_id(use_id, "presumed use"))
    return redirect(request, f"/rights/presumed/{use_id}")


def _complaint(form: Mapping[str, str]) -> tuple[str, Attested | None]:
    """Read a complaint.

    Raises
    ------
    DeclarationError
        Naming the field that is empty or too long.
    """
    reason = _text(form, "reason")
    if not form.get("block"):
        return reason, None
    return reason, Attested(_text(form, "name"), _text(form, "statement"), _text(form, "agreed"))


def _text(form: Mapping[str, str], field: str) -> str:
    text = form.get(field, "").strip()
    if not 1 <= len(text) <= LONGEST:
        told = Told("write something, in at most %(longest)s characters", longest=LONGEST)
        raise DeclarationError([{"field": field, "detail": told}])
    return text


def _shown(service: Service, identity: Identity, use_id: str) -> dict[str, Any]:
    known_id(use_id, "presumed use")
    with service.database.reading() as session:
        row = presumed_uses.find(session, identity.caller, use_id)
        holder = session.get_one(Holder, holder_of(identity.caller))
        return {
            "use": presumed_uses.describe(session, row),
            "allowed": appeals.MACHINES[PresumedUse.KIND].allowed(row.state, Role.RIGHTS_HOLDER),
            "verified": holder.verified,
            "texts": ATTESTATIONS,
            "given": {},
            "problem": None,
            "words": holder_words,
        }
