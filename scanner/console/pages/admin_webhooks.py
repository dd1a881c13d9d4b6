"""Webhooks: where the platform hears of its tracks, and what was sent there."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from scanner import event_schemas, webhook_changes, webhooks
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.pages.administration import SHOWN, Admin
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, known_id
from scanner.errors import NotFoundError, ScannerError
from scanner.problems import HttpError
from scanner.service import Service
from scanner.url_guard import UrlRefusedError
from scanner.webhooks import BadWebhookError

router = APIRouter(
    prefix="/admin/webhooks", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
REFUSED: Final = (BadWebhookError, UrlRefusedError)
MOST_EVENTS: Final = 10_000
"""Characters of the field that names events."""


@router.get("")
def read_webhooks(
    request: Request,
    identity: Admin,
    service: ServiceDep,
    webhook: Annotated[str | None, Query(max_length=36)] = None,
    below: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
) -> Response:
    """Webhooks, and what was sent to one of them."""
    return _webhooks_page(request, service, identity, chosen_id=webhook, below=below)


@router.post("")
def add_webhook(request: Request, identity: Admin, service: ServiceDep, form: Posted) -> Response:
    """Register an address; its secret is on the answer alone."""
    url, wanted = _asked(form)
    try:
        made, secret = webhooks.create(
            service, identity.caller, url, webhook_changes.checked_events(wanted)
        )
    except REFUSED as error:
        return _webhooks_page(request, service, identity, 422, wrong=error, typed=form)
    return _webhooks_page(request, service, identity, chosen_id=made.id, secret=secret)


@router.post("/{webhook_id}")
def change_webhook(
    request: Request, identity: Admin, service: ServiceDep, webhook_id: str, form: Posted
) -> Response:
    """Send other events, or elsewhere."""
    url, wanted = _asked(form)
    version = form.get("version", "")
    if not version.isdecimal() or len(version) > 9:
        raise HttpError("bad-fields", "open the page again and repeat it")
    try:
        webhook_changes.change(
            service,
            identity.caller,
            known_id(webhook_id, "webhook"),
            url,
            wanted,
            expected_version=int(version),
        )
    except REFUSED as error:
        return _webhooks_page(
            request, service, identity, 422, chosen_id=webhook_id, wrong=error, typed=form
        )
    return redirect(request, f"/admin/webhooks?webhook={webhook_id}")


@router.post("/{webhook_id}/pause")
def pause_webhook(
    request: Request, identity: Admin, service: ServiceDep, webhook_id: str, form: Posted
) -> Response:
    """Send nothing for a while, or, with ``resume``, send again."""
    move = webhook_changes.resume if form.get("resume") == "yes" else webhook_changes.pause
    move(service, identity.caller, known_id(webhook_id, "webhook"))
    return redirect(request, f"/admin/webhooks?webhook={webhook_id}")


@router.post("/{webhook_id}/secret")
def rotate_secret(
    request: Request, identity: Admin, service: ServiceDep, webhook_id: str, form: Posted
) -> Response:
    """Make a new secret, on the answer alone; for a day the former one signs, too."""
    _, secret = webhook_changes.rotate(service, identity.caller, known_id(webhook_id, "webhook"))
    return _webhooks_page(request, service, identity, chosen_id=webhook_id, secret=secret)


@router.post("/{webhook_id}/test")
def try_out(
    request: Request, identity: Admin, service: ServiceDep, webhook_id: str, form: Posted
) -> Response:
    """Send a message to see whether it arrives."""
    webhook_changes.try_out(service, identity.caller, known_id(webhook_id, "webhook"))
    return redirect(request, f"/admin/webhooks?webhook={webhook_id}#sent")


@router.post("/{webhook_id}/remove")
def remove_webhook(
    request: Request, identity: Admin, service: ServiceDep, webhook_id: str, form: Posted
) -> Response:
    """Stop for good; what waits is given up."""
    webhooks.remove(service, identity.caller, known_id(webhook_id, "webhook"))
    return redirect(request, "/admin/webhooks")


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver")
def redeliver(
    request: Request,
    identity: Admin,
    service: ServiceDep,
    webhook_id: str,
    delivery_id: str,
    form: Posted,
) -> Response:
    """Send a message again."""
    known_id(webhook_id, "webhook")
    webhooks.redeliver(service, identity.caller, webhook_id, known_id(delivery_id, "delivery"))
    return redirect(request, f"/admin/webhooks?webhook={webhook_id}#sent")


def _asked(form: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the address and the event types, which stand one a line or apart by commas."""
    events = form.get("events", "")[:MOST_EVENTS].replace(",", " ").split()
    return form.get("url", "").strip()[:2000], events


def _webhooks_page(
    request: Request,
    service: Service,
    identity: Identity,
    status: int = 200,
    *,
    chosen_id: str | None = None,
    below: int | None = None,
    secret: str | None = None,
    wrong: ScannerError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    tenant_id, now = identity.caller.tenant_id, service.now()
    with service.database.reading() as session:
        listed = webhooks.listed(session, tenant_id, limit=SHOWN)
        try:
            chosen = webhooks.find(session, tenant_id, chosen_id) if chosen_id else None
        except NotFoundError:
            raise NotFoundError("webhook", "of this id") from None
        sent = (
            webhooks.deliveries(session, tenant_id, chosen.id, limit=SHOWN + 1, below=below)
            if chosen
            else []
        )
    return page(
        request,
        "admin_webhooks.html",
        status,
        webhooks=listed,
        chosen=chosen,
        deliveries=sent[:SHOWN],
        more=sent[SHOWN - 1].sequence if len(sent) > SHOWN else None,
        types=sorted(event_schemas.types()),
        secret=secret,
        former_until=chosen.former_until
        if chosen and chosen.former_until and chosen.former_until > now
        else None,
        wrong=str(wrong) if wrong else None,
        typed=typed or {},
    )
