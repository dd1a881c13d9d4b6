"""HTTP resources for webhooks."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from scanner import cursors, event_schemas, schemas, webhooks
from scanner.declarations import DeclarationError
from scanner.dependencies import (
    Cursor,
    IfMatch,
    Limit,
    OnceDep,
    OwnWebhook,
    ServiceDep,
    WebhooksCaller,
    etag,
    is_id,
)
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.tables import Webhook, WebhookDelivery

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=Route)


@router.post(
    "",
    status_code=201,
    response_model=schemas.WebhookMade,
    responses=problems(
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "url-refused",
        "in-progress",
        "idempotency-conflict",
    ),
)
def create_webhook(
    request: Request,
    caller: WebhooksCaller,
    once: OnceDep,
    wanted: schemas.WebhookAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Register an address; its secret is shown this once. Needs the scope `webhooks`.

    `events` lists event types, or `*` for all. Messages are signed as Standard Webhooks.
    """
    _check_events(wanted.events)

    def work() -> Answer:
        webhook, secret = webhooks.create(service, caller, wanted.url, wanted.events)
        location = {"Location": f"/v1/webhooks/{webhook.id}"}
        return Answer(201, _shown(webhook) | {"secret": secret}, etag(webhook.version) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "",
    response_model=schemas.Webhooks,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_webhooks(
    caller: WebhooksCaller, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List webhooks, oldest first. Needs the scope `webhooks`."""
    (after,) = cursors.decode("webhooks", cursor, str) or ("",)
    with service.database.reading() as session:
        found = webhooks.listed(session, caller.tenant_id, limit=limit + 1, after=after)
    page = found[:limit]
    next_cursor = cursors.encode("webhooks", page[-1].id) if len(found) > limit else None
    return {"items": [_shown(webhook) for webhook in page], "next_cursor": next_cursor}


@router.get(
    "/{webhook_id}",
    response_model=schemas.WebhookAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_webhook(webhook: OwnWebhook, response: Response) -> dict[str, Any]:
    """One webhook, without its secret. Needs the scope `webhooks`."""
    response.headers.update(etag(webhook.version))
    return _shown(webhook)


@router.delete(
    "/{webhook_id}",
    status_code=204,
    responses=problems("not-found", "precondition-required", "precondition-failed"),
)
def remove_webhook(
    webhook: OwnWebhook, precondition: IfMatch, caller: WebhooksCaller, service: ServiceDep
) -> None:
    """Stop sending to an address. Needs the scope `webhooks`."""
    expected = precondition.check(webhook.version)
    webhooks.remove(service, caller, webhook.id, expected_version=expected)


@router.get(
    "/{webhook_id}/deliveries",
    response_model=schemas.Deliveries,
    response_model_exclude_unset=True,
    responses=problems("not-found", "bad-fields", "bad-cursor"),
)
def list_deliveries(
    webhook: OwnWebhook, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List what was sent and every try, newest first. Needs the scope `webhooks`."""
    (below,) = cursors.decode("deliveries", cursor, int) or (None,)
    with service.database.reading() as session:
        found = webhooks.deliveries(
            session, webhook.tenant_id, webhook.id, limit=limit + 1, below=below
        )
    page = found[:limit]
    next_cursor = cursors.encode("deliveries", page[-1].sequence) if len(found) > limit else None
    return {"items": [_shown_delivery(each) for each in page], "next_cursor": next_cursor}


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    response_model=schemas.DeliveryAnswer,
    responses=problems("not-found", "in-progress", "idempotency-conflict"),
)
def redeliver(
    request: Request,
    webhook: OwnWebhook,
    delivery_id: Annotated[str, Path(description="The delivery's id.")],
    caller: WebhooksCaller,
    service: ServiceDep,
    once: OnceDep,
) -> JSONResponse:
    """Send a message again, under the same message id and sequence. Needs the scope `webhooks`."""
    if not is_id(delivery_id):
        raise NotFoundError("delivery", "of this id")

    def work() -> Answer:
        delivery = webhooks.redeliver(service, caller, webhook.id, delivery_id)
        return Answer(202, _shown_delivery(delivery))

    return once.answer(identity_of(request.url.path, b""), work)


def _check_events(wanted: list[str]) -> None:
    known = event_schemas.types()
    if unknown := [each for each in wanted if each != webhooks.ALL and each not in known]:
        raise DeclarationError(
            [
                {
                    "field": "events",
                    "detail": f"no such event: {', '.join(unknown)}; there are: "
                    f"{', '.join(sorted(known))}",
                }
            ]
        )


def _shown(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "version": webhook.version,
        "created_at": webhook.created_at.isoformat(),
    }


def _shown_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "sequence": delivery.sequence,
        "state": delivery.state,
        "tries": delivery.tries,
        "due_at": delivery.due_at.isoformat() if delivery.due_at else None,
        "created_at": delivery.created_at.isoformat(),
        "log": delivery.log,
        "payload": delivery.payload,
    }
