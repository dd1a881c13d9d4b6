"""Recognition of works in other performances, by this project and by a classical peer.

``make bench-compositions``, or ``python -m benchmarks.compositions [--count 500] [--resume]``

References are works of the scores' test split, each rendered in full in one random performance, and
others as distractors. Queries are the same works performed otherwise: each transform changes what it
says and nothing else, the last ones everything. Works that are no reference, and other melodies over
a reference's own chords and accompaniment, must not be found. A work counts as found where any
reference of its group (variants of one tune) is. Average precision is given twice: where every variant
is to be found, and where the work's own reference is and its variants do not count.

Answers are kept in ``.bench/compositions`` as they come, and so are the prints of all performances
(never their audio): a run that was stopped goes on with ``--resume``. Both systems hear the same
samples, both answer with their whole ranking; recall is given at each system's own threshold (for the
peer the one that leaves the stated share of queries with a false match) and at equal false matches.
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from rich.progress import track

from benchmarks import qmax
from benchmarks.composition_account import account, markdown
from benchmarks.performances import (
    FOLDER,
    SAME_CHORDS,
    STRANGER,
    TRANSFORMS,
    Asked,
    Collection,
    Job,
    Print,
    made,
    melody_range,
    reference_time,
)
from fingerprint import IndexParams, Match, SegmentIndex

ALL: Final = 1 << 30


class Answer(NamedTuple):
    """One reference in a ranking, how it was found, and where it says the work is."""

    name: str
    score: float
    kind: str = "composition"
    match: Match | None = None


class System(Protocol):
    """Something that finds works, given prints of performances."""

    def identify(self, query: Print) -> list[Answer]:
        """What is found, best first, down to the least likely."""


class Clearance:
    """The index of this project, ranked below its threshold too."""

    def __init__(self, collection: Collection) -> None:
        folder = FOLDER / "index" / collection.state
        self._index = SegmentIndex(folder, IndexParams(min_score=0.0))
        if self._index.stats().references != len(collection.works):
            rows = track(collection.works, "index")
            self._index.apply(
                ((work.id, made(collection.reference(work)).fingerprint) for work in rows), [], 1
            )

    def identify(self, query: Print) -> list[Answer]:
        found = self._index.search(query.fingerprint, limit=ALL)
        return [Answer(each.reference_id, each.score, each.kind, each) for each in found]


class Qmax:
    """The classical peer: Qmax of chroma, every reference against the query."""

    def __init__(self, collection: Collection) -> None:
        self._references = [
            (work.id, made(collection.reference(work)).chroma) for work in collection.works
        ]

    def identify(self, query: Print) -> list[Answer]:
        scores = [
            Answer(name, qmax.likeness(query.chroma, chroma)) for name, chroma in self._references
        ]
        return sorted(scores, key=lambda each: -each.score)


SYSTEMS: Final[dict[str, Callable[[Collection], System]]] = {"clearance": Clearance, "qmax": Qmax}


def jobs(count: int, transforms: Sequence[str], strangers: int, pairs: int) -> list[Job]:
    """All queries: each work by each transform, then the negatives."""
    asked = [Job(transform, number) for number in range(count) for transform in transforms]
    asked += [Job(STRANGER, number) for number in range(strangers)]
    return asked + [Job(SAME_CHORDS, number) for number in range(pairs)]


# --- queries, in processes of their own

_collection: Collection
_system: System


def _open(count: int, distractors: int, name: str | None = None) -> None:
    global _collection, _system  # noqa: PLW0603  what a process of the pool keeps
    _collection = Collection(count, distractors)
    if name is not None:
        _system = SYSTEMS[name](_collection)


def _make(what: Job | int) -> None:
    """A print ahead of its use: a query's, or that of a reference by its place."""
    if isinstance(what, int):
        made(_collection.reference(_collection.works[what]))
    else:
        made(_collection.query(what).piece)


def _pool(processes: int, *arguments: Any) -> ProcessPoolExecutor:
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, context, _open, arguments)


def _ask(job: Job) -> dict[str, Any]:
    asked = _collection.query(job)
    query = made(asked.piece)
    started = time.process_time()
    answers = _system.identify(query)
    seconds = time.process_time() - started
    return {
        "job": list(job),
        "audio_seconds": round(query.fingerprint.duration, 2),
        "print_seconds": round(query.cpu_seconds, 4),
        "search_seconds": round(seconds, 4),
        **judged(asked, answers, _collection.groups),
    }


