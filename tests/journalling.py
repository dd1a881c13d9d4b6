"""Journal rows for tests that need some."""

from scanner.bus.relay import seal_batch
from scanner.clock import utc_now
from scanner.database import Database
from scanner.events import TrackWithdrawn
from scanner.journal import Event, record


def note(
    database: Database,
    subject: str,
    version: int = 1,
    tenant: str | None = None,
    *,
    sealed: bool = False,
) -> Event:
    """Write one row, and seal it if asked."""
    with database.transaction() as session:
        event = record(
            session,
            tenant_id=tenant,
            subject=subject,
            version=version,
            data=TrackWithdrawn(reason=f"{subject} {version}"),
            now=utc_now(),
        )
    if sealed:
        seal_batch(database)
    return event
