"""Hears a track's words in a limited child process."""

import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scanner.errors import ScannerError
from scanner.speech import weights
from scanner.speech.agreement import Heard, agreed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000
WALL_FACTOR: Final = 8
"""How much longer than its CPU time the work may take on a busy machine."""
_NEEDED: Final = ("faster_whisper", weights.FIRST, weights.SECOND)


class NotHeardError(ScannerError):
    """The words could not be heard within the limits; the message says why."""


def is_installed() -> bool:
    """Tell whether the extra `speech` is there."""
    return all(find_spec(name) is not None for name in _NEEDED)


def hear(
    samples: "NDArray[np.float32]", sample_rate: int, models: Path, cpu_seconds: float
) -> Heard:
    """Return what is sung or spoken.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    models : Path
        Folder in which the weights are joined, once.
    cpu_seconds : float
        Processor time that both passes together may take.

    Raises
    ------
    NotHeardError
        If the time was not enough, or the recogniser ended otherwise.
    """
    import soxr

    mono = samples.mean(axis=0, dtype="float32")  # (n,)
    resampled = soxr.resample(mono, sample_rate, SAMPLE_RATE).astype("float32")
    limit = max(1, math.ceil(cpu_seconds))
    command = (
        sys.executable,
        "-m",
        "scanner.speech.child",
        str(weights.joined(models)),
        str(limit),
    )
    try:
        done = subprocess.run(
            command,
            input=resampled.tobytes(),
            capture_output=True,
            check=False,
            timeout=WALL_FACTOR * limit,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        raise NotHeardError(f"the words were not heard within {WALL_FACTOR * limit} s") from None
    if done.returncode:
        raise NotHeardError(f"the recogniser ended with {done.returncode}: {_last(done.stderr)}")
    told: dict[str, Any] = json.loads(done.stdout)
    first, second = (*told["passes"], [])[:2]
    return agreed(str(told["language"] or ""), first, second)


def _environment() -> dict[str, str]:
    """No settings and no secrets, but the way to the program's own modules."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HF_HUB_OFFLINE": "1"}


def _last(errors: bytes) -> str:
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "its time was over"
