"""The journal's chains and order, whatever the writers and the relay do, and whoever tampers."""

import contextlib
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from scanner import audit
from scanner.bus.relay import Relay, seal_batch
from scanner.clock import utc_now
from scanner.database import Database
from scanner.events import TrackWithdrawn
from scanner.journal import Event, record
from scanner.tables import JournalPending, JournalRow, JournalSeal
from tests.journalling import note


class Collector:
    """A transport that keeps what it is given, and fails when told to."""

    name = "collector"

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.fail_after_sending = False

    def send(self, events) -> None:
        self.seen.extend(events)
        if self.fail_after_sending:
            self.fail_after_sending = False
            raise ConnectionError

    def publish(self, session, events) -> None:
        pass

    def tend(self) -> None:
        pass


def _tamper(database: Database, statement: str) -> None:
    """Change a row as somebody with the database's password could."""
    with database.transaction() as session:
        if database.is_sqlite:
            for table in ("journal", "journal_seals"):
                for verb in ("update", "delete"):
                    session.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
            session.execute(text("PRAGMA defer_foreign_keys=ON"))
        else:
            session.execute(text("SET session_replication_role = replica"))
        session.execute(text(statement))


@pytest.fixture
def sealed(database: Database) -> Database:
    for version in (1, 2, 3):
        note(database, "a", version, "tenant")
    note(database, "b", 1, "tenant")
    note(database, "c", 1, None)
    seal_batch(database)
    return database


def _verify(database: Database, tenant: str | None = None) -> audit.AuditReport:
    with database.reading() as session:
        return audit.verify(session, tenant)


def test_untouched_chains_verify(sealed: Database) -> None:
    report = _verify(sealed)

    assert report.whole
    assert (report.chains, report.sealed, report.unsealed) == (2, 5, 0)


def test_an_unsealed_tail_is_no_break(sealed: Database) -> None:
    note(sealed, "a", 4, "tenant")

    report = _verify(sealed)

    assert report.whole
    assert report.unsealed == 1


@pytest.mark.parametrize(
    ("statement", "kind", "sequence"),
    [
        ("UPDATE journal SET actor = 'nobody' WHERE subject = 'a' AND version = 2", "altered", 2),
        (
            "DELETE FROM journal_seals WHERE chain = 'tenant' AND sequence = 2",
            "missing",
            2,
        ),
        (
            "UPDATE journal_seals SET previous_hash = hash WHERE chain = 'tenant' AND sequence = 3",
            "reordered",
            3,
        ),
    ],
)
def test_the_first_break_is_named(sealed: Database, statement, kind, sequence) -> None:
    _tamper(sealed, statement)

    first = _verify(sealed).breaks[0]

    assert (first.chain, first.kind, first.sequence) == ("tenant", kind, sequence)


def test_a_row_without_seal_or_waiting_mark_is_named(sealed: Database) -> None:
    note(sealed, "a", 4, "tenant")
    _tamper(sealed, "DELETE FROM journal_pending")

    (found,) = _verify(sealed).breaks

    assert found.kind == "unlisted"


def test_a_tenant_is_told_of_its_own_chain_only(sealed: Database) -> None:
    _tamper(sealed, "UPDATE journal SET actor = 'nobody' WHERE subject = 'c'")

    assert _verify(sealed, "tenant").whole
    assert not _verify(sealed).whole


def test_two_writers_cannot_make_the_same_version(database: Database) -> None:
    note(database, "a", 1)

    with pytest.raises(IntegrityError):
        note(database, "a", 1)


def test_a_crash_between_sending_and_moving_the_cursor_sends_again(database, tmp_path) -> None:
    collector = Collector()
    relay = Relay(database, collector, tmp_path)
    first = note(database, "a", 1)
    collector.fail_after_sending = True
    with pytest.raises(ConnectionError):
        relay.run_once()

    relay.run_once()

    assert [event.id for event in collector.seen] == [first.id, first.id]


def test_only_one_relay_works_at_a_time(database: Database, tmp_path) -> None:
    note(database, "a", 1)
    one, two = (Relay(database, Collector(), tmp_path) for _ in range(2))

    with one.lock() as held:
        assert held
        assert two.run_once() is None
    assert two.run_once() == 1


def test_another_transport_gets_everything_from_the_start(database: Database, tmp_path) -> None:
    one, other = Collector(), Collector()
    other.name = "other"
    note(database, "a", 1)
    Relay(database, one, tmp_path).run_once()

    Relay(database, other, tmp_path).run_once()

    assert [event.subject for event in one.seen] == [event.subject for event in other.seen] == ["a"]


def test_a_clock_that_runs_behind_does_not_turn_a_subject_round(sqlite_url: str, tmp_path) -> None:
    database = Database(sqlite_url)
    first = note(database, "a", 1)
    for n in range(3):
        note(database, f"other{n}", 1)
    with database.transaction() as session:  # written by a machine whose clock is behind
        row = session.get_one(JournalRow, first.id).model_dump()
        early = f"00000000{first.id[8:]}"
        session.add(JournalRow(**row | {"id": early, "version": 2}))
        session.flush()
        session.add(JournalPending(journal_id=early))

    while seal_batch(database, limit=1):
        pass

    collector = Collector()
    Relay(database, collector, tmp_path).run_once()
    assert [event.version for event in collector.seen if event.subject == "a"] == [1, 2]
    assert _verify(database).whole
    database.close()


def test_a_row_that_commits_late_is_published_all_the_same(postgresql_url: str, tmp_path) -> None:
    database = Database(postgresql_url)
    collector = Collector()
    relay = Relay(database, collector, tmp_path)
    with database.transaction() as slow:
        late = record(
            slow,
            tenant_id=None,
            subject="late",
            version=1,
            data=TrackWithdrawn(reason="slow"),
            now=utc_now(),
        )
        early = note(database, "early", 1)
        relay.run_once()
        assert [event.id for event in collector.seen] == [early.id]
    relay.run_once()

    assert [event.id for event in collector.seen] == [early.id, late.id]
    database.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["a", "b", "c", "relay", "crash"]), max_size=30))
def test_any_interleaving_keeps_chains_whole_and_subjects_in_order(
    steps, migrated_sqlite, tmp_path_factory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    shutil.copy(migrated_sqlite, folder / "journal.db")
    database = Database(f"sqlite:///{folder}/journal.db")
    collector = Collector()
    relay = Relay(database, collector, folder)
    versions = dict.fromkeys("abc", 0)
    for step in steps:
        if step in versions:
            versions[step] += 1
            note(database, step, versions[step], tenant=None if step == "c" else "tenant")
        elif step == "crash" and sum(versions.values()):
            collector.fail_after_sending = True
        else:
            with contextlib.suppress(ConnectionError):
                relay.run_once()
    collector.fail_after_sending = False
    relay.run_once()

    assert _verify(database).whole
    for subject, last in versions.items():
        first_seen = list(
            dict.fromkeys(event.version for event in collector.seen if event.subject == subject)
        )
        assert first_seen == list(range(1, last + 1))
    with database.reading() as session:
        positions = list(
            session.exec(select(JournalSeal.position).order_by(col(JournalSeal.position)))
        )
    assert positions == list(range(1, sum(versions.values()) + 1))
    database.close()
