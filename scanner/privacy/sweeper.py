"""What has had its time goes, by the registry (GDPR-5e); what is held stays. Safe to repeat."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import ColumnElement, String, Table, and_, delete, exists, or_, tuple_
from sqlalchemy import select as sql_select
from sqlmodel import AutoString, Session, SQLModel, col, select

from scanner.clock import new_id
from scanner.events import RetentionApplied
from scanner.journal import record
from scanner.metrics import SWEEP_STEPS_FAILED
from scanner.privacy import blobs, erasure, holds, matter_ties
from scanner.privacy.personal import ERASED, ends_at
from scanner.privacy.registry import Table as Entry
from scanner.privacy.registry import models, registry
from scanner.tables import Appeal, Erasure, NoticeTrack, Track

if TYPE_CHECKING:
    from scanner.service import Service

BATCH: Final = 500

log = structlog.get_logger()


@dataclass(frozen=True)
class Swept:
    """What a sweep removed.

    Parameters
    ----------
    rows : dict
        By table; of ``track`` how many were erased.
    keys, blobs, restored, finished : int
        Keys of persons whose class had ended, blobs that nothing held, accounts and tracks that a
        restored backup had brought back, erasures that a crash had left unfinished.
    failed : tuple of str
        Steps that failed, which the next sweep does again; they kept no other from its turn.
    """

    rows: dict[str, int]
    keys: int
    blobs: int
    restored: int
    finished: int
    failed: tuple[str, ...] = ()


def sweep(service: "Service") -> Swept:
    """Do what is due now, and write down what was removed by retention."""
    steps = _Steps()
    finished = steps.count("erasures", lambda: erasure.finish_all(service))
    restored = steps.count("restored", lambda: erasure.reapply(service))
    swept = {name: steps.count(name, partial(_sweep_table, service, name)) for name in registry()}
    rows = {name: count for name, count in swept.items() if count}
    if said := steps.count("appeals of senders", partial(_sweep_appeals, service)):
        rows[Appeal.KIND] = rows.get(Appeal.KIND, 0) + said
    slots = service.person_keys.slots()
    keys = sum(steps.count(slot, partial(_sweep_slot, service, slot)) for slot in slots)
    steps.count("partial keys", lambda: service.person_keys.sweep_partials(service.now()))
    freed = steps.count("blobs", lambda: blobs.release(service))
    if rows or keys:
        with service.database.transaction() as session:
            record(
                session,
                tenant_id=None,
                subject=new_id(),
                version=1,
                data=RetentionApplied(rows=rows, keys=keys),
                now=service.now(),
            )
    return Swept(rows, keys, freed, restored, finished, tuple(steps.failed))


class _Steps:
    """Runs steps each by itself: one that fails is counted, logged and done again the next time."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def count(self, name: str, step: Callable[[], int]) -> int:
        """Return what a step removed; 0 if it failed."""
        try:
            return step()
        except Exception:
            log.exception("sweep_step_failed", step=name)
            SWEEP_STEPS_FAILED.inc()
            self.failed.append(name)
            return 0


def _sweep_slot(service: "Service", slot: str) -> int:
    """Destroy the keys of a class and month whose time is over, but those of held people."""
    if ends_at(slot) > service.now():
        return 0
    with service.database.reading() as session:
        held = holds.held_people(session, service.now())
    return service.person_keys.destroy_slot(slot, but=held)


def _sweep_table(service: "Service", name: str) -> int:
    entry = registry()[name]
    if entry.retention.column is None:
        return 0
    if name == Track.__tablename__:
        return _sweep_tracks(service, entry)
    removed = 0
    while count := _delete_batch(service, name, entry):
        removed += count
    return removed


def _sweep_tracks(service: "Service", entry: Entry) -> int:
    """Erase tracks whose time is over; those that are held are looked at again the next time."""
    done = exists().where(
        col(Erasure.object_kind) == erasure.TRACK, col(Erasure.object_id) == col(Track.id)
    )
    removed, after = 0, ""
    table: Table = Track.__table__  # type: ignore[attr-defined]
    while True:
        query = select(Track.id).where(_over(service, table, entry), ~done, Track.id > after)
        with service.database.reading() as session:
            ids = session.exec(query.order_by(col(Track.id)).limit(BATCH)).all()
        if not ids:
            return removed
        removed += sum(erasure.erase_track(service, each, erasure.RETENTION) for each in ids)
        after = ids[-1]


def _sweep_appeals(service: "Service") -> int:
    """Erase what senders said in appeals about tracks that were erased while those were open.

    What a held notice's sender said is held with it.
    """
    with service.database.reading() as session:
        held = held_ids(session, service)
        noticed = select(NoticeTrack.track_id).where(col(NoticeTrack.notice_id).in_(held))
        query = (
            select(Appeal.id)
            .join(Erasure, col(Erasure.object_id) == col(Appeal.track_id))
            .where(
                Erasure.object_kind == erasure.TRACK,
                col(Appeal.state).in_(matter_ties.OVER),
                Appeal.reason != ERASED,
                matter_ties.senders_appeals(),
                col(Appeal.id).not_in(held),
                col(Appeal.track_id).not_in(noticed),
            )
        )
        ids = session.exec(query.limit(BATCH)).all()
    return sum(erasure.erase_appeal(service, each) for each in ids)


def _delete_batch(service: "Service", name: str, entry: Entry) -> int:
    table: Table = models()[name].__table__  # type: ignore[attr-defined]
    columns = list(table.primary_key.columns)
    key = tuple_(*columns)
    with service.database.transaction() as session:
        held = held_ids(session, service)
        tied = set(entry.tie.model_dump(exclude_none=True).values()) if entry.tie else set()
        tied |= {each.name for each in columns if isinstance(each.type, String | AutoString)}
        free = [or_(table.c[each].is_(None), table.c[each].not_in(held)) for each in tied]
        over = sql_select(*columns).where(
            _over(service, table, entry), *free, *_unreferenced(table)
        )
        ids = [tuple(row) for row in session.execute(over.limit(BATCH))]
        for blob in entry.blobs:
            bytes_of = select(table.c.tenant_id, table.c[blob]).where(key.in_(ids))
            for tenant_id, digest in session.exec(bytes_of).all():
                blobs.due(session, tenant_id, [digest], service.now())
        if ids:
            session.execute(delete(table).where(key.in_(ids)))
        return len(ids)


def _over(service: "Service", table: Table, entry: Entry) -> ColumnElement[bool]:
    """Return the condition that a row's time is over."""
    retention = entry.retention
    if retention.column is None or retention.keep is None:
        raise ValueError(f"{table.name} is not swept by a time")
    where = [table.c[column] == value for column, value in retention.where.items()]
    return and_(table.c[retention.column] <= service.now() - retention.keep, *where)


def _unreferenced(table: Table) -> list[ColumnElement[bool]]:
    """Return conditions that no row of another table points at a row of this one."""
    return [
        ~exists().where(key.parent == table.c[key.column.name])
        for other in SQLModel.metadata.sorted_tables
        for key in other.foreign_keys
        if key.column.table is table
    ]


def held_ids(session: Session, service: "Service") -> list[str]:
    """Return the ids of what is held: accounts, tracks, their cases."""
    found: set[Any] = {hold.object_id for hold in holds.in_force(session, service.now())}
    found |= set(session.exec(select(Track.id).where(col(Track.account_id).in_(found))))
    found |= set(matter_ties.about_accounts(session, found))
    found |= set(matter_ties.about_tracks(session, found))
    return sorted(found)
