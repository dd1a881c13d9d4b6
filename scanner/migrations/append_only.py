"""Triggers that let rows into a table and never again touch them."""

from typing import Final

TABLES: Final = ("journal", "journal_seals")


def statements(table: str, dialect: str) -> list[str]:
    """Return the SQL that makes a table append-only.

    SQLite fires delete triggers for INSERT OR REPLACE only under ``recursive_triggers=ON``, which
    `scanner.database` sets; PostgreSQL needs a statement trigger for TRUNCATE.
    """
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
    return [
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    ]
