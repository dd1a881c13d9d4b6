"""Server time of the reviewer's pages with 10,000 cases and 100,000 tracks: each page whole, without a network."""

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import structlog
from fastapi import FastAPI
from sqlalchemy import insert
from sqlmodel import col, select

import appeals
import fingerprint
from scanner import banks, cases, keys
from scanner.api import create_app
from scanner.callers import Caller
from scanner.clock import new_id, utc_now
from scanner.journal import Actor
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import (
    Account,
    Analysis,
    Case,
    CaseVerdict,
    Holder,
    Reference,
    Track,
    TrackMatch,
)

CASES: Final = 10_000
TRACKS: Final = 100_000
ACCOUNTS: Final = 1000
REFERENCES: Final = 2000
CHUNK: Final = 5000
TIMES: Final = 20
RATE: Final = 11_025
PASSWORD: Final = "a password of the benchmark"
PATHS: Final = (
    "/queue",
    "/queue?order=priority",
    "/queue?order=newest&page=150",
    "/queue?state=all&kind=review&right=recording&language=de",
    "/queue?group=uploader",
    "/queue?group=file",
    "/queue?group=reference",
    "/queue/live?shown={shown}",
    "/cases/{case}",
    "/cases/{case}?whole=true",
    "/cases/{case}/alike?by=reference",
    "/cases/{other}",
)  # fmt: skip
SEGMENT: Final = {
    "query_start": 4.0, "query_end": 24.0, "reference_start": 10.0, "reference_end": 31.0, "score": 0.99,
    "pitch_semitones": 1.0, "tempo_ratio": 1.05,
}  # fmt: skip


