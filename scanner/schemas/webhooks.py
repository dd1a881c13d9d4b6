"""Webhooks and their deliveries."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Moment, ShortText


class WebhookAsked(Asked):
    """An address and the events it wants."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    events: Annotated[list[ShortText], Field(min_length=1, max_length=50)]


class WebhookAnswer(Answer):
    """An address that hears of events."""

    id: str
    url: str
    events: list[str]
    version: int
    created_at: Moment


class WebhookMade(WebhookAnswer):
    """A new webhook with its secret, shown this once."""

    secret: str = Field(description="Standard Webhooks signing secret, `whsec_…`.")


class Webhooks(Answer):
    """A page of webhooks, oldest first."""

    items: list[WebhookAnswer]
    next_cursor: str | None


class DeliveryAnswer(Answer):
    """A message and every try to send it."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    sequence: int
    state: Literal["due", "sent", "failed"]
    tries: int
    due_at: Moment | None
    created_at: Moment
    log: list[dict[str, Any]]
    payload: dict[str, Any]


class Deliveries(Answer):
    """A page of deliveries, newest first."""

    items: list[DeliveryAnswer]
    next_cursor: str | None
