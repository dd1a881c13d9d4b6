"""Packs of rules: their states, their text, what the linter finds, how two of them differ."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from policy import PackState
from scanner import backtest_runs, pack_checks, policies, policy_views
from scanner.console.access import Allowed, ConsoleRoute
from scanner.console.identities import Identity
from scanner.console.navigation import LEADS, _
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep
from scanner.errors import NotFoundError
from scanner.pseudonyms import told
from scanner.service import Service
from scanner.tables import PolicyPack

router = APIRouter(
    prefix="/policies", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
Lead = Annotated[Identity, Depends(Allowed(LEADS))]
SHOWN = 100
PackId = Annotated[str, Query(max_length=300)]
STATE_NAMES: Final[Mapping[str, str]] = {
    PackState.DRAFT: _("draft"),
    PackState.PROPOSED: _("proposed"),
    PackState.APPROVED: _("approved"),
    PackState.REJECTED: _("rejected"),
    PackState.SHADOW: _("in the shadow"),
    PackState.CANARY: _("canary"),
    PackState.ACTIVE: _("in force"),
    PackState.RETIRED: _("retired"),
}


@dataclass(frozen=True)
class Line:
    """A line of a difference: ``kind`` is added, removed, same or place."""

    kind: str
    text: str


@router.get("")
def read_packs(request: Request, identity: Lead, service: ServiceDep) -> Response:
    """The platform's packs, newest first."""
    tenant_id = identity.caller.tenant_id
    service.packs.ensure(service, tenant_id)
    with service.database.reading() as session:
        found = policies.listed(session, tenant_id, limit=SHOWN)
        shown = [told(service, session, tenant_id, policy_views.described(each)) for each in found]
    return page(request, "packs.html", packs=shown, state_names=STATE_NAMES)


@router.get("/pack")
def read_pack(request: Request, identity: Lead, service: ServiceDep, id: PackId) -> Response:  # noqa: A002
    """One pack: what can be done with it, its tests, its rehearsals, its text."""
    return pack_page(request, service, identity, wanted_pack(service, identity, id))


def pack_page(
    request: Request,
    service: Service,
    identity: Identity,
    row: PolicyPack,
    status: int = 200,
    *,
    refused: Sequence[str] = (),
) -> Response:
    """Return a pack's page; ``refused`` is what kept it from being proposed just now."""
    with service.database.reading() as session:
        whole = told(service, session, row.tenant_id, policy_views.whole(session, row))
        runs = backtest_runs.of_pack(session, row)
    _, findings = pack_checks.known(service, row.text)
    own = row.proposed_by == identity.caller.actor.id
    return page(
        request,
        "pack.html",
        status,
        pack=whole,
        refused=refused,
        findings=findings,
        runs=runs,
        awaits_another=own and not service.settings.single_operator,
        state_names=STATE_NAMES,
    )


@router.get("/compare")
def compare(
    request: Request,
    identity: Lead,
    service: ServiceDep,
    before: PackId = "",
    after: PackId = "",
) -> Response:
    """How the text of one pack differs from another's."""
    tenant_id = identity.caller.tenant_id
    service.packs.ensure(service, tenant_id)
    with service.database.reading() as session:
        found = policies.listed(session, tenant_id, limit=SHOWN)
    both = [wanted_pack(service, identity, each) for each in (before, after) if each]
    return page(
        request,
        "pack_compare.html",
        state_names=STATE_NAMES,
        packs=[policy_views.described(each) for each in found],
        before=before,
        after=after,
        lines=list(differences(both[0].text, both[1].text)) if len(both) == 2 else None,
    )


def differences(before: str, after: str) -> Iterator[Line]:
    """Yield the lines that differ, with three of their surroundings."""
    kinds = {"+": "added", "-": "removed", " ": "same", "@": "place"}
    told = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
    for line in list(told)[2:]:
        yield Line(kinds[line[0]], line if line[0] == "@" else line[1:])


def wanted_pack(service: Service, identity: Identity, pack_id: str) -> PolicyPack:
    """Return a platform's pack, or raise ``NotFoundError``."""
    service.packs.ensure(service, identity.caller.tenant_id)
    with service.database.reading() as session:
        try:
            return policies.find(session, identity.caller.tenant_id, pack_id)
        except NotFoundError:
            raise NotFoundError("policy", "of this id") from None
