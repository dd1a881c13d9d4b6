"""The reference index of each tenant, kept up with the database.

The database is the truth: every change of a tenant's references has an epoch. The index is derived
from it and remembers the last epoch it holds. Whoever is about to search catches up first, so that
a reference is found from the moment its transaction has committed.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from filelock import FileLock
from sqlmodel import Session, col, select

import fingerprint
from scanner.database import Database
from scanner.metrics import INDEX_BYTES, INDEX_REFERENCES
from scanner.store import BlobStore
from scanner.tables import CatalogueEpoch, Reference

ACTIVE: Final = "active"
CHUNK: Final = 2000

log = structlog.get_logger()


@dataclass(frozen=True)
class Found:
    """What a search found, in which state of the index.

    Parameters
    ----------
    age_seconds
        How long ago the index was seen to hold every change of the catalogue.
    """

    matches: Sequence[fingerprint.Match]
    index_version: str
    index_epoch: int
    age_seconds: float


class Catalogue:
    """Opens, catches up and searches the tenants' indexes; one folder a tenant."""

    def __init__(self, database: Database, store: BlobStore, folder: Path) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._indexes: dict[str, fingerprint.SegmentIndex] = {}
        self._guard = threading.Lock()

    def search(self, tenant_id: str, query: fingerprint.Fingerprint) -> Found:
        """Search the tenant's references, newest changes included."""
        index = self.caught_up(tenant_id)
        checked = time.monotonic()
        matches = index.search(query)
        return Found(
            matches=matches,
            index_version=index.version,
            index_epoch=index.epoch,
            age_seconds=round(time.monotonic() - checked, 3),
        )

    def caught_up(self, tenant_id: str) -> fingerprint.SegmentIndex:
        """Return the tenant's index after applying what the database has beyond it."""
        index = self._index(tenant_id)
        if self._newest_epoch(tenant_id) <= index.epoch:
            return index
        with FileLock(self._folder / tenant_id / "catch-up.lock"):
            for epoch, added, removed in self._changes(tenant_id, index.epoch):
                index.apply(added, removed, epoch)
                log.info(
                    "index_caught_up",
                    tenant=tenant_id,
                    epoch=epoch,
                    added=len(added),
                    removed=len(removed),
                )
        stats = index.stats()
        INDEX_REFERENCES.labels(tenant_id).set(stats.references)
        INDEX_BYTES.labels(tenant_id).set(stats.bytes)
        return index

    def check(self) -> None:
        """Raise if an index folder can't be read or made."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for index in list(self._indexes.values()):
            index.stats()

    def _index(self, tenant_id: str) -> fingerprint.SegmentIndex:
        with self._guard:
            if tenant_id not in self._indexes:
                folder = self._folder / tenant_id
                folder.mkdir(parents=True, exist_ok=True)
                self._indexes[tenant_id] = fingerprint.SegmentIndex(folder)
            return self._indexes[tenant_id]

    def _newest_epoch(self, tenant_id: str) -> int:
        with self._database.reading() as session:
            row = session.get(CatalogueEpoch, tenant_id)
            return row.value if row else 0

    def _changes(
        self, tenant_id: str, epoch: int
    ) -> Iterator[tuple[int, list[tuple[str, fingerprint.Fingerprint]], list[str]]]:
        # The newest epoch is read first: what commits after that is for the next round. A reference
        # that changed several times stands only at its last epoch, so the last chunk reaches up
        # to the newest one even where no row carries it.
        newest = self._newest_epoch(tenant_id)
        while epoch < newest:
            with self._database.reading() as session:
                rows = session.exec(
                    select(Reference)
                    .where(
                        Reference.tenant_id == tenant_id,
                        Reference.epoch > epoch,
                        Reference.epoch <= newest,
                    )
                    .order_by(col(Reference.epoch))
                    .limit(CHUNK)
                ).all()
            added = [
                (row.id, self._fingerprint(tenant_id, row)) for row in rows if row.status == ACTIVE
            ]
            removed = [row.id for row in rows if row.status != ACTIVE]
            epoch = newest if len(rows) < CHUNK else rows[-1].epoch
            yield epoch, added, removed

    def _fingerprint(self, tenant_id: str, row: Reference) -> fingerprint.Fingerprint:
        with self._store.open(tenant_id, row.fingerprint_sha256) as file:
            return fingerprint.Fingerprint.from_bytes(file.read())


def next_epoch(session: Session, tenant_id: str) -> int:
    """Return the next change number of a tenant's catalogue.

    The row stays locked until the transaction ends, so changes commit in the order of their
    numbers and an index that holds number n has missed none below it.
    """
    row = session.get(CatalogueEpoch, tenant_id, with_for_update=True)
    if row is None:
        row = CatalogueEpoch(tenant_id=tenant_id, value=0)
        session.add(row)
        session.flush()
    row.value += 1
    session.flush()
    return row.value