def judged(asked: Asked, answers: Sequence[Answer], groups: dict[str, str]) -> dict[str, Any]:
    """Ranks of what is right, the best score of what is wrong, and how far off the range is.

    A reference is ranked by its best answer of either kind: a transposed copy may rightly be found
    as the same recording.
    """
    best: dict[str, Answer] = {}
    for each in answers:
        if each.name not in best or each.score > best[each.name].score:
            best[each.name] = each
    ranking = sorted(best.values(), key=lambda each: -each.score)
    right = [n for n, each in enumerate(ranking) if groups[each.name] == asked.group]

    def surest(kind: str, true: bool) -> tuple[float, str | None]:
        fitting = (
            (round(each.score, 5), each.name)
            for each in answers
            if each.kind == kind and (groups[each.name] == asked.group) == true
        )
        return max(fitting, default=(0.0, None))

    false, false_recording = surest("composition", true=False), surest("recording", true=False)
    row: dict[str, Any] = {
        "false_score": false[0],
        "false_recording": false_recording[0],
        "false_name": false[1],
        "false_recording_name": false_recording[1],
    }
    if asked.group is None:
        return row
    count = sum(group == asked.group for group in groups.values())
    precisions = [(place + 1) / (rank + 1) for place, rank in enumerate(right)]
    row |= {
        "average_precision": round(sum(precisions) / count, 5),
        "own_precision": round(_own_precision(asked, ranking, right), 5),
        "rank": right[0] + 1 if right else None,
        "score": surest("composition", true=True)[0],
        "recording_score": surest("recording", true=True)[0],
    }
    first = ranking[right[0]] if right else None
    if first and first.match and asked.reference and first.name == asked.reference.work.id:
        row |= _errors(asked, first.match)
    return row


def _own_precision(asked: Asked, ranking: Sequence[Answer], right: Sequence[int]) -> float:
    """Average precision where the work's own reference alone is right, and its variants do not count."""
    own = asked.reference.work.id if asked.reference else None
    for before, place in enumerate(right):
        if ranking[place].name == own:
            return 1 / (place + 1 - before)
    return 0.0


def _errors(asked: Asked, match: Match) -> dict[str, float]:
    """How far off the answer is: where in the reference, and where the work begins and ends."""
    off = [
        abs(each.reference_start - reference_time(asked, each.query_start))
        for each in match.segments
    ]
    first, last = melody_range(asked.piece)
    return {
        "reference_error": round(float(np.median(off)), 3),
        "begin_error": round(abs(min(e.query_start for e in match.segments) - first), 3),
        "end_error": round(abs(max(e.query_end for e in match.segments) - last), 3),
    }


def prepare(given: argparse.Namespace, asked: Sequence[Job]) -> Collection:
    """Make all prints that are not there yet."""
    collection = Collection(given.count, given.distractors)
    wanted: list[Job | int] = [*range(len(collection.works)), *asked]
    with _pool(given.processes, given.count, given.distractors) as pool:
        for _ in track(pool.map(_make, wanted, chunksize=4), "performances", total=len(wanted)):
            pass
    return collection


def ask(name: str, given: argparse.Namespace, asked: Sequence[Job], answers: Path) -> None:
    """Ask what is not answered yet; keep each answer at once."""
    done = {tuple(row["job"]) for row in rows_of(answers)}
    left = [job for job in asked if tuple(job) not in done]
    with (
        answers.open("a") as file,
        _pool(given.processes, given.count, given.distractors, name) as pool,
    ):
        for row in track(pool.map(_ask, left, chunksize=4), f"asking {name}", total=len(left)):
            file.write(json.dumps(row) + "\n")
            file.flush()


def rows_of(answers: Path) -> Iterator[dict[str, Any]]:
    """Answers that are kept."""
    if answers.exists():
        with answers.open() as file:
            yield from map(json.loads, file)


def main() -> None:
    """Measure; write results.json and results.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", default="clearance,qmax")
    parser.add_argument("--count", type=int, default=500, help="works asked for by each transform")
    parser.add_argument("--distractors", type=int, default=2000)
    parser.add_argument("--transforms", default=",".join(TRANSFORMS))
    parser.add_argument("--strangers", type=int, default=500, help="queries of unknown works")
    parser.add_argument("--pairs", type=int, default=200, help="other melodies over known chords")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--peer",
        default="100:200:100:100",
        help="count:distractors:strangers:pairs of a smaller run that the peer is part of",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the answers that are there"
    )
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    systems = given.systems.split(",")
    if unknown := set(systems) - set(SYSTEMS):
        parser.error(f"no system {', '.join(unknown)}; there are: {', '.join(SYSTEMS)}")
    runs = [measured("clearance", given)] if "clearance" in systems else []
    if "qmax" in systems:
        smaller = argparse.Namespace(**vars(given))
        names = ("count", "distractors", "strangers", "pairs")
        for name, value in zip(names, given.peer.split(":"), strict=True):
            setattr(smaller, name, min(int(value), getattr(given, name)))
        again = vars(smaller) != vars(given)
        runs += [measured(name, smaller) for name in systems if again or name != "clearance"]
    (FOLDER / "results.json").write_text(json.dumps(runs, indent=1))
    (FOLDER / "results.md").write_text(markdown(runs))
    print(markdown(runs))


def measured(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Ask one system all queries of a run and account for its answers."""
    transforms = given.transforms.split(",")
    if unknown := set(transforms) - set(TRANSFORMS):
        raise SystemExit(f"no transform {', '.join(unknown)}; there are: {', '.join(TRANSFORMS)}")
    asked = jobs(given.count, transforms, given.strangers, given.pairs)
    collection = prepare(given, asked)
    SYSTEMS[name](collection)  # builds what its processes open
    answers = FOLDER / f"answers-{name}-{given.count}-{given.distractors}-{collection.state}.jsonl"
    if not given.resume:
        answers.unlink(missing_ok=True)
    ask(name, given, asked, answers)
    wanted = {tuple(job) for job in asked}
    rows = [row for row in rows_of(answers) if tuple(row["job"]) in wanted]
    return account(name, len(collection.works), rows)


if __name__ == "__main__":
    main()
