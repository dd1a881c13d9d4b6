"""What an admin makes and changes: logins, API keys, trusted flaggers, legal holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from scanner import flaggers, keys, login_links, logins, notice_senders, sanctions
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import ADMINS
from scanner.console.pages.administration import KEY_SCOPES, SHOWN, keys_page, users_page
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import BadKeyRequestError, ConflictError, NotFoundError, ScannerError
from scanner.privacy import holds
from scanner.privacy.registry import registry
from scanner.problems import HttpError
from scanner.service import Service
from scanner.wording import Told

router = APIRouter(prefix="/admin", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Admin = Annotated[Identity, Depends(Allowed(ADMINS))]
LONGEST: Final = 320


@router.post("/users")
def add_user(request: Request, identity: Admin, service: ServiceDep, form: Posted) -> Response:
    """Make a login of this platform, and the link by which its owner sets the password."""
    email, role = _said(form, "email"), form.get("role", "")
    holder_id = form.get("holder") if role == "rights_holder" else None
    try:
        made = login_links.invite(
            service, identity.caller, email, role, holder_id=holder_id or None
        )
    except (BadKeyRequestError, ConflictError, NotFoundError) as error:
        return users_page(request, service, identity, 422, wrong=str(error), typed=form)
    return users_page(request, service, identity, made=made)


@router.post("/users/{user_id}/link")
def renew_link(
    request: Request, identity: Admin, service: ServiceDep, user_id: str, form: Posted
) -> Response:
    """Make a new link for somebody who has lost theirs, or their password."""
    made = login_links.renew(service, identity.caller, _id(user_id, "login"))
    return users_page(request, service, identity, made=made)


@router.post("/users/{user_id}")
def change_user(
    request: Request, identity: Admin, service: ServiceDep, user_id: str, form: Posted
) -> Response:
    """Give a login another role, or put it out of use or back."""
    version, disabled = form.get("version", ""), form.get("disabled")
    if not _is_number(version) or disabled not in {None, "yes", "no"}:
        raise HttpError("bad-fields", "open the page again and repeat it")
    logins.change(
        service,
        identity.caller,
        _id(user_id, "login"),
        role=form.get("role"),
        disabled=None if disabled is None else disabled == "yes",
        expected_version=int(version),
    )
    return redirect(request, "/admin/users")


@router.post("/keys")
def add_key(request: Request, identity: Admin, service: ServiceDep, form: Posted) -> Response:
    """Make a key of the platform; the key itself is on the answer alone."""
    wanted = [each for each in KEY_SCOPES if form.get(f"scope-{each}")]
    try:
        _, token = keys.create_key(
            service,
            identity.caller.tenant_id,
            _said(form, "name"),
            wanted,
            sandbox=form.get("sandbox") == "yes",
            expires_at=_until(form.get("until", "")),
            actor=identity.caller.actor,
        )
    except (BadKeyRequestError, holds.BadHoldError) as error:
        return keys_page(request, service, identity, 422, wrong=str(error), typed=form)
    return keys_page(request, service, identity, made=token)


@router.get("/flaggers")
def read_flaggers(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """Trusted flaggers, with how often they were right."""
    return _flaggers_page(request, service, identity)


@router.post("/flaggers")
def add_flagger(request: Request, identity: Admin, service: ServiceDep, form: Posted) -> Response:
    """Trust a flagger; their key is on the answer alone."""
    name = _said(form, "name")
    try:
        email = keys.checked_email(_said(form, "email"))
        if not name or len(name) > 180:
            raise BadKeyRequestError("a name has 1 to 180 characters")
    except BadKeyRequestError as error:
        return _flaggers_page(request, service, identity, 422, wrong=str(error), typed=form)
    _, token = flaggers.add(service, identity.caller, name, email)
    return _flaggers_page(request, service, identity, made=token)


@router.post("/flaggers/{flagger_id}/remove")
def remove_flagger(
    request: Request, identity: Admin, service: ServiceDep, flagger_id: str, form: Posted
) -> Response:
    """Take the status from a flagger, who is told why."""
    flaggers.remove(service, identity.caller, _id(flagger_id, "flagger"), form.get("reason", ""))
    return redirect(request, "/admin/flaggers")


def _flaggers_page(
    request: Request,
    service: Service,
    identity: Identity,
    status: int = 200,
    *,
    made: str | None = None,
    wrong: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    with service.database.reading() as session:
        found = flaggers.listed(session, identity.caller.tenant_id)
        shown = [flaggers.describe(session, each) for each in found]
        given = sanctions.listed(session, identity.caller, limit=SHOWN)
    now = service.now()
    suspended = [
        each
        for each in given
        if (each.what, each.state) == (notice_senders.WHAT, "in_force")
        and each.kind != "warning"
        and (each.ends_at is None or each.ends_at > now)
    ]
    return page(
        request,
        "lead_flaggers.html",
        status,
        flaggers=shown,
        suspended=suspended,
        made=made,
        wrong=wrong,
        typed=typed or {},
    )


@router.get("/holds")
def read_holds(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """Legal holds, and how long each kind of record is kept."""
    return _holds_page(request, service, identity)


@router.post("/holds")
def place_hold(request: Request, identity: Admin, service: ServiceDep, form: Posted) -> Response:
    """Keep something from being erased."""
    object_id = _said(form, "object")
    try:
        if not is_id(object_id):
            raise NotFoundError(form.get("kind", "object"), "of this id")
        until = _until(form.get("until", ""))
        basis = form.get("basis", "")
        holds.place(service, identity.caller, form.get("kind", ""), object_id, basis, until)
    except (holds.BadHoldError, NotFoundError) as error:
        return _holds_page(request, service, identity, 422, wrong=error, typed=form)
    return redirect(request, "/admin/holds")


@router.post("/holds/{hold_id}/lift")
def lift_hold(
    request: Request, identity: Admin, service: ServiceDep, hold_id: str, form: Posted
) -> Response:
    """End a hold."""
    holds.lift(service, identity.caller, _id(hold_id, "legal hold"))
    return redirect(request, "/admin/holds")


def _holds_page(
    request: Request,
    service: Service,
    identity: Identity,
    status: int = 200,
    *,
    wrong: ScannerError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    with service.database.reading() as session:
        found = holds.listed(session, identity.caller.tenant_id, limit=SHOWN)
        shown = [
            holds.describe(each)
            | {"placed_by": service.pseudonyms.on(each.tenant_id).of(each.placed_by)}
            for each in found
        ]
    kept = sorted(
        (name, entry.purpose, entry.retention.words()) for name, entry in registry().items()
    )
    return page(
        request,
        "lead_holds.html",
        status,
        holds=shown,
        kinds=holds.KINDS,
        kept=kept,
        wrong=str(wrong) if wrong else None,
        typed=typed or {},
    )


def _until(day: str) -> datetime | None:
    """Return the end of a hold: the beginning of a day, in UTC."""
    if not day:
        return None
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise holds.BadHoldError("write the end as a day, such as 2027-01-31") from error


def _said(form: Mapping[str, str], name: str) -> str:
    text = form.get(name, "").strip()
    if len(text) > LONGEST:
        raise HttpError(
            "bad-fields",
            Told("%(name)s has at most %(longest)s characters", name=name, longest=LONGEST),
        )
    return text


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 10


def _id(text: str, what: str) -> str:
    if not is_id(text):
        raise NotFoundError(what, "of this id")
    return text
