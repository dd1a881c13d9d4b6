"""The journal (outbox and audit trail in one), its seals, and the bus's book-keeping."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type

INSTALLATION, PLATFORM = 1, 2
"""Under whose pseudonyms a checkpoint holds a record (:mod:`scanner.pseudonyms`)."""
_BIG = BigInteger().with_variant(Integer(), "sqlite")


class JournalRow(SQLModel, table=True):
    """One thing that happened, written in the transaction that made it so. Never changed."""

    __tablename__ = "journal"
    __table_args__ = (
        UniqueConstraint("subject", "version", name="uq_journal_subject_version"),
        Index("ix_journal_newest", "tenant_id", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str | None = Field(default=None, max_length=36)
    topic: str = Field(max_length=60)
    type: str = Field(max_length=100)
    schema_version: int
    subject: str = Field(max_length=100)
    version: int
    time: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(max_length=100)
    role: str = Field(max_length=30)
    causation_id: str | None = Field(default=None, max_length=36)
    correlation_id: str | None = Field(default=None, max_length=36)
    data: dict[str, Any] = Field(sa_type=json_type())


class JournalPending(SQLModel, table=True):
    """Names the journal rows that have no seal yet, so that the relay need not search for them."""

    __tablename__ = "journal_pending"

    journal_id: str = Field(primary_key=True, max_length=36, foreign_key="journal.id")


class JournalSeal(SQLModel, table=True):
    """A row's place in its tenant's hash chain and in the order of publication. Never changed.

    ``names`` is under which pseudonyms a checkpoint holds it: `INSTALLATION`, or its `PLATFORM`'s own.
    """

    __tablename__ = "journal_seals"
    __table_args__ = (UniqueConstraint("chain", "sequence", name="uq_seal_chain_sequence"),)

    position: int = Field(sa_type=_BIG, primary_key=True)
    chain: str = Field(max_length=36)
    sequence: int = Field(sa_type=_BIG)
    journal_id: str = Field(max_length=36, unique=True, foreign_key="journal.id")
    previous_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)
    names: int = Field(default=PLATFORM, sa_column_kwargs={"server_default": str(INSTALLATION)})


class BusCursor(SQLModel, table=True):
    """How far the relay has published the seals, and how far each group has handled them."""

    __tablename__ = "bus_cursor"

    name: str = Field(primary_key=True, max_length=60)
    position: int = Field(sa_type=_BIG)


class Handled(SQLModel, table=True):
    """Written with the effect: this event was handled by this group."""

    __tablename__ = "handled"

    group: str = Field(primary_key=True, max_length=40)
    event_id: str = Field(primary_key=True, max_length=100)
    outcome: str = Field(max_length=10)
    at: datetime = Field(sa_type=UtcDateTime)


class HandlerStart(SQLModel, table=True):
    """The Kafka bus: how often a handler began with an event and came to no verdict."""

    __tablename__ = "handler_start"

    group: str = Field(primary_key=True, max_length=40)
    event_id: str = Field(primary_key=True, max_length=36)
    starts: int


class Delivery(SQLModel, table=True):
    """The embedded bus: one event that waits for one group."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("group", "event_id", name="uq_delivery_group_event"),
        Index("ix_delivery_due", "group", "position"),
        Index("ix_delivery_subject", "group", "subject", "position"),
    )

    id: int | None = Field(default=None, sa_type=_BIG, primary_key=True)
    group: str = Field(max_length=40)
    event_id: str = Field(max_length=36)
    subject: str = Field(max_length=100)
    position: int = Field(sa_type=_BIG)
    attempts: int = 0
    not_before: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    worker: str | None = Field(default=None, max_length=60)


class DeadLetter(SQLModel, table=True):
    """An event that a group gave up on, kept whole until somebody replays it."""

    __tablename__ = "dead_letter"
    __table_args__ = (Index("ix_dead_letter_state", "state", "created_at"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str | None = Field(default=None, max_length=36, index=True)
    group: str = Field(max_length=40)
    topic: str = Field(max_length=60)
    event_id: str = Field(max_length=100)
    subject: str | None = Field(default=None, max_length=100)
    payload: str = Field(sa_type=Text)
    error: str = Field(max_length=100)
    detail: str = Field(sa_type=Text)
    attempts: int
    state: str = Field(default="dead", max_length=10)
    case_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    replayed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
