"""Recognition of altered recordings, of this project and of its peers, asked the same queries.

``make bench-fingerprint``, or ``python -m benchmarks.identification [--systems ...] [--resume]``

References are the recordings of a split of the corpus, and with them most of the training split as
distractors; the rest of that is what is laid under queries. Positive queries are altered excerpts;
every one of them is a negative query as well for all groups it is not of, and excerpts of music that
is no reference are negatives of their own. Each system answers with its own score; recall is given
at its own default threshold, and at the one that leaves the stated share of false matches. Works that
are found in another performance are no recordings: what is wrong of them is counted apart, and what
is right of them counts for nothing here (`benchmarks.compositions` is about them).

``--fill N`` adds N rendered scores to the references (`benchmarks.score_references`), kept as
fingerprints and counted apart in the tables: no query is of them, and any answer that names one is
false.

Answers are kept in ``.bench/identification`` as they come, so that a run that was stopped goes on
with ``--resume``; queries are made from their name and number alone, so it goes on with the same
ones.
"""

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import resource
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import soundfile
from rich.progress import track

from benchmarks import queries
from benchmarks.alterations import ALTERATIONS, RATE, Samples, resampled
from benchmarks.queries import Query, Truth
from benchmarks.reliability import reliability, reliability_lines
from benchmarks.score_references import references as rendered_scores
from benchmarks.systems import SYSTEMS, THRESHOLDS, Clearance, Found, System
from fingerprint.embedding import embedder
from scripts.music_corpus import ROOT, Recording, corpus

FOLDER: Final = ROOT / ".bench" / "identification"
FALSE_SHARE: Final = 0.001
MIXED: Final = 4
"""Of so many groups of the training split one is only laid under queries."""
UNKNOWN: Final = 5
"""Of so many groups of the split one is no reference: its excerpts are negatives."""
UNRELATED: Final = "unrelated"
JOINED: Final = "joined"
LAYERED: Final = "layered"


class Job(NamedTuple):
    """One query, by what makes it."""

    kind: str
    seconds: float
    number: int


class Collection:
    """What is known, what is not, and what is laid under queries. The same for every system."""

    def __init__(self, split: str) -> None:
        own, training = corpus(split), corpus("train")  # type: ignore[arg-type]
        groups = sorted({each.group for each in own})
        unknown = set(groups[::UNKNOWN])
        self.known = [each for each in own if each.group not in unknown]
        self._strangers = [each for each in own if each.group in unknown]
        # What is laid under queries is no reference: it would be found, and rightly.
        mixed = {each.group for each in training if zlib.crc32(each.group.encode()) % MIXED == 0}
        self._others = queries.Material([each for each in training if each.group in mixed])
        self.references = [*self.known, *(each for each in training if each.group not in mixed)]
        self.groups = {each.sha256: each.group for each in self.references}
        self._alterations = {each.name: each for each in ALTERATIONS}

    def group(self, name: str) -> str:
        """The group of a reference; a rendered score is its own."""
        return self.groups.get(name, name)

    def query(self, job: Job) -> Query:
        """Make a query."""
        if job.kind == UNRELATED:
            return queries.one_unrelated(self._strangers, job.seconds, job.number)
        if job.kind == JOINED:
            return queries.one_joined(self.known, job.seconds, job.number)
        if job.kind == LAYERED:
            return queries.one_layered(self.known, job.seconds, job.number)
        alteration = self._alterations[job.kind]
        return queries.one(self.known, self._others, alteration, job.seconds, job.number)


def jobs(lengths: Sequence[tuple[float, int]], negatives: int) -> list[Job]:
    """All queries: for each length so many of each kind, and negatives of 10 s."""
    kinds = [*(each.name for each in ALTERATIONS), JOINED, LAYERED]
    positive = [
        Job(kind, seconds, number)
        for seconds, count in lengths
        for number in range(count)
        for kind in kinds
    ]
    return positive + [Job(UNRELATED, 10.0, number) for number in range(negatives)]


