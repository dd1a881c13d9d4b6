"""What an auditor takes away: checkpoints, proofs, the transparency report; and who is behind a pseudonym."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from scanner import audit_proofs, logins, transparency
from scanner.clock import new_id
from scanner.console import public_words, report_words
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import AUDITORS
from scanner.console.pages.auditing import unseeing
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.events import Administered
from scanner.journal import record
from scanner.problems import HttpError
from scanner.service import Service
from scanner.tables import User
from scanner.transparency.page import as_page
from scanner.transparency.report import BadPeriodError
from scanner.transparency.tables import rows
from scanner.wording import Told

router = APIRouter(prefix="/audit", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Auditor = Annotated[Identity, Depends(Allowed(AUDITORS))]
LONGEST_REASON: Final = 500


@router.get("/checkpoint", response_class=JSONResponse)
def read_checkpoint(identity: Auditor, service: ServiceDep) -> Response:
    """The platform's last signed checkpoint."""
    found = audit_proofs.last_checkpoint(service, identity.caller.tenant_id).to_json()
    return _file(found, "checkpoint.json")


@router.get("/proofs/{object_id}", response_class=JSONResponse)
def read_proof(
    identity: Auditor,
    service: ServiceDep,
    object_id: str,
) -> Response:
    """What proves offline what happened to an object."""
    if not is_id(object_id):
        raise NotFoundError("proof", "of this id")
    proof = audit_proofs.make(service, unseeing(identity), object_id)
    return _file(proof, f"proof-{object_id}.json")


def _file(content: Mapping[str, Any], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return JSONResponse(content, headers=headers)


@router.get("/people")
def read_people(request: Request, identity: Auditor) -> Response:
    """The form that opens a pseudonym."""
    return page(request, "lead_people.html", typed={}, user=None, wrong=False)


@router.post("/people")
def open_pseudonym(
    request: Request, identity: Auditor, service: ServiceDep, form: Posted
) -> Response:
    """Say who of the staff it is, and write into the journal who asked, and why."""
    reason = form.get("reason", "").strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise HttpError(
            "bad-fields",
            Told(
                "say why, in at most %(longest_reason)s characters", longest_reason=LONGEST_REASON
            ),
        )
    pseudonym = form.get("pseudonym", "").strip().upper()
    user = _opened(service, identity, pseudonym, reason)
    return page(
        request,
        "lead_people.html",
        200 if user else 404,
        typed=form,
        user=user,
        wrong=user is None,
    )


def _opened(service: Service, identity: Identity, pseudonym: str, reason: str) -> User | None:
    """Return the login; the look is on record before anybody sees it."""
    caller = identity.caller
    with service.database.transaction() as session:
        user_id = service.pseudonyms.behind(session, pseudonym, caller.tenant_id)
        try:
            user = logins.find(session, caller.tenant_id, user_id or "")
        except NotFoundError:
            return None
        record(
            session,
            tenant_id=caller.tenant_id,
            subject=new_id(),
            version=1,
            data=Administered(
                action="pseudonym.opened",
                object_id=user.id,
                detail={"pseudonym": pseudonym, "reason": reason},
            ),
            now=service.now(),
            actor=caller.actor,
        )
        return user


@router.get("/transparency")
def read_report(
    request: Request,
    identity: Auditor,
    service: ServiceDep,
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
    form: Annotated[str, Query(alias="format", pattern="^(page|json|csv|html|template)$")] = "page",
) -> Response:
    """Build the report of a period (DSA-24/15): to be read here, or as a file for publication."""
    if not first and not last:
        return page(
            request, "lead_transparency.html", first="", last="", report=None, rows=[], wrong=None
        )
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
        report = transparency.of_period(service, identity.caller.tenant_id, *days)
    except (ValueError, BadPeriodError) as error:
        wrong = str(error) if isinstance(error, BadPeriodError) else "write days as 2026-01-31"
        return page(
            request,
            "lead_transparency.html",
            422,
            first=first,
            last=last,
            report=None,
            rows=[],
            wrong=wrong,
        )
    name = f"transparency-{first}-{last}"
    if form == "json":
        return _file(report, f"{name}.json")
    if form == "template":
        headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
        content = transparency.as_zip(report, service.now().date())
        return Response(content, media_type="application/zip", headers=headers)
    if form in ("csv", "html"):
        text = transparency.as_csv(report) if form == "csv" else as_page(report)
        headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
        return Response(text, media_type=f"text/{form}; charset=utf-8", headers=headers)
    return page(
        request,
        "lead_transparency.html",
        first=first,
        last=last,
        report=report,
        rows=list(rows(report)),
        titles=public_words.SECTIONS,
        said=report_words.said,
        wrong=None,
    )
