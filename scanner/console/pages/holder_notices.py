"""Notices that a rights holder sent, counter-notices to them, and what their clocks do (DMCA-N, DMCA-R)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

import appeals
from appeals.forms import FORMS, TEXTS, validate
from scanner import counter_notices, cursors, notice_appeals, notice_views, notices, rights
from scanner.console import holder_words
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.holder_forms import (
    FORESEEN,
    SHOWN,
    RightsHolder,
    again,
    elements,
    holder_of,
)
from scanner.console.identities import Identity
from scanner.console.rendering import language_of, page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, known_id
from scanner.notices import Filing
from scanner.service import Service
from scanner.tables import Notice

router = APIRouter(
    prefix="/rights/notices", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
NoticeId = Annotated[str, Path(max_length=36)]


@router.get("")
def read_notices(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    before: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """The holder's notices, newest first."""
    last: Any = cursors.decode("notices", before, datetime, str)
    with service.database.reading() as session:
        found = notice_views.listed(session, identity.caller, limit=SHOWN + 1, before=last)
        shown = [
            notice_views.describe(session, each, identity.caller)
            | {"counters": len(counter_notices.of_notice(session, each.id))}
            for each in found[:SHOWN]
        ]
    more = None
    if len(found) > SHOWN:
        more = cursors.encode("notices", found[SHOWN - 1].created_at, found[SHOWN - 1].id)
    return page(request, "holder_notices.html", notices=shown, more=more, words=holder_words)


@router.get("/new")
def read_form(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    track: Annotated[str, Query(max_length=36)] = "",
    reference: Annotated[str, Query(max_length=36)] = "",
) -> Response:
    """The form of a DMCA notice, with what is known of the holder."""
    with service.database.reading() as session:
        holder = rights.find_holder(session, identity.caller, holder_of(identity.caller))
    given = {"location": track, "email": holder.contact_email or "", "reference_id": reference}
    return page(request, "holder_notice_new.html", **_form(given))


@router.post("")
def send(request: Request, identity: RightsHolder, service: ServiceDep, form: Posted) -> Response:
    """Send a notice; what is wrong is said beside each element (DMCA-N)."""
    given = elements("dmca", form)
    missing = validate("dmca", given).missing
    if missing:
        return page(request, "holder_notice_new.html", 422, **(_form(form) | {"missing": missing}))
    filing = Filing(
        "dmca", given, language_of(request), reference_id=form.get("reference_id") or None
    )
    try:
        made = notices.file(service, identity.caller, filing)
    except FORESEEN as error:
        return again(request, "holder_notice_new.html", error, **_form(form))
    return redirect(request, f"/rights/notices/{made.id}")


@router.get("/{notice_id}")
def read_notice(
    request: Request, identity: RightsHolder, service: ServiceDep, notice_id: NoticeId
) -> Response:
    """One notice: its tracks, what is missing, the counter-notices and their clocks."""
    notice = _own(service, identity, notice_id)
    return page(request, "holder_notice.html", **_shown(service, identity, notice))


@router.post("/{notice_id}/cure")
def cure(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    notice_id: NoticeId,
    form: Posted,
) -> Response:
    """Give what was missing (DMCA-NC)."""

    def move(notice: Notice) -> object:
        given = elements(notice.form, form)
        wanted = {name: value for name, value in given.items() if name in notice.missing}
        return notices.cure(service, notice, wanted, identity.caller)

    return _moved(request, service, identity, notice_id, form, move)


@router.post("/{notice_id}/retraction")
def retract(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    notice_id: NoticeId,
    form: Posted,
) -> Response:
    """Take a notice back: what it took down comes back."""
    return _moved(
        request,
        service,
        identity,
        notice_id,
        form,
        lambda notice: notices.retract(service, notice, identity.caller),
    )


@router.post("/{notice_id}/court-action")
def tell_of_court(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    notice_id: NoticeId,
    form: Posted,
) -> Response:
    """Tell that a court was asked: the material stays down until it decides (DMCA-R)."""

    def move(notice: Notice) -> object:
        filing = form.get("filing", "").strip()[:5000]
        if not filing:
            told = "name the court and the number of the case"
            raise DeclarationError([{"field": "filing", "detail": told}])
        counter = counter_notices.find(
            service, identity.caller, notice.id, known_id(form.get("counter", ""), "counter-notice")
        )
        return counter_notices.file_action(service, counter, filing, identity.caller)

    return _moved(request, service, identity, notice_id, form, move)


@router.post("/{notice_id}/appeal")
def appeal_refusal(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    notice_id: NoticeId,
    form: Posted,
) -> Response:
    """Have somebody else look at a notice that was refused (DSA-20)."""

    def move(notice: Notice) -> object:
        return notice_appeals.file(service, identity.caller, notice, form.get("reason", ""))

    return _moved(request, service, identity, notice_id, form, move)


@router.post("/{notice_id}/copies-appeal")
def appeal_copies(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    notice_id: NoticeId,
    form: Posted,
) -> Response:
    """Have somebody else look at copies that were left (DSA-20)."""

    def move(notice: Notice) -> object:
        return notice_appeals.file_of_copies(service, identity.caller, notice, form)

    return _moved(request, service, identity, notice_id, form, move)


@router.post("/{notice_id}/appeal-answer")
def answer_officer(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    notice_id: NoticeId,
    form: Posted,
) -> Response:
    """Answer what the officer who has the appeal asks."""

    def move(notice: Notice) -> object:
        about = (form.get("text", ""), None, form.get("track"))
        return notice_appeals.answer(service, identity.caller, notice, *about)

    return _moved(request, service, identity, notice_id, form, move)


def _own(service: Service, identity: Identity, notice_id: str) -> Notice:
    return notice_views.find(service, identity.caller, known_id(notice_id, "notice"))


def _moved(
    request: Request,
    service: Service,
    identity: Identity,
    notice_id: str,
    form: Mapping[str, str],
    move: Callable[[Notice], object],
) -> Response:
    notice = _own(service, identity, notice_id)
    try:
        move(notice)
    except FORESEEN as error:
        shown = _shown(service, identity, notice) | {"given": dict(form)}
        return again(request, "holder_notice.html", error, **shown)
    return redirect(request, f"/rights/notices/{notice_id}")


def _form(given: Mapping[str, str]) -> dict[str, Any]:
    return {
        "elements": FORMS["dmca"],
        "texts": TEXTS,
        "long": holder_words.LONG,
        "given": dict(given),
        "missing": {},
        "problem": None,
    }


def _shown(service: Service, identity: Identity, notice: Notice) -> dict[str, Any]:
    with service.database.reading() as session:
        view = notice_views.describe(session, notice, identity.caller)
        counters = [
            counter_notices.describe(each) for each in counter_notices.of_notice(session, notice.id)
        ]
        appeal = notice_appeals.of(service, session, notice)
        copies = notice_appeals.of_copies(service, session, notice)
    return {
        "notice": view,
        "counters": counters,
        "appeal": appeal,
        "copies": copies,
        "most_ticked": notice_appeals.MOST_TICKED,
        "elements": [each for each in FORMS[notice.form] if each.name in notice.missing],
        "texts": TEXTS,
        "long": holder_words.LONG,
        "retractable": "retract" in appeals.MACHINES["notice"].allowed(notice.state),
        "given": {},
        "problem": None,
        "words": holder_words,
    }
