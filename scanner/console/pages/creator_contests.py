"""Contesting: the dispute of a claim, the counter-notice to a notice, the appeal of everything else."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from appeals.disputes import GROUNDS
from scanner import contest_drafts
from scanner.console import creator_forms
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.creator_forms import Subject
from scanner.console.creators import Creator
from scanner.console.rendering import page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError

router = APIRouter(
    prefix="/my/contest/{contest_kind}/{contest_id}",
    route_class=ConsoleRoute,
    default_response_class=HTMLResponse,
)
TEMPLATES: Final = {"claim": "creator_dispute.html", "notice": "creator_counter_notice.html"}
NOT_TYPED: Final = frozenset({"sure"})


def my_subject(
    identity: Creator, service: ServiceDep, contest_kind: str, contest_id: str
) -> Subject:
    """Return what the creator contests."""
    if not is_id(contest_id):
        raise NotFoundError("form", "of this id")
    return creator_forms.subject(service, identity.caller, contest_kind, contest_id)


MySubject = Annotated[Subject, Depends(my_subject)]


@router.get("")
def read_form(
    request: Request, identity: Creator, about: MySubject, service: ServiceDep
) -> Response:
    """The form, with what was typed before."""
    draft = contest_drafts.read(service, identity.caller, about.kind, about.id)
    typed = draft.fields or {
        f"ground-{each}": "yes" for each in request.query_params.getlist("ground")
    }
    return _form(request, about, typed, saved_at=draft.saved_at)


@router.post("")
def send_form(
    request: Request, identity: Creator, about: MySubject, service: ServiceDep, form: Posted
) -> Response:
    """Send it; who gets the creator's name is asked a second time before a counter-notice."""
    caller, wrong = identity.caller, {}
    sure = form.get("sure") == "yes"
    typed = _kept(service, identity, about) if sure else _save(service, identity, about, form)
    try:
        if about.kind == "notice" and not sure:
            elements = creator_forms.counter_elements(about, typed)
            return page(request, "creator_sure.html", about=about, elements=elements)
        row = creator_forms.send(service, caller, about, typed)
    except DeclarationError as error:
        wrong = {each["field"]: each["detail"] for each in error.errors}
        return _form(request, about, typed, wrong=wrong, status=422)
    contest_drafts.drop(service, caller, about.kind, about.id)
    return redirect(request, f"/my/matters/{row.KIND}/{row.id}?sent=true")


@router.post("/draft")
def save_draft(
    request: Request, identity: Creator, about: MySubject, service: ServiceDep, form: Posted
) -> Response:
    """Keep what is typed so far: quietly while somebody types, or to go on another day."""
    _save(service, identity, about, form)
    if request.headers.get("hx-request") != "true":
        track = about.tracks[0].id if about.tracks else ""
        return redirect(request, f"/my/tracks/{track}")
    draft = contest_drafts.read(service, identity.caller, about.kind, about.id)
    return page(request, "creator_saved.html", saved_at=draft.saved_at)


def _save(
    service: ServiceDep, identity: Creator, about: Subject, form: Mapping[str, str]
) -> Mapping[str, str]:
    typed = {name: text for name, text in form.items() if text and name not in NOT_TYPED}
    contest_drafts.save(service, identity.caller, about.kind, about.id, typed)
    return typed


def _kept(service: ServiceDep, identity: Creator, about: Subject) -> Mapping[str, str]:
    return contest_drafts.read(service, identity.caller, about.kind, about.id).fields


def _form(
    request: Request,
    about: Subject,
    typed: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
    saved_at: object = None,
) -> Response:
    return page(
        request,
        TEMPLATES.get(about.kind, "creator_appeal.html"),
        status,
        about=about,
        typed=typed,
        wrong=wrong or {},
        saved_at=saved_at,
        grounds=tuple(GROUNDS),
        texts=creator_forms.texts(),
    )
