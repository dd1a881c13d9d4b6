"""How soon previews are heard, how fast bars are made against real time, and what is late.

Run: ``python -m benchmarks.previews [--previews 30] [--seconds 24]``. Sessions are played as the server plays them: a
process each, every bar compared with an index, marked and encoded, in real time.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from scanner import keys, previews, watermark_keys
from scanner.callers import SCOPES, Caller
from scanner.journal import Actor
from scanner.live_encoding import OpusEncoder
from scanner.live_players import Player
from scanner.live_stream import AHEAD_SECONDS, RATE, LiveSession
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings

PROMPTS: Final = (
    "dark, 84 bpm, D minor, cello and piano",
    "happy pop, 120 bpm, piano, electric guitar, electric bass and drums",
    "jazz, 105 bpm, saxophone, piano, double bass and drums",
    "calm, 66 bpm, flute and harp",
    "rock, 140 bpm",
)


def main() -> None:
    """Measure, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--previews", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=24)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        make_key_file(Path(home))
        settings = Settings(home=Path(home), preview_sessions=8, preview_sessions_a_tenant=8)
        with Service(settings) as service:
            service.database.upgrade()
            tenant = keys.create_tenant(service, "bench")
            watermark_keys.rotate(service, Actor("bench", "admin"))
            caller = Caller(tenant.id, Actor("bench", "platform"), frozenset(SCOPES))
            found: dict[str, Any] = {"load": os.getloadavg()[0], "cores": os.cpu_count()}
            found["speed"] = _speed()
            found["first_audio"] = _first_audio(service, caller, given.previews)
            found["sessions"] = [_together(service, caller, n, given.seconds) for n in (1, 2, 4)]
            found["load_after"] = os.getloadavg()[0]
    print(json.dumps(found, indent=1))


def _speed() -> dict[str, float]:
    """Seconds of sound a second of wall clock makes, of one player that is not held back."""
    player = Player(300)
    player.ready.wait(120)
    player.begin({"prompt": PROMPTS[1], "seed": 1}, endless=True)
    started, sound = time.perf_counter(), 0.0
    for _ in range(12):
        player.ask({})
        bar = player.take(60)
        assert bar is not None
        sound += bar.samples.shape[1] / RATE
    took = time.perf_counter() - started
    player.end()
    return {"against_real_time": round(sound / took, 2), "bars_a_second": round(12 / took, 2)}


def _session(service: Service, caller: Caller, number: int) -> LiveSession:
    prompt = PROMPTS[number % len(PROMPTS)]
    asked_at = time.monotonic()
    asked = previews.PreviewAskedFor(prompt, None, {"seed": number})
    view = previews.ask(service, caller, asked)
    row, key, payload = previews.begin(service, caller, view["id"])
    return LiveSession(service, row, key, payload, OpusEncoder(RATE), asked_at)


def _first_audio(service: Service, caller: Caller, count: int) -> dict[str, Any]:
    """From the request to the first block, a player being ready as it is between two listeners."""
    times = []
    for number in range(count):
        service.players.make_ready()
        spare = service.players.waiting
        if spare is not None:
            spare.ready.wait(120)
        session = _session(service, caller, number)
        while "first_audio_seconds" not in session.tally:
            session.next_chunk()
        times.append(session.tally["first_audio_seconds"])
        session.close()
    return {"previews": count, **_percentiles(times)}


def _together(service: Service, caller: Caller, count: int, seconds: float) -> dict[str, Any]:
    """So many sessions at once, each with a listener of its own."""
    sessions: list[LiveSession] = []

    def play(number: int) -> None:
        actor = Actor(f"listener-{number}", "platform")
        own = Caller(caller.tenant_id, actor, caller.scopes)
        session = _session(service, own, number)
        sessions.append(session)
        while session.tally["seconds"] < seconds and session.next_chunk() is not None:
            time.sleep(max(0.0, session.ahead_seconds - AHEAD_SECONDS))
        session.close()

    threads = [threading.Thread(target=play, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bars = sum(each.tally["bars"] for each in sessions)
    late = sum(each.tally["repeated"] for each in sessions)
    return {"sessions": count, "bars": bars, "repeated": late, "load": os.getloadavg()[0]}


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times, (50, 95))
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "most": round(max(times), 3)}


if __name__ == "__main__":
    main()
