"""Fixtures of the service's tests."""

import contextlib
from collections.abc import Iterator

import pytest

from scanner.callers import Caller
from scanner.store import BlobStore
from scanner.tables import Account, Holder
from tests import casework, claiming
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


@pytest.fixture
def officer(service, caller) -> Caller:
    return casework.person(service, caller, "olga", "appeals_officer")


@pytest.fixture
def account(service, caller) -> Account:
    """An account; from here on the clock stands still."""
    casework.at(service, service.now())
    return casework.account(service, caller)


@pytest.fixture
def label(service, caller) -> Holder:
    return claiming.holder(service, caller)
