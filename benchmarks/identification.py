"""Recognition of altered recordings, of this project and of its peers, in one run.

``python -m benchmarks.identification [--split test] [--count 100] [--seconds 10] [--systems ...]``

References are the recordings of a split of the corpus, and with them most of the training split as
distractors; the rest of that is what is laid under queries. Positive queries are altered excerpts;
every one of them is a negative query as well for all groups it is not of, and excerpts of music that
is no reference are negatives of their own. Each system answers with its own score; recall is given
at its own default threshold, and at the one that leaves the stated share of false matches.
"""

import argparse
import itertools
import json
import math
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import soundfile
from rich.console import Console
from rich.progress import track
from rich.table import Table

import fingerprint
from benchmarks import queries
from benchmarks.alterations import ALTERATIONS, RATE, Samples, resampled
from benchmarks.queries import Query, Truth
from fingerprint import Fingerprint, SegmentIndex, TooShortError
from scripts.music_corpus import ROOT, Recording, corpus

RESULTS: Final = ROOT / ".bench" / "identification.json"
FALSE_SHARE: Final = 0.001
MIXED: Final = 4
"""Of so many groups of the training split one is only laid under queries."""


@dataclass(frozen=True)
class Found:
    """One answer of a system: times in seconds, NaN where it does not say."""

    name: str
    score: float
    query_start: float = math.nan
    query_end: float = math.nan
    reference_start: float = math.nan
    reference_end: float = math.nan
    tempo_ratio: float = math.nan
    pitch_semitones: float = math.nan


class System(Protocol):
    """Something that recognises recordings. ``threshold`` is its own default."""

    name: str
    threshold: float

    def add(self, name: str, samples: Samples) -> None:
        """Take a reference, float32 of shape (1 or 2, n) at 44.1 kHz."""

    def build(self) -> int:
        """Finish the index; return its bytes."""

    def identify(self, samples: Samples) -> list[Found]:
        """Find references, at most one answer each, best first."""


class Clearance:
    """The index of this project: of words alone, as Chromaprint gives them, or of vectors too."""

    threshold = 0.5

    def __init__(self, folder: Path, *, vectors: bool) -> None:
        self.name = "Clearance" if vectors else "Chromaprint alone"
        self._vectors = vectors
        self._index = SegmentIndex(folder)
        self._added: list[tuple[str, Fingerprint]] = []

    def add(self, name: str, samples: Samples) -> None:
        self._added.append((name, self._fingerprint(samples)))

    def build(self) -> int:
        self._index.apply(self._added, [], 1)
        return self._index.stats().bytes

    def identify(self, samples: Samples) -> list[Found]:
        try:
            query = fingerprint.fingerprint(samples, RATE)
        except TooShortError:
            return []
        matches = self._index.search(query)
        if self._vectors and not fingerprint.explained(matches):
            matches = self._index.search(query.with_embedding(fingerprint.embed(samples, RATE)))
        answers = []
        for match in matches:
            best = max(match.segments, key=lambda each: each.query_end - each.query_start)
            answers.append(
                Found(
                    match.reference_id,
                    match.score,
                    best.query_start,
                    best.query_end,
                    best.reference_start,
                    best.reference_end,
                    best.tempo_ratio,
                    best.pitch_semitones,
                )
            )
        return answers

    def _fingerprint(self, samples: Samples) -> Fingerprint:
        made = fingerprint.fingerprint(samples, RATE)
        if not self._vectors:
            return made
        return made.with_embedding(fingerprint.embed(samples, RATE))


@dataclass
class Tally:
    """What one system answered to one kind of query."""

    scores: list[float] = field(default_factory=list)
    start_errors: list[float] = field(default_factory=list)
    tempo_errors: list[float] = field(default_factory=list)
    pitch_errors: list[float] = field(default_factory=list)


@dataclass
class Account:
    """All that one system did."""

    system: System
    adding_seconds: float = 0.0
    index_bytes: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    false_scores: list[float] = field(default_factory=list)
    query_seconds: list[float] = field(default_factory=list)


def measure(
    systems: Sequence[System],
    references: Sequence[Recording],
    asked: Iterable[Query],
    count: int,
) -> list[dict[str, Any]]:
    """Ask all systems the same queries; one row a system.

    Parameters
    ----------
    count : int
        How many queries will come, for the progress bar.
    """
    accounts = [Account(system) for system in systems]
    for recording in track(references, "references"):
        samples, rate = soundfile.read(recording.file, dtype="float32", always_2d=True)
        part = np.ascontiguousarray(samples.T[:2])
        part = part if rate == RATE else resampled(part, rate / RATE)
        for account in accounts:
            started = time.process_time()
            account.system.add(recording.sha256, part)
            account.adding_seconds += time.process_time() - started
    for account in accounts:
        started = time.process_time()
        account.index_bytes = account.system.build()
        account.adding_seconds += time.process_time() - started
    groups = {each.sha256: each.group for each in references}
    for query in track(asked, "queries", total=count):
        for account in accounts:
            _ask(account, query, groups)
    hours = sum(each.seconds for each in references) / 3600
    return [_row(account, len(references), hours) for account in accounts]