# --- references


def build(name: str, collection: Collection, fill: int, processes: int) -> dict[str, Any]:
    """Make a system's index, unless it is there; say what that took."""
    folder = FOLDER / name
    noted = folder / "built.json"
    state = f"{_state(collection)}+{fill}"
    if noted.exists() and (kept := json.loads(noted.read_text()))["state"] == state:
        return dict(kept)
    shutil.rmtree(folder, ignore_errors=True)
    system = SYSTEMS[name](folder)
    seconds = 0.0
    for recording in track(collection.references, f"references of {name}"):
        samples = _samples(recording)
        started = time.process_time()
        system.add(recording.sha256, samples)
        seconds += time.process_time() - started
    hours = sum(each.seconds for each in collection.references) / 3600
    real_hours = hours
    if fill:
        hours += _fill(system, fill, processes) / 3600
    started = time.process_time()
    size = system.build()
    seconds += time.process_time() - started
    built = {
        "state": state,
        "references": len(collection.references) + fill,
        "of_them_rendered_scores": fill,
        "reference_hours": round(hours, 2),
        "bytes_per_reference_hour": round(size / hours),
        "times_real_time_to_add": round(real_hours * 3600 / seconds),
    }
    noted.write_text(json.dumps(built))
    return built


def _fill(system: System, count: int, processes: int) -> float:
    """Add rendered scores; return their seconds."""
    if not isinstance(system, Clearance):
        raise SystemExit(
            "--fill adds fingerprints: give --systems of chromaprint and clearance only"
        )
    seconds = 0.0
    for name, own in rendered_scores(count, processes):
        system.add_print(name, own)
        seconds += own.duration
    return seconds


def _state(collection: Collection) -> str:
    """What an index is made of: the references and the network."""
    digest = hashlib.sha256(embedder.WEIGHTS.read_bytes())
    for each in collection.references:
        digest.update(each.sha256.encode())
    return digest.hexdigest()


def _samples(recording: Recording) -> Samples:
    samples, rate = soundfile.read(recording.file, dtype="float32", always_2d=True)
    part = np.ascontiguousarray(samples.T[:2])
    return part if rate == RATE else resampled(part, rate / RATE)


# --- queries, in processes of their own

_collection: Collection
_systems: dict[str, System]


def _open(split: str, names: Sequence[str]) -> None:
    global _collection, _systems  # noqa: PLW0603  what a process of the pool keeps
    _collection = Collection(split)
    _systems = {name: SYSTEMS[name](FOLDER / name) for name in names}


def _ask(job: Job) -> list[dict[str, Any]]:
    query = _collection.query(job)
    truths = {each.recording.group: each for each in query.truths}
    rows = []
    for name, system in _systems.items():
        started = time.process_time()
        answers = system.identify(query.samples)
        seconds = time.process_time() - started
        wrong = [each for each in answers if _collection.group(each.name) not in truths]
        rows.append(
            {
                "system": name,
                "job": list(job),
                "seconds": round(seconds, 4),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "false_score": _best(wrong, "recording"),
                "false_work": _best(wrong, "composition"),
                "false": told(wrong),
                "true": [_judged(truth, answers) for truth in truths.values()],
            }
        )
    return rows


def _best(answers: Sequence[Found], kind: str) -> float:
    return max((each.score for each in answers if each.kind == kind), default=0.0)


def told(wrong: Sequence[Found]) -> list[Any] | None:
    """The surest recording that is told wrongly: its name, and where in the query and in the reference."""
    recordings = [each for each in wrong if each.kind == "recording"]
    if not recordings:
        return None
    best = max(recordings, key=lambda each: each.score)
    times = (best.query_start, best.query_end, best.reference_start, best.reference_end)
    return [best.name, *(None if math.isnan(each) else round(each, 2) for each in times)]


