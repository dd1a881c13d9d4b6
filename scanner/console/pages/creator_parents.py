"""A parent's pages: what they are asked, their answer and its receipt, what their child may do, and did."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import ValidationError
from sqlmodel import Session, col, select

from scanner import ages, consents, generations, matched_sound, parental_controls
from scanner.appeal_subjects import REDRESS
from scanner.blob_answers import WebmResponse
from scanner.console import sessions
from scanner.console.access import ConsoleRoute, Posted, token_of
from scanner.console.creators import Parent
from scanner.console.pages.creator_tracks import MOST_PARTS, matched_answer
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import ForbiddenError, NotFoundError
from scanner.parental_controls import ControlsSet
from scanner.people_states import ConsentState
from scanner.schemas.people import ControlsAsked
from scanner.service import Service
from scanner.tables import Account, Consent, Generation, Track

router = APIRouter(prefix="/parent", route_class=ConsoleRoute, default_response_class=HTMLResponse)
LATELY: Final = 20
ZONES: Final = (
    "UTC", "Europe/London", "Europe/Lisbon", "Europe/Paris", "Europe/Berlin", "Europe/Madrid", "Europe/Athens",
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Mexico_City",
    "America/Bogota", "America/Buenos_Aires", "America/Sao_Paulo", "Africa/Casablanca", "Africa/Lagos",
    "Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip


def my_consent(identity: Parent, service: ServiceDep, consent_id: str) -> Consent:
    """Return what the parent was asked, in the path."""
    with service.database.reading() as session:
        row = session.get(Consent, consent_id) if is_id(consent_id) else None
    if row is None or row.guardian_id != identity.caller.actor.id:
        raise NotFoundError("consent", "of this id")
    return row


MyConsent = Annotated[Consent, Depends(my_consent)]


@router.get("")
def read_home(request: Request, identity: Parent, service: ServiceDep) -> Response:
    """What is asked, what was agreed to, and once something was, the controls and what the child did."""
    return _home(request, identity, service)


@router.post("/consents/{consent_id}/grant")
def grant(
    request: Request, identity: Parent, consent: MyConsent, service: ServiceDep, form: Posted
) -> Response:
    """Agree to what was chosen, and show the link by which it is taken back, this once."""
    scopes = [each for each in consent.scopes if form.get(f"scope-{each}") == "yes"]
    if not scopes:
        return _home(request, identity, service, status=422, wrong="scopes")
    linked = consents.grant(service, consent.id, identity.caller.actor, scopes=scopes)
    return _home(request, identity, service, link=f"{request.base_url}enter#{linked.token}")


@router.post("/consents/{consent_id}/withdrawal")
def withdraw(
    request: Request, identity: Parent, consent: MyConsent, service: ServiceDep, form: Posted
) -> Response:
    """Say no, or take consent back: what it had allowed is pulled, and who came by its link sees this answer last."""
    consents.withdraw(service, consent.id, identity.caller.actor)
    return _home(request, identity, service, last=not sessions.goes_on(service, token_of(request)))


@router.get("/consents/{consent_id}/receipt")
def read_receipt(identity: Parent, consent: MyConsent, service: ServiceDep) -> Response:
    """What the parent keeps: who agreed to what, when, in which words (GDPR 7(1))."""
    with service.database.reading() as session:
        receipt = consents.describe(session, consent)["receipt"]
    if receipt is None:
        raise NotFoundError("receipt", "yet: nothing was agreed to")
    headers = {"Content-Disposition": f'attachment; filename="consent-{consent.id}.json"'}
    return JSONResponse(receipt, headers=headers)


@router.get("/tracks/{track_id}/reference.webm", response_class=WebmResponse)
def read_matched_sound(
    identity: Parent,
    service: ServiceDep,
    track_id: str,
    reference: Annotated[str | None, Query(max_length=36)] = None,
    segment: Annotated[int, Query(ge=0, le=10_000)] = 0,
) -> Response:
    """What was found in the child's track, as the child hears it; for a parent whose consent is in force."""
    with service.database.reading() as session:
        track = session.get(Track, track_id) if is_id(track_id) else None
    theirs = track is not None and track.account_id == identity.child_id
    if track is None or not theirs or not _granted(service, identity):
        raise NotFoundError("track", "of this id")
    return matched_answer(service, track, reference, segment)


