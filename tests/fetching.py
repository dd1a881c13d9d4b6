"""Fetches from listeners on the loopback, for tests."""

import pytest

from scanner.fetch import FetchError, FetchLimits, fetch
from scanner.store import BlobStore
from scanner.url_guard import UrlGuard
from tests.loopback import Listener

LIMITS = FetchLimits(max_bytes=1 << 20, seconds=5)
SONG = bytes(range(256)) * 1000


class Fetcher:
    """Fetches into a store of its own."""

    def __init__(self, store: BlobStore) -> None:
        self.store = store

    def __call__(self, url, guard, limits=LIMITS, s3_options=None):
        with self.store.open_writer("tenant") as writer:
            fetched = fetch(url, guard, limits, writer, s3_options)
            return fetched, writer.commit()

    def fails(self, url, guard, limits=LIMITS, s3_options=None) -> FetchError:
        with self.store.open_writer("tenant") as writer, pytest.raises(FetchError) as caught:
            fetch(url, guard, limits, writer, s3_options)
        return caught.value


def allowing(*listeners: Listener) -> UrlGuard:
    return UrlGuard(frozenset(listener.host for listener in listeners))
