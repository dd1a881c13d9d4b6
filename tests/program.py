"""The program, run as a user runs it."""

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.forked_program import forked
from tests.servers import wait_until

PROGRAM = str(Path(sys.executable).with_name("clearance"))


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLEARANCE_")}
    return kept | {"CLEARANCE_HOME": str(home)} | more


Words = str | bytes | Path


def clearance(
    home: Path, *arguments: Words, status: int | None = 0, **more: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; its exit status must be ``status`` unless that is None."""
    done = forked().run([PROGRAM, *arguments], environment(home, **more), timeout=120)
    return _ended(done, status)


def installed(
    home: Path, *arguments: Words, status: int | None = 0, **more: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command as ``clearance`` does, but by the installed program, with all its imports."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        check=False,
        env=environment(home, **more),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    return _ended(done, status)


def _ended(
    done: "subprocess.CompletedProcess[str]", status: int | None
) -> "subprocess.CompletedProcess[str]":
    assert "Traceback" not in done.stderr, done.stderr
    if status is not None:
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def lines(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    """Read standard output as one JSON object a line, and nothing else."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def answer(
    home: Path, *arguments: str | bytes | Path, status: int = 0, **more: str
) -> dict[str, Any]:
    """Run a command with --json that prints one object."""
    (found,) = lines(clearance(home, *arguments, "--json", status=status, **more))
    return found


def initialised(home: Path) -> dict[str, Any]:
    """Make an installation, as fresh as ``init`` makes one; return what ``init`` shows once.

    It is a copy of one that ``init`` made for this test run: its database, keys and logins are those
    of every other one, its folder is its own.
    """
    folder, shown = _installation()
    shutil.copytree(folder, home, dirs_exist_ok=True)
    return dict(shown)


@functools.cache
def _installation() -> tuple[Path, dict[str, Any]]:
    kept = tempfile.TemporaryDirectory(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    atexit.register(kept.cleanup)
    folder = Path(kept.name) / "home"
    shown = answer(folder, "init")
    assert str(folder).encode() not in b"".join(
        each.read_bytes() for each in folder.rglob("*") if each.is_file()
    )
    return folder, shown


def loaded(home: Path, *arguments: str) -> set[str]:
    """Modules that are loaded when a command ends."""
    script = (
        "import sys; from scanner.cli import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=environment(home),
    )
    assert done.stdout
    return set(done.stderr.split())


@dataclass
class Served:
    """A running service."""

    address: str
    process: "subprocess.Popen[str]"

    def stop(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(60)


@contextlib.contextmanager
def serving(home: Path, workers: int = 1, **more: str) -> Iterator[Served]:
    """``clearance serve`` on a free port, ready for requests; ended with SIGTERM."""
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", "--workers", str(workers), "--json"],
            env=environment(home, **more),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, (home / "serve.log").read_text()
        served = Served(json.loads(first)["address"], process)

        def ready() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return http.get("/readyz").status_code == 200
            return False

        with httpx.Client(base_url=served.address, timeout=5) as http:  # it reads certificates once
            wait_until(ready, 60, "readiness", pause=0.05)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        process.stdout.close()