@router.post("/controls")
def put_controls(request: Request, identity: Parent, service: ServiceDep, form: Posted) -> Response:
    """Set what the child may do, all of it."""
    if not _granted(service, identity):
        raise ForbiddenError("controls are for a parent whose consent is in force")
    try:
        wanted = ControlsAsked(**_controls(form))
    except ValidationError:
        return _home(request, identity, service, status=422, wrong="controls", typed=form)
    caller, account = identity.caller, _child(service, identity)
    controls = ControlsSet(**wanted.model_dump())
    parental_controls.put(service, caller, account.external_id, controls)
    return redirect(request, "/parent")


def _home(
    request: Request,
    identity: Parent,
    service: Service,
    *,
    status: int = 200,
    wrong: str | None = None,
    link: str | None = None,
    typed: Mapping[str, str] | None = None,
    last: bool = False,
) -> Response:
    account = _child(service, identity)
    with service.database.reading() as session:
        asked = [
            consents.describe(session, each)
            for each in consents.of_guardian(session, identity.caller.actor.id)
        ]
        age = ages.describe(service, session, account)
        controls = parental_controls.describe(session, account)
    granted = _granted(service, identity)
    return page(
        request,
        "creator_parent.html",
        status,
        consents=asked,
        age=age,
        granted=granted,
        controls=controls if typed is None else controls | dict(_controls(typed)),
        zones=sorted({*ZONES, controls["zone"]}),
        lately=_lately(service, account) if granted else None,
        child=account.external_id,
        link=link,
        wrong=wrong,
        last=last,
    )


def _child(service: Service, identity: Parent) -> Account:
    with service.database.reading() as session:
        return session.get_one(Account, identity.child_id)


def _granted(service: Service, identity: Parent) -> bool:
    """Whether something that this parent agreed to is in force: who only was asked sees nothing of the child."""
    now = service.now()
    with service.database.reading() as session:
        return any(
            each.state == ConsentState.GRANTED
            and (each.expires_at is None or each.expires_at > now)
            for each in consents.of_guardian(session, identity.caller.actor.id)
        )


def _controls(form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "daily_generations": form.get("daily_generations") or None,
        "opens": form.get("opens") or None,
        "closes": form.get("closes") or None,
        "zone": form.get("zone") or "UTC",
        "explicit": form.get("explicit") == "yes",
        "publishing": form.get("publishing") == "yes",
    }


def _lately(service: Service, account: Account) -> dict[str, list[dict[str, Any]]]:
    with service.database.reading() as session:
        made = session.exec(
            select(Generation)
            .where(Generation.account_id == account.id)
            .order_by(col(Generation.id).desc())
            .limit(LATELY)
        ).all()
        sent = session.exec(
            select(Track)
            .where(Track.account_id == account.id)
            .order_by(col(Track.id).desc())
            .limit(LATELY)
        ).all()
        return {
            "generations": [generations.describe(session, each) for each in made],
            "tracks": [
                {
                    "name": each.file_name or each.external_id or each.id,
                    "state": each.state,
                    "created_at": each.created_at,
                    "id": each.id,
                    "found": _found(session, each),
                }
                for each in sent
            ],
        }


def _found(session: Session, track: Track) -> dict[str, Any] | None:
    """What a limited track was found to hold, where its parent can hear that."""
    if track.state not in REDRESS:
        return None
    try:
        heard = matched_sound.heard(session, track)
    except NotFoundError:
        return None
    title = heard.reference.title or "–"
    return {"title": title, "reference_id": heard.reference.id, "parts": heard.parts(MOST_PARTS)}
