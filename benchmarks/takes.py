"""How many takes of the built-in engine are cleared, through the service's whole pipeline.

Run: ``python -m benchmarks.takes HOME --count 30``: begins in an empty folder, goes on where it ended. The
catalogue holds recordings of tunes that the model was trained on, in their composition's way the hardest that a
take can be compared with.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from generator.audio_files import audio_file
from generator.instruments import instrument
from generator.mixing import bus
from generator.moods import MOODS, STYLES
from generator.plan import Seat
from generator.rendering import render, samples_of_take
from generator.training.tunes import tunes
from scanner import generations, inline, installation, keys, references, take_nodes, take_views
from scanner.callers import SCOPES, Caller
from scanner.service import Service
from scanner.settings import Settings

REFERENCES: Final = 10
_TEMPO: Final = 110.0
_SECONDS: Final = 30.0


def main() -> None:
    """Make takes, print what became of each and then the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--count", type=int, default=30)
    given = parser.parse_args()
    book = given.home / "takes.jsonl"
    with Service(Settings(home=given.home, log_level="error")) as service:
        caller = _caller(service, given.home)
        done = [json.loads(line) for line in book.read_text().splitlines()] if book.exists() else []
        for number in range(len(done), given.count):
            done.append(_taken(service, caller, number))
            with book.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
            print(json.dumps(done[-1]), flush=True)
    print(json.dumps(Counter(each["state"] for each in done)))


def _caller(service: Service, home: Path) -> Caller:
    if not (home / "clearance.db").exists():
        installation.initialise(service, "bench@example.com")
    with service.database.reading() as session:
        (tenant, *_) = keys.tenants(session)
    caller = Caller(tenant.id, keys.OPERATOR, frozenset(SCOPES))
    if not (home / "tunes").exists():
        (home / "tunes").mkdir()
        for path, title in _recordings(home / "tunes"):
            references.add(service, caller, path=path, title=title, holder="Books")
    return caller


def _recordings(folder: Path) -> list[tuple[Path, str]]:
    """Play some of the tunes on a flute."""
    seat = Seat("flute", instrument("flute"), ("melody",))
    found = []
    for tune in tunes()[:: len(tunes()) // REFERENCES][:REFERENCES]:
        last = round(_SECONDS * _TEMPO / 60 * 24)
        notes = [each for each in tune.notes if each.end <= last]
        sound = render(notes, seat.instrument, _TEMPO, samples_of_take(last, _TEMPO))
        path = folder / f"{tune.id.replace('/', '-')}.flac"
        path.write_bytes(audio_file(bus(sound, seat), "FLAC"))
        found.append((path, tune.id))
    return found


def _taken(service: Service, caller: Caller, number: int) -> dict[str, Any]:
    genres, moods = sorted(STYLES), sorted(MOODS)
    prompt = f"{moods[number % len(moods)]} {genres[number % len(genres)]}, 8 bars"
    started = time.monotonic()
    view = generations.request(
        service, caller, generations.GenerationAsked(prompt, None, {"seed": number})
    )
    inline.drive_generation(service, view["id"])
    with service.database.reading() as session:
        take = take_nodes.of_generation(session, view["id"])
    told = {"number": number, "prompt": prompt}
    if take is None:
        with service.database.reading() as session:
            row = generations.find(session, caller.tenant_id, view["id"])
            return told | {"state": row.state, "reasons": [each["rule"] for each in row.reasons]}
    inline.drive(service, take.track_id, seconds=1800)
    with service.database.reading() as session:
        seen = take_views.describe(service, session, take)
    return told | {
        "state": "cleared" if seen["clearance"]["cleared"] else seen["clearance"]["state"],
        "reasons": [each["rule"] for each in seen["clearance"]["reasons"]],
        "resembles": [[each["title"], round(each["score"], 3)] for each in seen["resembles"]],
        "seconds": round(time.monotonic() - started, 1),
        "sound_seconds": seen["seconds"],
    }


if __name__ == "__main__":
    main()
