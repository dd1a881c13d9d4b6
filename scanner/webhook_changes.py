"""Changes of webhooks: another address or other events, a pause, a new secret, a message to try it out."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from scanner import event_schemas, webhook_sender, webhooks
from scanner.bus.envelope import SOURCE, SPEC_VERSION
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ConflictError
from scanner.idempotency import check_version
from scanner.tables import Webhook, WebhookDelivery
from scanner.webhooks import BadWebhookError
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

FORMER_LASTS: Final = timedelta(hours=24)
"""How long messages are signed with the former secret beside the new one."""
TEST: Final = "clearance.webhook.test"


def checked_events(wanted: Sequence[str]) -> list[str]:
    """Return event types as a webhook keeps them, or raise ``BadWebhookError`` with those there are not."""
    known = event_schemas.types()
    if unknown := [each for each in wanted if each != webhooks.ALL and each not in known]:
        raise BadWebhookError(Told("no such event: %(unknown)s", unknown=", ".join(unknown)))
    if not wanted:
        raise BadWebhookError("name at least one event, or * for all")
    return [webhooks.ALL] if webhooks.ALL in wanted else sorted(set(wanted))


def change(
    service: "Service",
    caller: Caller,
    webhook_id: str,
    url: str,
    wanted: Sequence[str],
    *,
    expected_version: int | None = None,
) -> Webhook:
    """Send other events, or send them elsewhere; what waits goes to the new address.

    Raises
    ------
    BadWebhookError
        If an event is none.
    UrlRefusedError
        If the guard refuses the address by its form.
    """
    service.url_guard.check_web_form(url)
    events = checked_events(wanted)

    def put(session: Session, webhook: Webhook, now: datetime) -> None:
        webhook.url, webhook.events = url, events
        webhook.failing_since = webhook.resting_until = None

    return _changed(service, caller, webhook_id, "webhook.changed", put, expected_version)


def pause(service: "Service", caller: Caller, webhook_id: str) -> Webhook:
    """Send nothing more until `resume`; what comes up meanwhile waits."""

    def put(session: Session, webhook: Webhook, now: datetime) -> None:
        webhook.paused_at = webhook.paused_at or now

    return _changed(service, caller, webhook_id, "webhook.paused", put)


def resume(service: "Service", caller: Caller, webhook_id: str) -> Webhook:
    """Send again, first what has waited."""

    def put(session: Session, webhook: Webhook, now: datetime) -> None:
        webhook.paused_at = webhook.failing_since = webhook.resting_until = None

    return _changed(service, caller, webhook_id, "webhook.resumed", put)


def rotate(service: "Service", caller: Caller, webhook_id: str) -> tuple[Webhook, str]:
    """Make a new secret, returned this once; the former one signs beside it for :data:`FORMER_LASTS`."""
    secret = webhook_sender.new_secret()

    def put(session: Session, webhook: Webhook, now: datetime) -> None:
        webhook.sealed_former_secret = webhook.sealed_secret
        webhook.former_until = now + FORMER_LASTS
        webhook.sealed_secret = service.secrets.seal(secret)

    return _changed(service, caller, webhook_id, "webhook.secret_rotated", put), secret


def try_out(service: "Service", caller: Caller, webhook_id: str) -> WebhookDelivery:
    """Queue a message of the type :data:`TEST`, which is sent and tried again as any other.

    Raises
    ------
    ConflictError
        While the webhook is paused.
    """
    made: list[WebhookDelivery] = []

    def put(session: Session, webhook: Webhook, now: datetime) -> None:
        if webhook.paused_at is not None:
            raise ConflictError("this webhook is paused: let it go on first")
        webhook.sequence += 1
        webhook.resting_until = None
        made.append(_test_message(webhook, now))
        session.add(made[0])

    _changed(service, caller, webhook_id, "webhook.tried", put)
    return made[0]


def _test_message(webhook: Webhook, now: datetime) -> WebhookDelivery:
    event_id = new_id()
    payload: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": event_id,
        "source": SOURCE,
        "type": TEST,
        "time": now.isoformat(),
        "subject": webhook.id,
        "datacontenttype": "application/json",
        "tenant": webhook.tenant_id,
        "data": {"webhook_id": webhook.id},
        "sequence": webhook.sequence,
    }
    return WebhookDelivery(
        id=new_id(),
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.id,
        event_id=event_id,
        event_type=TEST,
        sequence=webhook.sequence,
        payload=payload,
        state=webhooks.DUE,
        due_at=now,
        created_at=now,
    )


def _changed(
    service: "Service",
    caller: Caller,
    webhook_id: str,
    action: str,
    put: Callable[[Session, Webhook, datetime], None],
    expected_version: int | None = None,
) -> Webhook:
    with service.database.transaction() as session:
        webhooks.find(session, caller.tenant_id, webhook_id)
        webhooks.locked(session, webhook_id)
        webhook = webhooks.find(session, caller.tenant_id, webhook_id)  # removed meanwhile?
        check_version(webhook.version, expected_version)
        put(session, webhook, service.now())
        webhook.version += 1
        webhooks.administered(service, session, caller, webhook, action)
        return webhook
