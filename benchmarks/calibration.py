"""Fit the scores of altered copies: from what paths of vectors and coinciding peaks look like.

``python -m benchmarks.calibration --music .cache/corpus --cache .cache/spectra``

What is known and asked is of :mod:`benchmarks.calibration_queries`, real music, and of
:mod:`benchmarks.rendered_pairs`, rendered scores. For each query and reference the best path of vectors
counts, and every coincidence of peaks, as in a search: as positive where the query holds the reference and the place,
the pitch and the tempo are told, as negative where it does not hold the reference, and not at all
between. A negative weighs ``CATALOGUE`` / references, so that the score holds for a catalogue of that size of
which a query holds one recording as often as none; a twin, of which any catalogue has one at most, weighs
``TWIN``. Prints the constants of
:mod:`fingerprint.index.score`, and what the constants that are there and the fitted ones do to these data.

Fingerprints and evidence are kept in ``.bench/calibration``: only what changed is made again.
"""

import argparse
import hashlib
import inspect
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

import fingerprint
from benchmarks import calibration_queries, rendered_pairs
from benchmarks.calibration_queries import (
    FOLDER,
    Asked,
    Held,
    material,
    print_asked,
    print_of,
)
from benchmarks.reliability import CATALOGUE, reliability, reliability_lines
from fingerprint import Fingerprint, SegmentIndex
from fingerprint.arrays import F64Array
from fingerprint.index import score
from fingerprint.index.chroma import BY_CHANCE, Accord
from fingerprint.index.constellation_search import Sighting
from fingerprint.index.embedding_search import Trace
from fingerprint.spectrum import FRAMES_PER_SECOND

FOLLOWED: Final = 24
"""References that a query's peaks are followed in: more than a search does, for the sake of more
that is not true."""
UNKNOWN: Final = Accord(BY_CHANCE, BY_CHANCE, 0.0)
RIDGE: Final = 1e-4
PLACE_SECONDS: Final = 1.0
PITCH_SEMITONES: Final = 0.6
TEMPO: Final = 0.05
"""How far what is told may lie from the truth."""
TWIN: Final = 1.0
"""What a reference weighs whose accompaniment a query plays note for note: any catalogue has one at most."""
THRESHOLD: Final = 0.5
SURE: Final = 0.9
DETECTORS: Final = ("vectors", "peaks")


