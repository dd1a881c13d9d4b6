"""Whole fingerprints at scale: building, growing, bytes by part, search time and recall.

``make bench-scale [SIZES=1e3,1e4,1e5]``, or
``python -m benchmarks.scale --sizes 1e3,1e4,1e5 [--json FILE] [--folder KEPT]``

One index grows through the sizes by changes of :data:`CHANGE` tracks, as a catalogue that catches up
does. Tracks are synthetic with the statistics of real music (:mod:`benchmarks.synthetic_catalogue`);
queries are altered copies of parts of them, and tracks that the index does not hold. One thread;
searches are timed in milliseconds of CPU, so that others on the machine do not count. A million
tracks are then calculated from the bytes and times that were measured.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import psutil

from benchmarks.search import table
from benchmarks.synthetic_catalogue import (
    BATCH,
    Pool,
    excerpt,
    only,
    pool_of,
    real_fingerprints,
    statistics,
    synthetic_tracks,
)
from fingerprint import Fingerprint, SegmentIndex
from fingerprint.index import manifest
from fingerprint.index.segment_file import IndexSegment
from fingerprint.index.vector_file import VectorFile

CHANGE: Final = 2000
"""Tracks of one change: what a catalogue reads at once."""
MORE: Final = 100
RECORDINGS: Final = 200
LENGTHS: Final = (10.0, 30.0)
PARTS: Final = ("words", "vectors", "peaks")
UNKNOWN_BATCH: Final = 1 << 20
MORE_BATCH: Final = 1 << 21
FAR: Final = 1_000_000
MEGABYTE: Final = 2**20
_PART_OF: Final = {
    **dict.fromkeys(("words", "postings", "directory", "starts"), "words"),
    **dict.fromkeys(("vector_starts", "vector_places", "chroma"), "vectors"),
    **dict.fromkeys(("peak_starts", "peaks"), "peaks"),
    **dict.fromkeys(("landmark_hashes", "landmark_starts", "landmark_places"), "landmarks"),
}


class Grown:
    """An index that grows through the sizes, and what it took.

    Parameters
    ----------
    folder : Path
    pool : Pool
    """

    def __init__(self, folder: Path, pool: Pool) -> None:
        self.folder = folder
        self.pool = pool
        self.index = SegmentIndex(folder)
        self.seconds = 0.0
        self.peak = {"resident": 0, "of its own": 0}

    def grow(self, size: int) -> None:
        """Add tracks up to a size."""
        for first in range(self.index.stats().references, size, CHANGE):
            count = min(CHANGE, size - first)
            added = [
                (name(batch, n), print_)
                for batch, own in _batches(first, count)
                for n, print_ in enumerate(synthetic_tracks(self.pool, batch, own))
            ]
            with _memory(self.peak):
                started = time.perf_counter()
                self.index.apply(added, [], self.index.epoch + 1)
                self.seconds += time.perf_counter() - started
            print(f"{first + count} tracks, {self.seconds:.0f} s", flush=True)

    def add_one_by_one(self) -> dict[str, float]:
        """Milliseconds of :data:`MORE` changes of one track each; they are taken out again."""
        more = synthetic_tracks(self.pool, MORE_BATCH, MORE)
        taken = []
        for n, print_ in enumerate(more):
            started = time.perf_counter()
            self.index.apply([(f"more-{n}", print_)], [], self.index.epoch + 1)
            taken.append(1000 * (time.perf_counter() - started))
        self.index.apply([], [f"more-{n}" for n in range(MORE)], self.index.epoch + 1)
        found = {"median": np.median(taken), "p95": np.percentile(taken, 95), "max": max(taken)}
        return {key: round(float(value), 1) for key, value in found.items()}


def name(batch: int, place: int) -> str:
    return f"synthetic-{batch:07d}-{place:05d}"


def measure(
    sizes: Sequence[int], folder: Path, *, queries: int = 40, recordings: int = RECORDINGS
) -> list[dict[str, Any]]:
    """One row a size; an index that is in the folder is grown.

    Parameters
    ----------
    sizes : sequence of int
        Tracks, ascending; whole thousands.
    queries : int
        Of each kind and length.
    recordings : int
        Real ones that synthetic tracks are made of.
    """
    faiss.omp_set_num_threads(1)
    real = real_fingerprints(recordings)
    pool = pool_of(real)
    print("real", statistics(pool, real))
    print("synthetic", statistics(pool, synthetic_tracks(pool, 0, 60)), flush=True)
    grown = Grown(folder, pool)
    rows = []
    for size in sizes:
        grown.grow(size)
        rows.append(_row(grown, size, queries))
        print(json.dumps(rows[-1]), flush=True)
    return rows


def _row(grown: Grown, size: int, queries: int) -> dict[str, Any]:
    adding = grown.add_one_by_one()
    stats = grown.index.stats()
    row: dict[str, Any] = {
        "references": size,
        "hours": round(stats.hours, 1),
        "segments": stats.segments,
        "build_seconds": round(grown.seconds, 1),
        "build_peak_MB": {key: round(value / MEGABYTE) for key, value in grown.peak.items()},
        "one_more_ms": adding,
        "bytes_per_reference_hour": _bytes_by_part(grown.folder, stats.hours),
    }
    _forget(grown.folder)
    index = SegmentIndex(grown.folder)
    for seconds in LENGTHS:
        asked = needles(grown.pool, size, queries, seconds)
        unknown = strangers(grown.pool, queries, seconds)
        label = f"{seconds:.0f} s"
        if seconds == LENGTHS[0]:
            row[f"{label}, first ones, files dropped from memory, wall-clock ms"], _ = _searched(
                index, asked[:10], time.perf_counter
            )
        row[f"{label}, known, ms"], row[f"{label}, found"] = _searched(index, asked)
        for part in PARTS:
            own = [(reference, only(print_, part)) for reference, print_ in asked]
            row[f"{label}, {part} only, ms"], row[f"{label}, {part} only, found"] = _searched(
                index, own
            )
        row[f"{label}, unknown, ms"], found = _searched(index, unknown)
        row[f"{label}, unknown, with a match"] = found["others"]
    return row


def needles(pool: Pool, size: int, count: int, seconds: float) -> list[tuple[str, Fingerprint]]:
    """Altered parts of tracks from all over the index."""
    rng = np.random.default_rng((3, size, round(seconds)))
    batches = max(1, size // BATCH)
    chosen = sorted({int(n) for n in np.linspace(0, batches - 1, 8)})
    asked = []
    for batch in chosen:
        own = synthetic_tracks(pool, batch, min(size, 60))
        for place in rng.choice(len(own), -(-count // len(chosen)), replace=False):
            start = 12.0 * int(rng.integers(0, 17))
            asked.append((name(batch, int(place)), excerpt(own[place], start, seconds, rng)))
    return asked[:count]


def strangers(pool: Pool, count: int, seconds: float) -> list[tuple[str, Fingerprint]]:
    """Parts of tracks that no index holds."""
    rng = np.random.default_rng((4, round(seconds)))
    own = synthetic_tracks(pool, UNKNOWN_BATCH, count)
    return [("", excerpt(each, 12.0 * int(rng.integers(0, 17)), seconds, rng)) for each in own]


def _searched(
    index: SegmentIndex,
    asked: Sequence[tuple[str, Fingerprint]],
    clock: Callable[[], float] = time.process_time,
) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds of each search; the share that found its reference, and that found another."""
    taken, right, wrong = [], [], []
    for reference, query in asked:
        started = clock()
        found = [match.reference_id for match in index.search(query)]
        taken.append(1000 * (clock() - started))
        right.append(reference in found)
        wrong.append(any(each != reference for each in found))
    times = {"median": np.median(taken), "p95": np.percentile(taken, 95)}
    return (
        {key: round(float(value), 1) for key, value in times.items()},
        {"own": round(float(np.mean(right)), 3), "others": round(float(np.mean(wrong)), 3)},
    )


