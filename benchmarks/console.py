"""Server time of the console's pages with 10,000 cases and 100,000 tracks: each page whole, without a network.

CPU is of the whole server process; on a busy machine it says more than the clock. What PostgreSQL's processes use for
it is told beside it, as a mean; SQLite works within the server process.
"""

import argparse
import asyncio
import logging
import os
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
from sqlalchemy import insert, text
from sqlmodel import col, select

import appeals
import fingerprint
from scanner import banks, cases, entry_links, keys
from scanner.api import create_app
from scanner.callers import Caller
from scanner.clock import new_id, utc_now
from scanner.console import sessions
from scanner.console.access import COOKIE
from scanner.journal import Actor
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import (
    Account,
    Analysis,
    Case,
    CaseVerdict,
    Claim,
    Dispute,
    Holder,
    JournalRow,
    Reference,
    Track,
    TrackMatch,
    Webhook,
    WebhookDelivery,
)

CASES: Final = 10_000
TRACKS: Final = 100_000
ACCOUNTS: Final = 1000
REFERENCES: Final = 2000
CHUNK: Final = 5000
TIMES: Final = 20
RATE: Final = 11_025
PASSWORD: Final = "a password of the benchmark"
CLAIMS: Final = 10_000
ROWS: Final = 100_000
"""Of the journal."""
PATHS: Final = {
    "reviewer": (
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
        "/account",
    ),
    "creator": ("/my/tracks", "/my/tracks/{track}", "/my/letters", "/my/standing"),
    "rights_holder": (
        "/rights/catalogue",
        "/rights/catalogue?q=Reference%2012",
        "/rights/catalogue/{reference}",
        "/rights/claims",
        "/rights/claims?state=active",
        "/rights/disputes",
        "/rights/notices",
        "/rights/presumed",
    ),
    "admin": (
        "/tracks/{track}",
        "/admin/users",
        "/admin/keys",
        "/admin/webhooks?webhook={webhook}",
        "/admin/dead",
        "/admin/holds",
        "/admin/configuration",
    ),
    "auditor": (
        "/audit",
        "/audit?type=clearance.track.decided",
        "/audit?subject={track}",
        "/audit?since={day}&until={day}",
    ),
    "policy_lead": (
        "/policies",
        "/policies/strikes",
        "/dashboards",
        "/dashboards/queue.svg",
        "/dashboards/hours.svg",
        "/dashboards/rule.svg",
        "/dashboards/scores.svg",
    ),
}
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
    opened: list[Case] = []
    tracks, analyses, matches = [], [], []
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


def _claims(service: Service, tenant_id: str) -> None:
    """Claims of the one holder; every tenth is disputed."""
    now = utc_now()
    with service.database.reading() as session:
        holder = session.exec(select(Holder.id)).first()
        query = select(TrackMatch.track_id, TrackMatch.reference_id, Track.account_id)
        query = query.join(Track, col(Track.id) == col(TrackMatch.track_id)).limit(CLAIMS)
        found = session.exec(query).all()
    claims, disputes = [], []
    for number, (track, reference, account) in enumerate(found):
        own = {
            "tenant_id": tenant_id,
            "version": 1,
            "since": now,
            "deciders": [],
            "created_at": now,
        }
        own |= {"track_id": track, "account_id": account, "segments": [SEGMENT], "id": new_id()}
        disputed = number % 10 == 0
        claims.append(
            own | {
                "state": "disputed" if disputed else "active", "reference_id": reference, "holder_id": holder,
                "right": "recording", "remedy": "track", "territories": [], "score": 0.99,
                "coverage_query": 0.4, "longest_ms": 20_000,
            }
        )  # fmt: skip
        if disputed:
            disputes.append(
                own | {
                    "id": new_id(), "state": "with_claimant", "claim_id": own["id"], "filed_by": account,
                    "grounds": ["original_work"], "text": "I made it.", "due_at": now + timedelta(days=number % 30),
                    "attestation": {},
                }
            )  # fmt: skip
    _insert(service, Claim, claims)
    _insert(service, Dispute, disputes)


