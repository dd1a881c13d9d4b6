"""The audit trail: search, and the proof that it is whole."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner import audit
from scanner.console.access import Allowed, ConsoleRoute
from scanner.console.identities import Identity
from scanner.console.navigation import AUDITORS
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep
from scanner.routes.audit import list_audit

router = APIRouter(prefix="/audit", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Auditor = Annotated[Identity, Depends(Allowed(AUDITORS))]
SHOWN = 50


@router.get("")
def read_audit(
    request: Request,
    identity: Auditor,
    service: ServiceDep,
    subject: Annotated[str, Query(max_length=100)] = "",
    type_: Annotated[str, Query(alias="type", max_length=100)] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """What happened, newest first."""
    found = list_audit(
        identity.caller, service, SHOWN, cursor, subject.strip() or None, type_.strip() or None
    )
    query = {"subject": subject, "type": type_, "cursor": found["next_cursor"]}
    kept = urlencode({name: value for name, value in query.items() if value})
    return page(
        request,
        "audit.html",
        rows=found["items"],
        subject=subject,
        type=type_,
        older=f"/audit?{kept}" if found["next_cursor"] else None,
    )


@router.get("/verify")
def verify(request: Request, identity: Auditor, service: ServiceDep) -> Response:
    """Walk the platform's chain from its first record to its last, and hold it against the checkpoints."""
    report = audit.verify_signed(service, identity.caller.tenant_id)
    return page(request, "audit_verify.html", report=report)