def _judged(truth: Truth, answers: Sequence[Found]) -> dict[str, float]:
    """The best answer that names a recording's group, and how far it is off."""
    own = truth.recording
    right = [
        each
        for each in answers
        if each.kind == "recording" and _collection.group(each.name) == own.group
    ]
    best = max(right, key=lambda each: each.score, default=None)
    if best is None:
        return {"score": 0.0}
    judged = {"score": best.score}
    if best.name == own.sha256:
        at = truth.reference_start + truth.tempo_ratio * (best.query_start - truth.query_start)
        judged |= {
            "start": abs(best.reference_start - at),
            "begins": abs(best.query_start - truth.query_start),
            "ends": abs(best.query_end - truth.query_end),
            "tempo": abs(best.tempo_ratio / truth.tempo_ratio - 1),
            "pitch": abs(best.pitch_semitones - truth.pitch_semitones),
        }
    return {key: round(value, 4) for key, value in judged.items() if not math.isnan(value)}


def ask(
    split: str, names: Sequence[str], asked: Sequence[Job], answers: Path, processes: int
) -> None:
    """Ask what is not answered yet; keep each answer at once."""
    done = {tuple(row["job"]) for row in _rows(answers)}
    left = [job for job in asked if tuple(job) not in done]
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    context = multiprocessing.get_context("spawn")
    with (
        answers.open("a") as file,
        ProcessPoolExecutor(processes, context, _open, (split, list(names))) as pool,
    ):
        for rows in track(pool.map(_ask, left, chunksize=4), "queries", total=len(left)):
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()


def _rows(answers: Path) -> Iterator[dict[str, Any]]:
    if answers.exists():
        with answers.open() as file:
            yield from map(json.loads, file)


# --- account


@dataclass
class Tally:
    """What one system answered to one kind of query of one length."""

    scores: list[float] = field(default_factory=list)
    errors: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def account(name: str, rows: Sequence[dict[str, Any]], built: dict[str, Any]) -> dict[str, Any]:
    """All that one system did."""
    own = THRESHOLDS[name]
    tallies: dict[tuple[str, float], Tally] = {}
    for row in rows:
        kind, seconds, _ = row["job"]
        tally = tallies.setdefault((kind, seconds), Tally())
        tally.seconds.append(row["seconds"])
        for judged in row["true"]:
            tally.scores.append(judged["score"])
            for key, value in judged.items():
                if key != "score" and judged["score"] >= own:
                    tally.errors.setdefault(key, []).append(value)
    false = sorted(row["false_score"] for row in rows)
    equal = false[max(0, math.ceil(len(false) * (1 - FALSE_SHARE)) - 1)]
    wrong = sum(score >= own for score in false)
    return {
        "system": name,
        **built,
        "queries": len(rows),
        "threshold": own,
        "false_matches": wrong,
        "false_share_interval": wilson(wrong, len(false)),
        "false_works": sum(row["false_work"] >= own for row in rows),
        "threshold_at_equal_false": round(equal, 4),
        "peak_mib": max(row["peak_mib"] for row in rows),
        "kinds": [
            _kind(kind, seconds, tally, own, equal) for (kind, seconds), tally in tallies.items()
        ],
        # A peer's votes are no probabilities.
        "reliability": _reliability(rows, built["references"]) if own < 1 else [],
    }


def _reliability(rows: Sequence[dict[str, Any]], references: int) -> list[dict[str, Any]]:
    """Of right answers and of each query's best wrong one; what no system tells has no score."""
    right = [judged["score"] for row in rows for judged in row["true"] if judged["score"] > 0]
    wrong = [row["false_score"] for row in rows if row["false_score"] > 0]
    return reliability(right, wrong, references)


