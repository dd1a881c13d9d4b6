"""Asks engines about themselves, in a process that can be ended: what they are, and whether they repeat pieces.

``python -m scanner.engine_child CPU_SECONDS``: standard input is ``{"engine", "module", "access", "do"}``; one JSON object
comes out.
"""

import json
import resource
import subprocess
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from scanner import engine_access
from scanner.errors import TransientError
from scanner.generators import BUILTIN
from scanner.takes_child import engine_of

if TYPE_CHECKING:
    from generator import Engine
    from scanner.service import Service

MEMORY_BYTES: Final = 4 << 30
TEST_SECONDS: Final = 3600
_SILENT_SECONDS: Final = 60.0
"""So long nobody else waits for an engine that did not answer."""
_silent: Final[dict[str, float]] = {}


def manifest(service: "Service", name: str, *, patient: bool = False) -> dict[str, Any]:
    """Return an engine's name, version, manifest and the result of the test it comes with, if any.

    The engine is asked in a process of its own.

    Parameters
    ----------
    patient : bool
        Whether nobody's request waits for it.

    Raises
    ------
    TransientError
        If something that it needs is missing, or it does not answer in time, or lately did not.
    """
    settings = service.settings
    told = json.dumps(engine_access.told_of(settings, name) | {"do": "manifest"})
    if not patient and time.monotonic() < _silent.get(told, 0.0):
        raise TransientError(f"the engine {name} did not answer just now: try again in a minute")
    cpu_seconds = settings.generation_cpu_seconds
    seconds = 4.0 * cpu_seconds if patient else settings.generation_engine_seconds
    try:
        return _manifest(told, cpu_seconds, seconds)
    except TimeoutError as error:
        _silent[told] = time.monotonic() + _SILENT_SECONDS
        raise TransientError(str(error)) from error


def packaged() -> dict[str, Any] | None:
    """Return the same of the built-in engine without loading it, if a result comes with its weights.

    Whether takes are of the version that was tested is looked at as each is made.
    """
    from generator.memorisation import builtin_manifest, packaged_test

    result = packaged_test()
    if result is None:
        return None
    version = result["engine_version"]
    return {"name": BUILTIN, "version": version, "manifest": builtin_manifest(), "test": result}


def test(service: "Service", name: str) -> dict[str, Any]:
    """Run an engine's test for memorised pieces."""
    told = engine_access.told_of(service.settings, name) | {"do": "test"}
    try:
        found = _asked(told, TEST_SECONDS, 4.0 * TEST_SECONDS)
    except TimeoutError as error:
        raise TransientError(str(error)) from error
    return found | {"tested_at": service.now().isoformat()}


@cache
def _manifest(told: str, cpu_seconds: int, seconds: float) -> dict[str, Any]:
    """Of what is installed, which stays the same while this process runs."""
    return _asked(json.loads(told), cpu_seconds, seconds)


def _asked(told: dict[str, Any], cpu_seconds: int, seconds: float) -> dict[str, Any]:
    name = told["engine"]
    try:
        done = engine_access.run("scanner.engine_child", [str(cpu_seconds)], told, seconds)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the engine {name} does not answer in {seconds:g} s") from None
    except OSError as error:
        raise TransientError(f"the engine {name} can't be started") from error
    if done.returncode != 0:
        raise TransientError(f"the engine {name} ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "missing" in answer:
        raise TransientError(answer["missing"])
    return answer


def known(engine: "Engine") -> dict[str, Any]:
    """Return what an engine is, and the result of the test that comes with it."""
    from generator.memorisation import manifest_of, packaged_test

    return {
        "name": engine.name,
        "version": engine.version,
        "manifest": manifest_of(engine),
        "test": packaged_test(engine),
    }


def main() -> None:
    """Answer one question about an engine."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    from generator import MissingPartError
    from generator.memorisation import tested

    asked = json.loads(sys.stdin.buffer.read())
    try:
        own = engine_of(asked)
        answer = tested(own) if asked["do"] == "test" else known(own)
    except MissingPartError as error:
        answer = {"missing": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
