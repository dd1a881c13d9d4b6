"""One verdict for several cases about the same: counted, a sample heard, decided, and taken back as a whole."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

import appeals
from scanner import bulk_verdicts, cases, hearings, verdicts
from scanner import case_views as case_rules
from scanner.callers import Caller
from scanner.console import queue, review
from scanner.console.access import ConsoleRoute, Posted, own_path
from scanner.console.pages.cases import OwnCase, Reader, SeenCase
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import ScannerError
from scanner.reasons import BadVerdictError
from scanner.service import Service

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)

By = Literal["audio", "reference"]


@router.get("/cases/{case_id}/alike")
def read_alike(
    request: Request,
    identity: Reader,
    case: SeenCase,
    service: ServiceDep,
    by: Annotated[By, Query()] = "audio",
) -> Response:
    """How many cases are alike, and those of them to be heard first."""
    mine = case_rules.holds(service, identity.caller, case)
    alone = bulk_verdicts.Duplicates((case.id,), more=False)
    found = bulk_verdicts.duplicates(service, identity.caller, case.id, by) if mine else alone
    with service.database.reading() as session:
        held = set(queue.held_by(session, identity.caller, service.now()))
        sample = queue.entries(
            service, session, identity.caller, [each for each in found.case_ids if each in held]
        )
        heard = hearings.heard(session, identity.caller, found.case_ids, service.now())
        state = review.beside(service, session, identity.caller)
        track = verdicts.track_of(session, case)
    return page(
        request,
        "review_bulk.html",
        case=case,
        by=by,
        mine=mine,
        found=found,
        sample=sample,
        desk=review.choices(service, case),
        title=queue.entry(service, identity.caller, case, track).name,
        enough=len(sample) >= hearings.required(found.case_ids),
        heard=heard,
        required=hearings.required(found.case_ids),
        **state,
    )


@router.post("/cases/{case_id}/alike")
def take_sample(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Take some of the cases that are alike, to hear them."""
    by = _by(form.get("by"))
    found = bulk_verdicts.duplicates(service, identity.caller, case.id, by)
    taken = 1
    for each in found.case_ids:
        if taken >= hearings.SAMPLE:
            break
        if each != case.id:
            taken += _take(service, identity.caller, each)
    return redirect(request, f"/cases/{case.id}/alike?by={by}")


@router.post("/cases/{case_id}/heard")
def hear(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Say that one listened to a case, and go back to where one was."""
    hearings.hear(service, identity.caller, case.id)
    return redirect(request, own_path(form.get("next_path")) or f"/cases/{case.id}")


@router.post("/cases/{case_id}/alike/verdict")
def decide_alike(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Decide all of them alike, each as a whole or not at all."""
    by, caller = _by(form.get("by")), identity.caller
    ids = [each for each in form.get("case_ids", "").split(",") if is_id(each)]
    wanted = review.verdict_of(form)
    results = bulk_verdicts.decide(service, caller, case.id, by, ids, wanted)
    with service.database.reading() as session:
        state = review.beside(service, session, caller)
    return page(
        request,
        "review_bulk_done.html",
        case=case,
        wanted=wanted,
        done=[each["case_id"] for each in results if each["problem"] is None],
        failed=[each for each in results if each["problem"] is not None],
        **state | {"undoable": None},
    )


@router.post("/cases/{case_id}/alike/undo")
def undo_alike(
    request: Request, identity: Reader, case: OwnCase, service: ServiceDep, form: Posted
) -> Response:
    """Take the verdicts of a set back, and give the cases back but for the first."""
    for each in (each for each in form.get("case_ids", "").split(",") if is_id(each)):
        try:
            verdicts.undo(service, identity.caller, each)
            if each != case.id:
                cases.release(service, identity.caller, each)
        except (ScannerError, appeals.AppealError):
            continue  # its time is over, or it was taken back before
    return redirect(request, f"/cases/{case.id}")


def _take(service: Service, caller: Caller, case_id: str) -> int:
    try:
        cases.lease(service, caller, case_id)
    except (ScannerError, appeals.AppealError):
        return 0  # somebody else was quicker
    return 1


def _by(given: str | None) -> By:
    if given == "audio":
        return "audio"
    if given == "reference":
        return "reference"
    raise BadVerdictError("cases are alike by audio or by reference")
