"""The studio: from words to takes, heard before they are made, side by side, and downloaded once clear."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner import (
    generations,
    live_answers,
    previews,
    take_files,
    take_invitations,
    take_nodes,
    take_projects,
    take_variations,
    take_views,
)
from scanner.blob_answers import FileResponse, WantedDep
from scanner.console import melodies, studio_views
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import STUDIO
from scanner.console.rendering import page, redirect
from scanner.declarations import DeclarationError
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError, ScannerError
from scanner.generators import MELODY_BYTES
from scanner.schemas.previews import ControlsAsked
from scanner.tables import Take

router = APIRouter(prefix="/studio", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Musician = Annotated[Identity, Depends(Allowed(STUDIO))]
_NUMBERS: Final[Mapping[str, Any]] = {"tempo": float, "bars": int, "seed": int}
_MOST_SEED: Final = 2**53 - 8


def my_take(identity: Musician, service: ServiceDep, take_id: str) -> Take:
    """Return the take in the path, if whoever is here may see it."""
    if not is_id(take_id):
        raise NotFoundError("take", "of this id")
    with service.database.reading() as session:
        return take_nodes.find(session, identity.caller, take_id)


MyTake = Annotated[Take, Depends(my_take)]


@router.get("")
def studio(request: Request, identity: Musician, service: ServiceDep) -> Response:
    """Where music is asked for."""
    return _studio(request, identity, service, {})


@router.post("/reading")
def read_prompt(
    request: Request, identity: Musician, service: ServiceDep, form: Posted
) -> Response:
    """What of a prompt is understood, while it is written."""
    read = studio_views.reading(service, identity.caller, form.get("prompt", "")[:2000])
    return page(request, "studio_reading.html", read=read)


@router.post("/melody")
def read_melody(request: Request, identity: Musician, form: Posted) -> Response:
    """What of a MIDI file is understood, once it is chosen."""
    melody = melodies.understood({"melody_name": "–", **form})
    return page(request, "studio_melody.html", melody=melody)


@router.post("/takes")
def make_takes(request: Request, identity: Musician, service: ServiceDep, form: Posted) -> Response:
    """Ask for takes of one prompt, up to four, and go where they stand side by side."""
    try:
        prompt, parameters = _asked(form)
        count = min(max(_whole(form, "count") or 1, 1), studio_views.MOST_SIDE_BY_SIDE)
        first = parameters.pop("seed", None)
        account, melody = _account(service, identity), melodies.melody_in(form)
        wanted = [
            generations.GenerationAsked(
                prompt, account, {**parameters, "stems": True} | _seed(first, n), melody=melody
            )
            for n in range(count)
        ]
        made = generations.request_all(service, identity.caller, wanted)
    except melodies.BadMelodyError:  # told where the melody stands
        return _studio(request, identity, service, form, status=422)
    except DeclarationError as error:
        return _studio(request, identity, service, form, wrong=_told(error))
    return redirect(request, _made_path(made))


@router.get("/made")
def compare(
    request: Request,
    identity: Musician,
    service: ServiceDep,
    of: Annotated[list[str], Query(max_length=studio_views.MOST_SIDE_BY_SIDE)],
) -> Response:
    """Takes side by side, with what became of each."""
    if not all(map(is_id, of)):
        raise NotFoundError("generation", "of this id")
    with service.database.reading() as session:
        cards = studio_views.side_by_side(service, session, identity.caller, of)
    fragment = request.headers.get("hx-request") == "true"
    name = "studio_cards.html" if fragment else "studio_made.html"
    waits = any(card["waits"] for card in cards)
    return page(request, name, cards=cards, waits=waits)


@router.get("/takes/{take_id}")
def read_take(request: Request, identity: Musician, take: MyTake, service: ServiceDep) -> Response:
    """One take: heard by its stems, its notes, where it comes from, what can be done with it."""
    return _take(request, identity, service, take)


@router.post("/takes/{take_id}/variations")
def vary_take(
    request: Request, identity: Musician, take: MyTake, service: ServiceDep, form: Posted
) -> Response:
    """Ask for variations in which the locked stems stay."""
    locked = tuple(name.removeprefix("lock-") for name in form if name.startswith("lock-"))
    try:
        asked = take_variations.VariationAsked(
            locked=locked,
            amount=min(1.0, max(0.05, (_whole(form, "amount") or 100) / 100)),
            count=min(max(_whole(form, "count") or 1, 1), take_variations.MOST_AT_ONCE),
            stems=True,
        )
        made = take_variations.vary(service, identity.caller, take.id, asked)
    except (DeclarationError, ScannerError) as error:
        told = _told(error) if isinstance(error, DeclarationError) else str(error)
        return _take(request, identity, service, take, wrong=told, locked=locked)
    return redirect(request, _made_path(made))


@router.post("/takes/{take_id}/current")
def go_on_from(
    request: Request, identity: Musician, take: MyTake, service: ServiceDep, form: Posted
) -> Response:
    """Go on from this take, also an earlier one."""
    take_projects.go_on_from(service, identity.caller, take.id)
    return redirect(request, f"/studio/takes/{take.id}")


@router.post("/takes/{take_id}/leave")
def leave_project(
    request: Request, identity: Musician, take: MyTake, service: ServiceDep, form: Posted
) -> Response:
    """Work on somebody's project no more; one's takes stay."""
    if (account := _account(service, identity)) is None:
        raise NotFoundError("project", "that a login of the platform could leave")
    take_invitations.end(service, identity.caller, take.id, account)
    return redirect(request, "/studio")


@router.post("/invitations/{invitation_id}/{answer}")
def answer_invitation(
    request: Request,
    identity: Musician,
    service: ServiceDep,
    invitation_id: str,
    answer: Literal["accept", "decline"],
    form: Posted,
) -> Response:
    """Work on somebody's project from now on, or say no for good."""
    if not is_id(invitation_id):
        raise NotFoundError("invitation", "of this id")
    act = take_invitations.accept if answer == "accept" else take_invitations.decline
    act(service, identity.caller, invitation_id)
    return redirect(request, "/studio")


