"""The audit trail: search, and the proof that it is whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner import audit_proofs, audit_walks
from scanner.callers import Caller
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import AUDITORS
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep
from scanner.errors import NotFoundError
from scanner.problems import HttpError
from scanner.routes.audit import list_audit
from scanner.wording import Told

router = APIRouter(prefix="/audit", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Auditor = Annotated[Identity, Depends(Allowed(AUDITORS))]
SHOWN = 50
FIRST_YEAR, LAST_YEAR = 2000, 2100


@router.get("")
def read_audit(
    request: Request,
    identity: Auditor,
    service: ServiceDep,
    subject: Annotated[str, Query(max_length=100)] = "",
    type_: Annotated[str, Query(alias="type", max_length=100)] = "",
    actor: Annotated[str, Query(max_length=100)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """What happened, newest first; staff under their pseudonyms, which an auditor opens one by one."""
    query = {
        name: text.strip()
        for name, text in (
            ("subject", subject), ("type", type_), ("actor", actor), ("since", since), ("until", until)
        )
    }  # fmt: skip
    last = _day(query["until"])
    found = list_audit(
        unseeing(identity),
        service,
        SHOWN,
        cursor,
        query["subject"] or None,
        query["type"] or None,
        query["actor"] or None,
        _day(query["since"]),
        last + timedelta(days=1) if last else None,
    )
    kept = urlencode({k: v for k, v in (query | {"cursor": found["next_cursor"]}).items() if v})
    return page(
        request,
        "audit.html",
        rows=found["items"],
        asked=query,
        older=f"/audit?{kept}" if found["next_cursor"] else None,
    )


def unseeing(identity: Identity) -> Caller:
    """Return an auditor as one who is shown pseudonyms: each look behind one is asked for by itself."""
    return replace(identity.caller, user_id=None)


def _day(text: str) -> datetime | None:
    """Return the beginning of a day in UTC; None for an empty field."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise HttpError("bad-fields", "write a day as 2026-01-31") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise HttpError(
            "bad-fields",
            Told(
                "name a day from %(first_year)s to %(last_year)s",
                first_year=FIRST_YEAR,
                last_year=LAST_YEAR,
            ),
        )
    return day


@router.get("/verify")
def read_verify(request: Request, identity: Auditor, service: ServiceDep) -> Response:
    """What the last walk over the platform's chain found, or how far one is that is under way."""
    tenant_id = identity.caller.tenant_id
    with service.database.reading() as session:
        walk = audit_walks.last(session, tenant_id)
    try:
        checkpoint = audit_proofs.last_checkpoint(service, tenant_id).to_json()
    except NotFoundError:
        checkpoint = None
    return page(request, "audit_verify.html", walk=walk, checkpoint=checkpoint)


@router.post("/verify")
def verify(request: Request, identity: Auditor, service: ServiceDep, form: Posted) -> Response:
    """Have a worker walk the chain: from the last checkpoint that fitted, or from the first record."""
    audit_walks.ask(service, identity.caller.tenant_id, whole=form.get("from") == "first")
    return redirect(request, "/audit/verify")
