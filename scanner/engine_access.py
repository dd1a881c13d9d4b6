"""What engines are run with: keys and addresses from the settings, in a process that is ended with all it started.

A key goes to the process of its own engine alone, through its standard input, and comes back in nothing it says.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from scanner.settings import Settings
from scanner.threads import ONE_EACH

_HIDDEN: Final = b"(key)"


def told_of(settings: Settings, name: str) -> dict[str, Any]:
    """Return what a process is told of its engine: name, module if it is none of ours, and what it needs."""
    return {
        "engine": name,
        "module": settings.generation_engines.get(name),
        "access": access_of(settings, name),
    }


def access_of(settings: Settings, name: str) -> dict[str, Any]:
    """Return the fields of ``generator.engines.Access`` that are set for an engine, as JSON data."""
    weights = settings.generation_weights.get(name)
    found: dict[str, Any] = {"weights": str(weights) if weights else None}
    if name == "lyria":
        found |= {"key": settings.lyria_key, "model": settings.lyria_model}
    if name == "model-x":
        found |= {
            "key": settings.model_x_key,
            "url": settings.model_x_url,
            "spend": settings.model_x_spend,
        }
    if found.get("key") is not None:
        found["key"] = found["key"].get_secret_value()
    return {field: value for field, value in found.items() if value is not None}


def run(
    module: str, arguments: Sequence[str], told: Mapping[str, Any], seconds: float
) -> "subprocess.CompletedProcess[bytes]":
    """Run a module in a process of its own, tell it something and return what it says.

    Parameters
    ----------
    told : mapping
        What it reads, as JSON; the key of its ``access`` is hidden in what it says.
    seconds : float
        After which it is ended, with all that it started.

    Raises
    ------
    TimeoutExpired
        If it was ended.
    OSError
        If it can't be started.
    """
    command = [sys.executable, "-P", "-m", module, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            out, said = process.communicate(json.dumps(told).encode(), seconds)
        finally:
            _end(process)
    key = str(told.get("access", {}).get("key") or "").encode()
    if key:
        out, said = out.replace(key, _HIDDEN), said.replace(key, _HIDDEN)
    return subprocess.CompletedProcess(command, process.returncode, out, said)


def environment() -> dict[str, str]:
    """Return what the child may know: nothing of the service's settings and secrets."""
    packages = str(Path(__file__).parent.parent)
    return ONE_EACH | {"PYTHONPATH": os.pathsep.join([packages, *filter(None, sys.path)])}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all of its session: what it started may hold its pipes open."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
