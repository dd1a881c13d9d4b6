"""A rights holder's catalogue in bulk, and the licences they gave."""

from datetime import UTC, datetime, time
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner import catalogue_imports, rights
from scanner.catalogue_archives import most_bytes
from scanner.catalogue_rows import COLUMNS
from scanner.catalogue_uploads import Received, received
from scanner.console import error_words, holder_words
from scanner.console.access import ConsoleRoute, Posted, proved
from scanner.console.holder_forms import (
    FORESEEN,
    SHOWN,
    RightsHolder,
    again,
    day,
    holder_of,
    territories,
)
from scanner.console.identities import Identity
from scanner.console.rendering import language_of, page, redirect
from scanner.dependencies import ServiceDep, known_id
from scanner.rights import LicenceAsked
from scanner.routes.catalogue_imports import report_answer
from scanner.service import Service

router = APIRouter(prefix="/rights", route_class=ConsoleRoute, default_response_class=HTMLResponse)
ImportId = Annotated[str, Path(max_length=36)]
Before = Annotated[str | None, Query(max_length=36)]


@router.get("/imports")
def read_imports(
    request: Request, identity: RightsHolder, service: ServiceDep, before: Before = None
) -> Response:
    """The form, and the files that came before."""
    with service.database.reading() as session:
        found = catalogue_imports.listed(session, identity.caller, limit=SHOWN + 1, before=before)
        shown = [catalogue_imports.describe(session, each) for each in found[:SHOWN]]
    return page(
        request,
        "holder_imports.html",
        imports=shown,
        more=shown[-1]["id"] if len(found) > SHOWN else None,
        columns=list(COLUMNS),
        megabytes=most_bytes(service.settings) // 2**20,
        words=holder_words,
    )


@router.post("/imports", dependencies=[Depends(proved)])
async def send(request: Request, identity: RightsHolder, service: ServiceDep) -> Response:
    """Keep a file for the worker and go on to watching it."""

    def act(got: Received) -> str:
        caller = identity.caller
        return catalogue_imports.ask(service, caller, got.kept(service, caller)).id

    return redirect(request, f"/rights/imports/{await received(request, service, act)}")


@router.get("/imports/{import_id}")
def read_import(
    request: Request, identity: RightsHolder, service: ServiceDep, import_id: ImportId
) -> Response:
    """What became of a file; for htmx the part that changes."""
    known_id(import_id, "import")
    with service.database.reading() as session:
        row = catalogue_imports.find(session, identity.caller, import_id)
        view = catalogue_imports.describe(session, row)
        refused = catalogue_imports.rows_of(session, row, state="refused", limit=SHOWN)
    fragment = request.headers.get("hx-request") == "true"
    return page(
        request,
        "holder_import_result.html" if fragment else "holder_import.html",
        job=view,
        refused=refused,
        ended=view["state"] not in catalogue_imports.OPEN,
        words=holder_words,
    )


@router.get("/imports/{import_id}/report.csv")
def read_report(
    request: Request, identity: RightsHolder, service: ServiceDep, import_id: ImportId
) -> Response:
    """What became of each row, as CSV, in the reader's language."""
    known_id(import_id, "import")
    in_words = partial(error_words.in_words, language=language_of(request))
    with service.database.reading() as session:
        row = catalogue_imports.find(session, identity.caller, import_id)
        return report_answer(row.id, catalogue_imports.report(session, row, in_words))


@router.get("/licences")
def read_licences(
    request: Request, identity: RightsHolder, service: ServiceDep, before: Before = None
) -> Response:
    """The holder's licences, those that ended too."""
    return page(request, "holder_licences.html", **_licences(service, identity, before))


@router.post("/licences")
def grant(request: Request, identity: RightsHolder, service: ServiceDep, form: Posted) -> Response:
    """Record a licence: the claims that it covers end."""
    try:
        rights.grant_licence(service, identity.caller, _asked(identity, dict(form)))
    except FORESEEN as error:
        shown = _licences(service, identity, None) | {"given": dict(form)}
        return again(request, "holder_licences.html", error, **shown)
    return redirect(request, "/rights/licences")


@router.post("/licences/{licence_id}/end")
def end(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    licence_id: Annotated[str, Path(max_length=36)],
    form: Posted,
) -> Response:
    """End a licence now."""
    rights.end_licence(service, identity.caller, known_id(licence_id, "licence"))
    return redirect(request, "/rights/licences")


def _asked(identity: Identity, form: dict[str, str]) -> LicenceAsked:
    last = day(form.get("to", ""), "to")
    return LicenceAsked(
        holder_of(identity.caller),
        account_id=form.get("account", "").strip() or None,
        reference_id=form.get("reference_id", "").strip() or None,
        territories=territories(form.get("territories", "")),
        valid_to=datetime.combine(last, time.max, UTC) if last else None,
    )


def _licences(service: Service, identity: Identity, before: str | None) -> dict[str, Any]:
    with service.database.reading() as session:
        found = rights.licences(session, identity.caller, limit=SHOWN + 1, before=before)
    shown = [rights.describe_licence(each) for each in found[:SHOWN]]
    return {
        "licences": shown,
        "more": shown[-1]["id"] if len(found) > SHOWN else None,
        "now": service.now().isoformat(),
        "given": {},
        "problem": None,
    }
