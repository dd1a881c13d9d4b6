"""The whole pipeline: tracks per minute on both transports, CPU seconds of a track by step.

``python -m benchmarks.pipeline [--tracks N] [--transport kafka]``

Tracks are rendered pieces of four minutes as MP3 at 192 kbit/s. All are submitted at once to a
service whose workers run and have handled tracks before; the clock stops while a quarter is still
waiting, since at the end of a batch one worker may be done before the other (Kafka gives each its own
partitions). Half of the pieces are references. One and two workers take turns, so that a machine
whose speed wanders treats them alike. With 16 tracks it takes half an hour.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil
from rich.console import Console
from rich.progress import track
from sqlmodel import col, func, select

import fingerprint
from scanner import inline, references, tracks
from scanner.bus.relay import Relay
from scanner.bus.worker import Supervisor
from scanner.callers import SCOPES, Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.installation import initialise
from scanner.journal import Actor
from scanner.keys import tenants
from scanner.logs import configure
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Track
from scanner.track_states import FINAL
from scripts.demo_music import rendered, write_mp3
from tests.servers import free_port, running_broker, wait_until

PIECES: Final = 6
TRACKS: Final = 40
STILL_WAITING: Final = 0.25
ROUNDS: Final = 3
SECONDS: Final = 240
BIT_RATE: Final = 192_000
WORKERS: Final = (1, 2)
TRANSPORTS: Final = ("embedded", "kafka")
PATIENCE_SECONDS: Final = 900


def measure(count: int = TRACKS, transports: Sequence[str] = TRANSPORTS) -> list[dict[str, Any]]:
    """One row a transport, one row a step of a track.

    Parameters
    ----------
    count : int
        Tracks of each throughput run.
    transports : sequence of str
    """
    with tempfile.TemporaryDirectory() as folder:
        files = _pieces(Path(folder))
        return [_scaling(files, each, count) for each in transports] + _by_step(files)


def _scaling(files: list[Path], transport: str, count: int) -> dict[str, Any]:
    rounds = [
        [_tracks_per_minute(files, transport, workers, count) for workers in WORKERS]
        for _ in track(range(ROUNDS), f"rounds on {transport}", console=Console(stderr=True))
    ]
    ones, twos = zip(*rounds, strict=True)
    ratios = sorted(two / one for one, two in rounds)
    return {
        "transport": transport,
        "tracks_per_minute_1_worker": round(median(ones), 1),
        "tracks_per_minute_2_workers": round(median(twos), 1),
        "two_over_one": round(median(ratios), 2),
        "rounds": f"{ROUNDS}: {ratios[0]:.2f} to {ratios[-1]:.2f}",
    }


def _pieces(folder: Path) -> list[Path]:
    files = []
    for seed in range(PIECES):
        path = folder / f"piece {seed}.mp3"
        write_mp3(path, rendered(seed, SECONDS), BIT_RATE)
        files.append(path)
    return files


@contextmanager
def _installed(transport: str, files: list[Path]) -> Iterator[tuple[Service, Caller]]:
    """A fresh service with every second piece as a reference."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = None
        if transport == "kafka":
            port = free_port()
            stack.enter_context(running_broker(port))
            broker = f"127.0.0.1:{port}"
        settings = Settings(home=home, kafka=broker, log_level="error")
        configure(settings)
        service = stack.enter_context(Service(settings))
        initialise(service, "admin@localhost")
        with service.database.reading() as session:
            (tenant,) = tenants(session)
        caller = Caller(tenant.id, Actor("benchmark", "admin"), frozenset(SCOPES))
        for path in files[::2]:
            references.add(service, caller, path=path, operator=True)
        yield service, caller


def _tracks_per_minute(files: list[Path], transport: str, workers: int, count: int) -> float:
    with (
        _installed(transport, files) as (service, caller),
        Supervisor(service.settings, workers),
    ):
        warm = [_submit(service, caller, files[n % PIECES]) for n in range(2 * workers)]
        _wait(service, warm)
        if transport == "kafka":
            time.sleep(10)  # the second worker's joining stops the group for some seconds
            _wait(service, [_submit(service, caller, files[n % PIECES]) for n in range(6)])
        given = [_submit(service, caller, files[n % PIECES]) for n in range(count)]
        left = _unfinished(service, given)  # submitting took a core: what is left has both
        started = time.perf_counter()
        _wait(service, given, int(STILL_WAITING * count))
        seconds = time.perf_counter() - started
        rate = 60 * (left - _unfinished(service, given)) / seconds
        _wait(service, given)
        return rate


def _submit(service: Service, caller: Caller, path: Path) -> str:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    return tracks.submit(
        service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
    )


def _wait(service: Service, given: list[str], left: int = 0) -> None:
    def done() -> bool:
        time.sleep(0.05)
        return _unfinished(service, given) <= left

    wait_until(done, PATIENCE_SECONDS, "the end of the tracks")


def _unfinished(service: Service, given: list[str]) -> int:
    unfinished = (
        select(func.count())
        .select_from(Track)
        .where(col(Track.id).in_(given), col(Track.state).not_in(FINAL))
    )
    with service.database.reading() as session:
        return session.exec(unfinished).one()


def _by_step(files: list[Path]) -> list[dict[str, Any]]:
    """CPU seconds of one track by step: medians over the pieces, in one process, after a first."""
    with _installed("embedded", files) as (service, caller):
        relay = Relay(service.database, service.transport, service.settings.home)
        inline.drive(service, _submit(service, caller, files[0]))
        steps: dict[str, list[float]] = {}
        for path in files:
            with service.store.path_or_copy(
                caller.tenant_id, service.store.put_file(caller.tenant_id, path).sha256
            ) as stored:
                before = _decoders()
                decoded = service.decoder.decode(stored)
                steps.setdefault("decode", []).append(_decoders() - before)
            started = time.process_time()
            print_ = fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
            steps.setdefault("chromaprint", []).append(time.process_time() - started)
            started = time.process_time()
            service.catalogue.search(caller.tenant_id, print_)
            steps.setdefault("search", []).append(time.process_time() - started)
            started, before = time.process_time(), _decoders()
            inline.drive(service, _submit(service, caller, path))
            relay.run_once()
            whole = time.process_time() - started + _decoders() - before
            steps.setdefault("whole", []).append(whole)
    cpu = {step: median(values) for step, values in steps.items()}
    cpu["all but decode and chromaprint"] = cpu["whole"] - cpu["decode"] - cpu["chromaprint"]
    return [
        {"what": "cpu of a 4-minute MP3", "step": step, "cpu_seconds": round(seconds, 3)}
        for step, seconds in cpu.items()
    ]


def _decoders() -> float:
    """CPU seconds of the decoding processes so far: they are the children's children."""
    spent = 0.0
    for child in psutil.Process().children():
        if "scanner.audio.zygote" in child.cmdline():
            times = child.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--transport", action="append", choices=TRANSPORTS)
    given = parser.parse_args()
    for row in measure(given.tracks, given.transport or TRANSPORTS):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
