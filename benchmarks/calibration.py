"""Fit the scores of altered copies: from what paths of vectors and coinciding peaks look like.

``python -m benchmarks.calibration --music .cache/corpus --cache .cache/spectra``

References are the recordings of the validation and the training split and sounds that nobody
composed; queries are altered excerpts of the validation split of 5, 10 and 30 s, and more such
sounds. For each query and reference the best path of vectors and the best coincidence of peaks
count: as positive where the query holds the reference and the place, the pitch and the tempo are
told, as negative where it does not hold the reference, and not at all between. A negative weighs ``CATALOGUE`` / references,
so that the score holds for a catalogue of that size of which a query holds one recording as often as
none. Prints the constants of :mod:`fingerprint.index.score` and what the fit does to its own data.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

from benchmarks import queries
from benchmarks.alterations import ALTERATIONS, RATE
from benchmarks.queries import Query, Truth
from benchmarks.unmusical import KINDS
from fingerprint import Fingerprint, SegmentIndex
from fingerprint.arrays import F32Array
from fingerprint.constellation.constellation import constellation
from fingerprint.embedding import embedder
from fingerprint.index.constellation_search import Sighting
from fingerprint.index.embedding_search import Trace
from fingerprint.index.score import buried_evidence, evidence
from fingerprint.spectrum import FRAMES_PER_SECOND, spectrum
from fingerprint.training.spectra import decibels, load
from scripts.music_corpus import corpus

CATALOGUE: Final = 10_000
COUNTS: Final = {5.0: 6, 10.0: 14, 30.0: 4}
"""Queries of each alteration by seconds."""
SEEDS: Final = range(100, 104)
KNOWN_SEEDS: Final = range(6)
LENGTHS: Final = (10.0, 40.0)
KNOWN_LENGTH: Final = 60.0
FOLLOWED: Final = 24
"""References that a query's peaks are followed in: more than a search does, for the sake of more
that is not true."""
RIDGE: Final = 1e-4
PLACE_SECONDS: Final = 1.0
PITCH_SEMITONES: Final = 0.6
TEMPO: Final = 0.05
"""How far what is told may lie from the truth."""
NO_WORDS: Final = np.empty(0, np.uint32)

F64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Weighed:
    """What one reference offered to one query.

    Attributes
    ----------
    positive : bool
        Whether the query holds the reference.
    evidence : tuple of float
    """

    positive: bool
    evidence: tuple[float, ...]


def asked() -> Iterator[Query]:
    """Altered, joined and layered excerpts of the validation split, and sounds of no composer."""
    own, others = corpus("validation"), queries.Material(corpus("train"))
    for seconds, count in COUNTS.items():
        yield from queries.altered(own, others, seconds, count)
        yield from queries.joined(own, seconds, count)
        yield from queries.layered(own, seconds, count)
    for kind, seed, seconds in unmusical(SEEDS, LENGTHS):
        yield Query(kind, "unmusical", KINDS[kind](seconds, np.random.default_rng(seed)), ())


def unmusical(seeds: range, lengths: Sequence[float]) -> Iterator[tuple[str, int, float]]:
    """Every kind of sound that nobody composed, with every seed, of every length."""
    return itertools.product(KINDS, seeds, lengths)


def weighed(
    index: SegmentIndex, query: Query, groups: dict[str, str]
) -> tuple[list[Weighed], list[Weighed]]:
    """The best path of vectors and the best coincidence of peaks of each reference."""
    true = {truth.recording.group for truth in query.truths}
    # Music that was laid under a query is in it too: neither a positive nor a negative.
    mixed = query.family.startswith("music")
    spectra = spectrum(query.samples, RATE)
    paths, seen = {}, {}
    traces = index.traces(embedder.embed_spectrum(spectra))
    for trace in sorted(traces, key=lambda each: each.path.weight):
        name = trace.segment.id_of(trace.ordinal)
        if groups[name] not in true or any(_traced(trace, truth) for truth in query.truths):
            paths[name] = evidence(trace.path)
    sightings = index.sightings(constellation(spectra), followed=FOLLOWED)
    for sighting in sorted(sightings, key=lambda each: each.coincidence.information):
        name = sighting.segment.id_of(sighting.ordinal)
        if groups[name] not in true or any(_sighted(sighting, truth) for truth in query.truths):
            seen[name] = buried_evidence(sighting.coincidence)
    both: list[list[Weighed]] = [
        [
            Weighed(groups[name] in true, own)
            for name, own in best.items()
            if groups[name] in true or not mixed
        ]
        for best in (paths, seen)
    ]
    return both[0], both[1]


def _traced(trace: Trace, truth: Truth) -> bool:
    """Whether a trace tells the truth's place, pitch and tempo."""
    path, line = trace.path, trace.path.line
    middle = (path.query_start + path.query_end) / 2
    there = truth.reference_start + truth.tempo_ratio * (middle - truth.query_start)
    return (
        truth.recording.sha256 == trace.segment.id_of(trace.ordinal)
        and abs(line.offset + line.tempo_ratio * middle - there) < PLACE_SECONDS
        and abs(trace.pitch_semitones - truth.pitch_semitones) < PITCH_SEMITONES
        and abs(line.tempo_ratio / truth.tempo_ratio - 1) < TEMPO
    )


