"""The embedded transport: the database is the queue, the workers of one machine read it.

At least once: a delivery is deleted after its handler has committed, so a crash in between brings
the event again and the mark *handled* makes that harmless. In order for each group and subject: a
delivery is not handed out while an earlier one of its subject is there.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import bindparam, delete, or_, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from scanner.bus.dispatch import DEAD, SETTLED, Again, Finished, Hold, Verdict, dispatch
from scanner.bus.groups import Group
from scanner.clock import utc_now
from scanner.database import Database
from scanner.journal import Event, event_of
from scanner.tables import Delivery, Handled, JournalRow, JournalSeal

if TYPE_CHECKING:
    from scanner.service import Service

MAX_IDLE_POLLS: Final = 4
LOOK_AT: Final = 4  # deliveries looked at in one claim: others may take the first ones

log = structlog.get_logger()


_other = aliased(Delivery)
_its_mark = (
    select(Handled.outcome)
    .where(col(Handled.group) == col(_other.group), col(Handled.event_id) == col(_other.event_id))
    .correlate(_other)
    .scalar_subquery()
)
_first_of_its_subject = (
    select(func.min(_other.position))
    .where(
        col(_other.group) == col(Delivery.group),
        col(_other.subject) == col(Delivery.subject),
        or_(col(_other.id) == col(Delivery.id), func.coalesce(_its_mark, "") != DEAD),
    )
    .correlate(Delivery)
    .scalar_subquery()
)
_free = or_(col(Delivery.leased_until).is_(None), col(Delivery.leased_until) < bindparam("now"))
DUE: Final = (
    select(Delivery)
    .where(
        col(Delivery.group) == bindparam("group"),
        col(Delivery.not_before) <= bindparam("now"),
        _free,
        col(Delivery.position) == _first_of_its_subject,
    )
    .order_by(col(Delivery.position))
    .limit(LOOK_AT)
)
"""The next deliveries that may be handed out: due, not leased, the first of their subject.