@router.post("/generations/{generation_id}/away")
def make_away(
    request: Request, identity: Musician, service: ServiceDep, generation_id: str, form: Posted
) -> Response:
    """Ask anew for what was not let out, away from what it resembles."""
    if not is_id(generation_id):
        raise NotFoundError("generation", "of this id")
    with service.database.reading() as session:
        studio_views.side_by_side(service, session, identity.caller, [generation_id])
    made = take_variations.away(service, identity.caller, generation_id)
    return redirect(request, _made_path([made]))


@router.get("/takes/{take_id}/files/{file}", response_class=FileResponse)
def read_file(
    identity: Musician, take: MyTake, service: ServiceDep, file: str, wanted: WantedDep
) -> Response:
    """A file of a cleared take."""
    return take_files.answer(service, take, file[:120], wanted)


@router.post("/previews")
def ask_for_preview(
    request: Request, identity: Musician, service: ServiceDep, form: Posted
) -> Response:
    """Ask to listen while music is made; the answer is its player, or why not."""
    try:
        prompt, parameters = _asked(form)
        asked = previews.PreviewAskedFor(prompt, _account(service, identity), parameters)
        preview = previews.ask(service, identity.caller, asked)
    except DeclarationError as error:
        if request.headers.get("hx-request") != "true":
            return _studio(request, identity, service, form, wrong=_told(error))
        return page(request, "studio_preview.html", preview=None, wrong=_told(error))
    service.players.make_ready()
    if request.headers.get("hx-request") != "true":
        return _studio(request, identity, service, form, preview=preview)
    return page(request, "studio_preview.html", preview=preview, wrong=None)


@router.get("/previews/{preview_id}")
def read_preview(
    request: Request, identity: Musician, service: ServiceDep, preview_id: str
) -> Response:
    """What was heard of a preview so far."""
    return page(
        request,
        "studio_tally.html",
        preview=_preview_view(service, identity, preview_id),
        wrong=None,
    )


@router.get("/previews/{preview_id}/audio", response_class=live_answers.LiveResponse)
def listen(identity: Musician, service: ServiceDep, preview_id: str) -> Response:
    """The sound of a preview, once, while it is made."""
    _preview_view(service, identity, preview_id)
    return live_answers.answer(service, identity.caller, preview_id, "ogg")


@router.post("/previews/{preview_id}/controls")
def change_preview(
    request: Request, identity: Musician, service: ServiceDep, preview_id: str, form: Posted
) -> Response:
    """Change what plays from the next bar on."""
    _preview_view(service, identity, preview_id)
    wrong = None
    try:
        controls = ControlsAsked(**_controls(form)).model_dump(exclude_none=True)
        previews.change(service, identity.caller, preview_id, controls)
    except (DeclarationError, ScannerError, ValueError) as error:
        wrong = _told(error) if isinstance(error, DeclarationError) else str(error)
    view = _preview_view(service, identity, preview_id)
    return page(request, "studio_tally.html", preview=view, wrong=wrong)


