"""Where a tenant wants to hear of its tracks, and what was sent there."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Webhook(SQLModel, table=True):
    """An address and the events it wants; the secret is encrypted at rest.

    ``leased_until`` is set while a worker sends a message to it, ``resting_until`` after a failure,
    ``failing_since`` from its first failure to its next success. ``last_tried_at`` gives each its
    turn. While ``paused_at`` is set nothing is sent, and what comes up waits. The former secret signs beside
    the present one until ``former_until``.
    """

    __tablename__ = "webhook"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id", index=True)
    version: int = 0
    url: str = Field(max_length=2000)
    events: list[str] = Field(sa_type=json_type())
    sealed_secret: str = Field(max_length=500)
    sequence: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resting_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_tried_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sealed_former_secret: str | None = Field(default=None, max_length=500)
    former_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WebhookDelivery(SQLModel, table=True):
    """One message to one address: five tries, then visible and replayable."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id", name="uq_webhook_delivery_event"),
        Index("ix_webhook_delivery_due", "webhook_id", "state", "due_at"),
        Index("ix_webhook_delivery_settled", "settled_at"),
        Index("ix_webhook_delivery_list", "webhook_id", "sequence"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    webhook_id: str = Field(max_length=36, foreign_key="webhook.id")
    event_id: str = Field(max_length=36)
    event_type: str = Field(max_length=100)
    sequence: int
    payload: dict[str, Any] = Field(sa_type=json_type())
    state: str = Field(max_length=10)
    tries: int = 0
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    log: list[dict[str, Any]] = Field(default_factory=list, sa_type=json_type())
    created_at: datetime = Field(sa_type=UtcDateTime)