def fill(service: Service, tenant_id: str) -> None:
    """Tracks of a thousand uploaders, each with a match; every tenth has a case, half of those a date that law sets."""
    now = utc_now()
    accounts = [
        {"id": new_id(), "tenant_id": tenant_id, "external_id": f"a{number}", "created_at": now}
        for number in range(ACCOUNTS)
    ]
    _insert(service, Account, accounts)
    references = _references(service, tenant_id)
    print_ = service.store.put_bytes(tenant_id, _print(180).to_bytes()).sha256
    tracks, analyses, matches, opened = [], [], [], []
    for number in range(TRACKS):
        track, analysis = new_id(), new_id()
        own = {"id": track, "tenant_id": tenant_id, "account_id": accounts[number % ACCOUNTS]["id"]}
        tracks.append(
            own | {
                "origin": "upload", "state": "quarantined", "file_name": f"song {number}.wav", "version": 1,
                "sha256": f"{number // 3:064x}", "duration": 180.0, "analysis_id": analysis,
                "created_at": now, "updated_at": now,
            }
        )  # fmt: skip
        analyses.append(
            {
                "id": analysis, "tenant_id": tenant_id, "track_id": track, "detectors": {"fingerprint": "ok"},
                "versions": {}, "audio": {}, "warnings": [], "seconds": {}, "fingerprint_sha256": print_,
                "banks_left_out": [], "watermarks": [], "started_at": now, "ended_at": now,
            }
        )  # fmt: skip
        matches.append(
            {
                "id": new_id(), "tenant_id": tenant_id, "track_id": track, "analysis_id": analysis,
                "reference_id": references[number % REFERENCES], "kind": "recording", "score": 0.99,
                "coverage_query": 0.4, "coverage_reference": 0.5, "longest_seconds": 20.0,
                "segments": [SEGMENT], "disposition": "open",
            }
        )  # fmt: skip
        if number % (TRACKS // CASES) == 0:
            opened.append(_case(tenant_id, track, len(opened)))
    for table, rows in ((Track, tracks), (Analysis, analyses), (TrackMatch, matches)):
        _insert(service, table, rows)
    with service.database.transaction() as session:
        session.add_all(opened)


def _case(tenant_id: str, track_id: str, number: int) -> Case:
    now = utc_now()
    return appeals.open_case(
        case_id=new_id(),
        tenant_id=tenant_id,
        kind="review" if number % 3 else "indeterminate",
        reasons=[{"rule": "recording-block", "text": "A recording was found. " * 5}],
        now=now - timedelta(minutes=number),
        track_id=track_id,
        right=("recording", "composition", None)[number % 3],
        language=("en", "de", "fr", None)[number % 4],
        legal_due_at=now + timedelta(hours=number) if number % 2 else None,
    )


def _references(service: Service, tenant_id: str) -> list[str]:
    now = utc_now()
    content = service.store.put_bytes(tenant_id, _print(60).to_bytes()).sha256
    with service.database.transaction() as session:
        bank = banks.ensured(session, tenant_id, None, now, Actor("bench", "system")).id
        holder = Holder(id=new_id(), tenant_id=tenant_id, name="A label", created_at=now)
        session.add(holder)
    rows = [
        {
            "id": new_id(), "tenant_id": tenant_id, "bank_id": bank, "holder_id": holder.id, "version": 1,
            "epoch": number, "status": "active", "policy": "block", "title": f"Reference {number}",
            "territories": [], "operator_added": False, "duration": 60.0, "fingerprint_sha256": content,
            "conflicts": [], "flood_rate": 0.0, "accepted_rate": 0.0, "extra": {},
            "created_at": now, "updated_at": now,
        }
        for number in range(REFERENCES)
    ]  # fmt: skip
    _insert(service, Reference, rows)
    return [str(row["id"]) for row in rows]


def _print(seconds: int) -> fingerprint.Fingerprint:
    noise = np.random.default_rng(seconds).standard_normal((1, seconds * RATE)).astype(np.float32)
    return fingerprint.fingerprint(0.1 * noise, RATE)


def _decide(service: Service, tenant_id: str, user_id: str) -> None:
    """Verdicts of a shift, for the queue's figure and the break."""
    now = utc_now()
    with service.database.reading() as session:
        ids = session.exec(select(Case.id).limit(1000)).all()
    _insert(
        service,
        CaseVerdict,
        [
            {
                "id": new_id(), "tenant_id": tenant_id, "case_id": case_id, "reviewer_id": user_id,
                "role": "reviewer", "verdict": "release", "reason": "human.nothing-wrong", "text": "",
                "territories": [], "restrictions": [], "matches": {}, "state": "applied",
                "created_at": now - timedelta(minutes=number),
            }
            for number, case_id in enumerate(ids)
        ],
    )  # fmt: skip


def _insert(service: Service, table: Any, rows: list[dict[str, Any]]) -> None:
    with service.database.transaction() as session:
        for part in _parts(rows):
            session.connection().execute(insert(table), part)


def _parts(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def main() -> None:
    """Print the median and the slowest answer of each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", help="an empty PostgreSQL database; default: SQLite")
    parser.add_argument("--times", type=int, default=TIMES, help="how often each page is asked for")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            home=Path(folder),
            workers=0,
            rate_limit="1000000/minute",
            database_url=asked.database_url,
        )
        make_key_file(settings.home)
        with Service(settings) as service:
            service.database.upgrade()
            tenant = keys.create_tenant(service, "bench")
            user, _ = keys.create_user(service, "reviewer@example.org", "reviewer", PASSWORD)
            fill(service, tenant.id)
            _decide(service, tenant.id, user.id)
            caller = Caller(tenant.id, Actor(user.id, user.role), frozenset(), user_id=user.id)
            taken = cases.lease_next(service, caller)
            asyncio.run(measure(create_app(settings, service), _names(service, taken), asked.times))


def _names(service: Service, taken: Case | None) -> dict[str, str]:
    with service.database.reading() as session:
        others = session.exec(select(Case.id).where(col(Case.holder).is_(None)).limit(50)).all()
    return {"case": taken.id if taken else "", "other": others[0], "shown": ",".join(others)}


async def measure(app: FastAPI, names: dict[str, str], times: int) -> None:
    """Ask for each page so many times, in this process."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = (await client.get("/login")).text
        csrf = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]
        fields = {"email": "reviewer@example.org", "password": PASSWORD, "csrf": csrf}
        await client.post("/login", data=fields)
        for path in PATHS:
            clock, cpu = [], []
            for _ in range(times):
                started, used = time.perf_counter(), time.process_time()
                (await client.get(path.format_map(names))).raise_for_status()
                clock.append(1000 * (time.perf_counter() - started))
                cpu.append(1000 * (time.process_time() - used))
            told = f"{statistics.median(clock):6.1f} ms, of CPU {statistics.median(cpu):6.1f} ms"
            print(f"{path:58} median {told}; slowest {max(clock):6.1f} ms", flush=True)


if __name__ == "__main__":
    main()
