"""The real application behind a real server on a loopback port, and platforms that talk to it."""

import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
import uvicorn
from sqlmodel import func, select

from scanner import keys
from scanner.api import create_app
from scanner.callers import SCOPES
from scanner.clock import new_id
from scanner.inline import drive
from scanner.service import Service
from scanner.tables import JournalRow, Tenant
from tests.servers import wait_until
from tests.songs import RATE, song

TLS = httpx.create_ssl_context(trust_env=False)
"""Unused; made once, since to read the certificates takes longer than what a test asks."""


def sound(seed: int = 1, seconds: float = 6) -> bytes:
    """A WAV file of synthesised music."""
    file = io.BytesIO()
    soundfile.write(file, song(seed, seconds), RATE, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="session")
def wav() -> bytes:
    return sound(1)


@pytest.fixture(scope="session")
def other_wav() -> bytes:
    return sound(2)


@contextlib.contextmanager
def served(service: Service) -> Iterator[str]:
    """Serve in a thread; give the base address."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(service.settings, service)
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=2
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 10, "the server's start")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


@dataclass
class Platform:
    """One tenant with a key that may do everything."""

    tenant: Tenant
    token: str
    http: httpx.Client
    service: Service

    def submit(self, content: bytes, key: str | None = None, **fields: Any) -> str:
        answer = self.http.post(
            "/v1/tracks",
            headers={"Idempotency-Key": key or new_id()},
            files={"file": ("song.wav", content)},
            data=fields,
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["track_id"])

    def decided(self, content: bytes, **fields: Any) -> str:
        """Submit and run the pipeline to its end."""
        track_id = self.submit(content, **fields)
        drive(self.service, track_id)
        return track_id

    def reference(self, content: bytes, **fields: Any) -> dict[str, Any]:
        answer = self.http.post(
            "/v1/references", files={"file": ("reference.wav", content)}, data=fields
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@dataclass
class Api:
    service: Service
    url: str
    stack: contextlib.ExitStack

    def platform(self, name: str = "one", sandbox_of: Platform | None = None) -> Platform:
        tenant = sandbox_of.tenant if sandbox_of else keys.create_tenant(self.service, name)
        _, token = keys.create_key(
            self.service, tenant.id, f"{name}'s key", sandbox=sandbox_of is not None
        )
        return Platform(tenant, token, self.client(token), self.service)

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.stack.enter_context(
            httpx.Client(
                base_url=self.url, headers=headers, timeout=30, trust_env=False, verify=TLS
            )
        )

    def scoped(self, platform: Platform, *scopes: str) -> httpx.Client:
        _, token = keys.create_key(self.service, platform.tenant.id, "scoped", scopes or SCOPES)
        return self.client(token)

    def count(self, table: Any, *where: Any) -> int:
        with self.service.database.reading() as session:
            return session.exec(select(func.count()).select_from(table).where(*where)).one()

    def journal(self, platform: Platform, type_: str | None = None) -> list[JournalRow]:
        query = select(JournalRow).where(JournalRow.tenant_id == platform.tenant.id)
        if type_ is not None:
            query = query.where(JournalRow.type == type_)
        with self.service.database.reading() as session:
            return list(session.exec(query))

    def files(self) -> set[Path]:
        """Everything that is stored or left behind in the home folder, the database excepted."""
        home = self.service.settings.home
        return {
            path
            for folder in ("store", "tmp")
            for path in (home / folder).rglob("*")
            if path.is_file()
        }


MakeApi = Callable[..., Api]


@pytest.fixture
def make_api(make_service: Callable[..., Service]) -> Iterator[MakeApi]:
    with contextlib.ExitStack() as stack:

        def make(**settings: Any) -> Api:
            values = {"rate_limit": "100000/minute", "public_rate_limit": "100000/minute"}
            service = make_service(**(values | settings))
            return Api(service, stack.enter_context(served(service)), stack)

        yield make


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    return make_api()


@pytest.fixture
def both_api(make_api: MakeApi, database_url: str) -> Api:
    """The application on each database in turn."""
    return make_api(database_url=database_url)


@pytest.fixture
def platform(api: Api) -> Platform:
    return api.platform()


def problem(answer: httpx.Response) -> str:
    """The problem's name, after checking that it is a whole and discreet one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"] and body["detail"] and body["instance"].startswith("urn:uuid:")
    for leak in ("Traceback", "/tmp", ".py", "site-packages", "SELECT", "sqlalchemy"):
        assert leak not in answer.text
    return str(body["type"]).removeprefix("/problems/")
