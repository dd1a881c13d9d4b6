"""What people were told: every message to a person, word for word."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class Letter(SQLModel, table=True):
    """A message to a person: by e-mail where there is an address, and always in their inbox.

    ``recipient_kind`` is account, guardian, notifier, holder, user or authority. ``state`` is waiting, sent,
    failed, or inbox where there is no address. ``message_id`` stays the same when it is sent again. ``erased_at``
    is when what it is about was erased while it still waited: once it is sent, its words go.
    """

    __tablename__ = "letter"
    __table_args__ = (
        Index("ix_letter_due", "state", "not_before"),
        Index("ix_letter_recipient", "tenant_id", "recipient_kind", "recipient_id", "id"),
        Index("ix_letter_matter", "matter_kind", "matter_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    recipient_kind: str = Field(max_length=20)
    recipient_id: str = Field(max_length=64)
    address: str | None = Field(default=None, max_length=320)
    template: str = Field(max_length=60)
    language: str = Field(max_length=10)
    subject: str = Field(max_length=300)
    body: str = Field(sa_type=Text)
    matter_kind: str | None = Field(default=None, max_length=20)
    matter_id: str | None = Field(default=None, max_length=36)
    track_id: str | None = Field(default=None, max_length=36, index=True)
    legal_basis: list[str] = Field(default_factory=list, sa_type=json_type())
    message_id: str = Field(max_length=200)
    state: str = Field(max_length=10)
    attempts: int = 0
    not_before: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, max_length=500)
    created_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
