"""Webhooks: who wants to hear of what, what was sent, and sending it again.

The handler `notify` queues one delivery for each webhook, once. Workers send in threads of their
own, one message at a time to each webhook: at least once, under a stable message id (Standard
Webhooks' ``webhook-id``) by which the receiver recognises a repeat.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import ColumnElement, delete, exists, or_, update
from sqlmodel import Session, col, select

from scanner import webhook_sender
from scanner.bus.envelope import to_cloudevent
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import NotFoundError, ScannerError
from scanner.events import Administered
from scanner.idempotency import check_version
from scanner.journal import Event, readable, record
from scanner.metrics import WEBHOOKS
from scanner.pseudonyms import told
from scanner.tables import Track, Webhook, WebhookDelivery
from scanner.track_views import describe

if TYPE_CHECKING:
    from scanner.service import Service

ALL: Final = "*"
DUE: Final = "due"
SENT: Final = "sent"
FAILED: Final = "failed"
SEND_SECONDS: Final = 15.0
LEASE: Final = timedelta(seconds=60)
REST: Final = timedelta(seconds=60)
LOG_KEPT: Final = timedelta(days=90)
PAUSE_KEPT: Final = timedelta(days=30)
"""How long messages wait for a webhook that is paused; after that they are given up."""
LOG_LIMIT: Final = 20
ALL_TRIES: Final = timedelta(seconds=sum(webhook_sender.RETRY_SCHEDULE))
FORGOTTEN_AT_ONCE: Final = 1000

log = structlog.get_logger()


class BadWebhookError(ScannerError):
    """The webhook's fields make no sense; the message says which."""


def create(
    service: "Service", caller: Caller, url: str, wanted: Sequence[str]
) -> tuple[Webhook, str]:
    """Register an address; the secret is returned this once.

    Parameters
    ----------
    wanted : sequence of str
        Event types, or ``["*"]`` for all of them.

    Raises
    ------
    UrlRefusedError
        If the guard refuses the address by its form.
    """
    service.url_guard.check_web_form(url)
    if not wanted:
        raise BadWebhookError('name the events this webhook wants, or ["*"]')
    secret = webhook_sender.new_secret()
    now = service.now()
    webhook = Webhook(
        id=new_id(),
        tenant_id=caller.tenant_id,
        version=1,
        url=url,
        events=list(wanted),
        sealed_secret=service.secrets.seal(secret),
        created_at=now,
    )
    with service.database.transaction() as session:
        session.add(webhook)
        administered(service, session, caller, webhook, "webhook.created")
    return webhook, secret


def find(session: Session, tenant_id: str, webhook_id: str) -> Webhook:
    """Return the tenant's webhook, or raise ``NotFoundError``."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or webhook.tenant_id != tenant_id or webhook.deleted_at is not None:
        raise NotFoundError("webhook", webhook_id)
    return webhook


def listed(
    session: Session, tenant_id: str, *, limit: int | None = None, after: str = ""
) -> list[Webhook]:
    """Return the tenant's webhooks behind the one of id ``after``, oldest first."""
    query = select(Webhook).where(
        Webhook.tenant_id == tenant_id, col(Webhook.deleted_at).is_(None), Webhook.id > after
    )
    return list(session.exec(query.order_by(col(Webhook.id)).limit(limit)))


def remove(
    service: "Service", caller: Caller, webhook_id: str, *, expected_version: int | None = None
) -> None:
    """Stop sending to an address; its log stays."""
    with service.database.transaction() as session:
        find(session, caller.tenant_id, webhook_id)
        locked(session, webhook_id)
        webhook = find(session, caller.tenant_id, webhook_id)  # removed by whom it waited for?
        check_version(webhook.version, expected_version)
        webhook.deleted_at = now = service.now()
        webhook.version += 1
        _give_up(session, webhook, now)
        administered(service, session, caller, webhook, "webhook.removed")


def deliveries(
    session: Session, tenant_id: str, webhook_id: str, *, limit: int, below: int | None = None
) -> list[WebhookDelivery]:
    """Return what was sent to a webhook, newest first; ``below`` is the last one's sequence."""
    find(session, tenant_id, webhook_id)
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if below is not None:
        query = query.where(WebhookDelivery.sequence < below)
    return list(session.exec(query.order_by(col(WebhookDelivery.sequence).desc()).limit(limit)))


