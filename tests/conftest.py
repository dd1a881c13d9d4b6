"""Real servers and a real service for the tests: PostgreSQL, brokers, databases, tenants."""

import contextlib
import functools
import gc
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import argon2
import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.util import LRUCache

from scanner.audio import Decoder
from scanner.audio.children import LimitedChildren
from scanner.callers import Caller
from scanner.certificates import make_development_chain
from scanner.clock import utc_now
from scanner.database import Database
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from tests.running import add_tenant
from tests.servers import free_port, running_broker, wait_until

settings.register_profile(
    "shared", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("shared")

gc.set_threshold(10_000, 20, 50)
"""A test run imports half a million objects that stay: to visit them again and again took an eighth of it."""
_names = itertools.count()


IN_MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30


def pytest_configure(config: pytest.Config) -> None:
    # Files that live for one test are never read after a power cut: to wait for a disk's sync, which
    # every commit of SQLite does, took more than half of a run.
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))
    # kafka-python leaves the sockets of refused connections, which have no peer, to the collector.
    never_connected = r"unclosed <socket.socket .*laddr=.'0.0.0.0', \d+.>"
    config.addinivalue_line("filterwarnings", f"ignore:{never_connected}:ResourceWarning")


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    structlog.configure(
        logger_factory=structlog.ReturnLoggerFactory(),
        processors=[structlog.processors.KeyValueRenderer()],
    )


@pytest.fixture(autouse=True, scope="session")
def no_foreign_settings() -> Iterator[None]:
    """Nothing of the developer's own installation reaches a test."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("CLEARANCE")}
    yield
    os.environ.update(kept)


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hash passwords at argon2's least cost: what is meant to be slow took a quarter of a second a login."""
    strong = argon2.PasswordHasher
    argon2.PasswordHasher = functools.partial(  # type: ignore[misc, assignment]
        strong, time_cost=1, memory_cost=8, parallelism=1
    )
    yield
    argon2.PasswordHasher = strong  # type: ignore[misc]


@pytest.fixture(autouse=True, scope="session")
def shared_statements() -> Iterator[None]:
    """Compile each SQL statement once a run: an engine keeps what it compiled, and each test makes its own.

    The cache asks a statement's dialect, too; those of one kind are alike here.
    """
    cache: Any = LRUCache(5000)
    kept = DefaultDialect.__eq__, DefaultDialect.__hash__
    Engine._compiled_cache = property(lambda _: cache, lambda _, _own: None)  # type: ignore[assignment]
    DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
    DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    yield
    del Engine._compiled_cache
    DefaultDialect.__eq__, DefaultDialect.__hash__ = kept  # type: ignore[method-assign]


# --- PostgreSQL

UNSAFE = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
)
"""What a server may do without that lives for one test run: a third of a database's making."""


def _postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = str(found[-1]) if found else shutil.which("initdb")
    if program is None:
        pytest.fail("PostgreSQL's server programs are missing: install the package postgresql")
    return Path(program).parent


def _unprivileged() -> pwd.struct_passwd | None:
    """The user to run PostgreSQL as: initdb refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.fail("no unprivileged user to run PostgreSQL as")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a server of our own, without its database name."""
    programs, user, port = _postgresql_programs(), _unprivileged(), free_port()
    folder = Path(
        tempfile.mkdtemp(prefix="clearance-pg-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    )
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o700)
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, cwd=folder, stdout=subprocess.DEVNULL, env=_plain(), **identity
        )

    data = folder / "data"
    run(
        str(programs / "initdb"),
        "-D",
        str(data),
        "-A",
        "trust",
        "-U",
        "clearance",
        "-E",
        "UTF8",
        "--no-sync",
    )
    server = subprocess.Popen(
        [
            str(programs / "postgres"),
            "-D",
            str(data),
            "-p",
            str(port),
            "-k",
            str(folder),
            *(word for each in UNSAFE for word in ("-c", each)),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=300",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_plain(),
        **identity,
    )
    url = f"postgresql+psycopg://clearance@127.0.0.1:{port}"
    try:
        _wait_for_postgresql(url)
        template = Database(f"{url}/template1")
        template.upgrade()
        template.close()
        yield url
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _plain() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _wait_for_postgresql(url: str) -> None:
    engine = create_engine(f"{url}/postgres")

    def answers() -> bool:
        try:
            with engine.connect():
                return True
        except OperationalError:
            return False

    wait_until(answers, 30, "PostgreSQL's start")
    engine.dispose()


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """A fresh, migrated database."""
    name = f"test{os.getpid()}_{next(_names)}"
    engine = create_engine(f"{postgresql_server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(f"CREATE DATABASE {name} TEMPLATE template1 STRATEGY file_copy")
        )  # not block by block through the log
    yield f"{postgresql_server}/{name}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


# --- databases


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "clearance.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    path = tmp_path / "clearance.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


# --- brokers


@pytest.fixture
def broker() -> Iterator[str]:
    """host:port of a broker of this test's own."""
    port = free_port()
    with running_broker(port):
        yield f"127.0.0.1:{port}"


# --- the service


@pytest.fixture(scope="session")
def children() -> Iterator[LimitedChildren]:
    """The process that decoders are forked from: a second of imports, once instead of a test."""
    children = LimitedChildren()
    yield children
    children.close()


@pytest.fixture
def make_service(
    tmp_path: Path, sqlite_url: str, children: LimitedChildren
) -> Iterator[Callable[..., Service]]:
    """Make services over one home folder; SQLite unless ``database_url`` is given."""
    with contextlib.ExitStack() as stack:

        def make(**changes: object) -> Service:
            values: dict[str, object] = {
                "home": tmp_path,
                "database_url": sqlite_url,
                "poll_seconds": 0.01,
                "lease_seconds": 2.0,
                "retry_base_seconds": 0.05,
                "retry_cap_seconds": 0.5,
                "retries": 3,
                "kafka_partitions": 2,
                "second_review_share": 0,  # drawn by chance: tests that are about it say so
                "spot_check_share": 0,
                "workers": 0,
            }
            make_key_file(tmp_path)
            if not (tmp_path / "certificate").exists():
                make_development_chain(tmp_path / "certificate", utc_now())
            service = stack.enter_context(Service(Settings(**(values | changes))))
            service.decoder = Decoder(
                service.settings.decode_limits(), service.settings.temporary_folder
            )
            service.decoder.children = children
            return service

        yield make


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service()


@pytest.fixture
def caller(service: Service) -> Caller:
    return add_tenant(service)
