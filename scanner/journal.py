"""The journal: what happened, written in the transaction that made it so.

One append-only table is both the outbox of the bus and the audit trail. `record` writes a row; the
relay (`scanner/bus/relay.py`) seals rows into hash chains and publishes them.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import rfc8785
from sqlmodel import Session

from scanner.clock import new_id
from scanner.events import EventData
from scanner.privacy.person_keys import Person, PersonKeys
from scanner.privacy.personal import opened, sealed
from scanner.tables import JournalPending, JournalRow

SYSTEM_CHAIN: Final = "system"
GENESIS: Final = "0" * 64


@dataclass(frozen=True)
class Actor:
    """Who did it: an id (a key, a user, a stage of the pipeline) and the role it acted in."""

    id: str
    role: str


PIPELINE: Final = Actor("pipeline", "system")


@dataclass(frozen=True)
class Event:
    """One journal row as the rest of the service sees it.

    ``subject`` is the object's id and the Kafka key; ``version`` counts the subject's events from
    1, without gaps.
    """

    id: str
    topic: str
    type: str
    schema_version: int
    subject: str
    version: int
    tenant: str | None
    time: datetime
    data: dict[str, Any]
    causation_id: str | None = None
    correlation_id: str | None = None


def record(
    session: Session,
    *,
    tenant_id: str | None,
    subject: str,
    version: int,
    data: EventData,
    now: datetime,
    actor: Actor = PIPELINE,
    cause: Event | None = None,
    person: Person | None = None,
) -> Event:
    """Write one row into the journal, inside the caller's transaction.

    Parameters
    ----------
    subject, version : str, int
        The aggregate and its version after this change. Two writers that reach for the same
        version collide on a unique constraint: one of them fails and is retried.
    cause : Event, optional
        The event whose handling led to this one.
    person : Person, optional
        Whose the personal fields are, which are encrypted; the tenant's, if nobody is named.
    """
    row_id = new_id()
    row = JournalRow(
        id=row_id,
        tenant_id=tenant_id,
        topic=data.topic,
        type=data.type,
        schema_version=data.schema_version,
        subject=subject,
        version=version,
        time=now,
        actor=actor.id,
        role=actor.role,
        causation_id=cause.id if cause else None,
        correlation_id=(cause.correlation_id or cause.id) if cause else None,
        data=sealed(
            session.info.get("person_keys"),
            data,
            row_id,
            person or Person("tenant", tenant_id or SYSTEM_CHAIN),
            now,
        ),
    )
    session.add(row)
    session.flush()  # the row before the pointer to it
    session.add(JournalPending(journal_id=row.id))
    return event_of(row)


def event_of(row: JournalRow) -> Event:
    """Return the event that a journal row holds."""
    return Event(
        id=row.id,
        topic=row.topic,
        type=row.type,
        schema_version=row.schema_version,
        subject=row.subject,
        version=row.version,
        tenant=row.tenant_id,
        time=row.time,
        data=row.data,
        causation_id=row.causation_id,
        correlation_id=row.correlation_id,
    )


def readable(event: Event, keys: PersonKeys | None) -> Event:
    """Return an event with its personal fields opened, for who may read them; or erased."""
    return replace(event, data=opened(keys, event.id, event.data)[0])


def chain_of(row: JournalRow) -> str:
    """Return the hash chain a row belongs to: its tenant's, or the system's."""
    return row.tenant_id or SYSTEM_CHAIN


def seal_hash(previous: str, row: JournalRow) -> str:
    """Return SHA-256 over the previous hash and the row's canonical JSON (RFC 8785), in hex."""
    return hashlib.sha256(previous.encode() + rfc8785.dumps(content_of(row))).hexdigest()


def content_of(row: JournalRow) -> dict[str, Any]:
    """Return a row as JSON, as its seal has it."""
    return {
        "id": row.id,
        "tenant": row.tenant_id,
        "topic": row.topic,
        "type": row.type,
        "schema_version": row.schema_version,
        "subject": row.subject,
        "version": row.version,
        "time": row.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": row.actor,
        "role": row.role,
        "causation_id": row.causation_id,
        "correlation_id": row.correlation_id,
        "data": row.data,
    }
