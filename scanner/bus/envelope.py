"""CloudEvents 1.0 in structured JSON: how an event looks outside the process."""

from datetime import datetime
from typing import Any, Final

from scanner.errors import PoisonError
from scanner.journal import Event

SPEC_VERSION: Final = "1.0"
SOURCE: Final = "urn:clearance"


def to_cloudevent(event: Event) -> dict[str, Any]:
    """Return the event as a CloudEvent with the service's extensions."""
    envelope: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": SOURCE,
        "type": event.type,
        "time": event.time.isoformat(),
        "subject": event.subject,
        "datacontenttype": "application/json",
        "dataschema": f"urn:clearance:schema:{event.type}:{event.schema_version}",
        "aggregateversion": event.version,
        "data": event.data,
    }
    extensions = {
        "tenant": event.tenant,
        "causationid": event.causation_id,
        "correlationid": event.correlation_id,
    }
    return envelope | {name: value for name, value in extensions.items() if value is not None}


def from_cloudevent(envelope: dict[str, Any], topic: str) -> Event:
    """Return the event in an envelope that this service wrote.

    Raises
    ------
    PoisonError
        If a needed attribute is missing or of the wrong type.
    """
    try:
        if envelope["specversion"] != SPEC_VERSION:
            raise ValueError(f"specversion {envelope['specversion']!r}")
        return Event(
            id=str(envelope["id"]),
            topic=topic,
            type=str(envelope["type"]),
            schema_version=int(str(envelope["dataschema"]).rsplit(":", 1)[1]),
            subject=str(envelope["subject"]),
            version=int(envelope["aggregateversion"]),
            tenant=envelope.get("tenant"),
            time=datetime.fromisoformat(envelope["time"]),
            data=dict(envelope["data"]),
            causation_id=envelope.get("causationid"),
            correlation_id=envelope.get("correlationid"),
        )
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise PoisonError(f"not an event of this service: {error!r}") from error
