"""What it costs a search that the index lies on shards: the way there and back, on one machine.

``python -m benchmarks.shards [--references 10000] [--counts 1,2,4] [--json FILE]``

References are words of synthetic tracks (:mod:`benchmarks.synthetic_fingerprints`), in a SQLite database and a store
as the service has them. Each shard is a process, ``clearance shards serve``. A search by words is short, so what is
added to it shows; queries are 10 s with one bit in twenty wrong, and four minutes with vectors, peaks and
tones as well, which make the question as large as those of whole tracks are.
"""

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

import fingerprint
from benchmarks.search import EXCERPT_WORDS, SEED
from benchmarks.synthetic_fingerprints import as_fingerprint, distorted, tracks
from fingerprint.arrays import U32Array
from scanner.catalogue import Catalogue, next_epoch
from scanner.clock import new_id
from scanner.database import Database
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from scanner.shards.placement import Shard
from scanner.shards.sharded_catalogue import ShardedCatalogue
from scanner.tables import Bank, Holder, Reference, Tenant

QUERIES: Final = 60
WHOLE_SECONDS: Final = 240.0
RATE: Final = 11_025
DISTORTED: Final = 0.05
"""Share of bits that differ from the reference's."""


def measure(references: int, counts: Sequence[int], queries: int = QUERIES) -> list[dict[str, Any]]:
    """One row for no shards, and one for each number of them."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        settings = _installed(home)
        with Service(settings) as service:
            tenant_id, words = _filled(service, references)
            asked = {"10 s, words": _excerpts(words, queries), "4 min, whole": _whole(queries // 3)}
            catalogue = service.catalogue
            catalogue.state(tenant_id)
            rows = [{"shards": 0} | _times(catalogue, tenant_id, asked, [])]
            for count in counts:
                with _shards(settings, count) as (addresses, processes):
                    spread = settings.model_copy(update={"index_shards": addresses})
                    sharded = ShardedCatalogue(service.database, service.store, spread)
                    _until(sharded.check)
                    rows.append({"shards": count} | _times(sharded, tenant_id, asked, processes))
                    sharded.close()
            return rows


def _installed(home: Path) -> Settings:
    settings = Settings(home=home)
    make_key_file(home)
    settings.shard_key_file.touch(mode=0o600)
    settings.shard_key_file.write_text(secrets.token_hex(32))
    Database(settings.database).upgrade()
    return settings


def _filled(service: Service, count: int) -> tuple[str, U32Array]:
    """References as rows and stored fingerprints, without the checks of new ones."""
    now = service.now()
    tenant_id, bank_id, holder_id = new_id(), new_id(), new_id()
    with service.database.transaction() as session:
        session.add(Tenant(id=tenant_id, name="measured", created_at=now))
        session.flush()
        of: dict[str, Any] = {"tenant_id": tenant_id, "created_at": now, "updated_at": now}
        session.add(Bank(id=bank_id, name="default", kind="rights", **of))
        session.add(Holder(id=holder_id, name="All", **of))
    words = tracks(count, (SEED,))
    for start in range(0, count, 1000):
        with service.database.transaction() as session:
            epoch = next_epoch(session, tenant_id)
            for each in words[start : start + 1000]:
                print_ = as_fingerprint(each)
                blob = service.store.put_bytes(tenant_id, print_.to_bytes())
                session.add(
                    Reference(
                        id=new_id(),
                        tenant_id=tenant_id,
                        bank_id=bank_id,
                        holder_id=holder_id,
                        epoch=epoch,
                        status="active",
                        policy="block",
                        title="measured",
                        duration=print_.duration,
                        fingerprint_sha256=blob.sha256,
                        created_at=now,
                        updated_at=now,
                    )
                )
    return tenant_id, words


def _excerpts(words: U32Array, count: int) -> list[fingerprint.Fingerprint]:
    rng = np.random.default_rng(SEED)
    found = []
    for number in rng.integers(0, len(words), count):
        start = int(rng.integers(0, len(words[number]) - EXCERPT_WORDS))
        piece = words[number][start : start + EXCERPT_WORDS]
        found.append(as_fingerprint(distorted(piece, DISTORTED, rng)))
    return found


def _whole(count: int) -> list[fingerprint.Fingerprint]:
    """Four minutes of coloured noise: of no reference, and as large as music."""
    rng = np.random.default_rng(SEED)
    walk = np.cumsum(rng.standard_normal(int(WHOLE_SECONDS * RATE)))
    coloured = np.diff(walk - np.convolve(walk, np.ones(64) / 64, "same"))
    sound = (0.1 * coloured / np.abs(coloured).max()).astype(np.float32)[None]
    return [fingerprint.completed(fingerprint.fingerprint(sound, RATE), sound, RATE)] * count


@contextlib.contextmanager
def _shards(
    settings: Settings, count: int
) -> Iterator[tuple[tuple[str, ...], list[psutil.Process]]]:
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(_shard(settings, Shard(n, count))) for n in range(1, count + 1)
        ]
        yield tuple(each for each, _ in started), [each for _, each in started]


@contextlib.contextmanager
def _shard(settings: Settings, shard: Shard) -> Iterator[tuple[str, psutil.Process]]:
    command = "import sys; from scanner.cli import main; main()"
    options = ["shards", "serve", "--shard", str(shard), "--port", "0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *options],
        env=os.environ | {"CLEARANCE_HOME": str(settings.home), "CLEARANCE_LOG_LEVEL": "error"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield told["address"], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.communicate()


def _until(ready: Callable[[], None]) -> None:
    while True:
        try:
            return ready()
        except Exception:  # noqa: BLE001 - it is not there yet
            time.sleep(0.2)


def _times(
    catalogue: Catalogue,
    tenant_id: str,
    asked: dict[str, list[fingerprint.Fingerprint]],
    processes: Sequence[psutil.Process],
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for kind, queries in asked.items():
        for query in queries[:5]:  # pages, connections
            catalogue.search(tenant_id, query)
        there = [sum(each.cpu_times()[:2]) for each in processes]
        own, wall = time.process_time(), []
        for query in queries:
            started = time.perf_counter()
            catalogue.search(tenant_id, query)
            wall.append(1000 * (time.perf_counter() - started))
        own = time.process_time() - own
        spent = sum(sum(each.cpu_times()[:2]) for each in processes) - sum(there)
        row[kind] = {
            "median_ms": float(np.median(wall)),
            "p95_ms": float(np.quantile(wall, 0.95)),
            "own_cpu_ms": 1000 * own / len(queries),
            "shards_cpu_ms": 1000 * spent / len(queries),
            "question_bytes": int(np.mean([len(each.to_bytes()) for each in queries])),
        }
    return row


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    kinds = [kind for kind in rows[0] if kind != "shards"]
    text = [
        "| query | shards | median / p95 ms | CPU ms of who asks | CPU ms of the shards | bytes to each |"
    ]
    text.append("|---|---|---|---|---|---|")
    for kind in kinds:
        for row in rows:
            of = row[kind]
            wire = f"{of['question_bytes']:,}" if row["shards"] else ""
            text.append(
                f"| {kind} | {row['shards'] or 'none'} | {of['median_ms']:.1f} / {of['p95_ms']:.1f} "
                f"| {of['own_cpu_ms']:.1f} | {of['shards_cpu_ms']:.1f} | {wire} |"
            )
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--references", type=int, default=10_000)
    parser.add_argument("--counts", default="1,2,4")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = measure(arguments.references, [int(each) for each in arguments.counts.split(",")])
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
