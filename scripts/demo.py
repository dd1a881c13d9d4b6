"""Real music through the whole service: references, altered copies, an unknown song.

Run by `make demo`. ``MUSIC=folder`` takes music of one's own; ``DEMO_EXIT=1`` ends after the table.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import soundfile
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from scanner.clock import new_id
from scripts.demo_music import Piece, pieces, write_mp3
from scripts.demo_takes import PLANTED, asked, has_generator, protected

ROOT: Final = Path(__file__).resolve().parent.parent
HOME: Final = ROOT / ".demo"
CACHE: Final = ROOT / ".cache" / "demo"
FINAL: Final = {"released", "conditioned", "quarantined", "blocked", "held"}
console = Console(width=None if sys.stdout.isatty() else 120)


@dataclass(frozen=True)
class Case:
    """A file to submit, and what must not or must be said of it."""

    path: Path
    what: str
    is_clear: bool
    generation: dict[str, Any] | None = None
    """What a take is asked for; of a file, nothing."""


def main() -> int:
    """Run the demo; return 1 if an outcome is not what it should be."""
    music = pieces(os.environ.get("MUSIC"), CACHE)
    known, unknown = music[:-1], music[-1]
    shutil.rmtree(HOME, ignore_errors=True)
    files = HOME / "files"
    files.mkdir(parents=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CLEARANCE_")} | {
        "CLEARANCE_HOME": str(HOME / "home")
    }
    made = json.loads(_clearance(environment, "init", "--json"))
    console.print(f"Registering {len(known)} references …")
    references = [_write(files / f"{piece.title}.flac", piece) for piece in known]
    if has_generator():
        references.append(protected(files / f"{PLANTED}.flac"))
    _clearance(environment, "reference", "add", *map(str, references), "--json")
    cases = [*_cases(files, known, unknown), *_takes(files)]
    server, address = _serve(environment)
    try:
        results = [
            (case, _submit(address, made["api_key"], case))
            for case in track(cases, "Clearing", console=console)
        ]
        _show(results)
        wrong = [
            case for case, result in results if (result["decision"] == "clear") != case.is_clear
        ]
        for case in wrong:
            console.print(f"[red]{case.what}: not as it should be[/]")
        if os.environ.get("DEMO_EXIT") == "1":
            return int(bool(wrong))
        console.print(
            f"\nThe service is running: [bold]{address}[/] (API at {address}/openapi.json)\n"
            f"login {made['admin']['email']}, password {made['admin']['password']}\n"
            f"API key {made['api_key']}\nCtrl-C ends it."
        )
        server.wait()
    except KeyboardInterrupt:
        console.print("ending …")
    finally:
        server.terminate()
        server.wait(90)
    return 0


def _clearance(environment: dict[str, str], *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("clearance")), *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _serve(environment: dict[str, str]) -> tuple["subprocess.Popen[str]", str]:
    """Start the service on a free port; return it and its address once it answers."""
    log = HOME / "service.log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("clearance")), "serve", "--port", "0", "--json"],
            env=environment | {"CLEARANCE_WORKERS": "2"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert server.stdout is not None
    line = server.stdout.readline()
    deadline = time.monotonic() + 60
    while line and time.monotonic() < deadline:
        address: str = json.loads(line)["address"]
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return server, address
        time.sleep(0.1)
    server.terminate()
    raise SystemExit(f"the service did not start: see {log.relative_to(ROOT)}")


def _submit(address: str, key: str, case: Case) -> dict[str, Any]:
    """Submit a file, or ask for a take, and wait for its decision; adds the seconds it took."""
    started = time.monotonic()
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": new_id()}
    with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
        if case.generation is not None:
            track_id = _generated(client, case.generation)
        else:
            with case.path.open("rb") as file:
                answer = client.post("/v1/tracks", files={"file": (case.path.name, file)})
            track_id = answer.raise_for_status().json()["track_id"]
        view: dict[str, Any] = {}
        while view.get("state") not in FINAL:
            time.sleep(0.1)
            view = client.get(f"/v1/tracks/{track_id}").raise_for_status().json()
    return view | {"elapsed": time.monotonic() - started}


def _generated(client: httpx.Client, wanted: dict[str, Any]) -> str:
    """Ask for a take; return the track that it became."""
    view = client.post("/v1/generations", json=wanted).raise_for_status().json()
    while view["state"] == "queued":
        time.sleep(0.1)
        view = client.get(f"/v1/generations/{view['id']}").raise_for_status().json()
    if view["track_id"] is None:
        raise SystemExit(f"no take was made: {view['state']} {view['reasons']}")
    return str(view["track_id"])


def _takes(files: Path) -> list[Case]:
    """A take of the service's own generator, and one that replays a protected melody."""
    if not has_generator():
        console.print("No generator is installed here: no takes.")
        return []
    return [
        Case(files / "take of the generator", "a new take", True, asked()),
        Case(files / "take, planted copy", f"{PLANTED}, replayed", False, asked(planted=True)),
    ]


def _write(path: Path, piece: Piece) -> Path:
    soundfile.write(path, piece.samples, piece.rate)
    return path


def _cases(files: Path, known: list[Piece], unknown: Piece) -> list[Case]:
    """Make the altered copies."""
    one, two, three = known[:3]
    write_mp3(files / "copy at 64 kbit.mp3", one, 64_000)
    middle = len(two.samples) // 3
    excerpt = two.samples[middle : middle + 10 * two.rate]
    soundfile.write(files / "excerpt of 10 s.wav", excerpt, two.rate)
    second = three.samples
    if three.rate != two.rate or second.shape[1] != two.samples.shape[1]:
        second = _like(three, two)
    start = len(second) // 4
    joined = np.concatenate([two.samples[: 20 * two.rate], second[start : start + 20 * two.rate]])
    soundfile.write(files / "two songs joined.flac", joined, two.rate)
    soundfile.write(files / "unknown song.flac", unknown.samples, unknown.rate)
    return [
        Case(files / "copy at 64 kbit.mp3", f"{one.title} as MP3 at 64 kbit/s", False),
        Case(files / "excerpt of 10 s.wav", f"10 s of {two.title}", False),
        Case(files / "two songs joined.flac", f"{two.title}, then {three.title}", False),
        Case(files / "unknown song.flac", f"{unknown.title}, not registered", True),
    ]


def _like(piece: Piece, other: Piece) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Resample and mix a piece to another one's rate and channels."""
    import librosa

    mono = piece.samples.mean(axis=1)
    resampled = librosa.resample(mono, orig_sr=piece.rate, target_sr=other.rate)
    return np.repeat(resampled[:, None], other.samples.shape[1], axis=1)


def _show(results: list[tuple[Case, dict[str, Any]]]) -> None:
    """Print a row for each segment that matched."""
    table = Table()
    for column in ("File", "Decision", "Match", "Segment", "Seconds"):
        table.add_column(column, no_wrap=True)
    for case, result in results:
        places = [
            (Text(str(match["title"])), _where(segment))
            for match in result["matches"]
            for segment in match["segments"]
        ]
        first, *more = places or [(Text("none"), "")]
        decision = result["decision"] or result["state"]
        table.add_row(Text(case.path.name), decision, *first, f"{result['elapsed']:.1f}")
        for place in more:
            table.add_row("", "", *place, "")
    console.print(table)


def _where(segment: dict[str, float]) -> str:
    return (
        f"{_at(segment['query_start'])}–{_at(segment['query_end'])} = "
        f"{_at(segment['reference_start'])}–{_at(segment['reference_end'])}"
    )


def _at(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60:04.1f}"


if __name__ == "__main__":
    sys.exit(main())
