"""Users, API keys, webhooks, dead letters and the running configuration."""

import platform
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import SecretStr
from sqlmodel import col, or_, select

from scanner import keys, webhooks
from scanner.bus import dead_letters
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import ADMINS
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.settings import Settings
from scanner.tables import User

router = APIRouter(prefix="/admin", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Admin = Annotated[Identity, Depends(Allowed(ADMINS))]
SHOWN = 100
"""Rows on a page."""
HIDDEN = "set, not shown"


@router.get("/users")
def read_users(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """Who can log in to this platform's console."""
    own = or_(col(User.tenant_id).is_(None), User.tenant_id == identity.caller.tenant_id)
    with service.database.reading() as session:
        users = session.exec(select(User).where(own).order_by(col(User.email))).all()
    return page(request, "admin_users.html", users=users)


@router.get("/keys")
def read_keys(
    request: Request,
    identity: Admin,
    service: ServiceDep,
    before: Annotated[str | None, Query(max_length=36)] = None,
) -> Response:
    """API keys, newest first."""
    with service.database.reading() as session:
        found = keys.listed(session, identity.caller.tenant_id, limit=SHOWN + 1, before=before)
    return page(
        request,
        "admin_keys.html",
        keys=[keys.describe(each) for each in found[:SHOWN]],
        more=found[SHOWN - 1].id if len(found) > SHOWN else None,
    )


@router.post("/keys/{key_id}/revoke")
def revoke_key(
    request: Request, identity: Admin, service: ServiceDep, key_id: str, form: Posted
) -> Response:
    """End a key's life at once."""
    keys.revoke(service, identity.caller.tenant_id, _id(key_id, "key"), identity.caller.actor)
    return redirect(request, "/admin/keys")


@router.get("/webhooks")
def read_webhooks(
    request: Request,
    identity: Admin,
    service: ServiceDep,
    webhook: Annotated[str | None, Query(max_length=36)] = None,
    below: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Webhooks, and what was sent to one of them."""
    tenant_id = identity.caller.tenant_id
    with service.database.reading() as session:
        listed = webhooks.listed(session, tenant_id)
        chosen = webhooks.find(session, tenant_id, webhook) if webhook else None
        sent = (
            webhooks.deliveries(session, tenant_id, chosen.id, limit=SHOWN + 1, below=below)
            if chosen
            else []
        )
    return page(
        request,
        "admin_webhooks.html",
        webhooks=listed,
        chosen=chosen,
        deliveries=sent[:SHOWN],
        more=sent[SHOWN - 1].sequence if len(sent) > SHOWN else None,
    )


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver")
def redeliver(
    request: Request,
    identity: Admin,
    service: ServiceDep,
    webhook_id: str,
    delivery_id: str,
    form: Posted,
) -> Response:
    """Send a message again."""
    _id(webhook_id, "webhook")
    webhooks.redeliver(service, identity.caller, webhook_id, _id(delivery_id, "delivery"))
    return redirect(request, f"/admin/webhooks?webhook={webhook_id}")


@router.get("/dead")
def read_dead(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """Events that a stage gave up on, oldest first."""
    with service.database.reading() as session:
        letters = dead_letters.listed(session, identity.caller.tenant_id, limit=SHOWN)
    return page(request, "admin_dead.html", letters=letters, shown=SHOWN)


@router.post("/dead/{letter_id}/replay")
def replay_dead(
    request: Request, identity: Admin, service: ServiceDep, letter_id: str, form: Posted
) -> Response:
    """Bring an event back under its old id."""
    dead_letters.replay(service, _id(letter_id, "dead letter"), identity.caller.tenant_id)
    return redirect(request, "/admin/dead")


@router.get("/configuration")
def read_configuration(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """Every setting in force; secrets are named, never shown."""
    return page(
        request,
        "admin_configuration.html",
        settings=shown_settings(service.settings),
        python=platform.python_version(),
    )


def shown_settings(settings: Settings) -> list[dict[str, Any]]:
    """Return every setting with its value, as far as that is no secret."""
    return [
        {
            "name": f"CLEARANCE_{name.upper()}",
            "value": _shown(getattr(settings, name), secret=not field.repr),
            "changed": name in settings.model_fields_set,
            "what": field.description or "",
        }
        for name, field in sorted(type(settings).model_fields.items())
    ]


def _shown(value: Any, *, secret: bool) -> str:
    """Write a value; what may hold a password is left out of every listing (``repr=False``)."""
    if value is None or value == {}:
        return ""
    if secret or isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return str(value)


def _id(text: str, what: str) -> str:
    if not is_id(text):
        raise NotFoundError(what, "of this id")
    return text
