"""Asks engines about themselves, in a process that can be ended: what they are, and whether they repeat pieces.

``python -m scanner.engine_child CPU_SECONDS``: standard input is ``{"engine", "module", "do"}``; one JSON object
comes out.
"""

import json
import resource
import subprocess
import sys
from functools import cache
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
    """Return an engine's name, version, manifest and the result of the test it comes with, if any.

    The engine is asked in a process of its own.
    """
    module = service.settings.generation_engines.get(name)
    return _manifest(name, module, service.settings.generation_cpu_seconds)


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
    module = service.settings.generation_engines.get(name)
    found = _asked(name, module, "test", TEST_SECONDS)
    return found | {"tested_at": service.now().isoformat()}


@cache
def _manifest(name: str, module: str | None, seconds: int) -> dict[str, Any]:
    """Of what is installed, which stays the same while this process runs."""
    return _asked(name, module, "manifest", seconds)


def _asked(name: str, module: str | None, do: str, seconds: int) -> dict[str, Any]:
    told = {"engine": name, "module": module, "do": do}
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
