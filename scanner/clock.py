"""Identifiers and the time, the two things the core is always given."""

from datetime import UTC, datetime

from uuid_utils.compat import uuid7


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562): unique, and ordered by time of making."""
    return str(uuid7())


def utc_now() -> datetime:
    """Return the present, aware, in UTC."""
    return datetime.now(UTC)
