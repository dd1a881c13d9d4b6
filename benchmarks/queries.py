"""Altered excerpts of the corpus with what is true of them, the same ones for every system.

Reading an excerpt and altering it depends on nothing but the seed, the alteration and the number of
the query, so that systems may be measured in runs of their own.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from benchmarks.alterations import (
    ALTERATIONS,
    RATE,
    Alteration,
    NotAlterableError,
    Samples,
    resampled,
    with_channels,
)
from benchmarks.speech import speech
from scripts.music_corpus import Recording

SEED: Final = 2026
ATTEMPTS: Final = 20
QUIET: Final = 3e-3
"""RMS below which an excerpt is no music: fades and pauses say nothing about recognition."""


@dataclass(frozen=True)
class Truth:
    """A stretch of a recording that a query holds. Times in seconds."""

    recording: Recording
    query_start: float
    query_end: float
    reference_start: float
    reference_end: float
    pitch_semitones: float = 0.0
    tempo_ratio: float = 1.0


@dataclass(frozen=True)
class Query:
    """Samples of shape (1 or 2, n) at 44.1 kHz, and the recordings that are in them."""

    name: str
    family: str
    samples: Samples
    truths: tuple[Truth, ...]


class Material:
    """Other music and speech for mixtures: recordings that are no references.

    Parameters
    ----------
    recordings : sequence of Recording
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = recordings

    def music(self, seconds: float, rng: np.random.Generator) -> Samples:
        """Return an excerpt that is loud enough, shape (2, n)."""
        for _ in range(ATTEMPTS):
            own = self._recordings[int(rng.integers(len(self._recordings)))]
            found = excerpt(own, float(rng.uniform(0, max(0.1, own.seconds - seconds))), seconds)
            if _loud(found):
                return found
        raise NotAlterableError("no loud excerpt found")

    def speech(self, seconds: float, rng: np.random.Generator) -> Samples:
        return speech(seconds, rng)


def excerpt(recording: Recording, start: float, seconds: float) -> Samples:
    """Return part of a recording at 44.1 kHz, shape (1 or 2, n)."""
    samples, rate = _decoded(recording.file)
    part = samples[:, int(start * rate) : int((start + seconds) * rate)]
    return part if rate == RATE else resampled(part, rate / RATE)


@lru_cache(maxsize=24)
def _decoded(path: Path) -> tuple[Samples, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples.T[:2]), rate


def altered(
    recordings: Sequence[Recording],
    others: Material,
    seconds: float,
    count: int,
    alterations: Sequence[Alteration] = ALTERATIONS,
) -> Iterator[Query]:
    """``count`` queries of each alteration, ``seconds`` long after it."""
    for alteration in alterations:
        for number in range(count):
            yield one(recordings, others, alteration, seconds, number)


def one(
    recordings: Sequence[Recording],
    others: Material,
    alteration: Alteration,
    seconds: float,
    number: int,
) -> Query:
    """One altered excerpt; what can't be altered so gives way to another."""
    rng = _random(alteration.name, seconds, number)
    wanted = seconds * alteration.tempo_ratio
    for _ in range(ATTEMPTS):
        own = recordings[int(rng.integers(len(recordings)))]
        start = float(rng.uniform(0, max(0.01, own.seconds - wanted - 0.1)))
        original = excerpt(own, start, wanted)
        if not _loud(original) or original.shape[1] < 0.9 * wanted * RATE:
            continue
        try:
            samples = alteration.apply(original, RATE, rng, others)
        except NotAlterableError:
            continue
        truth = Truth(
            own,
            0.0,
            samples.shape[1] / RATE,
            start,
            start + wanted,
            alteration.pitch_semitones,
            alteration.tempo_ratio,
        )
        return Query(alteration.name, alteration.family, samples, (truth,))
    raise NotAlterableError(f"{ATTEMPTS} excerpts could not be altered: {alteration.name}")


def joined(recordings: Sequence[Recording], seconds: float, count: int) -> Iterator[Query]:
    """Two songs, one after the other, ``seconds`` each."""
    for number in range(count):
        yield one_joined(recordings, seconds, number)


def one_joined(recordings: Sequence[Recording], seconds: float, number: int) -> Query:
    rng = _random("joined", seconds, number)
    (one_, first), (two, second) = _pair(recordings, seconds, rng)
    samples = np.concatenate([with_channels(one_, 2), with_channels(two, 2)], axis=1)
    middle = one_.shape[1] / RATE
    truths = (
        Truth(first[0], 0.0, middle, first[1], first[1] + seconds),
        Truth(second[0], middle, samples.shape[1] / RATE, second[1], second[1] + seconds),
    )
    return Query("joined", "joined", samples, truths)


def layered(recordings: Sequence[Recording], seconds: float, count: int) -> Iterator[Query]:
    """Two songs at once, equally loud."""
    for number in range(count):
        yield one_layered(recordings, seconds, number)


def one_layered(recordings: Sequence[Recording], seconds: float, number: int) -> Query:
    rng = _random("layered", seconds, number)
    (one_, first), (two, second) = _pair(recordings, seconds, rng)
    length = min(one_.shape[1], two.shape[1])
    upper, lower = with_channels(one_, 2)[:, :length], with_channels(two, 2)[:, :length]
    samples = upper / _rms(upper) + lower / _rms(lower)
    samples = (samples * 0.9 / np.abs(samples).max()).astype(np.float32)
    end = length / RATE
    truths = tuple(Truth(own, 0.0, end, at, at + end) for own, at in (first, second))
    return Query("layered", "layered", samples, truths)


def one_unrelated(recordings: Sequence[Recording], seconds: float, number: int) -> Query:
    """A plain excerpt without truths, for negatives."""
    rng = _random("unrelated", seconds, number)
    _, _, samples = _music(recordings, seconds, rng)
    return Query("unrelated", "unrelated", samples, ())


def _music(
    recordings: Sequence[Recording], seconds: float, rng: np.random.Generator
) -> tuple[Recording, float, Samples]:
    for _ in range(ATTEMPTS):
        own = recordings[int(rng.integers(len(recordings)))]
        start = float(rng.uniform(0, max(0.01, own.seconds - seconds - 0.1)))
        found = excerpt(own, start, seconds)
        if _loud(found):
            return own, start, found
    raise NotAlterableError("no loud excerpt found")


def _pair(
    recordings: Sequence[Recording], seconds: float, rng: np.random.Generator
) -> list[tuple[Samples, tuple[Recording, float]]]:
    """Two excerpts of different groups."""
    while True:
        one_, two = _music(recordings, seconds, rng), _music(recordings, seconds, rng)
        if one_[0].group != two[0].group:
            return [(samples, (own, start)) for own, start, samples in (one_, two)]


def _random(name: str, seconds: float, number: int) -> np.random.Generator:
    return np.random.default_rng((SEED, zlib.crc32(name.encode()), int(1000 * seconds), number))


def _loud(samples: Samples) -> bool:
    return samples.size > 0 and _rms(samples) > QUIET


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64)))