def _ask(account: Account, query: Query, groups: dict[str, str]) -> None:
    started = time.process_time()
    answers = account.system.identify(query.samples)
    account.query_seconds.append(time.process_time() - started)
    true = {truth.recording.group: truth for truth in query.truths}
    wrong = [each.score for each in answers if groups[each.name] not in true]
    account.false_scores.append(max(wrong, default=0.0))
    for group, truth in true.items():
        right = [each for each in answers if groups[each.name] == group]
        _judge(account.tallies.setdefault(query.name, Tally()), right, truth)


def _row(account: Account, references: int, hours: float) -> dict[str, Any]:
    false = sorted(account.false_scores)
    threshold = false[max(0, math.ceil(len(false) * (1 - FALSE_SHARE)) - 1)]
    own = account.system.threshold
    return {
        "system": account.system.name,
        "references": references,
        "reference_hours": round(hours, 1),
        "bytes_per_hour": round(account.index_bytes / hours),
        "times_real_time_to_add": round(hours * 3600 / account.adding_seconds),
        "cpu_seconds_per_query": round(float(np.mean(account.query_seconds)), 3),
        "negatives": len(false),
        "threshold": round(threshold, 3),
        "own_threshold": own,
        "false_at_own_threshold": sum(score >= own for score in false),
        "recall": {name: _recall(each, threshold, own) for name, each in account.tallies.items()},
        "highest_false_scores": [round(score, 3) for score in false[-100:]],
    }


def _judge(tally: Tally, right: Sequence[Found], truth: Truth) -> None:
    best = max(right, key=lambda each: each.score, default=None)
    tally.scores.append(best.score if best else 0.0)
    if best is None or best.name != truth.recording.sha256:
        return
    at = truth.reference_start + truth.tempo_ratio * (best.query_start - truth.query_start)
    tally.start_errors.append(abs(best.reference_start - at))
    tally.tempo_errors.append(abs(best.tempo_ratio / truth.tempo_ratio - 1))
    tally.pitch_errors.append(abs(best.pitch_semitones - truth.pitch_semitones))


def _recall(tally: Tally, threshold: float, own: float) -> dict[str, Any]:
    count = len(tally.scores)
    hits = sum(score >= own for score in tally.scores)
    low, high = wilson(hits, count)
    return {
        "queries": count,
        "recall_at_own_threshold": round(hits / count, 3),
        "interval": [round(low, 3), round(high, 3)],
        "recall_at_equal_false": round(sum(score > threshold for score in tally.scores) / count, 3),
        "median_start_error": _median(tally.start_errors),
        "median_tempo_error": _median(tally.tempo_errors),
        "median_pitch_error": _median(tally.pitch_errors),
    }


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share = hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (middle - spread) / scale, (middle + spread) / scale


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 3) if values else None


def main() -> None:
    """Measure, print, write .bench/identification.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--negatives", type=int, default=500)
    parser.add_argument("--systems", default="Chromaprint,Clearance")
    given = parser.parse_args()
    own, training = corpus(given.split), corpus("train")
    # A fifth of the groups stays unknown: its excerpts are negatives.
    groups = sorted({each.group for each in own})
    unknown = set(groups[::5])
    known = [each for each in own if each.group not in unknown]
    strangers = [each for each in own if each.group in unknown]
    # What is laid under queries is no reference: it would be found, and rightly.
    mixed = {each.group for each in training if zlib.crc32(each.group.encode()) % MIXED == 0}
    others = queries.Material([each for each in training if each.group in mixed])
    distractors = [each for each in training if each.group not in mixed]
    asked = itertools.chain(
        queries.altered(known, others, given.seconds, given.count),
        queries.joined(known, given.seconds, given.count),
        queries.layered(known, given.seconds, given.count),
        queries.unaltered(strangers, given.seconds, given.negatives),
    )
    count = given.count * (len(ALTERATIONS) + 2) + given.negatives
    with tempfile.TemporaryDirectory() as folder:
        makers: dict[str, Callable[[], System]] = {
            "Chromaprint": lambda: Clearance(Path(folder) / "words", vectors=False),
            "Clearance": lambda: Clearance(Path(folder) / "all", vectors=True),
        }
        systems = [makers[name]() for name in given.systems.split(",")]
        results = measure(systems, [*known, *distractors], asked, count)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))
    Console(width=140).print(table(results))


def table(results: Sequence[dict[str, Any]]) -> Table:
    """Recall by alteration at each system's own threshold, a column a system."""
    made = Table("alteration", *(each["system"] for each in results))
    for name in results[0]["recall"]:
        cells = []
        for each in results:
            row = each["recall"][name]
            low, high = row["interval"]
            cells.append(
                f"{100 * row['recall_at_own_threshold']:.0f} ({100 * low:.0f}-{100 * high:.0f})"
            )
        made.add_row(name, *cells)
    made.add_row(
        "false matches", *(f"{e['false_at_own_threshold']} of {e['negatives']}" for e in results)
    )
    for name in ("cpu_seconds_per_query", "times_real_time_to_add", "bytes_per_hour"):
        made.add_row(name.replace("_", " "), *(str(each[name]) for each in results))
    return made


if __name__ == "__main__":
    main()
