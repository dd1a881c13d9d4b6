"""Several processes answer at one address: together they count, one is replaced, and all end with the first."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.program import Served, initialised, serving
from tests.servers import wait_until


@contextlib.contextmanager
def _two(folder: Path) -> Iterator[Served]:
    home = folder / "home"
    initialised(home)
    with serving(home, workers=0, CLEARANCE_SERVERS="2") as running:
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with _two(tmp_path_factory.mktemp("servers")) as running:
        yield running


def _servers(served: Served) -> list[psutil.Process]:
    children = psutil.Process(served.process.pid).children()
    return [each for each in children if "scanner.serve" in each.cmdline()]


def _each_answers(served: Served) -> None:
    """Ask each, while the others stand still."""
    servers = _servers(served)
    assert len(servers) == 2
    for one in servers:
        others = [each for each in servers if each != one]
        for other in others:
            other.suspend()
        try:
            _ask(served.address, 1)
        finally:
            for other in others:
                other.resume()


def _counted(address: str) -> float:
    """Requests for a page that is not there, by ``/metrics``."""
    lines = httpx.get(f"{address}/metrics", trust_env=False).text.splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("clearance_http_seconds_count") and 'route="unmatched"' in line
    )


def _ask(address: str, times: int) -> None:
    for _ in range(times):  # a connection each, which either may take
        answer = httpx.get(f"{address}/nowhere", trust_env=False, timeout=60)
        assert answer.status_code == 404


def test_all_count_together(served) -> None:
    before = _counted(served.address)

    _each_answers(served)

    assert _counted(served.address) == before + 2


def test_one_that_is_killed_is_replaced_while_others_answer(served) -> None:
    killed, other = _servers(served)

    killed.kill()
    _ask(served.address, 2)
    wait_until(lambda: not killed.is_running(), 60, "the end of the one that was killed")
    wait_until(lambda: len(_servers(served)) == 2, 60, "two servers again")

    assert other in _servers(served)
    _each_answers(served)


def test_all_end_on_a_signal(tmp_path) -> None:
    with _two(tmp_path) as served:
        servers = _servers(served)

        assert served.stop(signal.SIGTERM) == 143

        assert not any(each.is_running() for each in servers)


def test_all_end_with_the_process_that_began_them(tmp_path) -> None:
    with _two(tmp_path) as served:
        servers = _servers(served)

        served.stop(signal.SIGKILL)

        _, alive = psutil.wait_procs(servers, timeout=60)
        assert alive == []
