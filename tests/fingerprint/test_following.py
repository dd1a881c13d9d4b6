"""Lines followed together are each followed as if it were alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.embedding.following import (
    Line,
    follow,
    heaviest_stretches,
    straightened,
    straightened_lines,
)
from fingerprint.embedding.geometry import CENTRE_SECONDS, HOP_SECONDS


def directions(random: np.random.Generator, count: int) -> np.ndarray:
    """Unit vectors that turn slowly."""
    made = np.cumsum(random.normal(size=(count, 16)), axis=0)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 10_000), count=st.integers(0, 12))
@settings(deadline=None, max_examples=40)
def test_many_lines_give_what_each_gives_alone(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    references = [directions(random, int(random.integers(1, 90))) for _ in range(3)]
    query = directions(random, 40)
    begin = int(random.integers(0, 20))
    copied = min(25, len(references[0]) - begin)
    if copied > 0:
        query[5 : 5 + copied] = references[0][begin : begin + copied]
    seconds = CENTRE_SECONDS + HOP_SECONDS * np.arange(len(query))
    lines = [Line(0, (begin - 5) * HOP_SECONDS + 0.2, 1.01)][:count]
    while len(lines) < count:
        number = int(random.integers(3))
        lines.append(Line(number, float(random.uniform(-30, 40)), float(random.uniform(0.8, 1.25))))

    together = follow(lines, query, seconds, [references[each.reference] for each in lines])

    assert len(together) == count
    for line, told in zip(lines, together, strict=True):
        (alone,) = follow([line], query, seconds, [references[line.reference]])
        assert (told is None) == (alone is None)
        if told is not None and alone is not None:
            assert told.line.reference == line.reference
            assert told.vectors == alone.vectors
            assert told.weight == pytest.approx(alone.weight)
            assert told.line.offset == pytest.approx(alone.line.offset)
            assert told.distinct == pytest.approx(alone.distinct)
    if count and copied >= 12:
        assert together[0] is not None
        assert together[0].vectors >= copied - 6


@given(rows=st.lists(st.lists(st.floats(-1, 1), min_size=7, max_size=7), min_size=1, max_size=5))
def test_no_stretch_is_heavier_than_the_heaviest(rows: list[list[float]]) -> None:
    likeness = np.array(rows)
    starts, ends, weights = heaviest_stretches(likeness)
    for own, start, end, weight in zip(likeness, starts, ends, weights, strict=True):
        gains = np.where(own > -1, own - 0.4, -0.3)
        assert weight == pytest.approx(gains[start:end].sum())
        sums = [gains[a:b].sum() for a in range(8) for b in range(a, 8)]
        assert weight == pytest.approx(max(sums))


@given(offset=st.floats(-40, 40), ratio=st.floats(0.8, 1.25), off=st.floats(-0.5, 0.5))
def test_a_line_is_straightened_towards_what_lies_on_it(
    offset: float, ratio: float, off: float
) -> None:
    seconds = np.arange(60) * HOP_SECONDS
    at = offset + ratio * seconds
    voted = Line(3, offset + off, ratio * 1.01)
    line = straightened(voted, seconds, at, np.full(60, 0.5), (0.78, 1.28))
    assert line.reference == 3
    there = line.offset + line.tempo_ratio * seconds
    assert np.abs(there - at).max() < 0.02
    offsets, ratios = straightened_lines(
        np.array([voted.offset, 0.0]),
        np.array([voted.tempo_ratio, 1.0]),
        seconds,
        np.stack([at, seconds]),
        np.full((2, 60), 0.5),
    )
    assert offsets == pytest.approx([line.offset, 0.0], abs=1e-9)
    assert ratios == pytest.approx([line.tempo_ratio, 1.0])
