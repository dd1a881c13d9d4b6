"""Both databases have the schema of the tables, and a journal that nobody can change."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel, select

from scanner.database import Database, newest_migration
from scanner.errors import UninitialisedError
from scanner.tables import Case
from tests.journalling import note


def test_migrations_make_the_schema_of_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)

        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_last_migration_is_in_the_last_file_and_named_by_it(database: Database) -> None:
    scripts = ScriptDirectory.from_config(database._alembic())

    assert scripts.get_heads() == [newest_migration()]


def test_an_older_database_says_what_to_run(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.db")
    with database._writer.begin() as connection:
        command.upgrade(database._alembic(connection), "0001")

    with pytest.raises(
        UninitialisedError, match=r"at revision 0001, .*: run `clearance db upgrade`"
    ):
        database.check()
    database.upgrade()
    database.check()
    database.close()


def test_an_empty_database_says_what_to_run(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db")

    with pytest.raises(UninitialisedError, match="clearance init"):
        database.check()
    database.close()


@pytest.mark.parametrize("table", ["journal", "journal_seals"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ],
)
def test_the_journal_refuses_every_change(database: Database, table, change) -> None:
    if change.startswith("TRUNCATE") and database.is_sqlite:
        change = "DELETE FROM {table} WHERE 1"  # SQLite's truncate
    if "REPLACE" in change and not database.is_sqlite:
        change = "UPDATE {table} SET {column} = {column} || ''"
    note(database, "subject", sealed=True)
    column = "subject" if table == "journal" else "hash"

    with (
        pytest.raises(DBAPIError, match="append-only"),
        database.transaction() as session,
    ):
        session.execute(text(change.format(table=table, column=column)))


def test_an_error_does_not_show_the_values_of_a_statement(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed, database.transaction() as session:
        session.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "topsecret"})

    assert "topsecret" not in str(failed.value)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as session:
            session.execute(text("INSERT INTO bus_cursor (name, position) VALUES ('x', 1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM bus_cursor")).scalar_one() == 0


def test_references_of_before_there_were_banks_go_into_default_ones(
    tmp_path, postgresql_url
) -> None:
    emptied(postgresql_url)
    for url in (f"sqlite:///{tmp_path}/old.db", postgresql_url):
        database = Database(url)
        with database._writer.begin() as connection:
            command.upgrade(database._alembic(connection), "0001")
        with database.transaction() as session:
            for statement in OLD_ROWS:
                session.execute(text(statement))

        database.upgrade()

        with database.reading() as session:
            rows = session.execute(
                text(
                    "SELECT reference.id, bank.name, bank.kind, bank.rollout, analysis.id "
                    "FROM reference JOIN bank ON bank.id = reference.bank_id "
                    "JOIN track_match ON track_match.reference_id = reference.id "
                    "JOIN analysis ON analysis.id = track_match.analysis_id"
                )
            ).all()
            cases = session.exec(select(Case)).all()
        assert rows == [("r", "default", "rights", 1.0, "a")]
        assert [case.track_id for case in cases] == ["k"]
        with database._writer.begin() as connection:
            command.downgrade(database._alembic(connection), "0001")
        with database.reading() as session:
            assert session.execute(text("SELECT count(*) FROM track_match")).scalar_one() == 1
        database.close()


def test_whom_peers_named_alike_are_parted_by_their_keys(tmp_path, postgresql_url) -> None:
    emptied(postgresql_url)
    for url in (f"sqlite:///{tmp_path}/old.db", postgresql_url):
        database = Database(url)
        with database._writer.begin() as connection:
            command.upgrade(database._alembic(connection), "0002_reference_hygiene")
        with database.transaction() as session:
            for statement in (OLD_ROWS[0], *SHARED_ROWS):
                session.execute(text(statement))

        database.upgrade()

        with database.reading() as session:
            rows = session.execute(
                text(
                    "SELECT reference.id, holder.name, holder.peer_key, holder.verified, "
                    "reference.flood_rate FROM reference "
                    "JOIN holder ON holder.id = reference.holder_id ORDER BY reference.id"
                )
            ).all()
            sweeps = session.execute(text("SELECT last_track_id FROM retro_sweep")).all()
            licences = session.execute(
                text(
                    "SELECT holder.name, holder.peer_key, licence.account_id, "
                    "licence.reference_id, CAST(licence.territories AS VARCHAR(99)) FROM licence "
                    "JOIN holder ON holder.id = licence.holder_id "
                    "ORDER BY holder.peer_key, licence.account_id"
                )
            ).all()
        assert [tuple(row) for row in rows] == [
            ("r1", "Label", "a", True, 0),
            ("r2", "Label", "a", True, 5),
            ("r3", "Label", "b", False, 0),
            ("r4", "Ours", None, True, 0),
            ("r5", "Ours", "b", False, 0),
        ]
        assert sweeps == [("k2",)]
        assert [tuple(row) for row in licences] == [
            ("Label", "a", "all", None, '["DE"]'),
            ("Label", "a", "one", "r1", '["DE"]'),
            ("Label", "a", "two", "r3", '["DE"]'),
            ("Label", "b", "all", None, '["DE"]'),
            ("Label", "b", "two", "r3", '["DE"]'),
        ]
        database.close()


def emptied(postgresql_url: str) -> None:
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


NOW = "'2026-01-01 00:00:00+00:00'"
OLD_ROWS = (
    f"INSERT INTO tenant (id, name, created_at) VALUES ('t', 'one', {NOW})",
    "INSERT INTO holder (id, tenant_id, name, named, verified, created_at) "
    f"VALUES ('h', 't', 'label', true, false, {NOW})",
    "INSERT INTO reference (id, tenant_id, holder_id, version, epoch, status, policy, title, "
    "territories, operator_added, duration, fingerprint_sha256, extra, created_at, updated_at) "
    f"VALUES ('r', 't', 'h', 1, 1, 'active', 'block', 'song', '[]', true, 9, 'f', '{{}}', {NOW}, "
    f"{NOW})",
    "INSERT INTO track (id, tenant_id, origin, state, version, created_at, updated_at) "
    f"VALUES ('k', 't', 'upload', 'quarantined', 1, {NOW}, {NOW})",
    "INSERT INTO analysis (id, tenant_id, track_id, detectors, versions, audio, warnings, seconds, "
    f"started_at, ended_at) VALUES ('a', 't', 'k', '{{}}', '{{}}', '{{}}', '[]', '{{}}', {NOW}, "
    f"{NOW})",
    "INSERT INTO track_match (id, tenant_id, track_id, analysis_id, reference_id, kind, score, "
    "coverage_query, coverage_reference, longest_seconds, segments, disposition) "
    "VALUES ('m', 't', 'k', 'a', 'r', 'recording', 1, 1, 1, 9, '[]', 'open')",
    "INSERT INTO appeal_case (id, tenant_id, track_id, kind, state, version, priority, reasons, "
    f"opened_at) VALUES ('c', 't', 'k', 'review', 'queued', 1, 20, '[]', {NOW})",
)
SHARED_ROWS = (
    *(
        "INSERT INTO holder (id, tenant_id, name, named, verified, created_at) "
        f"VALUES ('{key}', 't', '{name}', true, true, {NOW})"
        for key, name in (("h1", "Label"), ("h2", "Ours"))
    ),
    *(
        "INSERT INTO licence (id, tenant_id, holder_id, account_id, reference_id, territories, "
        f"valid_from, created_at) VALUES ('{account}', 't', 'h1', '{account}', {reference}, "
        f"'[\"DE\"]', {NOW}, {NOW})"
        for account, reference in (("all", "NULL"), ("one", "'r1'"), ("two", "'r3'"))
    ),
    "INSERT INTO bank (id, tenant_id, name, kind, enabled, rollout, version, created_at, "
    f"updated_at) VALUES ('b', 't', 'default', 'rights', true, 1, 1, {NOW}, {NOW})",
    *(
        "INSERT INTO reference (id, tenant_id, bank_id, holder_id, version, epoch, status, policy, "
        "title, territories, operator_added, duration, fingerprint_sha256, conflicts, "
        "accepted_rate, quarantined_for, peer_key, extra, created_at, updated_at) "
        f"VALUES ('{key}', 't', 'b', '{holder}', 1, 1, 'quarantined', 'block', 'song', '[]', false, "
        f"9, 'f', '[]', 0, {why}, {peer}, '{{}}', {at}, {NOW})"
        for key, holder, why, peer, at in (
            ("r1", "h1", "'conflict'", "'a'", NOW),
            ("r2", "h1", "'flood'", "'a'", NOW),
            ("r3", "h1", "'conflict'", "'b'", "'2026-01-02 00:00:00+00:00'"),
            ("r4", "h2", "'conflict'", "NULL", "'2026-01-02 00:00:00+00:00'"),
            ("r5", "h2", "'conflict'", "'b'", NOW),
        )
    ),
    *(
        f"INSERT INTO reference_tally (reference_id, hour, matches) VALUES ('{key}', '{hour}', 5)"
        for key, hour in (
            ("r1", "2025-12-31 23:00:00+00:00"),
            ("r2", "2025-12-31 23:00:00+00:00"),
            ("r2", "2025-12-30 23:00:00+00:00"),
        )
    ),
    *(
        "INSERT INTO track (id, tenant_id, origin, state, version, created_at, updated_at) "
        f"VALUES ('{key}', 't', 'upload', 'released', 1, {NOW}, {NOW})"
        for key in ("k1", "k2")
    ),
    "INSERT INTO retro_sweep (id, tenant_id, version, reference_ids, epoch, cursor, compared, "
    f"found, started_at) VALUES ('s', 't', 1, '[]', 1, '', 0, 0, {NOW})",
)
