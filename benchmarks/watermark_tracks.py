"""Which recordings are marked to measure, and which stretches of them are listened to."""

import zlib
from itertools import islice

import numpy as np

from benchmarks.alterations import RATE, Samples
from benchmarks.queries import QUIET, excerpt
from scripts.music_corpus import Recording, Split, corpus

SHORTEST_SECONDS = 70
"""A mark's first whole block ends after 57.5 s."""
_ATTEMPTS = 1000


def chosen(count: int, split: Split = "test") -> list[Recording]:
    """Long enough recordings that are no effects in silence, one from each package in turn."""
    long = [each for each in corpus(split) if each.seconds >= SHORTEST_SECONDS]
    random = np.random.default_rng(0)
    shuffled = [long[int(n)] for n in random.permutation(len(long))]
    seen: dict[str, int] = {}
    turns = []
    for each in shuffled:
        turns.append(seen.get(each.package, 0))
        seen[each.package] = turns[-1] + 1
    order = np.argsort(turns, kind="stable")
    musical = (shuffled[int(n)] for n in order if _sounds(shuffled[int(n)]))
    return list(islice(musical, count))


def _sounds(recording: Recording) -> bool:
    """Whether most seconds of the beginning are loud enough."""
    beginning = excerpt(recording, 0, SHORTEST_SECONDS)[0]
    seconds = beginning[: beginning.size // RATE * RATE].reshape(-1, RATE)
    return bool(np.mean(seconds.std(axis=1) > QUIET) > 0.5)


def crop(samples: Samples, seconds: float, name: str) -> slice:
    """A stretch of samples of shape (channels, n) that is loud enough if one is, drawn by a name."""
    random = random_of(f"{name} {seconds:g}")
    length = round(seconds * RATE)
    for _ in range(_ATTEMPTS):
        first = int(random.integers(0, samples.shape[1] - length + 1))
        if samples[:, first : first + length].std() > QUIET:
            break
    return slice(first, first + length)


def random_of(name: str) -> np.random.Generator:
    """Random numbers that a name decides."""
    return np.random.default_rng(zlib.crc32(name.encode()))
