"""Rendered scores that fill an index of recordings up: distractors, and marked as such.

A work of the scores' books is played for half a minute in a random performance of its own; its
fingerprint is kept in ``.bench/compositions``, its audio is not. Making ten thousand takes hours, and a
run that was stopped goes on where it was.

Run: ``python -m benchmarks.score_references 10000`` makes them ahead of a benchmark.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import numpy as np
from rich.progress import track

from benchmarks.performances import Piece, made
from fingerprint import Fingerprint
from fingerprint.training.scores.arrangement import performance
from fingerprint.training.scores.works import works

PREFIX: Final = "score:"
SECONDS: Final = 30.0


def pieces(count: int) -> Iterator[tuple[str, Piece]]:
    """Names and pieces: every work once, then again in another performance."""
    every = works()
    for number in range(count):
        work = every[number % len(every)]
        random = np.random.default_rng([number, 2])
        played = performance(work, random, work.split, lead_in_seconds=0.0)
        yield f"{PREFIX}{number}:{work.id}", Piece(work, played, 0.0, SECONDS)


def references(count: int, processes: int = 1) -> Iterator[tuple[str, Fingerprint]]:
    """Names and whole fingerprints of so many rendered scores; made where they are not kept."""
    named = list(pieces(count))
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        prints = pool.map(_print, [piece for _, piece in named], chunksize=8)
        for (name, _), own in track(
            zip(named, prints, strict=True), "rendered scores", total=count
        ):
            yield name, own


def _print(piece: Piece) -> Fingerprint:
    return made(piece).fingerprint


def main() -> None:
    """Make so many fingerprints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    seconds = sum(own.duration for _, own in references(given.count, given.processes))
    print(f"{given.count} rendered scores, {seconds / 3600:.1f} hours")


if __name__ == "__main__":
    main()
