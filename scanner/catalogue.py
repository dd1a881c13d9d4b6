"""The reference index of each tenant, kept up with the database.

The database is the truth: every change of a tenant's references has an epoch. The index is derived
from it and remembers the last epoch it holds. Whoever is about to search catches up first, so that
a reference is found from the moment its transaction has committed. An index whose epoch the database
never gave out (it was restored from a backup), or that is damaged, is built anew.
"""

import math
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from filelock import FileLock, Timeout
from sqlmodel import Session, col, select

import fingerprint
from scanner.database import Database
from scanner.errors import BusyError, TransientError
from scanner.metrics import INDEX_BYTES, INDEX_REFERENCES
from scanner.milvus import collection_name
from scanner.shards.placement import WHOLE, Shard
from scanner.store import BlobStore, StoreError
from scanner.tables import CatalogueChange, CatalogueEpoch, Reference
from scanner.wording import Told

ACTIVE: Final = "active"
CHUNK: Final = 2000
MATCHES: Final = 1000
"""Matches that policy looks at: what its facts hold at most."""
CATCH_UP: Final = "catch-up.lock"
"""File in a tenant's folder that is locked by whoever alters its index."""
REBUILD: Final = "rebuild.lock"
"""Likewise by whoever builds it anew, in the folder ``BESIDE``."""
BESIDE: Final = "beside"
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


@dataclass(frozen=True)
class State:
    """How large a tenant's index is, and what it holds."""

    stats: fingerprint.IndexStats
    version: str
    epoch: int


