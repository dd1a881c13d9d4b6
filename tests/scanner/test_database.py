"""Both databases have the schema of the tables, and a journal that nobody can change."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from scanner.database import Database
from scanner.errors import UninitialisedError
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
