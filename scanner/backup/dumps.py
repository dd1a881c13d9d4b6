"""The database as one file, as it was at one moment, while others go on writing.

SQLite by its backup API; PostgreSQL by `pg_dump`, which reads the same snapshot as whoever asks what
bytes the rows name.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, create_engine, inspect, make_url, text
from sqlalchemy.exc import OperationalError

from scanner.backup.manifest import BackupError, copied
from scanner.database import Database

_MAJOR: Final = re.compile(r"\b(\d+)(?:\.\d+|devel|beta\d+|rc\d+)")
_PACKAGED: Final = Path("/usr/lib/postgresql")
_TOLD: Final = 400


@contextmanager
def dumped(database: Database, target: Path) -> Iterator[Connection]:
    """Write the database into a file, and give a connection that reads what is in it.

    Raises
    ------
    BackupError
        If PostgreSQL's programs are missing, too old, or fail.
    """
    if database.is_sqlite:
        _copy_sqlite(Path(make_url(database.url).database or ""), target)
        engine = create_engine(f"sqlite:///file:{target}?mode=ro&immutable=1&uri=true")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
        return
    with database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as reader:
        snapshot = str(reader.execute(text("SELECT pg_export_snapshot()")).scalar_one())
        major = int(reader.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
        program = _program("pg_dump", major)
        words = ("--format=custom", f"--snapshot={snapshot}", f"--file={target}")
        _run(program, make_url(database.url), *words, "--no-owner", "--no-privileges")
        target.chmod(0o600)
        yield reader


def put_back(dump: Path, database: Database) -> None:
    """Make the database of a dump; there is none there, or an empty one.

    Raises
    ------
    BackupError
        As `dumped`.
    """
    if database.is_sqlite:
        copied(dump, Path(make_url(database.url).database or ""))
        return
    with database.engine.connect() as connection:
        major = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    words = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    url = make_url(database.url)
    _run(_program("pg_restore", major), url, *words, f"--dbname={url.database}", str(dump))


def refuse_filled(database: Database) -> None:
    """Raise ``BackupError`` if there is anything in the database."""
    if database.is_sqlite:
        path = Path(make_url(database.url).database or "")
        if path.exists():
            raise BackupError(f"{path} is there already: restore into an empty home folder")
        return
    try:
        with database.engine.connect() as connection:
            tables = inspect(connection).get_table_names()
    except OperationalError as error:
        raise BackupError("the database does not answer: make an empty one first") from error
    if tables:
        raise BackupError(
            f"the database has {len(tables)} tables: restore into an empty one (`createdb`)"
        )


def _copy_sqlite(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    live, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        (well,) = copy.execute("PRAGMA quick_check").fetchone()
    finally:
        live.close()
        copy.close()
    if well != "ok":
        raise BackupError(f"the database is damaged: {well}")


def _program(name: str, server: int) -> str:
    """Return the newest program of a name, which must be at least as new as the server."""
    found = [str(path) for path in _PACKAGED.glob(f"*/bin/{name}")]
    found += [path] if (path := shutil.which(name)) else []
    versions = {path: _major(path) for path in found}
    if not versions:
        raise BackupError(
            f"{name} is missing: install PostgreSQL's client programs, {server} or later"
        )
    program = max(versions, key=lambda path: versions[path])
    if versions[program] < server:
        raise BackupError(
            f"{name} {versions[program]} can't serve a server of PostgreSQL {server}: install the "
            f"client programs of {server} or later"
        )
    return program


def _major(program: str) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = _MAJOR.search(told.stdout)
    return int(match[1]) if match else 0


def _run(program: str, url: URL, *words: str) -> None:
    """Run a program against a database; a password stands in a file, not on its command line."""
    settings = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        **url.query,
    }
    with tempfile.TemporaryDirectory(prefix="clearance-") as folder:
        service = Path(folder) / "service"
        service.touch(mode=0o600)
        lines = [f"{name}={value}" for name, value in settings.items() if value is not None]
        service.write_text("\n".join(["[clearance]", *lines, ""]), encoding="utf-8")
        known = {"PGSERVICEFILE": str(service), "PGSERVICE": "clearance"}
        done = subprocess.run(
            [program, *words], env=os.environ | known, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise BackupError(f"{Path(program).name} failed: {done.stderr.strip()[:_TOLD]}")
