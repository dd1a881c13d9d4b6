"""Runs rounds of bad weather. ``python -m benchmarks.chaos [--tracks 200] [--seed N] [--folder .bench/chaos]``.

A round has twenty tracks and every fault once, in random order, on an installation of its own. Rounds that
were done are kept in the folder: a run that was stopped goes on with the next. Tracks are 10 to 20 s; one in
five copies a reference, one in ten is damaged. Half are sent by HTTP, and again under the same key until there
is an answer; half by Kafka, and again until they are taken in, since a broker may lose what nobody read.
"""

import argparse
import functools
import http.server
import json
import logging
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from kafka import KafkaProducer
from kafka.errors import KafkaError
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from benchmarks.chaos.account import as_table, at_rest, unhandled, violations
from benchmarks.chaos.faults import FAULTS, NotHereError, empty_broker
from benchmarks.chaos.held_up import is_held_up
from benchmarks.chaos.stage import Stage, stage
from scanner import keys, references, signing_keys
from scanner.bus.intake import sign_submission
from scanner.callers import SCOPES, Caller
from scanner.clock import utc_now
from scanner.errors import ScannerError
from scanner.events import SUBMISSIONS
from scanner.installation import initialise
from scanner.journal import Actor
from scanner.service import Service
from scanner.tables import Track
from tests.songs import RATE, song, write

TRACKS: Final = 20
FILES: Final = 8
DAMAGED: Final = "damaged.wav"
REST_SECONDS: Final = 900
HELD_UP_SECONDS: Final = 150
PATIENCE_SECONDS: Final = 300


class Sender:
    """A platform that sends a track again until it knows that it is taken."""

    def __init__(self, on: Stage, service: Service, files: list[Path], served: str) -> None:
        self._stage, self._service, self._files, self._served = on, service, files, served
        with service.database.reading() as session:
            self.tenant_id = keys.tenants(session)[0].id
        _, self._token = keys.create_key(service, self.tenant_id, "chaos")
        self._signing = signing_keys.create(service, self.tenant_id, "chaos")
        self.accepted: set[str] = set()
        self.ids: dict[str, str] = {}
        self.damaged: set[str] = set()
        self.failed: list[str] = []

    def send(self, numbers: range, pause: float) -> None:
        """Send tracks one after the other, by both ways in turn."""
        for number in numbers:
            path = self._files[number % len(self._files)]
            way = self._by_http if number % 2 else self._by_kafka
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not way(f"track-{number}", path):
                if time.monotonic() > deadline:
                    self.failed.append(f"track-{number} was never taken in")
                    break
                time.sleep(1)
            else:
                self.accepted.add(f"track-{number}")
                if path.name == DAMAGED:
                    self.damaged.add(f"track-{number}")
            time.sleep(pause)

    def _by_http(self, key: str, path: Path) -> bool:
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key}
        try:
            answer = httpx.post(
                f"{self._stage.url}/v1/tracks",
                headers=headers,
                files={"file": (path.name, path.read_bytes())},
                data={"external_id": key},
                timeout=30,
                trust_env=False,
            )
        except httpx.HTTPError:
            return False
        if answer.status_code != 202:
            return False
        self.ids[key] = answer.json()["track_id"]
        return True

    def _by_kafka(self, key: str, path: Path) -> bool:
        row, pem = self._signing
        envelope = sign_submission(
            pem,
            row.id,
            row.tenant_id,
            event_id=key,
            data={"url": f"{self._served}/{path.name}", "external_id": key},
            now=utc_now(),
        )
        try:
            producer = KafkaProducer(bootstrap_servers=self._stage.settings.kafka, retries=2)
            producer.send(SUBMISSIONS, json.dumps(envelope).encode(), key=key.encode())
            producer.flush(10)
            producer.close(5)
        except KafkaError:
            return False
        for _ in range(20):
            if self._is_taken(key):
                return True
            time.sleep(1)
        return False

    def _is_taken(self, key: str) -> bool:
        try:
            with self._service.database.reading() as session:
                query = select(Track.id).where(Track.external_id == key)
                return session.exec(query).first() is not None
        except (SQLAlchemyError, ScannerError):
            return False


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve the files that submissions by Kafka name; give host and port."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def round_of(folder: Path, seed: int, tracks: int, chosen: list[str]) -> dict[str, Any]:
    """Run one round and return what was done and what was wrong."""
    dice = random.Random(seed)
    music = folder / "music"
    music.mkdir(parents=True)
    known, files = _music(music, dice)
    order = dice.sample(chosen, len(chosen))
    with (
        _served(music) as host,
        stage(folder / "stage", host) as on,
        Service(on.settings) as service,
    ):
        initialise(service, "chaos@example.com")
        sender = Sender(on, service, files, f"http://{host}")
        caller = Caller(sender.tenant_id, Actor("chaos", "platform"), frozenset(SCOPES))
        references.add(service, caller, path=known, title="known", operator=True)
        on.open()
        pause = max(0.2, len(order) * 12 / tracks)
        sending = threading.Thread(target=sender.send, args=(range(tracks), pause))
        sending.start()
        done, left_out = [], []
        for name in order:
            time.sleep(dice.uniform(1, 4))
            print(f"  {name}", flush=True)
            try:
                FAULTS[name](on, service, dice)
                done.append(name)
            except NotHereError as error:
                left_out.append(f"{name}: {error}")
        sending.join()
        wrong = list(sender.failed)
        freed, rests = _come_to_rest(on, service, sender.accepted, dice)
        if not rests:
            wrong.append(f"not everything came to rest within {REST_SECONDS} s")
        wrong += violations(service, sender.accepted, sender.ids, sender.damaged)
    return {
        "tracks": tracks,
        "faults": done,
        "left_out": left_out,
        "violations": wrong,
        "seed": seed,
        "freed": freed,
    }