One that is buried, whose group could not be told yet, keeps no later one of its subject waiting.
The first of a subject is found by a scalar subquery, which PostgreSQL evaluates row by row in the
order of the index and stops; NOT EXISTS it turns into an anti-join over the whole queue.
"""
TAKE: Final = (
    update(Delivery)
    .where(
        col(Delivery.id) == bindparam("which"),
        col(Delivery.attempts) == bindparam("tries"),
        col(Delivery.not_before) <= bindparam("now"),
        _free,
    )
    .values(worker=bindparam("by"), leased_until=bindparam("until"), attempts=Delivery.attempts + 1)
)
"""Taking counts as a try, which settling corrects: an event that kills its workers ends too."""


class DeliveryQueue:
    """Publisher and consumer in one: rows of the table ``delivery``."""

    def __init__(self, database: Database, groups: Sequence[Group], lease_seconds: float) -> None:
        self._database = database
        self._groups = groups
        self._lease = timedelta(seconds=lease_seconds)

    def publish(self, session: Session, events: Sequence[tuple[int, Event]]) -> None:
        """Queue each event for the groups that handle its type; exactly once, with the cursor.

        What a group has handled already (the command line works without a queue) is left out.
        """
        now = utc_now()
        ids = [event.id for _, event in events]
        handled = set(
            session.exec(
                select(Handled.group, Handled.event_id).where(
                    col(Handled.event_id).in_(ids), col(Handled.outcome).in_(SETTLED)
                )
            )
        )
        Database.insert_if_absent(
            session,
            *(
                Delivery(
                    group=group.name,
                    event_id=event.id,
                    subject=event.subject,
                    position=position,
                    not_before=now,
                )
                for position, event in events
                for group in self._groups
                if event.type in group.handlers and (group.name, event.id) not in handled
            ),
        )

    def claim(self, group: str, worker: str) -> tuple[Delivery, Event] | None:
        """Lease the next due delivery of a group to a worker, or return None.

        Looking takes no write lock; whoever is first to write its name has the delivery.
        """
        now = utc_now()
        with self._database.reading() as session:
            found = session.exec(DUE, params={"group": group, "now": now}).all()
        for delivery in found:
            with self._database.transaction() as session:
                lease = {"which": delivery.id, "tries": delivery.attempts, "now": now}
                mine = {"by": worker, "until": now + self._lease}
                if session.connection().execute(TAKE, lease | mine).rowcount:
                    row = session.get_one(JournalRow, delivery.event_id)
                    return delivery, event_of(row)
        return None

    def renew(self, delivery: Delivery, worker: str) -> None:
        """Keep a delivery while its handler still works."""
        with self._database.transaction() as session:
            session.execute(
                update(Delivery)
                .where(col(Delivery.id) == delivery.id, col(Delivery.worker) == worker)
                .values(leased_until=utc_now() + self._lease)
            )

    def settle(self, delivery: Delivery, worker: str, verdict: Verdict) -> None:
        """Delete a finished delivery, or set the time of its next try."""
        own = (col(Delivery.id) == delivery.id, col(Delivery.worker) == worker)
        with self._database.transaction() as session:
            if isinstance(verdict, Again | Hold):
                counts = isinstance(verdict, Again) and verdict.counts
                session.execute(
                    update(Delivery)
                    .where(*own)
                    .values(
                        not_before=utc_now() + timedelta(seconds=verdict.delay),
                        attempts=delivery.attempts + int(counts),
                        leased_until=None,
                        worker=None,
                    )
                )
            elif isinstance(verdict, Finished):
                session.execute(delete(Delivery).where(*own))

    def redeliver(self, group: str, event: Event) -> None:
        """Queue an event again for one group, under its old id and in its old place.

        One that has no seal yet is left to the relay, which will bring it.
        """
        with self._database.transaction() as session:
            position = session.exec(
                select(JournalSeal.position).where(JournalSeal.journal_id == event.id)
            ).first()
            if position is None:
                return
            session.execute(
                delete(Delivery).where(
                    col(Delivery.group) == group, col(Delivery.event_id) == event.id
                )
            )
            session.add(
                Delivery(
                    group=group,
                    event_id=event.id,
                    subject=event.subject,
                    position=position,
                    not_before=utc_now(),
                )
            )

    def depth(self, group: str) -> int:
        """Return how many deliveries wait for a group, leased ones included."""
        with self._database.reading() as session:
            return session.exec(
                select(func.count()).select_from(Delivery).where(Delivery.group == group)
            ).one()


class EmbeddedTransport(AbstractContextManager["EmbeddedTransport"]):
    """Runs the pipeline's groups over the table ``delivery``."""

    name = "embedded"

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._news = threading.Condition()
        self._rounds = 0
        self._published = False
        self.queue = DeliveryQueue(service.database, service.groups, service.settings.lease_seconds)

    def __exit__(self, *_: object) -> None:
        return None

    def send(self, events: Sequence[Event]) -> None:
        """Send nothing: the queue is in the database."""

    def publish(self, session: Session, events: Sequence[tuple[int, Event]]) -> None:
        """Queue sealed events, in the relay's transaction."""
        self.queue.publish(session, events)
        self._published = True

    def tend(self) -> None:
        """Wake this process's idle consumers when something was queued; others look by themselves."""
        if self._published:
            self._published = False
            with self._news:
                self._rounds += 1
                self._news.notify_all()

    def consume(self, group: Group, stopping: Callable[[], bool], worker: str) -> None:
        """Claim and handle one delivery after the other; an idle worker looks ever more rarely."""
        poll = self._service.settings.poll_seconds
        idle = 0
        while not stopping():
            rounds = self._rounds
            claimed = self.queue.claim(group.name, worker)
            if claimed is None:
                idle += 1
                with self._news:
                    if self._rounds == rounds:
                        self._news.wait(poll * min(idle, MAX_IDLE_POLLS))
                continue
            idle = 0
            delivery, event = claimed
            with self._renewing(delivery, worker):
                verdict = dispatch(self._service, group, event, delivery.attempts)
            self.queue.settle(delivery, worker, verdict)

    def side_jobs(self, stopping: Callable[[], bool]) -> Sequence[tuple[str, Callable[[], None]]]:
        """Need nothing else: no message comes from outside."""
        return ()

    def redeliver(self, group: str, event: Event) -> None:
        """Queue an event again for one group, under its old id."""
        self.queue.redeliver(group, event)

    def settled(self, group: str) -> int | None:
        """Return None: a delivery waits for the earlier ones of its subject."""

    def depth(self, group: str) -> int:
        """Return how many deliveries wait for a group."""
        return self.queue.depth(group)

    def check(self) -> None:
        """Reach the database, which is the bus."""
        self.queue.depth("analyse")

    @contextmanager
    def _renewing(self, delivery: Delivery, worker: str) -> Iterator[None]:
        """Renew the lease from the side, so that a long handler keeps its delivery."""
        done = threading.Event()
        every = self._service.settings.lease_seconds / 3

        def renew() -> None:
            while not done.wait(every):
                try:
                    self.queue.renew(delivery, worker)
                except SQLAlchemyError as error:
                    log.warning("renew_failed", detail=str(error))

        thread = threading.Thread(target=renew, name="renew-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
