"""Fixtures of the service's tests."""

import contextlib
from collections.abc import Iterator

import pytest

from scanner.store import BlobStore
from tests.fetching import Fetcher
from tests.loopback import Listener


@pytest.fixture
def fetcher(tmp_path) -> Fetcher:
    return Fetcher(BlobStore(str(tmp_path / "store")))


@pytest.fixture
def listen() -> Iterator:
    """Start listeners; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def start(answer=b"") -> Listener:
            listener = Listener(answer)
            stack.callback(listener.close)
            return listener

        yield start