def redeliver(
    service: "Service", caller: Caller, webhook_id: str, delivery_id: str
) -> WebhookDelivery:
    """Send a message again, under the same message id and sequence."""
    with service.database.transaction() as session:
        find(session, caller.tenant_id, webhook_id)
        webhook = locked(session, webhook_id)
        delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
        if delivery is None or delivery.webhook_id != webhook_id:
            raise NotFoundError("delivery", delivery_id)
        delivery.state, delivery.tries, delivery.due_at = DUE, 0, service.now()
        delivery.leased_until = None  # what a send under way comes to is only logged
        delivery.settled_at = None
        webhook.resting_until = None  # who asks for it says that the receiver is well
        return delivery


def queue(service: "Service", session: Session, event: Event) -> None:
    """Queue an event for the tenant's webhooks that want it, inside the handler's transaction."""
    if event.tenant is None:
        return
    wanting = [
        webhook
        for webhook in listed(session, event.tenant)
        if ALL in webhook.events or event.type in webhook.events
    ]
    if not wanting:
        return
    payload = to_cloudevent(readable(event, service.person_keys))
    payload["data"] = told(service, session, event.tenant, payload["data"])
    track = session.get(Track, event.data.get("track_id") or event.subject)
    if track is not None and track.tenant_id == event.tenant:
        payload["track"] = describe(session, [track])[0]
    for webhook in wanting:
        own = locked(session, webhook.id)
        if own.paused_at is not None and own.paused_at <= service.now() - PAUSE_KEPT:
            _give_up(session, own, service.now())
            continue
        own.sequence += 1
        session.add(
            WebhookDelivery(
                id=new_id(),
                tenant_id=event.tenant,
                webhook_id=webhook.id,
                event_id=event.id,
                event_type=event.type,
                sequence=own.sequence,
                payload=payload | {"sequence": own.sequence},
                state=DUE,
                due_at=service.now(),
                created_at=service.now(),
            )
        )


def send_due(service: "Service", limit: int = 20) -> int:
    """Send what is due; return how many messages were tried. Safe to run in many workers."""
    tried = 0
    while tried < limit and (delivery := _claim(service)) is not None:
        _send(service, delivery)
        tried += 1
    return tried


def _claim(service: "Service") -> WebhookDelivery | None:
    """Take the oldest due message of a webhook that nothing is on its way to.

    The webhook's own row is locked and leased, so of many workers one sends to it.
    """
    now = service.now()
    due = (col(WebhookDelivery.state) == DUE, col(WebhookDelivery.due_at) <= now)
    with_due = (
        select(Webhook)
        .where(
            col(Webhook.paused_at).is_(None),
            or_(col(Webhook.leased_until).is_(None), col(Webhook.leased_until) < now),
            or_(col(Webhook.resting_until).is_(None), col(Webhook.resting_until) <= now),
            exists().where(col(WebhookDelivery.webhook_id) == col(Webhook.id), *due),
        )
        .order_by(col(Webhook.last_tried_at).asc().nulls_first())
        .limit(1)
    )
    with service.database.reading() as session:  # an idle worker takes no write lock
        if session.exec(with_due).first() is None:
            return None
    with service.database.transaction() as session:
        if not service.database.is_sqlite:
            with_due = with_due.with_for_update(skip_locked=True)
        webhook = session.exec(with_due).first()
        if webhook is None:
            return None
        delivery = session.exec(
            select(WebhookDelivery)
            .where(WebhookDelivery.webhook_id == webhook.id, *due)
            .order_by(col(WebhookDelivery.sequence))
            .limit(1)
        ).one()
        delivery.leased_until = webhook.leased_until = now + LEASE
        webhook.last_tried_at = now
        return delivery


def _send(service: "Service", delivery: WebhookDelivery) -> None:
    with service.database.reading() as session:
        webhook = session.get_one(Webhook, delivery.webhook_id)
    if webhook.deleted_at is not None:
        _settle(service, delivery, {"error": "the webhook was removed"}, FAILED, None)
        return
    now = service.now()
    try:
        result = webhook_sender.send(
            webhook.url,
            _secrets(service, webhook, now),
            message_id=delivery.event_id,
            timestamp=now,
            payload=delivery.payload,
            guard=service.url_guard.of(webhook.tenant_id),
            timeout=SEND_SECONDS,
        )
    except Exception as error:  # whatever is wrong with one message, the others go on
        log.exception("webhook_not_sent", webhook=webhook.id, delivery=delivery.id)
        result = webhook_sender.Delivery(None, 0.0, f"not sent: {type(error).__name__}")
    entry = {
        "at": now.isoformat(),
        "status": result.status,
        "seconds": round(result.duration, 3),
        "error": result.error,
        "body": result.body_excerpt,
    }
    if result.ok:
        WEBHOOKS.labels("sent").inc()
        _settle(service, delivery, entry, SENT, None)
    elif delivery.tries < len(webhook_sender.RETRY_SCHEDULE):
        WEBHOOKS.labels("retried").inc()
        wait = timedelta(seconds=webhook_sender.RETRY_SCHEDULE[delivery.tries])
        _settle(service, delivery, entry, DUE, wait)
    else:
        WEBHOOKS.labels("failed").inc()
        _settle(service, delivery, entry, FAILED, None)


