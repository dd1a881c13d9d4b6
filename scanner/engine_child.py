"""Asks engines about themselves, in a process that can be ended: what they are, and whether they repeat pieces.

``python -m scanner.engine_child CPU_SECONDS``: standard input is ``{"engine", "module", "do"}``; one JSON object
comes out.
"""

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from scanner.errors import TransientError
from scanner.generators import BUILTIN, environment
from scanner.takes_child import engine_of

if TYPE_CHECKING:
    from generator import Engine
    from scanner.service import Service

MEMORY_BYTES: Final = 4 << 30
TEST_SECONDS: Final = 3600


def manifest(service: "Service", name: str) -> dict[str, Any]:
    """Return an engine's name, version, manifest and the result of the test it comes with, if any."""
    if name == BUILTIN:  # ours: it loads nothing foreign
        from generator import engine

        return known(engine(BUILTIN))
    return _asked(service, name, "manifest", service.settings.generation_cpu_seconds)


def test(service: "Service", name: str) -> dict[str, Any]:
    """Run an engine's test for memorised pieces."""
    found = _asked(service, name, "test", TEST_SECONDS)
    return found | {"tested_at": service.now().isoformat()}


def _asked(service: "Service", name: str, do: str, seconds: int) -> dict[str, Any]:
    told = {"engine": name, "module": service.settings.generation_engines.get(name), "do": do}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "scanner.engine_child", str(seconds)],
            input=json.dumps(told).encode(),
            capture_output=True,
            timeout=4 * seconds,
            env=environment(),
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise TransientError(f"the engine {name} does not answer") from error
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
