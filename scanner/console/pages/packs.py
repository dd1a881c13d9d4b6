"""Packs of rules: their states, their text, what the linter finds, how two of them differ."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

import policy
from scanner import policies, policy_views
from scanner.console.access import Allowed, ConsoleRoute
from scanner.console.identities import Identity
from scanner.console.navigation import LEADS
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep
from scanner.errors import NotFoundError
from scanner.service import Service
from scanner.tables import PolicyPack

router = APIRouter(
    prefix="/policies", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
Lead = Annotated[Identity, Depends(Allowed(LEADS))]
SHOWN = 100
PackId = Annotated[str, Query(max_length=300)]


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
    return page(request, "packs.html", packs=[policy_views.described(each) for each in found])


@router.get("/pack")
def read_pack(request: Request, identity: Lead, service: ServiceDep, id: PackId) -> Response:  # noqa: A002
    """One pack: its text, its tests, its past."""
    row = _pack(service, identity, id)
    with service.database.reading() as session:
        whole = policy_views.whole(session, row)
    return page(
        request,
        "pack.html",
        pack=whole,
        tested=policy_views.tested(policy.read_pack(row.text)),
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
    both = [_pack(service, identity, each) for each in (before, after) if each]
    return page(
        request,
        "pack_compare.html",
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


def _pack(service: Service, identity: Identity, pack_id: str) -> PolicyPack:
    service.packs.ensure(service, identity.caller.tenant_id)
    with service.database.reading() as session:
        try:
            return policies.find(session, identity.caller.tenant_id, pack_id)
        except NotFoundError:
            raise NotFoundError("policy", "of this id") from None
