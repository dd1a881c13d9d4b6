"""What keeps a pack from being proposed: its tests and the linter, in a process of their own.

A clause of a stranger's pack may take any time and give no thread back meanwhile, so what tries it out
can be ended: by the clock, by computing time and by memory.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

import policy
from scanner.errors import PackRefusedError, TransientError

if TYPE_CHECKING:
    from scanner.service import Service

MEMORY_BYTES: Final = 2 * 2**30
_MEMORY: Final = "2 GiB of memory"
_GRACE_SECONDS: Final = 10.0
"""What a child may take to start, beyond its own time."""

log = structlog.get_logger()


def examine(service: "Service", text: str) -> list[str]:
    """Return a pack's failed tests and the linter's findings; none: it may be proposed.

    Raises
    ------
    PackRefusedError
        If it is no pack, or its tests and checks take too long.
    BusyError
        If as many packs as may be are tried out already.
    TransientError
        If the process that tries it out can't be started, or was ended from outside.
    """
    seconds = service.settings.pack_seconds
    with service.pack_slots:
        said = _said(text, seconds)
    if said is None:
        raise PackRefusedError(
            [
                f"its tests and checks take more than {seconds:g} s: make the clauses that go over "
                "lists simpler, or the tests fewer"
            ]
        )
    if "refused" in said:
        raise PackRefusedError(said["refused"])
    return said["findings"]


def _said(text: str, seconds: float) -> dict[str, list[str]] | None:
    """Return what the child said, ``findings`` or ``refused``; None if its time was over."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "scanner.pack_checks", f"{seconds:g}"],
            input=text.encode(),
            capture_output=True,
            timeout=seconds + _GRACE_SECONDS,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise TransientError("no process to try a pack out can be started") from error
    if done.returncode == -signal.SIGALRM:
        return None
    if done.returncode == -signal.SIGKILL:  # by an operator, or by a machine without memory
        raise TransientError("what tries packs out was ended from outside: try again")
    if done.returncode != 0:
        log.error("pack_checks_broke", returncode=done.returncode, said=done.stderr[-2000:])
        return {"refused": [f"its tests and checks break off, or take more than {_MEMORY}"]}
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


def _environment() -> dict[str, str]:
    """Return what the child may know: nothing of the service's settings and secrets."""
    packages = str(Path(__file__).parent.parent)
    return {"PYTHONPATH": os.pathsep.join([packages, *filter(None, sys.path)])}


def checked(text: str) -> dict[str, list[str]]:
    """Try a pack out in this process."""
    try:
        pack = policy.read_pack(text)
    except policy.PackError as error:
        return {"refused": [str(error)]}
    failed = [
        f"test '{result.name}' (line {result.line}): {'; '.join(result.differences)}"
        for result in policy.test_pack(pack)
        if not result.passed
    ]
    return {"findings": failed + [str(finding) for finding in policy.lint_pack(pack)]}


def _limit(seconds: float) -> None:
    """End this process once its time is over; whatever holds its threads can't keep the alarm off."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    _limit(float(sys.argv[1]))
    print(json.dumps(checked(sys.stdin.buffer.read().decode())))
