"""How long things wait, of which some wait still."""

import math
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import waiting_times
from scanner.waiting_times import Wait

REMISSIONS = [6, 6, 6, 7, 10, 13, 16, 22, 23]
"""Weeks of remission under 6-mercaptopurine (Freireich et al. 1963), a textbook's example; those below lasted longer."""
LONGER = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_the_share_that_still_waits_is_that_of_the_literature() -> None:
    steps = waiting_times.still_waiting(
        [Wait(each) for each in REMISSIONS] + [Wait(each, over=False) for each in LONGER]
    )
    told = {step.seconds: round(step.left, 3) for step in steps}
    assert told == {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert waiting_times.median(steps) == 23
    assert waiting_times.median_interval(steps) is None  # its end is not seen yet


def test_the_interval_is_that_of_the_formula() -> None:
    (step,) = waiting_times.still_waiting([Wait(1), *[Wait(2, over=False)] * 9])
    spread = 1.959964 * math.sqrt(1 / (10 * 9)) / -math.log(0.9)  # Greenwood's, of log(-log)
    assert step.low == pytest.approx(0.9 ** math.exp(spread))
    assert step.high == pytest.approx(0.9 ** math.exp(-spread))


@given(st.lists(st.integers(1, 1000), min_size=1))
def test_where_nothing_waits_any_more_it_is_the_median_of_all(seconds: list[int]) -> None:
    steps = waiting_times.still_waiting(map(Wait, seconds))
    assert waiting_times.median(steps) == median(seconds)


def test_what_too_many_wait_for_still_is_not_told() -> None:
    steps = waiting_times.still_waiting([Wait(1), Wait(2), *[Wait(500, over=False)] * 3])
    assert waiting_times.median(steps) is None
    assert waiting_times.median_interval(steps) is None
    assert waiting_times.quantile(steps, 0.4) == 2
    assert waiting_times.still_waiting([Wait(5, over=False)]) == []


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    random = Random(7)
    held = told = 0
    for _ in range(1_000):
        pairs = [(random.expovariate(1), random.expovariate(0.5)) for _ in range(40)]
        steps = waiting_times.still_waiting(Wait(min(each), each[0] < each[1]) for each in pairs)
        if (interval := waiting_times.median_interval(steps)) is not None:
            told += 1
            held += interval[0] <= 0.693147 <= interval[1]
    assert told > 900
    assert 0.93 < held / told < 0.98
