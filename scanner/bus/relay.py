"""The relay: seals journal rows into hash chains and publishes them, in order, at least once.

One relay works at a time: whoever holds the lock. It never looks for "ids above a cursor", since a
row with a smaller id may commit later; it takes the rows named in `journal_pending`. What has been
published is a cursor over the seals, so a crash between publishing and moving the cursor publishes
again, under the same ids.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from filelock import FileLock, Timeout
from sqlalchemy import delete, text
from sqlmodel import Session, col, func, select

from scanner.database import Database
from scanner.journal import GENESIS, Event, chain_of, event_of, seal_hash
from scanner.tables import BusCursor, JournalPending, JournalRow, JournalSeal

SEAL_BATCH: Final = 500
PUBLISH_BATCH: Final = 500
ADVISORY_LOCK: Final = 0x436C6561  # "Clea", the key of the PostgreSQL lock


class Publisher(Protocol):
    """Hands sealed events on. ``send`` is for transports with a network, ``publish`` for the
    database's own queue; what has neither does nothing there.

    Each publisher has a cursor under its own name: a service that changes its transport publishes
    to the new one whatever that has not seen; what is handled already is recognised.
    """

    name: str

    def send(self, events: Sequence[Event]) -> None:
        """Send events outside any transaction; return when the transport has them safe."""

    def publish(self, session: Session, events: Sequence[tuple[int, Event]]) -> None:
        """Queue events with their positions, in the transaction that moves the cursor."""

    def tend(self) -> None:
        """Look after what was published; called often, by the one relay that holds the lock."""


class Relay:
    """Seals and publishes while it holds the lock."""

    def __init__(self, database: Database, publisher: Publisher, lock_folder: Path) -> None:
        self._database = database
        self._publisher = publisher
        self._lock_path = lock_folder / "relay.lock"
        self._cursor = f"published:{publisher.name}"

    def run_once(self) -> int | None:
        """Seal and publish everything that is there; return how many were published.

        Returns None, having done nothing, if another relay holds the lock.
        """
        with self.lock() as held:
            return self.drain(lambda: False) if held else None

    def run(self, stopping: Callable[[], bool], wait: Callable[[float], None], poll: float) -> None:
        """Relay until told to stop; wait for the lock as long as another relay holds it."""
        while not stopping():
            with self.lock() as held:
                behind = True  # whoever had the lock before may have sealed and not published
                while held and not stopping():
                    published = self.drain(stopping) if behind else 0
                    self._publisher.tend()
                    if not published:
                        wait(poll)
                    behind = _something_waits(self._database)
            wait(max(poll, 0.5))

    def drain(self, stopping: Callable[[], bool]) -> int:
        """Seal and publish until nothing waits or it is told to stop; the caller holds the lock.

        A round does a batch of each: what waits first is on its way before the last is sealed.
        """
        total = 0
        while not stopping():
            sealed = seal_batch(self._database)
            published = self._publish_batch()
            total += published
            if sealed < SEAL_BATCH and published < PUBLISH_BATCH:
                break
        return total

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Try to become the relay: a file lock beside SQLite, else a PostgreSQL advisory lock."""
        if self._database.is_sqlite:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._lock_path, timeout=0, thread_local=False)
            try:
                lock.acquire()
            except Timeout:
                yield False
                return
            try:
                yield True
            finally:
                lock.release()
            return
        autocommit = self._database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as connection:
            taken = connection.execute(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_LOCK}
            ).scalar_one()
            try:
                yield bool(taken)
            finally:
                if taken:
                    connection.execute(
                        text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK}
                    )

    def _publish_batch(self) -> int:
        with self._database.reading() as session:
            cursor = session.get(BusCursor, self._cursor)
            batch = [
                (position, event_of(row))
                for position, row in session.exec(
                    select(JournalSeal.position, JournalRow)
                    .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
                    .where(JournalSeal.position > (cursor.position if cursor else 0))
                    .order_by(col(JournalSeal.position))
                    .limit(PUBLISH_BATCH)
                )
            ]
        if not batch:
            return 0
        self._publisher.send([event for _, event in batch])
        with self._database.transaction() as session:
            cursor = session.get(BusCursor, self._cursor, with_for_update=True)
            if cursor is None:
                cursor = BusCursor(name=self._cursor, position=0)
                session.add(cursor)
            fresh = [(position, event) for position, event in batch if position > cursor.position]
            if fresh:
                self._publisher.publish(session, fresh)
                cursor.position = fresh[-1][0]
        return len(batch)


def seal_batch(database: Database, limit: int = SEAL_BATCH) -> int:
    """Give every unsealed row its place in its chain; return how many were sealed.

    Rows of one subject are sealed in the order of their versions, even where the clocks of two
    machines disagree about it: with a row of the batch come all that wait of its subject.
    """
    if not _something_waits(database):  # an idle relay takes no write lock
        return 0
    with database.transaction() as session:
        waiting = (
            select(JournalRow)
            .join(JournalPending, col(JournalPending.journal_id) == col(JournalRow.id))
            .order_by(col(JournalRow.id))
        )
        rows = list(session.exec(waiting.limit(limit)))
        if len(rows) == limit:
            subjects = {row.subject for row in rows}
            taken = {row.id for row in rows}
            of_these = session.exec(waiting.where(col(JournalRow.subject).in_(subjects)))
            rows += [row for row in of_these if row.id not in taken]
        heads: dict[str, tuple[int, str]] = {}
        position = session.exec(select(func.max(JournalSeal.position))).one() or 0
        for row in _by_version(rows):
            chain = chain_of(row)
            sequence, previous = heads.get(chain) or _head(session, chain)
            position += 1
            digest = seal_hash(previous, row)
            session.add(
                JournalSeal(
                    position=position,
                    chain=chain,
                    sequence=sequence + 1,
                    journal_id=row.id,
                    previous_hash=previous,
                    hash=digest,
                )
            )
            heads[chain] = (sequence + 1, digest)
        sealed = [row.id for row in rows]
        session.execute(delete(JournalPending).where(col(JournalPending.journal_id).in_(sealed)))
        return len(rows)


def _something_waits(database: Database) -> bool:
    with database.reading() as session:
        return session.exec(select(JournalPending.journal_id).limit(1)).first() is not None


def _by_version(rows: Sequence[JournalRow]) -> list[JournalRow]:
    """Keep the order of ids, but let each subject's rows stand in the order of their versions."""
    by_subject: dict[str, list[JournalRow]] = {}
    for row in rows:
        by_subject.setdefault(row.subject, []).append(row)
    queues = {
        subject: iter(sorted(own, key=lambda row: row.version))
        for subject, own in by_subject.items()
    }
    return [next(queues[row.subject]) for row in rows]


def _head(session: Session, chain: str) -> tuple[int, str]:
    head = session.exec(
        select(JournalSeal.sequence, JournalSeal.hash)
        .where(JournalSeal.chain == chain)
        .order_by(col(JournalSeal.sequence).desc())
        .limit(1)
    ).first()
    return head if head is not None else (0, GENESIS)
