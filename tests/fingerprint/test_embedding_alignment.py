"""Lines through likenesses: where a query runs along a reference, and at what tempo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.embedding.alignment import (
    FEWEST_VOTES,
    Neighbours,
    hypotheses,
    paths,
)
from fingerprint.embedding.following import Line, Path
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS
from fingerprint.index.score import altered_probability

K = 16


def smooth_walk(seconds: float, seed: int) -> np.ndarray:
    """Unit vectors every 10 ms that turn slowly, as those of music do."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(int(seconds * 100) + 300, 64))
    kernel = np.hanning(150)
    turned = np.stack([np.convolve(row, kernel, mode="same") for row in steps.T], axis=1)
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def at(walk: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    return walk[np.clip((100 * seconds).astype(int), 0, len(walk) - 1)].astype(np.float32)


def times(seconds: float, hop: float = HOP_SECONDS) -> np.ndarray:
    return np.arange(CENTRE_SECONDS, seconds - CENTRE_SECONDS, hop)


class References:
    """Brute force: the nearest of all vectors."""

    def __init__(self, walks: list[np.ndarray], seconds: float) -> None:
        self.own = [at(walk, times(seconds)) for walk in walks]
        self.starts = np.cumsum([0, *map(len, self.own)])
        self.all = np.concatenate(self.own)

    def find(self, query: np.ndarray, seconds: np.ndarray) -> list[Path]:
        likeness = query @ self.all.T
        nearest = np.argsort(-likeness, axis=1)[:, :K]
        reference = np.searchsorted(self.starts, nearest, side="right") - 1
        where = (nearest - self.starts[reference]) * HOP_SECONDS + CENTRE_SECONDS
        near = Neighbours(reference, where, np.take_along_axis(likeness, nearest, axis=1))
        return paths(query, seconds, near, lambda number: self.own[number])


@pytest.fixture(scope="module")
def references() -> tuple[list[np.ndarray], References]:
    walks = [smooth_walk(120, seed) for seed in range(12)]
    return walks, References(walks, 120)


@settings(max_examples=25, deadline=None)
@given(
    which=st.integers(0, 11),
    start=st.floats(0, 100),
    tempo_ratio=st.floats(0.78, 1.28),
    seed=st.integers(0, 1000),
)
def test_a_stretched_excerpt_is_found_where_it_is(
    references, which: int, start: float, tempo_ratio: float, seed: int
) -> None:
    walks, index = references
    seconds = times(10 / tempo_ratio, HOP_SECONDS / 2)
    noise = np.random.default_rng(seed).normal(0, 0.08, (len(seconds), 64))
    query = at(walks[which], start + tempo_ratio * seconds) + noise
    query = (query / np.linalg.norm(query, axis=1, keepdims=True)).astype(np.float32)

    best = index.find(query, seconds)[0]

    assert best.line.reference == which
    middle = (best.query_start + best.query_end) / 2
    placed = best.line.offset + best.line.tempo_ratio * middle
    assert placed == pytest.approx(start + tempo_ratio * middle, abs=0.5)
    assert best.line.tempo_ratio == pytest.approx(tempo_ratio, rel=0.05)
    placed = best.fine.offset + best.fine.tempo_ratio * middle
    assert placed == pytest.approx(start + tempo_ratio * middle, abs=0.1)
    assert best.fine.tempo_ratio == pytest.approx(tempo_ratio, rel=0.015)


def test_something_else_is_light(references) -> None:
    _, index = references
    seconds = times(10, HOP_SECONDS / 2)
    for seed in range(100, 110):
        found = index.find(at(smooth_walk(10, seed), seconds), seconds)
        assert not found or found[0].weight < 2
        assert all(path.vectors >= 3 for path in found)


def test_only_the_part_that_is_there_is_claimed(references) -> None:
    walks, index = references
    seconds = times(20)
    query = at(smooth_walk(20, 77), seconds)
    inside = (seconds > 7) & (seconds < 14)
    query[inside] = at(walks[4], seconds[inside] + 31)
    best = index.find(query, seconds)[0]
    assert best.line.reference == 4
    assert best.query_start == pytest.approx(7, abs=1)
    assert best.query_end == pytest.approx(14, abs=1)


def test_nothing_near_is_no_path() -> None:
    query = np.eye(64, dtype=np.float32)[:5]
    none = Neighbours(np.full((5, 2), -1), np.zeros((5, 2)), np.zeros((5, 2), np.float32))
    assert paths(query, times(5)[:5], none, lambda _: query) == []


def test_a_long_query_needs_more_evidence_than_a_short_one() -> None:
    path = Path(Line(0, 0.0, 1.0), Line(0, 0.0, 1.0), 10.0, 20.0, 8.0, 0.7, 21, 5.0)
    short, half_a_minute, long = (
        altered_probability(path, 0.9, each) for each in (10.0, 30.0, 300.0)
    )
    assert short == half_a_minute
    assert long / (1 - long) == pytest.approx(short / (1 - short) / 10)


def test_a_path_beside_which_chroma_agree_as_well_counts_less() -> None:
    path = Path(Line(0, 0.0, 1.0), Line(0, 0.0, 1.0), 10.0, 20.0, 8.0, 0.7, 21, 5.0)
    chance, half, sure = (altered_probability(path, each, 10.0) for each in (0.5, 0.75, 1.0))
    assert chance < half < sure
    assert chance < 0.1


@given(seed=st.integers(0, 99), references=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_references_with_too_few_votes_change_no_hypothesis(seed, references):
    random = np.random.default_rng(seed)
    seconds = times(10)
    many = random.integers(-1, references, (len(seconds), K))
    there = random.uniform(0, 60, many.shape)
    alike = random.uniform(0, 1, many.shape).astype(np.float32)
    # Each vector of one more reference is the only one of its own, and liker than all others.
    lonely = np.full((len(seconds), 1), -1)
    lonely[:: len(seconds)] = 99
    more = Neighbours(
        np.hstack([lonely, many]),
        np.hstack([np.ones(lonely.shape), there]),
        np.hstack([np.ones(lonely.shape, np.float32), alike]),
    )
    found = hypotheses(seconds, more)
    assert found == hypotheses(seconds, Neighbours(many, there, alike))
    assert 99 not in {line.reference for line in found}
    votes = [
        np.maximum(np.where(many == each, alike, 0).max(axis=1) - 0.25, 0).sum()
        for each in range(references)
    ]
    hopeless = {each for each in range(references) if votes[each] < FEWEST_VOTES}
    assert not hopeless & {line.reference for line in found}
