"""Shards of the index that are served from threads of the test's process."""

import contextlib
import functools
import socket
import threading
from collections.abc import Callable, Iterator

import numpy as np

import fingerprint
from fingerprint import Fingerprint
from scanner.callers import Caller
from scanner.reference_checks import New, take_in
from scanner.service import Service
from scanner.shards.placement import Shard
from scanner.shards.server import create_app, server_of
from scanner.tables import Reference
from tests.servers import wait_until
from tests.songs import RATE, song

SONGS = 6
SECRET = "0123456789abcdef" * 4


def give_secret(service: Service, secret: str = SECRET) -> None:
    """Put a secret where the service's settings look for it."""
    path = service.settings.shard_key_file
    path.touch(mode=0o600)
    path.write_text(secret)


@contextlib.contextmanager
def shard_of(service: Service, shard: Shard, port: int = 0) -> Iterator[str]:
    """Serve a shard; give its address."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        app = create_app(service, shard)
        server = server_of(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started and app.state.filled.is_set(), 10, "the shard's start")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@contextlib.contextmanager
def shards_of(service: Service, count: int) -> Iterator[tuple[str, ...]]:
    """Serve all shards; give their addresses in order."""
    with contextlib.ExitStack() as stack:
        yield tuple(
            stack.enter_context(shard_of(service, Shard(number, count)))
            for number in range(1, count + 1)
        )


@functools.cache
def whole(seed: int) -> Fingerprint:
    samples = song(seed, 20)[None]
    return fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)


@functools.cache
def medley() -> Fingerprint:
    """A piece of each song and of one that is unknown."""
    samples = np.concatenate([song(n, 20)[5 * RATE : 9 * RATE] for n in range(SONGS + 1)])[None]
    return fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)


def added(
    service: Service, caller: Caller, print_: Fingerprint, title: str, bank: str | None = None
) -> Reference:
    blob = service.store.put_bytes(caller.tenant_id, print_.to_bytes())
    new = New(title, print_.duration, blob.sha256, holder=title, bank=bank)
    return take_in(service, caller, new, print_, despite_conflicts=True)


def sharded(make_service: Callable[..., Service], service: Service, *shards: str) -> Service:
    """Another process of the same installation, which asks shards."""
    return make_service(database_url=service.settings.database, index_shards=shards)
