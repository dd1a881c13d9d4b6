"""Packs tried out in a process of their own: their tests and the linter, and decisions made again by them.

A clause of a stranger's pack may take any time and give no thread back meanwhile, so what tries it out
can be ended: by the clock, by computing time and by memory.
"""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

import policy
from scanner.errors import PackRefusedError, TransientError

if TYPE_CHECKING:
    from scanner.service import Service

MEMORY_BYTES: Final = 2 * 2**30
_MEMORY: Final = "2 GiB of memory"
KEPT: Final = 64
PATIENCE_SECONDS: Final = 300.0
_GRACE_SECONDS: Final = 10.0
"""What a child may take to start, beyond its own time."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Found:
    """What is to be mended, and in which line, counted from 1, if it is in one."""

    text: str
    line: int | None


class Results:
    """What the last packs came to that one process tried out; safe to use from several threads.

    A text comes to the same as long as the process runs. One whose time was over does not: it may only
    have had too little, so that is believed for `PATIENCE_SECONDS`, and by `known` alone.
    """

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[dict[str, Any], float]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, text: str, *, refusals: bool) -> dict[str, Any] | None:
        """Return what a text came to, if that is kept."""
        with self._lock:
            said, at = self._said.get(_digest(text), (None, 0.0))
        if said is None or "refused" not in said:
            return said
        return said if refusals and time.monotonic() - at < PATIENCE_SECONDS else None

    def keep(self, text: str, said: dict[str, Any]) -> None:
        """Keep what a text came to."""
        with self._lock:
            self._said[_digest(text)] = said, time.monotonic()
            while len(self._said) > KEPT:
                self._said.popitem(last=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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
    refused, findings = look(service, text)
    if refused:
        raise PackRefusedError([each.text for each in findings])
    return [each.text for each in findings]


def look(service: "Service", text: str) -> tuple[bool, list[Found]]:
    """Return whether a text is no pack at all or takes too long, and what is to be mended.

    Raises
    ------
    BusyError, TransientError
        As `examine` does.
    """
    return _found(_said(service, text))


def known(service: "Service", text: str) -> tuple[bool, list[Found]]:
    """Return what `look` does, also where a text took too long a moment ago: for who reads the same again."""
    return _found(_said(service, text, refusals=True))


def run_cases(service: "Service", text: str) -> dict[str, Any]:
    """Return what each test of a pack came to, and the linter's findings.

    Returns
    -------
    dict
        ``cases``: of each its ``name``, ``line``, ``passed``, ``differences`` and ``decision``; ``linted``:
        text and line of each finding.

    Raises
    ------
    PackRefusedError, BusyError, TransientError
        As `examine` does.
    """
    said = _said(service, text)
    if "refused" in said:
        raise PackRefusedError([told for told, _ in said["refused"]])
    return said


def _said(service: "Service", text: str, *, refusals: bool = False) -> dict[str, Any]:
    said = service.pack_results.find(text, refusals=refusals)
    if said is None:
        seconds = service.settings.pack_seconds
        with service.pack_slots:
            said = tried("scanner.pack_checks", text, seconds)
        said = _timed_out(seconds) if said is None else said
        service.pack_results.keep(text, said)
    return said


def _timed_out(seconds: float) -> dict[str, Any]:
    detail = (
        f"its tests and checks take more than {seconds:g} s: make the clauses that go over "
        "lists simpler, or the tests fewer"
    )
    return {"refused": [(detail, None)]}


def _found(said: dict[str, Any]) -> tuple[bool, list[Found]]:
    if "refused" in said:
        return True, [Found(*each) for each in said["refused"]]
    failed = [
        Found(
            f"test '{case['name']}' (line {case['line']}): {'; '.join(case['differences'])}",
            case["line"],
        )
        for case in said["cases"]
        if not case["passed"]
    ]
    return False, failed + [Found(*each) for each in said["linted"]]


def tried(module: str, given: str, seconds: float) -> dict[str, Any] | None:
    """Return what a module of ours says of a pack, as JSON, in a process that can be ended; None if its time was over.

    Parameters
    ----------
    module : str
        One that reads ``given`` from its input, calls `limit`, and prints an object: with ``refused`` if it breaks off.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, f"{seconds:g}"],
            input=given.encode(),
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
        return {"refused": [[f"its tests and checks break off, or take more than {_MEMORY}", None]]}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _environment() -> dict[str, str]:
    """Return what the child may know: nothing of the service's settings and secrets."""
    packages = str(Path(__file__).parent.parent)
    return {"PYTHONPATH": os.pathsep.join([packages, *filter(None, sys.path)])}


def checked(text: str) -> dict[str, Any]:
    """Try a pack out in this process: ``refused``, or ``cases`` and ``linted``."""
    try:
        pack = policy.read_pack(text)
    except policy.PackError as error:
        return {"refused": [(str(error), error.line)]}
    cases = [
        {
            "name": result.name,
            "line": result.line,
            "passed": result.passed,
            "differences": list(result.differences),
            "decision": result.decision.decision,
        }
        for result in policy.test_pack(pack)
    ]
    linted = [(str(finding), finding.line) for finding in policy.lint_pack(pack)]
    return {"cases": cases, "linted": linted}


def limit(seconds: float) -> None:
    """End this process once its time is over; whatever holds its threads can't keep the alarm off."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    limit(float(sys.argv[1]))
    print(json.dumps(checked(sys.stdin.buffer.read().decode())))