def _kind(kind: str, seconds: float, tally: Tally, own: float, equal: float) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": kind,
        "seconds": seconds,
        "queries": len(tally.seconds),
        "cpu_seconds": round(float(np.mean(tally.seconds)), 3),
    }
    if tally.scores:
        hits = sum(score >= own for score in tally.scores)
        row |= {
            "holds": len(tally.scores),
            "recall": round(hits / len(tally.scores), 4),
            "interval": wilson(hits, len(tally.scores)),
            "recall_at_equal_false": round(
                sum(score > equal for score in tally.scores) / len(tally.scores), 4
            ),
            "median_errors": {
                key: round(float(np.median(values)), 4) for key, values in tally.errors.items()
            },
        }
    return row


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share = hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return round(max(0.0, low), 5), round(min(1.0, high), 5)


def markdown(accounts: Sequence[dict[str, Any]]) -> str:
    """Recall in % by kind, length and system, with intervals, and what it cost."""
    lines = []
    for seconds in sorted({k["seconds"] for k in accounts[0]["kinds"] if "recall" in k}):
        lines += [f"\n### Queries of {seconds:g} s: recall in % at each system's own threshold\n"]
        names = [each["system"] for each in accounts]
        lines += [f"| kind | n | {' | '.join(names)} |", "|---|---" * 1 + "|---" * len(names) + "|"]
        tables = [
            {k["kind"]: k for k in each["kinds"] if k["seconds"] == seconds and "recall" in k}
            for each in accounts
        ]
        for kind, first in tables[0].items():
            cells = []
            for rows in tables:
                low, high = rows[kind]["interval"]
                share = 100 * rows[kind]["recall"]
                cells.append(f"{share:.0f} ({100 * low:.0f}–{100 * high:.0f})")
            lines.append(f"| {kind} | {first['holds']} | {' | '.join(cells)} |")
    lines += ["\n### Cost and false matches\n", f"| figure | {' | '.join(names)} |"]
    lines += ["|---" * (1 + len(names)) + "|"]
    for key in (
        "queries",
        "false_matches",
        "false_share_interval",
        "false_works",
        "threshold",
        "threshold_at_equal_false",
        "references",
        "of_them_rendered_scores",
        "reference_hours",
        "times_real_time_to_add",
        "bytes_per_reference_hour",
        "peak_mib",
    ):
        lines.append(f"| {key} | {' | '.join(str(each[key]) for each in accounts)} |")
    seconds_of = [
        {k["seconds"]: k["cpu_seconds"] for k in each["kinds"] if k["kind"] == "clean"}
        for each in accounts
    ]
    for seconds in sorted(seconds_of[0]):
        cells = [str(each[seconds]) for each in seconds_of]
        lines.append(f"| CPU s of a clean query of {seconds:g} s | {' | '.join(cells)} |")
    for each in accounts:
        if each["reliability"]:
            lines += [f"\n### Reliability of {each['system']}\n"]
            lines += reliability_lines(each["reliability"])
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure; write results.json and results.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    parser.add_argument("--systems", default="chromaprint,clearance")
    parser.add_argument("--lengths", default="5:30,10:100,30:30", help="seconds:queries a kind")
    parser.add_argument("--negatives", type=int, default=3000)
    parser.add_argument("--fill", type=int, default=0, help="rendered scores as more references")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--resume", action="store_true", help="go on with the answers that are there"
    )
    given = parser.parse_args()
    names = given.systems.split(",")
    lengths = [
        (float(s), int(n)) for s, n in (each.split(":") for each in given.lengths.split(","))
    ]
    answers = FOLDER / f"answers-{'-'.join(names)}.jsonl"
    if not given.resume:
        answers.unlink(missing_ok=True)
    collection = Collection(given.split)
    built = {name: build(name, collection, given.fill, given.processes) for name in names}
    asked = jobs(lengths, given.negatives)
    ask(given.split, names, asked, answers, given.processes)
    wanted = {tuple(job) for job in asked}
    rows = [row for row in _rows(answers) if tuple(row["job"]) in wanted]
    results = [
        account(name, [row for row in rows if row["system"] == name], built[name]) for name in names
    ]
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1))
    (FOLDER / "results.md").write_text(markdown(results))
    print(markdown(results))


if __name__ == "__main__":
    main()
