"""The reference index of each tenant, kept up with the database.

The database is the truth: every change of a tenant's references has an epoch. The index is derived
from it and remembers the last epoch it holds. Whoever is about to search catches up first, so that
a reference is found from the moment its transaction has committed.
"""

import threading
import time
from collections import OrderedDict
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
MATCHES: Final = 1000
"""Matches that policy looks at: what its facts hold at most."""
OPEN: Final = 64
"""Indexes that a process keeps open: each of their files takes a descriptor."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Found:
    """What a search found, in which state of the index.

    Parameters
    ----------
    age_seconds
        How long ago, at most, the index was seen to hold every change of the catalogue.
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
        self._indexes: OrderedDict[str, fingerprint.SegmentIndex] = OrderedDict()
        self._guard = threading.Lock()

    def search(self, tenant_id: str, query: fingerprint.Fingerprint) -> Found:
        """Search the tenant's references, newest changes included."""
        asked = time.monotonic()
        answer = self.caught_up(tenant_id).answer(query, limit=MATCHES)
        return Found(
            matches=answer.matches,
            index_version=answer.version,
            index_epoch=answer.epoch,
            age_seconds=round(time.monotonic() - asked, 3),
        )

    def caught_up(self, tenant_id: str) -> fingerprint.SegmentIndex:
        """Return the tenant's index after applying what the database has beyond it."""
        index = self._index(tenant_id)
        if self._newest_epoch(tenant_id) == index.epoch:
            return index
        with FileLock(self._folder / tenant_id / "catch-up.lock"):
            if self._newest_epoch(tenant_id) < index.epoch:
                # The database was restored from before the index' last changes.
                log.warning("index_ahead_of_database", tenant=tenant_id, epoch=index.epoch)
                index.clear()
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
        """Raise if the folder can't be made or an index that was opened can't be read."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for index in list(self._indexes.values()):
            index.stats()

    def _index(self, tenant_id: str) -> fingerprint.SegmentIndex:
        with self._guard:
            if tenant_id not in self._indexes:
                folder = self._folder / tenant_id
                folder.mkdir(parents=True, exist_ok=True)
                self._indexes[tenant_id] = fingerprint.SegmentIndex(folder)
            self._indexes.move_to_end(tenant_id)
            while len(self._indexes) > OPEN:
                self._indexes.popitem(last=False)  # whoever searches it now keeps it open
            return self._indexes[tenant_id]

    def _newest_epoch(self, tenant_id: str) -> int:
        with self._database.reading() as session:
            row = session.get(CatalogueEpoch, tenant_id)
            return row.value if row else 0

    def _changes(
        self, tenant_id: str, epoch: int
    ) -> Iterator[tuple[int, list[tuple[str, fingerprint.Fingerprint]], list[str]]]:
        # Changes commit in the order of their epochs, so one statement sees all up to its last. A
        # reference that changed several times stands only at its last epoch, so the last chunk
        # reaches up to the newest one even where no row carries it.
        newest = self._newest_epoch(tenant_id)
        while epoch < newest:
            with self._database.reading() as session:
                rows = session.exec(
                    select(Reference)
                    .where(
                        Reference.tenant_id == tenant_id,
                        Reference.epoch > epoch,
                    )
                    .order_by(col(Reference.epoch))
                    .limit(CHUNK)
                ).all()
            added = [
                (row.id, self._fingerprint(tenant_id, row)) for row in rows if row.status == ACTIVE
            ]
            removed = [row.id for row in rows if row.status != ACTIVE]
            last = rows[-1].epoch if rows else epoch
            epoch = last if len(rows) == CHUNK else max(newest, last)
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
        Database.insert_if_absent(session, CatalogueEpoch(tenant_id=tenant_id, value=0))
        row = session.get_one(CatalogueEpoch, tenant_id, with_for_update=True)
    row.value += 1
    session.flush()
    return row.value
