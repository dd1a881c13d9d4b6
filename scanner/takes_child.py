"""Makes one take, in a process that can be ended: `scanner/takes.py` starts it.

``python -m scanner.takes_child FOLDER CPU_SECONDS``: standard input is the request as JSON; the sound goes into the
folder, and what the engine says of the take comes out as one JSON object.
"""

import json
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from generator import Take

MEMORY_BYTES: Final = 4 << 30


def main() -> None:
    """Make it."""
    folder, cpu_seconds = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))

    from generator import InvalidRequestError, MissingPartError, engine, request_of

    fields = json.loads(sys.stdin.buffer.read())
    try:
        take = engine().generate(request_of(fields))
    except InvalidRequestError as error:
        print(json.dumps({"refused": str(error)}))
    except MissingPartError as error:
        print(json.dumps({"missing": str(error)}))
    else:
        _keep(folder, take)
        print(json.dumps({"take": told(take)}))


def _keep(folder: Path, take: "Take") -> None:
    from generator.audio_files import audio_file

    (folder / "mix.flac").write_bytes(audio_file(take.master, "FLAC"))
    for stem in take.stems:
        (folder / f"{stem.name}.stem.flac").write_bytes(audio_file(stem.samples, "FLAC"))


def told(take: "Take") -> dict[str, Any]:
    """Return what is kept of a take beside its sound."""
    return {
        "id": take.id,
        "engine": take.engine,
        "engine_version": take.version,
        "seed": take.request.seed,
        "understood": [
            {"field": each.field, "words": take.request.prompt[each.start : each.end]}
            for each in take.understood.spans
        ],
        "not_understood": list(take.understood.unread),
        "ignored_controls": list(take.ignored_controls),
        "reasons": [
            {"field": each.field, "value": each.value, "why": each.why} for each in take.reasons
        ],
        "stems": [
            {"name": each.name, "instrument": each.seat.instrument.name} for each in take.stems
        ],
        "seconds": round(take.mix.shape[1] / take.rate, 3),
        "lufs": round(take.lufs, 2),
        "true_peak_db": round(take.true_peak_db, 2),
    }


if __name__ == "__main__":
    main()
