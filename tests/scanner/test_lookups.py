"""Look-ups of names: bounded in time, in number, and in number for one owner."""

import threading
from collections.abc import Iterator

import pytest

from scanner import lookups
from scanner.lookups import Lookups, resolve_by_system
from scanner.url_guard import UnresolvedError, UrlGuard
from tests.resolving import PUBLIC
from tests.servers import wait_until


class Hanging:
    """A resolver that answers names under ``example.com`` once it is let go, all others at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.end = threading.Event()

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host.endswith("example.com"):
            self.end.wait(30)
        return [PUBLIC]


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    resolver = Hanging()
    yield resolver
    resolver.end.set()


def test_one_that_hangs_is_given_up_and_takes_one_thread_of_a_few(monkeypatch, hanging):
    monkeypatch.setattr(lookups, "MOST_LOOKUPS", 2)
    asked = Lookups(hanging, seconds=0.05)

    for name in ("a.example.com", "b.example.com", "c.example.com"):
        with pytest.raises(TimeoutError):
            asked.addresses(name, 443)
    assert hanging.asked == ["a.example.com", "b.example.com"]  # the third found no thread

    hanging.end.set()
    wait_until(lambda: _finds(asked, "d.example.com"), 10, "a thread's end")


def test_one_owners_that_hang_take_the_others_theirs_from_nobody(monkeypatch, hanging):
    monkeypatch.setattr(lookups, "MOST_FOR_ONE", 3)
    asked = Lookups(hanging, seconds=0.05)

    for n in range(lookups.MOST_LOOKUPS):
        with pytest.raises(TimeoutError):
            asked.addresses(f"{n}.example.com", 443, "one")
    assert len(hanging.asked) == 3

    assert asked.addresses("elsewhere.net", 443, "another") == [PUBLIC]
    assert asked.addresses("elsewhere.net", 443) == [PUBLIC]
    assert not _finds(asked, "elsewhere.net", "one")
    hanging.end.set()
    wait_until(lambda: _finds(asked, "elsewhere.net", "one"), 10, "a thread's end")


def test_a_guard_of_a_tenant_asks_for_it_and_shares_all_else(monkeypatch, hanging):
    monkeypatch.setattr(lookups, "MOST_FOR_ONE", 1)
    whole = UrlGuard(frozenset({"inner:8080"}), resolve=hanging, lookup_seconds=0.05)
    one, another = whole.of("one"), whole.of("another")

    with pytest.raises(UnresolvedError):
        one.target("https://example.com/")  # hangs, and goes on
    with pytest.raises(UnresolvedError):
        one.target("https://elsewhere.net/")
    assert another.target("https://elsewhere.net/").address == PUBLIC
    assert another.target("http://inner:8080/").by_setting


def test_where_no_thread_is_left_later_ones_have_theirs(monkeypatch):
    monkeypatch.setattr(lookups, "MOST_LOOKUPS", 1)
    asked = Lookups(lambda host, port: [PUBLIC], seconds=0.05)

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refused)
        with pytest.raises(OSError, match="new thread"):
            asked.addresses("elsewhere.net", 443)
    assert _finds(asked, "elsewhere.net")


def test_the_system_resolver_gives_plain_addresses():
    assert resolve_by_system("127.0.0.1", 443) == ["127.0.0.1"]
    assert set(resolve_by_system("localhost", 443)) <= {"127.0.0.1", "::1"}


def _finds(asked: Lookups, name: str, owner: str | None = None) -> bool:
    try:
        return asked.addresses(name, 443, owner) == [PUBLIC]
    except TimeoutError:
        return False
