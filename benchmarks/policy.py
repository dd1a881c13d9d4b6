"""Decisions a second: facts to explanation with the default pack on one core, by number of matches.

``python -m benchmarks.policy [--json FILE]``

A decision counts from facts to its JSON, explanation included, as the service stores it. Time is that
of the processor, so that a machine shared with others says the same; best of many short rounds. What
would flip the decision is measured apart: nobody asks for it while a track waits.

A backtest replays stored decisions of SQLite, four of nine with a match, through the default pack with
another threshold; it is asked to be read, judged and compared, all in one process.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import policy
from scanner import pipeline
from scanner.backtests import Backtest
from scanner.installation import initialise
from scanner.logs import configure
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import PolicyDecision, Track
from tests.rollouts import analysed
from tests.running import add_tenant

MATCHES: Final = (0, 1, 3, 20)
ROUNDS: Final = 400
SECONDS: Final = 0.004
REPLAYED: Final = 450


def facts_with(matches: int) -> policy.Facts:
    """Facts of a named account's upload with words and so many matches of both kinds."""
    return policy.Facts(
        detectors={"fingerprint": "ok", "watermark": "ok", "provenance": "ok"},
        duration=210.0,
        account=policy.AccountFact(),
        age_band="adult",
        words=(policy.WordsFact(category="profanity", source="lyrics", count=3),),
        lyrics_heard=True,
        rights_attested=True,
        matches=tuple(_match(number) for number in range(matches)),
    )


def _match(number: int) -> policy.MatchFact:
    return policy.MatchFact(
        reference_id=f"01890000-0000-7000-8000-{number:012d}",
        kind="composition" if number % 3 == 2 else "recording",
        score=0.95,
        title=f"Song {number}",
        coverage_query=0.4,
        coverage_sure=0.3,
        coverage_reference=0.6,
        longest_seconds=60.0,
        matched_seconds=84.0,
        pitch_semitones=0.0,
        tempo_ratio=1.0,
        reference_policy=("block", "monetise", "track")[number % 3],
        territories=("DE", "FR") if number % 2 else (),
        holder=f"Holder {number}",
        reference_trusted=True,
    )


def measure() -> list[dict[str, Any]]:
    """One row a number of matches: milliseconds a decision, decisions a second, milliseconds of flips."""
    pack = policy.default_pack()
    rows = []
    for count in MATCHES:
        facts = facts_with(count)
        decided = _milliseconds(partial(_decided, pack, facts))
        flipped = _milliseconds(partial(policy.flips, pack, facts), rounds=1)
        rows.append(
            {
                "matches": count,
                "rules": len(pack.rules),
                "decision_ms": round(decided, 3),
                "decisions_per_second": round(1000 / decided),
                "flips_ms": round(flipped, 1),
            }
        )
    return rows


def _decided(pack: policy.Pack, facts: policy.Facts) -> object:
    return policy.decide(pack, facts).to_json()


def _milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Processor time of one run, the best of some short rounds."""
    best = float("inf")
    for _ in range(rounds):
        runs, start = 0, time.process_time()
        while (spent := time.process_time() - start) < SECONDS or not runs:
            work()
            runs += 1
        best = min(best, spent / runs)
    return best * 1000


def backtested(count: int = REPLAYED) -> float:
    """Tracks a second of processor time that a backtest replays."""
    text = policy.default_pack_text().replace("recording_score: 0.8 ", "recording_score: 0.9 ")
    candidate = policy.read_pack(text)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), log_level="error")
        configure(settings)
        with Service(settings) as service:
            initialise(service, "admin@localhost")
            caller = add_tenant(service)
            since = service.now() - timedelta(days=1)
            for number in range(count):
                _store(service, caller, facts_with(number % 9 in {0, 2, 4, 6}))
            run = Backtest(service, caller.tenant_id, candidate, since)
            start = time.process_time()
            replayed = sum(run.run())
            spent = time.process_time() - start
    if replayed != count:
        raise RuntimeError(f"{replayed} of {count} decisions were replayed")
    return count / spent


def _store(service: Service, caller: Any, facts: policy.Facts) -> None:
    """Let the pack decide a track, and say that it knew these facts."""
    event = analysed(service, caller)
    pipeline.decide(service, event)
    with service.database.transaction() as session:
        track = session.get_one(Track, event.subject)
        decision = session.get_one(PolicyDecision, track.decision_id)
        decision.facts = facts.model_dump(mode="json")


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    head = "| matches | ms a decision | decisions a second | ms for what would flip it |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {row['matches']} | {row['decision_ms']:.2f} | {row['decisions_per_second']}"
        f" | {row['flips_ms']:.0f} |\n"
        for row in rows
    )


def main() -> None:
    """Measure, print the table, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    rows = measure()
    print(table(rows), end="")
    replayed = round(backtested())
    print(f"\n{replayed} tracks a second of CPU in a backtest")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(
            json.dumps({"decisions": rows, "backtest_tracks_per_second": replayed}, indent=1)
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
