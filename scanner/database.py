"""One engine a process; reading and writing transactions on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session, SQLModel

from scanner.errors import UninitialisedError

if TYPE_CHECKING:
    from alembic.config import Config

    from scanner.privacy.person_keys import PersonKeys

MIGRATIONS: Final = Path(__file__).parent / "migrations"
BUSY_SECONDS: Final = 30


class Database:
    """The database at ``url``.

    A writing transaction on SQLite starts with BEGIN IMMEDIATE, so that two writers queue up
    instead of failing when a read lock would have to grow; it must hold no decode, network or
    model work. ``person_keys`` encrypt what is personal in the journal.
    """

    def __init__(self, url: str, person_keys: "PersonKeys | None" = None) -> None:
        self.url = url
        self.person_keys = person_keys
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgresql_engine(url)
        self._writer = self.engine.execution_options(clearance_write=True)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a writing transaction: committed at the end, rolled back on any exception."""
        with self._session(self._writer) as session, session.begin():
            yield session

    @staticmethod
    def insert_if_absent(session: Session, *rows: SQLModel) -> None:
        """Insert rows of one table, but none whose key is there or comes at the same moment."""
        if not rows:
            return
        dialect = session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        values = [row.model_dump() for row in rows]
        session.execute(insert(type(rows[0])).on_conflict_do_nothing(), values)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads; what it returns stays usable after it."""
        with self._session(self.engine) as session:
            yield session

    def _session(self, engine: Engine) -> Session:
        session = Session(engine, expire_on_commit=False)
        session.info["person_keys"] = self.person_keys
        return session

    def upgrade(self) -> None:
        """Bring the schema to the newest migration, making the database if need be."""
        if self.is_sqlite:
            Path(make_url(self.url).database or "").parent.mkdir(parents=True, exist_ok=True)
        from alembic import command

        with self._writer.begin() as connection:
            command.upgrade(self._alembic(connection), "head")

    def check(self) -> None:
        """Raise ``UninitialisedError`` unless the schema is the one this code needs."""
        if self._has(newest_migration()):
            return
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        with self.engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
        needed = ScriptDirectory.from_config(self._alembic()).get_current_head()
        if present is None:
            raise UninitialisedError("the database is empty: run `clearance init`")
        if present != needed:
            raise UninitialisedError(
                f"the database is at revision {present}, this code needs {needed}: "
                "run `clearance db upgrade`"
            )

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def _has(self, revision: str) -> bool:
        """Tell whether a revision is the present one, without Alembic: every command asks."""
        query = text("SELECT version_num FROM alembic_version")
        try:
            with self.engine.connect() as connection:
                return connection.execute(query).scalars().all() == [revision]
        except DBAPIError:
            return False

    def _alembic(self, connection: Connection | None = None) -> "Config":
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        return config


def newest_migration() -> str:
    """Return the last revision, which its file is named by."""
    return max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_transient(error: BaseException) -> bool:
    """Tell whether a database error may go away by itself (lock, lost connection, full pool)."""
    if isinstance(error, OperationalError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or getattr(error.orig, "sqlstate", None) in {"40001", "40P01", "55P03", "57P01"}
    )


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS}, pool_size=20, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # pysqlite must not begin by itself
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # what was accepted survives a power cut
            "foreign_keys=ON",
            "recursive_triggers=ON",  # INSERT OR REPLACE then fires the journal's triggers
            f"busy_timeout={BUSY_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("clearance_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgresql_engine(url: str) -> Engine:
    return create_engine(
        url, pool_size=20, max_overflow=20, pool_pre_ping=True, hide_parameters=True
    )