def _sighted(sighting: Sighting, truth: Truth) -> bool:
    """Whether a sighting tells the truth's place; peaks tell none of another pitch or tempo."""
    shift = sighting.coincidence.offset / FRAMES_PER_SECOND
    return (
        truth.recording.sha256 == sighting.segment.id_of(sighting.ordinal)
        and truth.pitch_semitones == 0
        and truth.tempo_ratio == 1
        and abs(truth.reference_start - truth.query_start - shift) < PLACE_SECONDS
    )


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


def main() -> None:
    """Collect, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args()
    recordings = [*corpus("validation"), *corpus("train")]
    groups = {each.sha256: each.group for each in recordings}
    spectra = [
        *load("validation", given.music, given.cache),
        *load("train", given.music, given.cache),
    ]
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(Path(folder))
        index.apply(
            (
                (recording.sha256, _print(decibels(own.middle), recording.seconds))
                for recording, own in track(
                    list(zip(recordings, spectra, strict=True)), "references"
                )
            ),
            [],
            1,
        )
        sounds = list(unmusical(KNOWN_SEEDS, (KNOWN_LENGTH,)))
        for kind, seed, seconds in sounds:
            sound = KINDS[kind](seconds, np.random.default_rng(seed))
            groups[f"{kind} {seed}"] = kind
            index.apply([(f"{kind} {seed}", _print(spectrum(sound, RATE), seconds))], [], 1)
        count = sum(COUNTS.values()) * (len(ALTERATIONS) + 2)
        count += len(list(unmusical(SEEDS, LENGTHS)))
        of_vectors, of_peaks = [], []
        for query in track(asked(), "queries", total=count):
            paths, seen = weighed(index, query, groups)
            of_vectors += paths
            of_peaks += seen
    report("vectors", of_vectors, len(groups))
    report("peaks", of_peaks, len(groups))


def _print(spectra: F32Array, seconds: float) -> Fingerprint:
    empty = Fingerprint(NO_WORDS, seconds)
    return empty.with_altered(embedder.embed_spectrum(spectra), constellation(spectra))


def report(name: str, found: Sequence[Weighed], references: int) -> None:
    """Fit and print."""
    positive = np.array([each.positive for each in found])
    features = np.array([(1.0, *each.evidence) for each in found])
    weights = np.where(positive, 1.0, CATALOGUE / references)
    constants = fit(features, positive, weights)
    scores = 1 / (1 + np.exp(-(features @ constants)))
    print(f"{name}: bias and weights of the evidence:", constants.round(3).tolist())
    for threshold in (0.5, 0.9):
        print(
            f"at {threshold}: {np.mean(scores[positive] >= threshold):.3f} of "
            f"{int(positive.sum())} positives, {int((scores[~positive] >= threshold).sum())} of "
            f"{int((~positive).sum())} negatives"
        )


if __name__ == "__main__":
    main()
