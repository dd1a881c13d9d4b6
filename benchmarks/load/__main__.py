"""Finds the capacity of an installation here and asks for more. ``python -m benchmarks.load [--seconds 60]``.

Locust is looked for in ``.bench/locust``, where ``make load`` puts it. A step lasts ``--seconds``; with what is
prepared and drained between the steps a run takes ten minutes.
"""

import argparse
import contextlib
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import psutil
import soundfile

from benchmarks.chaos.account import at_rest
from benchmarks.chaos.stage import Postgres, Process
from benchmarks.load.account import Step, lost, table
from scanner import keys, references
from scanner.bus.worker import environment
from scanner.callers import SCOPES, Caller
from scanner.installation import initialise
from scanner.journal import Actor
from scanner.service import Service
from scanner.settings import Settings
from scripts.music_corpus import corpus
from tests.servers import free_port, wait_until

TRACK_SECONDS: Final = 10
TRACKS: Final = 60
KNOWN: Final = 4
"""Recordings that are references, and of which every fifth track is an excerpt."""
KNOWN_SECONDS: Final = 30
WORKERS: Final = 2
REVIEWERS: Final = 4
READS: Final = 10
"""Reads of a state for each upload."""
WAITERS: Final = 6
FLOOD: Final = 400
"""Clients that read without any pause."""
REST_SECONDS: Final = 900


@dataclass
class Load:
    """A running installation, its keys, and what was sent to it."""

    folder: Path
    service: Service
    files: list[str]
    platform: str
    reviewers: list[str]
    url: str
    steps: list[Step] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)

    def step(self, name: str, seconds: float, **parts: tuple[float, float]) -> Step:
        """Let Locust send for some seconds.

        Parameters
        ----------
        parts : tuple of float
            For each part of the plan: requests a second, and the seconds from one to the next of a client;
            with a period of 0 the number of clients that make no pause.
        """
        out, plan = self.folder / f"{name}.jsonl", self.folder / f"{name}.json"
        planned: dict[str, Any] = {
            part: {"users": max(1, round(rate * (period or 1))), "period": period}
            for part, (rate, period) in parts.items()
        }
        users = sum(each["users"] for each in planned.values())
        given = {
            "files": self.files,
            "platform": self.platform,
            "reviewers": self.reviewers,
            "ids": list(self.accepted.values()),
            "out": str(out),
        }
        plan.write_text(json.dumps(planned | given))
        psutil.cpu_percent()
        with (self.folder / f"{name}.log").open("w") as log:
            subprocess.run(
                [
                    *(sys.executable, "-m", "locust", "--headless", "--only-summary"),
                    *("--locustfile", str(Path(__file__).with_name("locustfile.py"))),
                    *("--host", self.url, "--users", str(users), "--spawn-rate", str(users)),
                    *("--run-time", f"{seconds:.0f}s", "--stop-timeout", "35"),
                ],
                env=os.environ
                | {"LOAD_PLAN": str(plan), "PYTHONPATH": str(Path(".bench/locust").resolve())},
                check=False,
                stdout=log,
                stderr=log,
            )
        done = Step.read(name, seconds, out)
        busy = psutil.cpu_percent()
        print(
            f"{name}: {len(done.requests)} requests, processors {busy:.0f} % busy, "
            f"{self.service.transport.depth('analyse')} tracks wait",
            flush=True,
        )
        self.accepted |= done.accepted
        self.steps.append(done)
        return done

    def rest(self) -> float:
        """Wait until nothing is under way; return the seconds that took."""
        started = time.monotonic()
        wait_until(functools.partial(self._rests), REST_SECONDS, "rest")
        return time.monotonic() - started

    def _rests(self) -> bool:
        time.sleep(0.5)
        return at_rest(self.service, set(self.accepted))


@contextlib.contextmanager
def installation(folder: Path, queue_limit: int) -> Iterator[Load]:
    """Give an installation that runs; what was started is ended."""
    postgres = Postgres(folder / "postgres")
    settings = Settings(
        home=folder / "home",
        database_url=postgres.url,
        rate_limit="1000000/minute",
        queue_limit=queue_limit,
        flood_minimum=100_000,
        undo_seconds=0,
        second_review_share=0,
        workers=WORKERS,
        port=free_port(),
    )
    try:
        with Service(settings) as service:
            made = initialise(service, "load@example.com")
            tenant, known, files = _tenant(service), *_music(folder / "music")
            caller = Caller(tenant, Actor("load", "platform"), frozenset(SCOPES))
            for path in known:
                references.add(service, caller, path=path, title=path.stem)
            reviewers = [_reviewer(service, tenant, n) for n in range(REVIEWERS)]
            url = f"http://127.0.0.1:{settings.port}"
            with _serving(settings, folder / "serve.log", url):
                yield Load(folder, service, files, made.api_key, reviewers, url)
    finally:
        postgres.end()