class Catalogue:
    """Opens, catches up and searches the tenants' indexes; one folder a tenant.

    Parameters
    ----------
    milvus
        Where vectors are served from, a collection a tenant; without it they lie in the folders.
    shard
        Which references it holds; all of them, unless it is said.
    """

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        folder: Path,
        milvus: fingerprint.MilvusServer | None = None,
        shard: Shard = WHOLE,
    ) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._milvus = milvus
        self._shard = shard
        self._indexes: OrderedDict[str, fingerprint.SegmentIndex] = OrderedDict()
        self._members: OrderedDict[tuple[int, frozenset[str]], frozenset[str]] = OrderedDict()
        self._guard = threading.Lock()

    def search(
        self,
        tenant_id: str,
        query: fingerprint.Fingerprint,
        patience: float = math.inf,
        *,
        min_score: float | None = None,
        without_banks: Collection[str] = (),
    ) -> Found:
        """Search the tenant's references, newest changes included.

        Parameters
        ----------
        min_score : float, optional
            In place of the index's own threshold.
        without_banks : collection of str
            Ids of banks whose references are not looked for.

        Raises
        ------
        BusyError
            If another process has been bringing the index up to date for ``patience`` seconds.
        TransientError
            If a reference's fingerprint cannot be read, or Milvus does not answer: no track can be
            called clear without it.
        """
        asked = time.monotonic()
        left_out = frozenset(without_banks)
        try:
            answer = self._answer(tenant_id, query, patience, min_score, left_out)
        except fingerprint.IndexCorruptError as error:
            self._rebuild(tenant_id, error, patience)
            answer = self._answer(tenant_id, query, patience, min_score, left_out)
        return Found(
            matches=answer.matches,
            index_version=answer.version,
            index_epoch=answer.epoch,
            age_seconds=round(time.monotonic() - asked, 3),
        )

    def _answer(
        self,
        tenant_id: str,
        query: fingerprint.Fingerprint,
        patience: float,
        min_score: float | None,
        left_out: frozenset[str],
    ) -> fingerprint.Answer:
        index = self.caught_up(tenant_id, patience)
        with _transient():
            return index.answer(
                query,
                limit=MATCHES,
                exclude=self._in_banks(tenant_id, left_out),
                min_score=min_score,
            )

    def caught_up(self, tenant_id: str, patience: float = math.inf) -> fingerprint.SegmentIndex:
        """Return the tenant's index after applying what the database has beyond it.

        Raises
        ------
        BusyError, TransientError
            As :meth:`search`.
        """
        index = self._index(tenant_id)
        try:
            if self._newest_epoch(tenant_id) == index.epoch:
                return index
        except fingerprint.IndexOutdatedError as error:
            self._start_anew(tenant_id, error, patience)
        with self._alone(tenant_id, patience), _transient():
            if not self._gave_out(tenant_id, index.epoch):
                log.warning("index_of_another_past", tenant=tenant_id, epoch=index.epoch)
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

    def state(self, tenant_id: str, patience: float = math.inf) -> State:
        """Return the size of a tenant's index, newest changes included; raises as :meth:`search`."""
        index = self.caught_up(tenant_id, patience)
        return State(index.stats(), index.version, index.epoch)

    def _start_anew(self, tenant_id: str, outdated: Exception, patience: float) -> None:
        """Clear an index of an earlier version, unless another process has done so meanwhile."""
        index = self._index(tenant_id)
        with self._alone(tenant_id, patience), _transient():
            try:
                index.stats()
            except fingerprint.IndexOutdatedError:
                log.info("index_outdated", tenant=tenant_id, detail=str(outdated))
                index.clear()

    def _rebuild(self, tenant_id: str, damage: Exception, patience: float) -> None:
        """Clear an index that cannot be read, unless another process has done so meanwhile."""
        index = self._index(tenant_id)
        with self._alone(tenant_id, patience), _transient():
            try:
                index.verify()
            except fingerprint.IndexCorruptError:
                log.error("index_damaged", tenant=tenant_id, detail=str(damage))
                index.clear()

    @contextmanager
    def _alone(self, tenant_id: str, patience: float) -> Iterator[None]:
        lock = FileLock(
            self._folder / tenant_id / CATCH_UP,
            timeout=-1 if patience == math.inf else patience,
        )
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError("the index is being brought up to date: come back later") from error
        try:
            yield
        finally:
            lock.release()

    def check(self) -> None:
        """Raise if the folder can't be made, an index that was opened can't be read, or Milvus is away."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._milvus is not None:
            with _transient():
                self._milvus.answers()
        for index in list(self._indexes.values()):
            index.stats()

    def compare(self, tenant_id: str) -> int:
        """Read every byte of a tenant's index; return how many references it holds.

        Raises
        ------
        IndexCorruptError
            If a file does not have the content it was written with, or the references are not those
            of the database.
        """
        index = self.caught_up(tenant_id)
        with _transient():
            index.verify()
        active = (Reference.tenant_id == tenant_id, Reference.status == ACTIVE)
        while True:
            epoch = self._newest_epoch(tenant_id)
            with self._database.reading() as session:
                ids = session.exec(select(Reference.id).where(*active))
                wanted = {each for each in ids if self._shard.holds(each)}
            held = set(index.reference_ids())
            if epoch == index.epoch == self._newest_epoch(tenant_id):
                break
            index = self.caught_up(tenant_id)  # something changed in between
        if held != wanted:
            raise fingerprint.IndexCorruptError(
                Told(
                    "%(wanted)s references are missing from the index, %(held)s do not "
                    "belong there: remove %(folder)s to build it anew",
                    wanted=len(wanted - held),
                    held=len(held - wanted),
                    folder=index.folder,
                )
            )
        return len(held)

    def bare(self, tenant_id: str) -> int:
        """Count a tenant's references without vectors: altered copies of them are not found by these."""
        index = self.caught_up(tenant_id)
        with _transient():
            return sum(1 for _ in index.bare_ids())

    def compact(self, tenant_id: str) -> int:
        """Take what was retired out of a tenant's index files; return the bytes that are left."""
        index = self.caught_up(tenant_id)
        with self._alone(tenant_id, math.inf), _transient():
            index.compact()
        return index.stats().bytes

    def rebuild(self, tenant_id: str, told: Callable[[int], None] = lambda _: None) -> int:
        """Build a tenant's index anew from the database, without a pause for those who search it.

        It grows beside the one that is searched, and takes its place once it holds every change.

        Parameters
        ----------
        told : callable
            Is given the number of references so far, now and then.

        Returns
        -------
        int
            How many references it holds.

        Raises
        ------
        BusyError
            If another process is building it.
        TransientError
            As :meth:`search`; what is searched stays as it was.
        """
        folder = self._folder / tenant_id
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / REBUILD, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError(
                Told("the index of %(tenant_id)s is being built anew already", tenant_id=tenant_id)
            ) from error
        try:
            return self._rebuilt_beside(tenant_id, folder / BESIDE, told)
        finally:
            lock.release()

    def _rebuilt_beside(self, tenant_id: str, folder: Path, told: Callable[[int], None]) -> int:
        beside, index = self._opened(tenant_id, folder), self._index(tenant_id)
        try:
            with _transient():
                beside.clear()  # what a rebuild that was killed has left
                self._follow(tenant_id, beside, told)
                with self._alone(tenant_id, math.inf):
                    self._follow(tenant_id, beside, told)  # what came meanwhile
                    with suppress(fingerprint.IndexCorruptError):
                        if not self._gave_out(tenant_id, index.epoch):
                            index.clear()  # of another past; who searches waits for the next line
                    index.take_over(beside)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return index.stats().references

    def _follow(
        self, tenant_id: str, index: fingerprint.SegmentIndex, told: Callable[[int], None]
    ) -> None:
        for epoch, added, removed in self._changes(tenant_id, index.epoch):
            index.apply(added, removed, epoch)
            told(index.stats().references)

    def _opened(self, tenant_id: str, folder: Path) -> fingerprint.SegmentIndex:
        folder.mkdir(parents=True, exist_ok=True)
        if self._milvus is None:
            return fingerprint.SegmentIndex(folder)
        return fingerprint.MilvusIndex(folder, self._milvus, collection_name(tenant_id))

    def _index(self, tenant_id: str) -> fingerprint.SegmentIndex:
        with self._guard:
            if tenant_id not in self._indexes:
                self._indexes[tenant_id] = self._opened(tenant_id, self._folder / tenant_id)
            self._indexes.move_to_end(tenant_id)
            while len(self._indexes) > OPEN:
                self._indexes.popitem(last=False)  # whoever searches it now keeps it open
            return self._indexes[tenant_id]

    def _in_banks(self, tenant_id: str, banks: frozenset[str]) -> frozenset[str]:
        """Return the ids of the references that can be found in some banks.

        A bank may hold 10^5, so they are kept until the catalogue changes; the index keeps what it
        makes of the same set.
        """
        if not banks:
            return frozenset()
        key = (self._newest_epoch(tenant_id), banks)  # before the rows: never newer than they
        with self._guard:
            if key in self._members:
                self._members.move_to_end(key)
                return self._members[key]
        with self._database.reading() as session:
            rows = session.exec(
                select(Reference.id).where(
                    col(Reference.bank_id).in_(banks), Reference.status == ACTIVE
                )
            )
            members = frozenset(rows)
        with self._guard:
            self._members[key] = members
            while len(self._members) > OPEN:
                self._members.popitem(last=False)
        return members

    def _newest_epoch(self, tenant_id: str) -> int:
        with self._database.reading() as session:
            row = session.get(CatalogueEpoch, tenant_id)
            return row.value if row else 0

    def _gave_out(self, tenant_id: str, epoch: int) -> bool:
        with self._database.reading() as session:
            return epoch == 0 or session.get(CatalogueChange, (tenant_id, epoch)) is not None

    def _changes(
        self, tenant_id: str, epoch: int
    ) -> Iterator[tuple[int, list[tuple[str, fingerprint.Fingerprint]], list[str]]]:
        # Changes commit in the order of their epochs, so one statement sees all up to its last. A
        # reference that was added and removed stands only at its last epoch, so the last chunk
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
            own = [row for row in rows if self._shard.holds(row.id)]
            added = [(row.id, self.print_of(row)) for row in own if row.status == ACTIVE]
            removed = [row.id for row in own if row.status != ACTIVE]
            last = rows[-1].epoch if rows else epoch
            epoch = last if len(rows) == CHUNK else max(newest, last)
            yield epoch, added, removed

    def print_of(self, row: Reference) -> fingerprint.Fingerprint:
        """Return the fingerprint of a reference.

        Raises
        ------
        TransientError
            If it cannot be read.
        """
        try:
            with self._store.open(row.tenant_id, row.fingerprint_sha256) as file:
                return fingerprint.Fingerprint.from_bytes(file.read())
        except (StoreError, fingerprint.InvalidFingerprintError) as error:
            log.error(
                "reference_unreadable", tenant=row.tenant_id, reference=row.id, error=str(error)
            )
            raise TransientError(
                Told(
                    "the fingerprint of reference %(id)s cannot be read, and nothing can be "
                    "told clear without it: restore the store, or retire the reference and "
                    "add it again",
                    id=row.id,
                )
            ) from error