def _come_to_rest(
    on: Stage, service: Service, names: set[str], dice: random.Random
) -> tuple[list[str], bool]:
    """Wait; return the groups for which the broker had to be emptied once more, and whether all rests."""
    freed: list[str] = []
    until, look_at = time.monotonic() + REST_SECONDS, time.monotonic() + HELD_UP_SECONDS
    while not _rests(service, names):
        if time.monotonic() > until:
            return freed, False
        if time.monotonic() < look_at:
            continue
        with service.database.reading() as session:
            late = unhandled(session, service)
        held_up = [
            each.name
            for each in service.groups
            if each.name in late and is_held_up(f"127.0.0.1:{on.broker.port}", each)
        ]
        if held_up:
            print(f"  held up by the broker, which is emptied: {', '.join(held_up)}", flush=True)
            freed += held_up
            empty_broker(on, service, dice)
        look_at = time.monotonic() + HELD_UP_SECONDS
    return freed, True


def _rests(service: Service, names: set[str]) -> bool:
    time.sleep(1)
    try:
        return at_rest(service, names)
    except SQLAlchemyError:
        return False


def _music(folder: Path, dice: random.Random) -> tuple[Path, list[Path]]:
    """Write a reference, a copy of part of it, other songs, and a damaged one."""
    samples = song(dice.randrange(10**6), 30)
    known = write(folder / "known.wav", samples)
    files = [
        write(folder / f"{n}.flac", song(dice.randrange(10**6), dice.uniform(10, 20)))
        for n in range(FILES)
    ]
    for n in range(2):
        start = int(dice.uniform(0, 10) * RATE)
        copy = np.ascontiguousarray(samples[start : start + 15 * RATE])
        files.append(write(folder / f"copy-{n}.flac", copy))
    damaged = folder / DAMAGED
    damaged.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt " + dice.randbytes(999))
    return known, [*files, damaged]


def main() -> None:
    """Run what is left to do and print the account."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tracks", type=int, default=200)
    parser.add_argument("--seed", type=int, help="default: drawn, and printed")
    parser.add_argument("--folder", type=Path, default=Path(".bench/chaos"))
    parser.add_argument("--faults", help="words by which they are chosen, with commas between")
    asked = parser.parse_args()
    kept = asked.folder / "rounds.json"
    rounds: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    words = (asked.faults or "").split(",")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    chosen = [name for name in FAULTS if any(word in name for word in words)]
    asked.folder.mkdir(parents=True, exist_ok=True)
    while (done := sum(each["tracks"] for each in rounds)) < asked.tracks:
        count = min(TRACKS, asked.tracks - done)
        print(f"round {len(rounds) + 1}, seed {seed + len(rounds)}: {count} tracks", flush=True)
        folder = asked.folder.resolve() / f"round-{len(rounds) + 1}"
        shutil.rmtree(folder, ignore_errors=True)
        rounds.append(round_of(folder, seed + len(rounds), count, chosen))
        kept.write_text(json.dumps(rounds, indent=1))
        if not rounds[-1]["violations"]:
            shutil.rmtree(folder, ignore_errors=True)
    print(as_table(rounds))
    raise SystemExit(any(each["violations"] for each in rounds))


if __name__ == "__main__":
    main()