@contextlib.contextmanager
def _serving(settings: Settings, log: Path, url: str) -> Iterator[None]:
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("CLEARANCE_")
    } | environment(settings)
    program = str(Path(sys.executable).with_name("clearance"))
    process = Process([program, "serve"], variables, log)
    try:
        wait_until(functools.partial(_answers, url), 120, "the service's start")
        yield
    finally:
        process.end()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False).is_success
    return False


def _tenant(service: Service) -> str:
    with service.database.reading() as session:
        return keys.tenants(session)[0].id


def _reviewer(service: Service, tenant: str, number: int) -> str:
    user, _ = keys.create_user(
        service, f"reviewer-{number}@example.com", "reviewer", tenant_id=tenant
    )
    return keys.create_key(service, tenant, f"reviewer {number}", user=user.email)[1]


def _music(folder: Path) -> tuple[list[Path], list[str]]:
    """Write references of 30 s and tracks of ten: every fifth is of a reference, the others of none."""
    folder.mkdir()
    dice = random.Random(1)
    recordings = corpus("test")
    dice.shuffle(recordings)
    known, unknown = recordings[:KNOWN], recordings[KNOWN:]
    paths = []
    for number, recording in enumerate(known):
        frames = KNOWN_SECONDS * soundfile.info(recording.file).samplerate
        samples, rate = soundfile.read(recording.file, frames=frames, dtype="float32")
        paths.append(folder / f"known-{number}.flac")
        soundfile.write(paths[-1], samples, rate)
    tracks = []
    for number in range(TRACKS):
        recording = dice.choice(unknown if number % 5 else known)
        rate = soundfile.info(recording.file).samplerate
        last = min(recording.seconds, KNOWN_SECONDS) - TRACK_SECONDS - 1
        samples, rate = soundfile.read(
            recording.file,
            frames=TRACK_SECONDS * rate,
            start=int(dice.uniform(0, last) * rate),
            dtype="float32",
            always_2d=True,
        )
        tracks.append(folder / f"track-{number}.ogg")
        soundfile.write(tracks[-1], np.clip(samples, -1, 1), rate)
    return paths, [str(each.resolve()) for each in tracks]


def run(load: Load, seconds: float) -> list[str]:
    """Measure the capacity, run the steps, print what came of them; return what was wrong."""
    waited = load.step("capacity", seconds, closed=(WAITERS, 0))
    seen = sorted(waited.decided)
    capacity = (len(seen) - 1) / (seen[-1] - seen[0])
    load.rest()
    reading = load.step("reads alone", seconds / 2, reads=(32, 0))
    reads = sum(each["status"] == 200 for each in reading.requests) / reading.seconds
    print(f"capacity: {capacity:.2f} tracks/s; {reads:.0f} reads/s alone", flush=True)
    notes = []
    for times in (1, 2, 5):
        notes.append(_at(load, f"{times}x", seconds, capacity * times))
    load.step("flood of reads", seconds / 2, reads=(FLOOD, 0), uploads=(capacity / 2, 10))
    notes.append(f"after the flood at rest in {load.rest():.0f} s")
    notes.append(_at(load, "1x again", seconds, capacity))
    wrong = [each for step in load.steps for each in step.wrong()]
    missing = lost(load.service, load.accepted)
    print(table(load.steps))
    print(
        f"\nCapacity {capacity:.2f} tracks of {TRACK_SECONDS} s a second, {reads:.0f} reads a second "
        f"alone. {'; '.join(notes)}. {len(load.accepted)} tracks accepted, {len(missing)} without a "
        f"decision or otherwise wrong; {len(wrong)} requests failed."
    )
    return wrong + missing


def _at(load: Load, name: str, seconds: float, rate: float) -> str:
    load.step(name, seconds, uploads=(rate, 10), reads=(rate * READS, 5), verdicts=(rate / 2, 10))
    return f"after {name} at rest in {load.rest():.0f} s"


def main() -> None:
    """Run all of it; the exit status is 1 if anything failed or was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--queue", type=int, default=40, help="tracks that may wait")
    parser.add_argument("--folder", type=Path, default=Path(".bench/load"))
    asked = parser.parse_args()
    folder = asked.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    one, five, quarter = os.getloadavg()
    print(
        f"{os.cpu_count()} processors, load {one:.1f} {five:.1f} {quarter:.1f} before", flush=True
    )
    with installation(folder, asked.queue) as load:
        wrong = run(load, asked.seconds)
    for each in wrong[:50]:
        print(f"- {each}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
