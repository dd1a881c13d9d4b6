"""CloudEvents 1.0 in structured JSON: how an event looks outside the process."""

from typing import Any, Final

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