def fit(features: F64Array, positive: NDArray[np.bool_], weights: F64Array) -> F64Array:
    """Weighted logistic regression with a little ridge; features of shape (n, k), bias first."""
    sign = np.where(positive, 1.0, -1.0)

    def loss(constants: F64Array) -> tuple[float, F64Array]:
        margins = sign * (features @ constants)
        value = float((weights * np.logaddexp(0, -margins)).sum() + RIDGE * constants @ constants)
        pull = -weights * sign / (1 + np.exp(np.clip(margins, -500, 500)))
        return value, features.T @ pull + 2 * RIDGE * constants

    start = np.zeros(features.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


@dataclass(frozen=True)
class Collected:
    """All evidence of a calibration.

    Attributes
    ----------
    references : int
    queries : list of dict
        ``family``, ``kind``, ``seconds`` and ``holds``, how many references it holds.
    evidence : dict of str to float64 array, shape (n, 4 + values)
        By detector, a row a finding: the query's number, the reference's among those of that query, 1 where
        the query holds it, 1 where it is its twin, and what tells so.
    """

    references: int
    queries: list[dict[str, Any]]
    evidence: dict[str, F64Array]


def collected(music: Path, cache: Path) -> Collected:
    """Ask everything, or return what was kept of that."""
    path = FOLDER / "evidence" / f"{_state()}.npz"
    if not path.exists():
        made = _collect(music, cache)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps({"references": made.references, "queries": made.queries})
        np.savez(path, allow_pickle=False, head=head, **made.evidence)
    with np.load(path) as kept:
        head = json.loads(str(kept["head"]))
        evidence = {name: kept[name] for name in DETECTORS}
    return Collected(head["references"], head["queries"], evidence)


def _state() -> str:
    """What evidence depends on: all that finds it, but not the constants that are fitted."""
    digest = hashlib.sha256(material().encode())
    package, own = Path(fingerprint.__file__).parent, Path(__file__).parent
    files = [*(package / "index").glob("*.py"), *(package / "embedding").glob("*.py")]
    files += [*(package / "constellation").glob("*.py"), own / "calibration_queries.py"]
    for file in sorted({*files, own / "rendered_pairs.py"} - {Path(score.__file__)}):
        digest.update(file.read_bytes())
    for each in (score.evidence, score.buried_evidence, weighed, _traced, _sighted):
        digest.update(inspect.getsource(each).encode())
    return digest.hexdigest()[:16]


def _collect(music: Path, cache: Path) -> Collected:
    known = [*calibration_queries.known(music, cache), *rendered_pairs.known()]
    groups = {each.name: each.group for each in known}
    asked = [*calibration_queries.asked(), *rendered_pairs.asked()]
    queries: list[dict[str, Any]] = []
    evidence: dict[str, list[tuple[float, ...]]] = {name: [] for name in DETECTORS}
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(Path(folder))
        references = track(known, "references")
        index.apply(((each.name, print_of(each)) for each in references), [], 1)
        for number, query in enumerate(track(asked, "queries")):
            own, held = print_asked(query)
            queries.append(
                {
                    "family": query.family,
                    "kind": query.kind,
                    "seconds": own.duration,
                    "holds": len(held),
                }
            )
            for name, rows in weighed(index, query, own, held, groups).items():
                evidence[name] += [(number, *row) for row in rows]
    return Collected(len(groups), queries, {name: np.array(evidence[name]) for name in DETECTORS})


def weighed(
    index: SegmentIndex,
    query: Asked,
    own: Fingerprint,
    held: Sequence[Held],
    groups: dict[str, str],
) -> dict[str, list[tuple[float, ...]]]:
    """What the best path of vectors and the best coincidence of peaks tell of each reference.

    Returns
    -------
    dict by detector of rows: the number of the reference, 1 where the query holds it, 1 where it is its
    twin, and the evidence.
    """
    true = {each.group for each in held}
    assert own.embedding is not None
    assert own.constellation is not None
    best: dict[str, dict[str, list[tuple[float, ...]]]] = {name: {} for name in DETECTORS}
    for trace in sorted(index.traces(own.embedding), key=lambda each: each.path.weight):
        name = trace.segment.id_of(trace.ordinal)
        if groups[name] not in true or any(_traced(trace, each) for each in held):
            best["vectors"][name] = [score.evidence(trace.path, trace.unison)]
    sightings = index.sightings(own.constellation, own.embedding, followed=FOLLOWED)
    for sighting in sightings:
        name = sighting.segment.id_of(sighting.ordinal)
        if groups[name] not in true or any(_sighted(sighting, each) for each in held):
            accord = sighting.accord or UNKNOWN
            values = score.buried_evidence(sighting.coincidence, accord)
            best["peaks"].setdefault(name, []).append(values)
    return {
        detector: [
            (float(number), float(groups[name] in true), float(name == query.twin), *values)
            for number, (name, several) in enumerate(found.items())
            # Music that was laid under a query is in it too: neither a positive nor a negative.
            if groups[name] in true or not (query.mixed or groups[name] == query.group)
            for values in several
        ]
        for detector, found in best.items()
    }


def _traced(trace: Trace, held: Held) -> bool:
    """Whether a trace tells the truth's place, pitch and tempo."""
    path, line = trace.path, trace.path.line
    middle = (path.query_start + path.query_end) / 2
    there = held.reference_start + held.tempo_ratio * (middle - held.query_start)
    return (
        held.name == trace.segment.id_of(trace.ordinal)
        and abs(line.offset + line.tempo_ratio * middle - there) < PLACE_SECONDS
        and abs(trace.pitch_semitones - held.pitch_semitones) < PITCH_SEMITONES
        and abs(line.tempo_ratio / held.tempo_ratio - 1) < TEMPO
    )


def _sighted(sighting: Sighting, held: Held) -> bool:
    """Whether a sighting tells the truth's place; peaks tell none of another pitch or tempo."""
    shift = sighting.coincidence.offset / FRAMES_PER_SECOND
    return (
        held.name == sighting.segment.id_of(sighting.ordinal)
        and held.pitch_semitones == 0
        and held.tempo_ratio == 1
        and abs(held.reference_start - held.query_start - shift) < PLACE_SECONDS
    )


# --- account


@dataclass(frozen=True)
class Scores:
    """What constants make of the evidence of one detector; a row a finding.

    Attributes
    ----------
    name : str
    query, reference : int64 array, shape (n,)
        Numbers of queries, and of references within a query.
    positive, twin : bool array, shape (n,)
    scores : float64 array, shape (n,)
    """

    name: str
    query: NDArray[np.int64]
    reference: NDArray[np.int64]
    positive: NDArray[np.bool_]
    twin: NDArray[np.bool_]
    scores: F64Array

    def found(self, queries: int) -> NDArray[np.int64]:
        """How much of what each query holds is found at the default threshold, shape (queries,)."""
        right = self._queries(self.positive & (self.scores >= THRESHOLD))
        return np.bincount(right, minlength=queries)

    def false(self, members: NDArray[np.bool_], threshold: float) -> int:
        """Wrong references found in queries that are members."""
        wrong = ~self.positive & members[self.query]
        return len(self._queries(wrong & (self.scores >= threshold)))

    def _queries(self, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Of which queries references are, each once however often it was found."""
        pairs = np.column_stack([self.query[rows], self.reference[rows]])
        return np.unique(pairs, axis=0)[:, 0]


def scored(name: str, detector: str, constants: Sequence[float], made: Collected) -> Scores:
    """Scores by constants, bias first, as a search tells them."""
    rows = made.evidence[detector]
    number, reference = rows[:, :2].astype(np.int64).T
    seconds = np.array([each["seconds"] for each in made.queries])[number]
    scores = [
        score.logistic(constants[0], constants[1:], values, length)
        for values, length in zip(rows[:, 4:].tolist(), seconds.tolist(), strict=True)
    ]
    return Scores(name, number, reference, rows[:, 2] > 0, rows[:, 3] > 0, np.array(scores))


def fitted(detector: str, made: Collected) -> list[float]:
    """Constants that fit the evidence, bias first."""
    rows = made.evidence[detector]
    positive = rows[:, 2] > 0
    features = np.column_stack([np.ones(len(rows)), rows[:, 4:]])
    weights = np.where(positive, 1.0, CATALOGUE / made.references)
    weights[rows[:, 3] > 0] = TWIN
    constants: list[float] = fit(features, positive, weights).round(3).tolist()
    return constants


def report(made: Collected) -> str:
    """Constants that are there and fitted ones, and what both do to the evidence."""
    lines, every = [f"{made.references} references, {len(made.queries)} queries"], []
    now = {
        "vectors": (score.ALTERED_BIAS, *score.ALTERED),
        "peaks": (score.BURIED_BIAS, *score.BURIED),
    }
    for detector in DETECTORS:
        new = fitted(detector, made)
        lines.append(f"{detector}: bias and weights {list(now[detector])}, fitted {new}")
        every.append(scored(detector, detector, now[detector], made))
        every.append(scored(f"{detector}, fitted", detector, new, made))
    lines += ["", *_recall(made, every), "", *_false(made, every)]
    for each in every:
        right, wrong = each.scores[each.positive], each.scores[~each.positive & ~each.twin]
        lines += ["", f"Reliability of {each.name}, without twins", ""]
        lines += reliability_lines(reliability(right.tolist(), wrong.tolist(), made.references))
    return "\n".join(lines)


def _recall(made: Collected, every: Sequence[Scores]) -> list[str]:
    """What is found of what queries hold, by alteration and family, in %."""
    held = np.array([each["holds"] for each in made.queries])
    found = [each.found(len(held)) for each in every]
    names = [each.name for each in every]
    lines = [f"| found at {THRESHOLD}, % | held | {' | '.join(names)} |"]
    lines.append("|---" * (2 + len(names)) + "|")
    for family in dict.fromkeys(each["family"] for each in made.queries):
        kinds = list(dict.fromkeys(e["kind"] for e in made.queries if e["family"] == family))
        for kind in [*(kinds if family == "real" else []), None]:
            rows = np.array(
                [e["family"] == family and kind in (None, e["kind"]) for e in made.queries]
            )
            if count := int(held[rows].sum()):
                cells = [f"{100 * each[rows].sum() / count:.0f}" for each in found]
                label = f"{family}, all" if kind is None else kind
                lines.append(f"| {label} | {count} | {' | '.join(cells)} |")
    return lines


def _false(made: Collected, every: Sequence[Scores]) -> list[str]:
    """Wrong references found, by the family of the query."""
    names = [f"{each.name} at {limit}" for each in every for limit in (THRESHOLD, SURE)]
    lines = [f"| false | queries | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    for family in dict.fromkeys(each["family"] for each in made.queries):
        members = np.array([each["family"] == family for each in made.queries])
        cells = [str(e.false(members, limit)) for e in every for limit in (THRESHOLD, SURE)]
        lines.append(f"| {family} | {int(members.sum())} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Collect, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, default=Path(".cache/corpus"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/spectra"))
    given = parser.parse_args()
    print(report(collected(given.music, given.cache)))


if __name__ == "__main__":
    main()
