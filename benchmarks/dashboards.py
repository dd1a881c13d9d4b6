"""Time of each dashboard query with 100,000 tracks, as many matches and 10,000 cases with verdicts, in SQLite."""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert

from scanner import dashboards, keys, review_quality
from scanner.clock import new_id, utc_now
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import (
    Analysis,
    Case,
    CaseVerdict,
    PolicyDecision,
    RuleTally,
    Track,
    TrackMatch,
)

TRACKS: Final = 100_000
CASES: Final = 10_000
TIMES: Final = 7
BATCH: Final = 5_000


def fill(service: Service, tenant_id: str) -> None:
    """Decide tracks; of a tenth a person gave a verdict, and as many cases are open."""
    for start in range(0, TRACKS, BATCH):
        rows = [_track(tenant_id, number) for number in range(start, start + BATCH)]
        with service.database.transaction() as session:
            for table in (Track, Analysis, TrackMatch, PolicyDecision, Case, CaseVerdict):
                values = [row[table] for row in rows if table in row]
                if values:
                    session.execute(insert(table), values)
    now = utc_now().replace(minute=0, second=0, microsecond=0)
    with service.database.transaction() as session:
        session.execute(
            insert(RuleTally),
            [
                {"tenant_id": tenant_id, "pack_id": "p", "rule": rule, "fired": 9, "alarmed": False}
                | {"hour": now - timedelta(hours=hours)}
                for hours in range(9 * 24)
                for rule in ("*", *(f"rule-{n}" for n in range(40)))
            ],
        )


def _track(tenant_id: str, number: int) -> dict[Any, dict[str, Any]]:
    now = utc_now() - timedelta(minutes=number % 40_000)
    ids = {name: new_id() for name in ("track", "analysis", "match", "decision", "case", "verdict")}
    own = {"tenant_id": tenant_id, "track_id": ids["track"]}
    reasons = [{"rule": f"rule-{number % 30}", "outcome": "review", "text": "Found. " * 20}]
    made: dict[Any, dict[str, Any]] = {
        Track: {"id": ids["track"], "tenant_id": tenant_id, "state": "released", "version": 1}
        | {"origin": "upload", "created_at": now, "updated_at": now},
        Analysis: own
        | {"id": ids["analysis"], "detectors": {}, "versions": {}, "audio": {}, "warnings": []}
        | {"seconds": {}, "banks_left_out": [], "watermarks": [], "started_at": now}
        | {"ended_at": now, "words": {"sources": {"declared": ("en", "de", "fr")[number % 3]}}},
        TrackMatch: own
        | {"id": ids["match"], "analysis_id": ids["analysis"], "reference_id": new_id()}
        | {"kind": "recording", "score": (number % 100) / 100, "coverage_query": 0.5}
        | {"coverage_reference": 0.5, "longest_seconds": 9.0, "disposition": "open"}
        | {"segments": [{"start": 1.0, "end": 9.0, "score": 0.9}] * 5},
        PolicyDecision: own
        | {"id": ids["decision"], "analysis_id": ids["analysis"], "decision": "block"}
        | {"outcomes": {"*": "block"}, "restrictions": [], "reasons": reasons}
        | {"explanation": {"tree": "x" * 2000}, "facts": {"words": "x" * 2000}, "pack": "p"}
        | {"facts_hash": "0" * 64, "outcome_hash": "0" * 64, "automation": "full"}
        | {"single_operator": False, "created_at": now},
    }
    if number % (TRACKS // CASES) < 2:
        closed = number % (TRACKS // CASES) == 0
        made[Case] = own | {
            "id": ids["case"], "kind": "review", "state": "closed" if closed else "queued", "version": 1,
            "priority": 1, "deciders": [], "decision_id": ids["decision"], "reasons": reasons,
            "opened_at": now, "closed_at": now if closed else None,
        }  # fmt: skip
        if closed:
            made[CaseVerdict] = {
                "id": ids["verdict"], "tenant_id": tenant_id, "case_id": ids["case"], "reviewer_id": "r",
                "role": "reviewer", "verdict": ("release", "block")[number % 2], "reason": "other", "text": "",
                "territories": [], "restrictions": [], "matches": {}, "state": "applied", "created_at": now,
            }  # fmt: skip
    return made


def main() -> None:
    """Print the median time of each query, with its CPU time, and the slowest."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), workers=0)
        make_key_file(settings.home)
        with Service(settings) as service:
            service.database.upgrade()
            tenant_id = keys.create_tenant(service, "bench").id
            fill(service, tenant_id)
            now = utc_now()
            asked: dict[str, Callable[[Any], Any]] = {
                "queue ages": lambda session: dashboards.queue_ages(session, tenant_id, now),
                "by hour": lambda session: dashboards.decided_by_hour(session, tenant_id, now),
                "rates": lambda session: dashboards.rates(service, session, tenant_id, now),
                "scores": lambda session: dashboards.scores_by_day(session, tenant_id),
                "missed": lambda session: dashboards.missed_deadlines(session, tenant_id, now),
                "dead": lambda session: dashboards.dead_letters(session, tenant_id),
                "flooded": lambda session: dashboards.flooded(session, tenant_id),
                "quality": lambda session: review_quality.report(
                    service, session, tenant_id, now - dashboards.RECENT
                ),
            }
            for name, ask in asked.items():
                taken, used = [], []
                for _ in range(TIMES):
                    started, cpu = time.perf_counter(), time.process_time()
                    with service.database.reading() as session:
                        ask(session)
                    taken.append(1000 * (time.perf_counter() - started))
                    used.append(1000 * (time.process_time() - cpu))
                told = (
                    f"{statistics.median(taken):6.1f} ms, of CPU {statistics.median(used):6.1f} ms"
                )
                print(f"{name:12} median {told}; slowest {max(taken):6.1f} ms", flush=True)


if __name__ == "__main__":
    main()