def _batches(first: int, count: int) -> Iterator[tuple[int, int]]:
    """Batches that hold the tracks from the first on, a whole thousand, and how many of each."""
    for batch in range(first // BATCH, -(-(first + count) // BATCH)):
        yield batch, min(BATCH, first + count - batch * BATCH)


def _bytes_by_part(folder: Path, hours: float) -> dict[str, int]:
    total: Counter[str] = Counter()
    for entry in manifest.read(folder).segments:
        vectors = None
        if entry.vectors_name:
            vectors = VectorFile(folder / entry.vectors_name, entry.vectors_size)
        for array, size in IndexSegment(folder / entry.name, entry.size, vectors).sizes().items():
            total[_PART_OF.get(array, "ids")] += size
        total["vectors"] += entry.vectors_size
    total["all"] = sum(total.values())
    return {part: round(size / hours) for part, size in total.items()}


@contextmanager
def _memory(peak: dict[str, int]) -> Iterator[None]:
    """Note the most memory that is resident, and what of it is not pages of files."""
    process, ended = psutil.Process(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            used = process.memory_info()
            peak["resident"] = max(peak["resident"], used.rss)
            peak["of its own"] = max(peak["of its own"], used.rss - used.shared)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _forget(folder: Path) -> None:
    """Ask the kernel to drop the index from memory."""
    os.sync()
    for path in folder.iterdir():
        if path.suffix in {".segment", ".vectors"}:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def extrapolated(rows: Sequence[dict[str, Any]]) -> str:
    """What a million tracks take by calculation, not by measurement."""
    last = rows[-1]
    factor = FAR / last["references"]
    size = last["bytes_per_reference_hour"]["all"] * last["hours"] * factor / 1e9
    # A word is written anew each time that eight segments become one, up to the largest segments.
    build = last["build_seconds"] * factor / 3600
    lines = [
        f"{FAR:,} tracks by calculation from {last['references']:,}: {size:,.0f} GB, "
        f"{build:.1f} h to build (linear: segments of the largest size merge no more)."
    ]
    if len(rows) > 1:
        before = rows[-2]
        for label in ("10 s, known, ms", "30 s, known, ms", "30 s, unknown, ms"):
            low, high = before[label]["median"], last[label]["median"]
            rise = (high - low) / (last["segments"] - before["segments"] or 1)
            far = last["segments"] * factor
            lines.append(
                f"{label}: {high:.0f} + {rise:.2f} a segment x {far - last['segments']:.0f} more "
                f"segments = {high + rise * (far - last['segments']):,.0f}"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="1e3,1e4")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    sizes = [int(float(size)) for size in arguments.sizes.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        rows = measure(sizes, arguments.folder or Path(temporary), queries=arguments.queries)
    print(table(rows))
    print(extrapolated(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
