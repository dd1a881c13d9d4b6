"""Search time, size, build time and recall of the reference index.

``python -m benchmarks.search --sizes 1e3,1e4,1e5 [--json FILE] [--folder KEPT]``

References are synthetic tracks of four minutes with the statistics of real music
(:mod:`benchmarks.synthetic_fingerprints`); queries are 10 s and whole-track copies of some of them
with the bit errors of real manipulations, and as many tracks that the index does not hold. With
``--folder`` the index is kept, and a later run goes on from where it is.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from benchmarks.synthetic_fingerprints import (
    DISTORTIONS,
    TRACK_SECONDS,
    as_fingerprint,
    distorted,
    track_words,
    tracks,
)
from fingerprint import Fingerprint, SegmentIndex

BATCH: Final = 10_000
EXCERPT_WORDS: Final = 58
SEED: Final = 20260
MEMORY_SHARE: Final = 0.8


def measure(
    sizes: Sequence[int] = (1_000, 10_000, 100_000),
    *,
    folder: Path | None = None,
    queries: int = 100,
) -> list[dict[str, Any]]:
    """One row a size.

    Parameters
    ----------
    sizes : sequence of int
        Reference tracks.
    folder : Path, optional
        Where indexes are kept; a temporary folder otherwise.
    queries : int
        Of each kind: excerpts a distortion, whole tracks, unknown tracks.
    """
    with tempfile.TemporaryDirectory() as temporary:
        return [_measure_size(size, folder or Path(temporary), queries) for size in sizes]


def _measure_size(size: int, folder: Path, queries: int) -> dict[str, Any]:
    place = folder / f"references-{size}"
    build = _build(SegmentIndex(place), size)
    cold = _forget(place)
    index = SegmentIndex(place)
    stats = index.stats()
    excerpts = {
        name: _needles(size, queries, error, EXCERPT_WORDS) for name, error in DISTORTIONS.items()
    }
    whole = _needles(size, max(1, queries // 5), DISTORTIONS["MP3 64k"], track_words())
    unknown = [
        ("", as_fingerprint(words)) for words in tracks(queries, (SEED, 1 << 40), EXCERPT_WORDS + 4)
    ]
    first, _ = _searched(index, excerpts["MP3 64k"][:20])
    warm = _warm(place)
    row: dict[str, Any] = {
        "references": stats.references,
        "hours": round(stats.hours, 1),
        "segments": stats.segments,
        "bytes": stats.bytes,
        "bytes_per_reference_hour": round(stats.bytes / stats.hours),
        "ratio_to_raw_words": round(stats.bytes / (4 * size * track_words()), 3),
        "build_seconds": None if build is None else round(build, 1),
        "pages": warm,
        "first_pass_ms": _times(first) | {"pages": cold},
    }
    found = {}
    for name, needles in excerpts.items():
        seconds, found[name] = _searched(index, needles)
        row[f"10 s, {name}, ms"] = _times(seconds)
    seconds, found["whole track, MP3 64k"] = _searched(index, whole)
    row["whole track, MP3 64k, ms"] = _times(seconds)
    seconds, wrong = _searched(index, unknown)
    row["10 s, unknown, ms"] = _times(seconds)
    row["recall"] = {name: float(np.mean([hit for hit, _ in hits])) for name, hits in found.items()}
    others = [other for hits in (*found.values(), wrong) for _, other in hits]
    row["false_matches"] = {"queries": len(others), "with_one": int(np.sum(others))}
    return row


def _build(index: SegmentIndex, size: int) -> float | None:
    """Add what is missing, a batch an epoch; None when nothing was."""
    batches = -(-size // BATCH)
    if index.epoch >= batches:
        return None
    seconds = 0.0
    for batch in range(index.epoch, batches):
        count = min(BATCH, size - batch * BATCH)
        words = tracks(BATCH, (SEED, batch))[:count]
        added = [
            (_name(batch, place), Fingerprint(row, TRACK_SECONDS))
            for place, row in enumerate(words)
        ]
        started = time.perf_counter()
        index.apply(added, [], batch + 1)
        seconds += time.perf_counter() - started
    return seconds


def _name(batch: int, place: int) -> str:
    return f"synthetic-{batch:05d}-{place:05d}"


def _needles(size: int, count: int, error: float, words: int) -> list[tuple[str, Fingerprint]]:
    """Manipulated stretches of references from four batches across the index."""
    random = np.random.default_rng((SEED, words, int(error * 1000)))
    batches = -(-size // BATCH)
    chosen = sorted({0, batches // 3, 2 * batches // 3, batches - 1})
    needles = []
    for batch in chosen:
        held = min(BATCH, size - batch * BATCH)
        pool = tracks(BATCH, (SEED, batch))
        for place in random.integers(0, held, -(-count // len(chosen))):
            start = int(random.integers(4, max(5, pool.shape[1] - words + 1)))
            part = pool[place, start : start + words]
            needles.append(
                (_name(batch, int(place)), as_fingerprint(distorted(part, error, random)))
            )
    return needles[:count]


def _searched(
    index: SegmentIndex, queries: Sequence[tuple[str, Fingerprint]]
) -> tuple[list[float], list[tuple[bool, bool]]]:
    """Seconds of each search, and whether it found its reference and whether anything else."""
    seconds, hits = [], []
    for name, query in queries:
        started = time.perf_counter()
        matches = index.search(query)
        seconds.append(time.perf_counter() - started)
        ids = [match.reference_id for match in matches]
        hits.append((name in ids, any(i != name for i in ids)))
    return seconds, hits


def _times(seconds: Sequence[float]) -> dict[str, float]:
    milliseconds = 1000 * np.array(seconds)
    return {
        "median": round(float(np.median(milliseconds)), 2),
        "p95": round(float(np.percentile(milliseconds, 95)), 2),
    }


def _forget(folder: Path) -> str:
    """Ask the kernel to drop the index from memory."""
    for path in folder.glob("*.segment"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return "dropped from memory before"


def _warm(folder: Path) -> str:
    """Read the index into memory where it fits."""
    paths = list(folder.glob("*.segment"))
    size = sum(path.stat().st_size for path in paths)
    if size > MEMORY_SHARE * psutil.virtual_memory().available:
        return "as earlier queries left them: the index is larger than the free memory"
    for path in paths:
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
    return "warm: the whole index was read before"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="1e3,1e4,1e5")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    sizes = [int(float(size)) for size in arguments.sizes.split(",")]
    rows = measure(sizes, folder=arguments.folder, queries=arguments.queries)
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table, one column a size."""
    lines = ["| | " + " | ".join(f"{row['references']:,}" for row in rows) + " |"]
    lines.append("|---" * (len(rows) + 1) + "|")
    for key in rows[0]:
        cells = [row[key] for row in rows]
        if isinstance(cells[0], dict):
            texts = [", ".join(f"{name} {value}" for name, value in cell.items()) for cell in cells]
        else:
            texts = [str(cell) for cell in cells]
        lines.append(f"| {key.replace('_', ' ')} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
