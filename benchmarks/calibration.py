"""Fit the score of altered copies: from what a path of vectors looks like to a probability.

``python -m benchmarks.calibration --music .cache/corpus --cache .cache/spectra``

References are the recordings of the validation and the training split, queries altered excerpts of
the validation split of 5, 10 and 30 s. For each query and reference the best path counts, as
positive where the query holds the reference. A negative weighs ``CATALOGUE`` / references, so that
the score holds for a catalogue of that size of which a query holds one recording as often as none.
Prints the constants of :mod:`fingerprint.index.score` and what the fit does to its own data.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

from benchmarks import queries
from benchmarks.alterations import ALTERATIONS, RATE
from benchmarks.queries import Query
from benchmarks.unmusical import KINDS
from fingerprint import Fingerprint, SegmentIndex
from fingerprint.embedding import embedder
from fingerprint.embedding.alignment import Path as Trail
from fingerprint.index.score import evidence
from fingerprint.spectrum import spectrum
from fingerprint.training.spectra import decibels, load
from scripts.music_corpus import corpus

CATALOGUE: Final = 10_000
COUNTS: Final = {5.0: 6, 10.0: 14, 30.0: 4}
"""Queries of each alteration by seconds."""
SEEDS: Final = range(100, 104)
KNOWN_SEEDS: Final = range(6)
LENGTHS: Final = (10.0, 40.0)
KNOWN_LENGTH: Final = 60.0
RIDGE: Final = 1e-4
NO_WORDS: Final = np.empty(0, np.uint32)

F64Array = NDArray[np.float64]


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


def paths_of(index: SegmentIndex, query: Query, groups: dict[str, str]) -> list[tuple[bool, Trail]]:
    """The best path along each reference, and whether the query holds that."""
    true = {truth.recording.group for truth in query.truths}
    embedding = embedder.embed_spectrum(spectrum(query.samples, RATE))
    best: dict[str, Trail] = {}
    for trace in index.traces(embedding):
        name = trace.segment.id_of(trace.ordinal)
        if name not in best or best[name].weight < trace.path.weight:
            best[name] = trace.path
    # Music that was laid under a query is in it too: neither a positive nor a negative.
    mixed = "music" in query.family
    return [
        (groups[name] in true, path)
        for name, path in best.items()
        if groups[name] in true or not mixed
    ]


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
                (
                    recording.sha256,
                    Fingerprint(
                        NO_WORDS,
                        recording.seconds,
                        embedding=embedder.embed_spectrum(decibels(own.middle)),
                    ),
                )
                for recording, own in track(
                    list(zip(recordings, spectra, strict=True)), "references"
                )
            ),
            [],
            1,
        )
        for kind, seed, seconds in unmusical(KNOWN_SEEDS, (KNOWN_LENGTH,)):
            sound = KINDS[kind](seconds, np.random.default_rng(seed))
            name = f"{kind} {seed}"
            groups[name] = kind
            made = Fingerprint(
                NO_WORDS, seconds, embedding=embedder.embed_spectrum(spectrum(sound, RATE))
            )
            index.apply([(name, made)], [], 1)
        count = sum(COUNTS.values()) * (len(ALTERATIONS) + 2)
        count += len(KINDS) * len(SEEDS) * len(LENGTHS)
        found = list(
            itertools.chain.from_iterable(
                paths_of(index, query, groups) for query in track(asked(), "queries", total=count)
            )
        )
    report(found, len(groups))


def report(found: Sequence[tuple[bool, Trail]], references: int) -> None:
    """Fit and print."""
    positive = np.array([true for true, _ in found])
    features = np.array([(1.0, *evidence(path)) for _, path in found])
    weights = np.where(positive, 1.0, CATALOGUE / references)
    constants = fit(features, positive, weights)
    scores = 1 / (1 + np.exp(-(features @ constants)))
    print("bias and weights of the evidence:", constants.round(3).tolist())
    for threshold in (0.5, 0.9):
        print(
            f"at {threshold}: {np.mean(scores[positive] >= threshold):.3f} of "
            f"{int(positive.sum())} positives, {int((scores[~positive] >= threshold).sum())} of "
            f"{int((~positive).sum())} negatives"
        )


if __name__ == "__main__":
    main()
