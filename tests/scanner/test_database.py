"""Both databases have the schema of the tables, and a journal that nobody can change."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel, select

from scanner.database import Database
from scanner.errors import UninitialisedError
from scanner.tables import Case
from tests.journalling import note


def test_migrations_make_the_schema_of_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)

        assert compare_metadata(context, SQLModel.metadata) == []


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
    with_postgresql = create_engine(postgresql_url)
    with with_postgresql.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    with_postgresql.dispose()
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