def _journal(service: Service, tenant_id: str) -> None:
    """What happened to the tracks, and what was sent to a webhook."""
    now = utc_now()
    with service.database.reading() as session:
        tracks = session.exec(select(Track.id).limit(ROWS)).all()
    types = ("clearance.track.submitted", "clearance.track.decided", "clearance.case.opened")
    rows = [
        {
            "id": new_id(), "tenant_id": tenant_id, "topic": "tracks", "type": types[number % 3], "schema_version": 1,
            "subject": track, "version": 1, "time": now, "actor": "pipeline", "role": "system",
            "data": {"track_id": track},
        }
        for number, track in enumerate(tracks)
    ]  # fmt: skip
    _insert(service, JournalRow, rows)
    webhook = Webhook(
        id=new_id(), tenant_id=tenant_id, url="https://hooks.example.org/in", events=["*"], sealed_secret="s",
        sequence=CASES, created_at=now,
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(webhook)
    sent = [
        {
            "id": new_id(), "tenant_id": tenant_id, "webhook_id": webhook.id, "event_id": row["id"],
            "event_type": row["type"], "sequence": number, "payload": {"data": row["data"]}, "state": "sent",
            "tries": 1, "log": [], "created_at": now, "settled_at": now,
        }
        for number, row in enumerate(rows[:CASES])
    ]  # fmt: skip
    _insert(service, WebhookDelivery, sent)


def main() -> None:
    """Print the median CPU time and the median and the slowest answer of each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", help="an empty PostgreSQL database; default: SQLite")
    parser.add_argument("--times", type=int, default=TIMES, help="how often each page is asked for")
    parser.add_argument("--role", choices=sorted(PATHS), help="only this role's pages")
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
            names, cookies = filled(service)
            app = create_app(settings, service)
            for role in [asked.role] if asked.role else PATHS:
                asyncio.run(measure(app, service, role, cookies[role], names, asked.times))


def filled(service: Service) -> tuple[dict[str, str], dict[str, str]]:
    """Fill a database; return what stands in addresses, and a session of each role."""
    tenant = keys.create_tenant(service, "bench")
    fill(service, tenant.id)
    _claims(service, tenant.id)
    _journal(service, tenant.id)
    with service.database.reading() as session:
        holder_id = session.exec(select(Holder.id)).one()
    users = {
        role: keys.create_user(
            service, f"{role}@example.org", role, PASSWORD, tenant_id=tenant.id,
            holder_id=holder_id if role == "rights_holder" else None,
        )[0]
        for role in PATHS if role != "creator"
    }  # fmt: skip
    cookies = {
        role: sessions.begin(service, user, former=None, language=None)
        for role, user in users.items()
    }
    reviewer = users["reviewer"]
    _decide(service, tenant.id, reviewer.id)
    caller = Caller(tenant.id, Actor(reviewer.id, reviewer.role), frozenset(), user_id=reviewer.id)
    service.packs.ensure(service, tenant.id)
    _, token = entry_links.make(service, caller, "a0", 12)
    cookies["creator"] = sessions.enter(service, token, former=None, language=None)
    return _names(service, cases.lease_next(service, caller)), cookies


def _names(service: Service, taken: Case | None) -> dict[str, str]:
    with service.database.reading() as session:
        others = session.exec(select(Case.id).where(col(Case.holder).is_(None)).limit(50)).all()
        own = select(Track.id).join(Account, col(Account.id) == col(Track.account_id))
        track = session.exec(own.where(Account.external_id == "a0").limit(1)).one()
        reference = session.exec(select(Reference.id).limit(1)).one()
        webhook = session.exec(select(Webhook.id)).one()
    return {
        "case": taken.id if taken else "",
        "other": others[0],
        "shown": ",".join(others),
        "track": track,
        "reference": reference,
        "webhook": webhook,
        "day": str(utc_now().date()),
    }


def database_cpu(service: Service) -> float:
    """CPU so far of the PostgreSQL processes that serve this database, in milliseconds; 0 for SQLite."""
    if service.database.is_sqlite:
        return 0.0
    asked = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    with service.database.reading() as session:
        pids = session.execute(asked).scalars().all()
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # user and system time, proc(5)
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


async def measure(
    app: FastAPI, service: Service, role: str, cookie: str, names: dict[str, str], times: int
) -> None:
    """Ask for each page of a role so many times, in this process."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", cookies={COOKIE: cookie}
    ) as client:
        for path in PATHS[role]:
            clock, cpu, before = [], [], database_cpu(service)
            for _ in range(times + 1):
                started, used = time.perf_counter(), time.process_time()
                answer = await client.get(path.format_map(names))
                clock.append(1000 * (time.perf_counter() - started))
                cpu.append(1000 * (time.process_time() - used))
                if answer.status_code != 200:
                    raise SystemExit(f"{role} {path}: {answer.status_code} {answer.text[-500:]}")
            beside = (database_cpu(service) - before) / (times + 1)
            del clock[0], cpu[0]  # what is compiled once a process
            told = f"CPU {statistics.median(cpu):6.1f} ms, database {beside:5.1f}; clock {statistics.median(clock):6.1f} ms"
            print(f"{role:13} {path:56.56} {told}, slowest {max(clock):6.1f} ms", flush=True)


if __name__ == "__main__":
    main()