def _secrets(service: "Service", webhook: Webhook, now: datetime) -> list[str]:
    """Return what a message is signed with: the secret, and for a while the former one, too."""
    secrets = [service.secrets.open(webhook.sealed_secret)]
    until, former = webhook.former_until, webhook.sealed_former_secret
    if former is not None and until is not None and now < until:
        secrets.append(service.secrets.open(former))
    return secrets


def _settle(
    service: "Service",
    sent: WebhookDelivery,
    entry: dict[str, Any],
    state: str,
    wait: timedelta | None,
) -> None:
    """Write down what a send came to; only its log, if the message is no longer the sender's."""
    now = service.now()
    with service.database.transaction() as session:
        webhook = locked(session, sent.webhook_id)
        delivery = session.get_one(
            WebhookDelivery, sent.id, with_for_update=True, populate_existing=True
        )
        delivery.log = [*delivery.log, entry][-LOG_LIMIT:]
        if webhook.leased_until == sent.leased_until:
            webhook.leased_until = None
            _note_health(session, webhook, state, now)
        if delivery.leased_until != sent.leased_until:
            return
        delivery.state = state
        delivery.tries += 1
        delivery.due_at = now + wait if wait is not None else None
        delivery.settled_at = now if wait is None else None
        delivery.leased_until = None


def _note_health(session: Session, webhook: Webhook, state: str, now: datetime) -> None:
    """Leave a receiver that fails alone for a while; its other messages wait behind this one.

    Where it has failed for as long as all tries of one message take, what has waited as long is
    given up with it: a backlog does not grow for ever.
    """
    if state == SENT:
        webhook.failing_since = webhook.resting_until = None
        return
    webhook.failing_since = webhook.failing_since or now
    webhook.resting_until = now + REST
    if webhook.failing_since <= now - ALL_TRIES:
        _give_up(session, webhook, now, col(WebhookDelivery.created_at) <= now - ALL_TRIES)


def _give_up(
    session: Session, webhook: Webhook, now: datetime, *which: ColumnElement[bool]
) -> None:
    """Count what is due to a webhook, and not on its way just now, as failed."""
    session.execute(
        update(WebhookDelivery)
        .where(
            col(WebhookDelivery.webhook_id) == webhook.id,
            col(WebhookDelivery.state) == DUE,
            col(WebhookDelivery.leased_until).is_(None),
            *which,
        )
        .values(state=FAILED, due_at=None, settled_at=now)
    )


def locked(session: Session, webhook_id: str) -> Webhook:
    """Lock a webhook: always before any of its messages."""
    return session.get_one(Webhook, webhook_id, with_for_update=True, populate_existing=True)


def forget_settled(service: "Service") -> int:
    """Drop messages that were sent or given up ``LOG_KEPT`` ago; return how many."""
    dropped = 0
    while True:
        with service.database.transaction() as session:
            old = (
                select(WebhookDelivery.id)
                .where(col(WebhookDelivery.settled_at) < service.now() - LOG_KEPT)
                .limit(FORGOTTEN_AT_ONCE)
            )
            done = session.execute(delete(WebhookDelivery).where(col(WebhookDelivery.id).in_(old)))
            count = int(done.rowcount)  # type: ignore[attr-defined]
        dropped += count
        if count < FORGOTTEN_AT_ONCE:
            return dropped


def administered(
    service: "Service", session: Session, caller: Caller, webhook: Webhook, action: str
) -> None:
    """Write a change of a locked webhook into the journal."""
    record(
        session,
        tenant_id=caller.tenant_id,
        subject=webhook.id,
        version=webhook.version,
        data=Administered(action=action, object_id=webhook.id, detail={"events": webhook.events}),
        now=service.now(),
        actor=caller.actor,
    )
