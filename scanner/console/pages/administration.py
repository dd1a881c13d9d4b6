"""Users, API keys, dead letters and the running configuration."""

import platform
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import SecretStr

from scanner import dmca_agent, keys, logins
from scanner.bus import dead_letter_ends, dead_letters
from scanner.callers import SCOPES
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import ADMINS
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, known_id
from scanner.login_links import Invited
from scanner.problems import HttpError
from scanner.service import Service
from scanner.settings import Settings

router = APIRouter(prefix="/admin", route_class=ConsoleRoute, default_response_class=HTMLResponse)
Admin = Annotated[Identity, Depends(Allowed(ADMINS))]
SHOWN = 100
"""Rows on a page."""
MOST_HOLDERS: Final = 500
KEY_SCOPES: Final = tuple(
    each for each in SCOPES if each not in {"policies:approve", "cases:decide", "audit:read"}
)
"""What a key made here may do: what people decide and audit stays with people's logins."""
HIDDEN = "set, not shown"


@router.get("/users")
def read_users(
    request: Request,
    identity: Admin,
    service: ServiceDep,
    after: Annotated[str | None, Query(max_length=320)] = None,
) -> Response:
    """Who can log in to this platform's console."""
    return users_page(request, service, identity, after=after)


def users_page(
    request: Request,
    service: Service,
    identity: Identity,
    status: int = 200,
    *,
    after: str | None = None,
    made: Invited | None = None,
    wrong: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """Return the page of logins; ``made`` is who was just sent a link, or has to be handed one."""
    tenant_id = identity.caller.tenant_id
    with service.database.reading() as session:
        users = logins.listed(session, tenant_id, limit=SHOWN + 1, after=after)
        holders = logins.holders(session, tenant_id, limit=MOST_HOLDERS)
        seen = logins.last_seen(session, [user.id for user in users])
    return page(
        request,
        "admin_users.html",
        status,
        users=users[:SHOWN],
        seen=seen,
        roles=keys.LOGIN_ROLES,
        holders=holders,
        more=users[SHOWN - 1].email if len(users) > SHOWN else None,
        own=identity.caller.user_id,
        made=made,
        wrong=wrong,
        typed=typed or {},
    )


@router.get("/keys")
def read_keys(
    request: Request,
    identity: Admin,
    service: ServiceDep,
    before: Annotated[str | None, Query(max_length=36)] = None,
) -> Response:
    """API keys, newest first."""
    return keys_page(request, service, identity, before=before)


def keys_page(
    request: Request,
    service: Service,
    identity: Identity,
    status: int = 200,
    *,
    before: str | None = None,
    made: str | None = None,
    wrong: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """Return the page of API keys; ``made`` is a new one."""
    with service.database.reading() as session:
        found = keys.listed(session, identity.caller.tenant_id, limit=SHOWN + 1, before=before)
    return page(
        request,
        "admin_keys.html",
        status,
        keys=[keys.describe(key) for key in found[:SHOWN]],
        more=found[SHOWN - 1].id if len(found) > SHOWN else None,
        scopes=KEY_SCOPES,
        now=service.now().isoformat(),
        made=made,
        wrong=wrong,
        typed=typed or {},
    )


@router.post("/keys/{key_id}/revoke")
def revoke_key(
    request: Request, identity: Admin, service: ServiceDep, key_id: str, form: Posted
) -> Response:
    """End a key's life at once."""
    keys.revoke(service, identity.caller.tenant_id, known_id(key_id, "key"), identity.caller.actor)
    return redirect(request, "/admin/keys")


@router.get("/dead")
def read_dead(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """Events that a stage gave up on, oldest first."""
    with service.database.reading() as session:
        letters = dead_letters.listed(session, identity.caller.tenant_id, limit=SHOWN)
    days = service.settings.dead_letter_days
    return page(request, "admin_dead.html", letters=letters, shown=SHOWN, days=days)


@router.post("/dead/{letter_id}/replay")
def replay_dead(
    request: Request, identity: Admin, service: ServiceDep, letter_id: str, form: Posted
) -> Response:
    """Bring an event back under its old id."""
    dead_letters.replay(service, known_id(letter_id, "dead letter"), identity.caller.tenant_id)
    return redirect(request, "/admin/dead")


@router.post("/dead/{letter_id}/drop")
def drop_dead(
    request: Request, identity: Admin, service: ServiceDep, letter_id: str, form: Posted
) -> Response:
    """Put an event away for good; the audit trail keeps why."""
    known, caller = known_id(letter_id, "dead letter"), identity.caller
    reason = form.get("reason", "").strip()
    if not reason:
        raise HttpError("bad-fields", "say why nobody needs it: the audit trail keeps it")
    dead_letter_ends.drop(service, known, caller.tenant_id, reason, caller.actor)
    return redirect(request, "/admin/dead")


@router.get("/configuration")
def read_configuration(request: Request, identity: Admin, service: ServiceDep) -> Response:
    """Every setting in force; secrets are named, never shown. And the agent for notices (DMCA-C4)."""
    return page(
        request,
        "admin_configuration.html",
        agent=dmca_agent.shown(service.settings),
        agent_ends=dmca_agent.ends_on(service.settings),
        agent_warnings=dmca_agent.warnings(service),
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
