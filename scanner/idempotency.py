"""Idempotency keys: a replay gets the first answer, another body under the same key is refused."""

from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from scanner.errors import (
    IdempotencyConflictError,
    InProgressError,
    PreconditionFailedError,
)
from scanner.tables import IdempotencyKey


def begin(
    session: Session, tenant_id: str, key: str, operation: str, digest: str, now: datetime
) -> dict[str, Any] | None:
    """Take a key inside the caller's transaction, or return the first answer to it.

    Raises
    ------
    IdempotencyConflictError
        If the key stands for another body or another operation.
    InProgressError
        If a twin took the key and has not answered yet.
    """
    row = session.get(IdempotencyKey, (tenant_id, key), with_for_update=True)
    if row is None:
        taken = IdempotencyKey(
            tenant_id=tenant_id, key=key, operation=operation, body_digest=digest, created_at=now
        )
        try:
            with session.begin_nested():
                session.add(taken)
                session.flush()
        except IntegrityError:  # PostgreSQL: a twin committed between our look and our insert
            row = session.get_one(IdempotencyKey, (tenant_id, key), with_for_update=True)
        else:
            return None
    if row.operation != operation or row.body_digest != digest:
        raise IdempotencyConflictError(
            "this Idempotency-Key was used with another body: send the same one, or a new key"
        )
    if row.answer is None:
        raise InProgressError("a request with this Idempotency-Key is being handled")
    return row.answer


def finish(session: Session, tenant_id: str, key: str, status: int, answer: dict[str, Any]) -> None:
    """Keep the answer, in the transaction of its effect."""
    row = session.get_one(IdempotencyKey, (tenant_id, key))
    row.status = status
    row.answer = answer


def check_version(present: int, expected: int | None) -> None:
    """Raise ``PreconditionFailedError`` if somebody changed the object meanwhile."""
    if expected is not None and expected != present:
        raise PreconditionFailedError(
            f"the object is at version {present}, If-Match named {expected}: read it again"
        )
