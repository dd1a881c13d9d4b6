"""Server time of the console's queue with 10,000 cases: the page whole, without a network."""

import asyncio
import logging
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import structlog
from fastapi import FastAPI

import appeals
from scanner import keys
from scanner.api import create_app
from scanner.clock import new_id, utc_now
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Track

CASES: Final = 10_000
TIMES: Final = 20
PASSWORD: Final = "a password of the benchmark"
PATHS: Final = (
    "/queue",
    "/queue?order=priority",
    "/queue?order=newest&page=150",
    "/queue?state=all&kind=review",
)


def fill(service: Service, tenant_id: str) -> None:
    """Open cases of as many tracks, half of them with a date that law sets."""
    now = utc_now()
    with service.database.transaction() as session:
        tracks = [
            Track(
                id=new_id(),
                tenant_id=tenant_id,
                state="quarantined",
                file_name=f"song {number}.wav",
                created_at=now,
                updated_at=now,
            )
            for number in range(CASES)
        ]
        session.add_all(tracks)
        session.flush()
        session.add_all(
            appeals.open_case(
                case_id=new_id(),
                tenant_id=tenant_id,
                kind="review" if number % 3 else "indeterminate",
                reasons=[{"rule": "recording-block", "text": "A recording was found. " * 5}],
                now=now - timedelta(minutes=number),
                track_id=track.id,
                legal_due_at=now + timedelta(hours=number) if number % 2 else None,
            )
            for number, track in enumerate(tracks)
        )


def main() -> None:
    """Print the median and the slowest answer of each page."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), workers=0, rate_limit="1000000/minute")
        make_key_file(settings.home)
        with Service(settings) as service:
            service.database.upgrade()
            tenant = keys.create_tenant(service, "bench")
            keys.create_user(service, "reviewer@example.org", "reviewer", PASSWORD)
            fill(service, tenant.id)
            asyncio.run(measure(create_app(settings, service)))


async def measure(app: FastAPI) -> None:
    """Ask for each page as often as `TIMES`, in this process."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = (await client.get("/login")).text
        csrf = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]
        fields = {"email": "reviewer@example.org", "password": PASSWORD, "csrf": csrf}
        await client.post("/login", data=fields)
        for path in PATHS:
            clock, cpu = [], []
            for _ in range(TIMES):
                started, used = time.perf_counter(), time.process_time()
                (await client.get(path)).raise_for_status()
                clock.append(1000 * (time.perf_counter() - started))
                cpu.append(1000 * (time.process_time() - used))
            told = f"{statistics.median(clock):6.1f} ms, of CPU {statistics.median(cpu):6.1f} ms"
            print(f"{path:36} median {told}; slowest {max(clock):6.1f} ms")


if __name__ == "__main__":
    main()