@contextmanager
def _transient() -> Iterator[None]:
    """Have a search be tried again when a part of the index does not answer."""
    try:
        yield
    except fingerprint.IndexUnavailableError as error:
        raise TransientError(str(error)) from error


def standing_epoch(session: Session, tenant_id: str) -> int:
    """Return the last change number; none is given out until the transaction ends."""
    return _locked_epoch(session, tenant_id).value


def next_epoch(session: Session, tenant_id: str) -> int:
    """Return the next change number of a tenant's catalogue.

    The row stays locked until the transaction ends, so changes commit in the order of their
    numbers and an index that holds number n has missed none below it. Numbers are microseconds
    since 1970: a database that is restored from a backup does not give one out again.
    """
    row = _locked_epoch(session, tenant_id)
    row.value = max(row.value + 1, time.time_ns() // 1000)
    session.add(CatalogueChange(tenant_id=tenant_id, epoch=row.value))
    session.flush()
    return row.value


def lock(session: Session, tenant_id: str) -> None:
    """Lock a tenant's catalogue until the transaction ends; `next_epoch` may follow, or not."""
    _locked_epoch(session, tenant_id)


def note_names(session: Session, tenant_id: str) -> None:
    """Count a change of titles, of holders' names, or of what banks take part.

    The row stays locked until the transaction ends; take it before the references, as `next_epoch`.
    """
    _locked_epoch(session, tenant_id).names += 1


def names_stamp(session: Session, tenant_id: str) -> tuple[int, int]:
    """Return what is another one once a title or a holder's name has come, gone or changed."""
    row = session.get(CatalogueEpoch, tenant_id)
    return (0, 0) if row is None else (row.value, row.names)


def _locked_epoch(session: Session, tenant_id: str) -> CatalogueEpoch:
    row = session.get(CatalogueEpoch, tenant_id, with_for_update=True)
    if row is None:
        Database.insert_if_absent(session, CatalogueEpoch(tenant_id=tenant_id, value=0))
        row = session.get_one(CatalogueEpoch, tenant_id, with_for_update=True)
    return row
