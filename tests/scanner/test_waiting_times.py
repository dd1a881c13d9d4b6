"""How long things wait, of which some wait still."""

from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from scanner import waiting_times
from scanner.waiting_times import Wait

WAITS = st.lists(st.builds(Wait, st.integers(1, 30), st.booleans()), min_size=1, max_size=40)


@given(WAITS)
def test_the_share_that_still_waits_is_that_of_another_implementation(waits: list[Wait]) -> None:
    over = [wait.seconds for wait in waits if wait.over]
    known = ecdf(CensoredData(over, right=[wait.seconds for wait in waits if not wait.over])).sf
    at = {step.seconds: step.left for step in waiting_times.still_waiting(waits)}

    theirs = dict(zip(known.quantiles, known.probabilities, strict=True))
    assert at == pytest.approx({seconds: theirs[seconds] for seconds in set(over)})


def test_the_interval_is_that_of_another_implementation() -> None:
    over, open_ = [1, 3, 3, 7, 9, 15], [2, 8, 20, 20]
    steps = waiting_times.still_waiting(
        [Wait(each) for each in over] + [Wait(each, over=False) for each in open_]
    )
    known = ecdf(CensoredData(over, right=open_)).sf
    low, high = known.confidence_interval(method="log-log")

    places = [list(known.quantiles).index(step.seconds) for step in steps]
    assert [step.low for step in steps] == pytest.approx(low.probabilities[places], abs=1e-6)
    assert [step.high for step in steps] == pytest.approx(high.probabilities[places], abs=1e-6)


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
