"""Makes one take, in a process that can be ended: `scanner/takes.py` starts it.

``python -m scanner.takes_child FOLDER CPU_SECONDS``: standard input is what is asked as JSON; sound, MIDI and
document go into the folder, and what the engine says of the take comes out as one JSON object. A take to vary
lies in the folder as it was kept.
"""

import json
import resource
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from generator import Engine, Take
    from generator.engines import Access

MEMORY_BYTES: Final = 4 << 30
PARENT: Final = "parent.json"
REFERENCE: Final = "reference.audio"
MOST_TOLD: Final = 10


def main() -> None:
    """Make it."""
    folder, cpu_seconds = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))

    from generator import EngineFailedError, InvalidRequestError, MissingPartError

    asked = json.loads(sys.stdin.buffer.read())
    try:
        take, parent, repeats = _made(folder, asked)
    except InvalidRequestError as error:
        print(json.dumps({"refused": str(error)}))
    except MissingPartError as error:
        print(json.dumps({"missing": str(error)}))
    except EngineFailedError as error:
        print(json.dumps({"missing" if error.again else "refused": str(error)}))
    else:
        _keep(folder, take)
        print(json.dumps({"take": told(take, parent) | {"repeats": repeats}}))


def _made(
    folder: Path, asked: dict[str, Any]
) -> tuple["Take", "Take | None", list[dict[str, Any]]]:
    """Return the take, what it was varied from, and what it repeats of what its engine was trained on.

    ``asked`` holds the engine's name, its module where it is none of ours, and the request's fields; of a
    variation only those in which it differs from its parent.
    """
    from generator import request_of
    from generator.audio_files import read_audio
    from generator.kept_takes import names_of, take_of
    from generator.memorisation import repeats

    engine, parent, fields = engine_of(asked), None, asked["fields"]
    document = folder / PARENT
    if document.exists():
        kept = document.read_bytes()
        sounds = {
            name: read_audio((folder / f"parent-{place}.flac").read_bytes())
            for place, name in enumerate(names_of(kept))
        }
        parent = take_of(kept, sounds)
        fields = parent.request.model_dump() | {"parent": parent.id} | fields
    take = engine.generate(request_of(fields), parent, **_sounds(folder, engine, fields))
    found = [each.to_json() for each in repeats(engine, take)]
    return take, parent, found[:MOST_TOLD]


def _sounds(folder: Path, engine: "Engine", fields: dict[str, Any]) -> dict[str, Any]:
    """Return the audio that the request names, for an engine that takes any."""
    takes_some = "sounds" in signature(engine.generate).parameters
    if not takes_some or not (folder / REFERENCE).exists():
        return {}
    return {"sounds": {fields["audio_reference"]: (folder / REFERENCE).read_bytes()}}


def engine_of(asked: dict[str, Any]) -> "Engine":
    """Return an engine of ours by its name, or one of the deployer's by its module."""
    from generator import engine

    access = access_of(asked)
    if asked.get("module"):
        own: Engine = import_module(asked["module"]).engine(access)
        return own
    return engine(asked["engine"], access)


def access_of(asked: dict[str, Any]) -> "Access":
    """Return the key, address or weights that an engine was given."""
    from generator.engines import Access

    given = dict(asked.get("access", {}))
    if "weights" in given:
        given["weights"] = Path(given["weights"])
    return Access(**given)


def _keep(folder: Path, take: "Take") -> None:
    from generator.audio_files import audio_file
    from generator.kept_takes import document_of

    (folder / "mix.flac").write_bytes(audio_file(take.master, "FLAC"))
    (folder / "take.json").write_bytes(document_of(take))
    for place, stem in enumerate(take.stems):
        (folder / f"{place}.flac").write_bytes(audio_file(stem.samples, "FLAC"))
        if stem.midi:
            (folder / f"{place}.mid").write_bytes(stem.midi)


def told(take: "Take", parent: "Take | None") -> dict[str, Any]:
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
        "stems": _stems(take, parent),
        "bars": take.plan.bars,
        "bar_seconds": take.plan.seconds / take.plan.bars,
        "seconds": round(take.mix.shape[1] / take.rate, 3),
        "lufs": round(take.lufs, 2),
        "true_peak_db": round(take.true_peak_db, 2),
    }


def _stems(take: "Take", parent: "Take | None") -> list[dict[str, Any]]:
    """Name the stems, and of each the bars whose notes are those of the take before."""
    from generator.kept_takes import kept_bars

    before = {stem.name: stem for stem in parent.stems} if parent else {}
    bar, bars = take.plan.metre.bar, take.plan.bars
    return [
        {
            "name": stem.name,
            "instrument": stem.seat.instrument.name,
            "origin": stem.origin,
            "kept_bars": [
                number
                for number, kept in enumerate(kept_bars(stem, before[stem.name], bar, bars))
                if kept
            ]
            if stem.name in before
            else [],
        }
        for stem in take.stems
    ]


if __name__ == "__main__":
    main()
