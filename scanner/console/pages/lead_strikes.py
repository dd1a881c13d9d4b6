"""The policy against repeat infringers: what holds, and versions proposed by one lead and put in force by another (DMCA-RI)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from scanner import strike_policies
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import LEADS, _
from scanner.console.rendering import page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.problems import HttpError
from scanner.service import Service
from scanner.tables import StrikePolicyVersion
from scanner.wording import Told

router = APIRouter(
    prefix="/policies/strikes", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
Lead = Annotated[Identity, Depends(Allowed(LEADS))]
LONGEST: Final = 10_000
LONGEST_REASON: Final = 1000
STATE_NAMES: Final[Mapping[str, str]] = {
    "proposed": _("proposed"),
    "in_force": _("in force"),
    "replaced": _("replaced"),
    "rejected": _("rejected"),
}
STANDING_NAMES: Final[Mapping[str, str]] = {
    "warned": _("warned"),
    "limited": _("limited"),
    "suspended": _("suspended"),
}


@router.get("")
def read_policies(request: Request, identity: Lead, service: ServiceDep) -> Response:
    """What holds, what is proposed, and what held before."""
    return _page(request, service, identity)


@router.post("")
def propose(request: Request, identity: Lead, service: ServiceDep, form: Posted) -> Response:
    """Propose a policy; another lead puts it in force."""
    text, reason = form.get("text", "").replace("\r\n", "\n"), form.get("reason", "").strip()
    try:
        if not text.strip() or len(text) > LONGEST:
            told = Told("a policy has 1 to %(longest)s characters", longest=LONGEST)
            raise DeclarationError([{"field": "text", "detail": told}])
        if not 1 <= len(reason) <= LONGEST_REASON:
            told = Told(
                "say why, in at most %(longest_reason)s characters: the reason is kept on record",
                longest_reason=LONGEST_REASON,
            )
            raise DeclarationError([{"field": "reason", "detail": told}])
        strike_policies.propose(service, identity.caller, text, reason)
    except DeclarationError as error:
        return _page(request, service, identity, 422, typed=form, wrong=error.errors)
    return redirect(request, "/policies/strikes")


@router.post("/{policy_id}/{policy_move}")
def move(
    request: Request,
    identity: Lead,
    service: ServiceDep,
    policy_id: str,
    policy_move: str,
    form: Posted,
) -> Response:
    """Put what another proposed in force, or put it away."""
    if not is_id(policy_id):
        raise NotFoundError("strike policy", "of this id")
    if policy_move == "approve":
        strike_policies.approve(service, identity.caller, policy_id)
    elif policy_move == "reject":
        strike_policies.reject(service, identity.caller, policy_id)
    else:
        raise HttpError("bad-fields", "a proposed policy is approved or rejected")
    return redirect(request, "/policies/strikes")


def _page(
    request: Request,
    service: Service,
    identity: Identity,
    status: int = 200,
    *,
    typed: Mapping[str, str] | None = None,
    wrong: list[dict[str, str]] | None = None,
) -> Response:
    tenant_id = identity.caller.tenant_id
    with service.database.reading() as session:
        holds = strike_policies.in_force(session, tenant_id)
        text = strike_policies.text_in_force(session, tenant_id)
        rows = strike_policies.listed(session, tenant_id)
    return page(
        request,
        "lead_strikes.html",
        status,
        holds=holds,
        versions=[_described(service, identity, each) for each in rows],
        typed={"text": text, "reason": ""} | dict(typed or {}),
        wrong=wrong,
        state_names=STATE_NAMES,
        standing_names=STANDING_NAMES,
    )


def _described(service: Service, identity: Identity, row: StrikePolicyVersion) -> dict[str, Any]:
    own = row.proposed_by == identity.caller.actor.id
    names = service.pseudonyms.on(row.tenant_id)
    return strike_policies.describe(row) | {
        "proposed_by": names.actor(row.proposed_by, "policy_lead"),
        "decided_by": row.decided_by and names.actor(row.decided_by, "policy_lead"),
        "awaits_another": own and not service.settings.single_operator,
    }
