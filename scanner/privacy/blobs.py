"""Bytes go with the last row that holds them, whatever table that is in (the registry says)."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session, col, select

from scanner.database import Database
from scanner.privacy.registry import models, registry
from scanner.store import StoreError
from scanner.tables import BlobRelease

if TYPE_CHECKING:
    from scanner.service import Service

UNCLAIMED: Final = timedelta(minutes=10)
"""Bytes may be in the store so long before the row that holds them is written."""
BATCH: Final = 500

log = structlog.get_logger()


def due(session: Session, tenant_id: str, digests: Iterable[str | None], now: datetime) -> None:
    """Note bytes that a row held until now; whether another one does is looked at later."""
    rows = [
        BlobRelease(tenant_id=tenant_id, sha256=digest, at=now)
        for digest in sorted({each for each in digests if each})
    ]
    Database.insert_if_absent(session, *rows)


def held(session: Session, tenant_id: str, digests: Collection[str]) -> set[str]:
    """Return which of these digests a row of the tenant names."""
    found: set[str] = set()
    known = models()
    for name, entry in registry().items():
        table: Any = known[name].__table__  # type: ignore[attr-defined]
        for blob in entry.blobs:
            column = table.c[blob]
            named = select(column).where(table.c.tenant_id == tenant_id, column.in_(digests))
            found.update(session.exec(named.distinct()).all())
    return found


def release(service: "Service") -> int:
    """Remove the bytes that nothing holds any more; return how many blobs that were.

    Bytes that came only now may belong to a submission whose row is still to be written: they are
    left for the next time. Safe to repeat and to run in many workers.
    """
    removed, after = 0, ("", "")
    while batch := _batch(service, after):
        after = batch[-1]
        for tenant_id in sorted({tenant for tenant, _ in batch}):
            removed += _release(service, tenant_id, [sha for own, sha in batch if own == tenant_id])
    return removed


def _batch(service: "Service", after: tuple[str, str]) -> list[tuple[str, str]]:
    tenant_id, sha256 = after
    later = (col(BlobRelease.tenant_id) > tenant_id) | (
        (col(BlobRelease.tenant_id) == tenant_id) & (col(BlobRelease.sha256) > sha256)
    )
    query = select(BlobRelease.tenant_id, BlobRelease.sha256).where(later)
    order = (col(BlobRelease.tenant_id), col(BlobRelease.sha256))
    with service.database.reading() as session:
        return [tuple(row) for row in session.exec(query.order_by(*order).limit(BATCH))]  # type: ignore[misc]


def _release(service: "Service", tenant_id: str, digests: list[str]) -> int:
    with service.database.reading() as session:
        kept = held(session, tenant_id, digests)
    done, removed = list(kept), 0
    for digest in sorted(set(digests) - kept):
        try:
            if not service.store.exists(tenant_id, digest):
                done.append(digest)
            elif service.now() - service.store.modified_at(tenant_id, digest) >= UNCLAIMED:
                service.store.delete(tenant_id, digest)
                done.append(digest)
                removed += 1
        except StoreError as error:  # the next sweep tries again
            log.warning("blob_not_released", error=str(error))
    with service.database.transaction() as session:
        for digest in done:
            if (row := session.get(BlobRelease, (tenant_id, digest))) is not None:
                session.delete(row)
    return removed