@router.post("/previews/{preview_id}/end")
def stop_preview(
    request: Request, identity: Musician, service: ServiceDep, preview_id: str, form: Posted
) -> Response:
    """End a preview with its bar."""
    _preview_view(service, identity, preview_id)
    previews.stop(service, identity.caller, preview_id)
    view = _preview_view(service, identity, preview_id)
    return page(request, "studio_tally.html", preview=view, wrong=None)


def _studio(
    request: Request,
    identity: Identity,
    service: ServiceDep,
    typed: Mapping[str, str],
    wrong: str | None = None,
    preview: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    read = None
    if typed.get("prompt"):
        read = studio_views.reading(service, identity.caller, typed["prompt"][:2000])
    with service.database.reading() as session:
        gate = studio_views.gate(service, session, identity.caller)
        takes = studio_views.recent(session, identity.caller)
        asked = studio_views.invitations(service, session, identity.caller)
    return page(
        request,
        "studio.html",
        422 if wrong else status,
        player=True,
        typed=typed,
        wrong=wrong,
        read=read,
        gate=gate,
        takes=takes,
        invitations=asked,
        preview=preview,
        melody=melodies.understood(typed),
        melody_bytes=MELODY_BYTES,
    )


def _take(
    request: Request,
    identity: Identity,
    service: ServiceDep,
    take: Take,
    wrong: str | None = None,
    locked: tuple[str, ...] = (),
) -> Response:
    with service.database.reading() as session:
        view = take_views.describe(service, session, take)
        tree = take_views.tree(session, identity.caller, take)
        gate = studio_views.gate(service, session, identity.caller)
        lanes = studio_views.piano_roll(service, session, identity.caller, take)
    return page(
        request,
        "studio_take.html",
        422 if wrong else 200,
        player=True,
        take=view,
        tree=tree,
        me=_account(service, identity),
        branches=studio_views.branches(tree),
        gate=gate,
        lanes=lanes,
        bar_width=studio_views.ROLL_WIDTH / max(1, take.bars),
        wrong=wrong,
        locked=locked,
    )


def _preview_view(service: ServiceDep, identity: Identity, preview_id: str) -> dict[str, Any]:
    if not is_id(preview_id):
        raise NotFoundError("preview", "of this id")
    with service.database.reading() as session:
        return previews.describe(session, previews.find(session, identity.caller, preview_id))


def _account(service: ServiceDep, identity: Identity) -> str | None:
    with service.database.reading() as session:
        return studio_views.account_of(session, identity.caller)


def _asked(form: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    prompt = form.get("prompt", "").strip()
    if not prompt:
        raise DeclarationError([{"field": "prompt", "detail": "say what you want to hear"}])
    parameters: dict[str, Any] = {}
    for name, kind in _NUMBERS.items():
        if text := form.get(name, "").strip():
            parameters[name] = _number(name, text, kind)
    if key := form.get("key", "").strip():
        parameters["key"] = studio_views.in_english("key", key)
    if lyrics := form.get("lyrics", "").strip():
        parameters["lyrics"] = lyrics
    if form.get("instruments", "").strip():
        parameters["instruments"] = _instruments(form["instruments"])
    return prompt[:2000], parameters


def _number(name: str, text: str, kind: Any) -> Any:
    try:
        found = kind(text.replace(",", "."))
    except ValueError:
        raise DeclarationError([{"field": name, "detail": "write a number"}]) from None
    if name == "seed" and not 0 <= found < _MOST_SEED:
        raise DeclarationError([{"field": name, "detail": "write a smaller number"}])
    return found


def _whole(form: Mapping[str, str], name: str) -> int | None:
    text = form.get(name, "").strip()
    return _number(name, text, int) if text else None


def _instruments(text: str) -> list[str]:
    listed = [each.strip() for each in text.split(",") if each.strip()]
    return [studio_views.in_english("instruments", each) for each in listed[:8]]


def _seed(first: int | None, number: int) -> dict[str, int]:
    return {} if first is None else {"seed": first + number}


def _controls(form: Mapping[str, str]) -> dict[str, Any]:
    controls: dict[str, Any] = {}
    if tempo := form.get("tempo", "").strip():
        controls["tempo"] = _number("tempo", tempo, float)
    if mood := form.get("mood", "").strip():
        controls["moods"] = [mood]
    if form.get("instruments", "").strip():
        controls["instruments"] = _instruments(form["instruments"])
    return controls


def _made_path(made: list[dict[str, Any]]) -> str:
    return "/studio/made?" + "&".join(f"of={each['id']}" for each in made)


def _told(error: DeclarationError) -> str:
    return "; ".join(each["detail"] for each in error.errors)
