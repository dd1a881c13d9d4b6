"""Jumps of a rule's rate: the tail is exact, and an alarm needs more than chance."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import Usual, chance_of, has_jumped
from policy.rates import binomial_tail


def slow_tail(k: int, n: int, p: Fraction) -> Fraction:
    return sum(
        (comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(max(k, 0), n + 1)), Fraction(0)
    )


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 99))
def test_the_tail_is_what_exact_fractions_give(k: int, n: int, percent: int) -> None:
    exact = float(slow_tail(k, n, Fraction(percent, 100)))

    assert binomial_tail(k, n, percent / 100) == pytest.approx(exact, rel=1e-9, abs=1e-12)


def test_the_tail_holds_for_a_week_of_a_large_platform() -> None:
    # Mean 500 000, standard deviation 500: three of them above is 1 in 741.
    assert binomial_tail(501_500, 1_000_000, 0.5) == pytest.approx(0.00135, rel=0.02)
    assert binomial_tail(498_500, 1_000_000, 0.5) == pytest.approx(1 - 0.00135, rel=1e-4)


@pytest.mark.parametrize(
    ("fired", "decided", "fired_before", "decided_before", "jumped"),
    [
        (60, 100, 200, 2000, True),  # 10 % before, 60 % now
        (12, 100, 200, 2000, False),  # as before
        (19, 19, 0, 5000, False),  # fewer than count
        (20, 20, 0, 5000, True),  # never before
        (20, 20, 0, 0, False),  # nothing to compare with
        (20, 20, 0, 3, False),  # a past of three tracks says little
        (24_000, 100_000, 200_000, 1_000_000, False),  # beyond chance, but a fifth more
    ],
)
def test_an_alarm_needs_a_jump_that_is_large_and_beyond_chance(
    fired: int, decided: int, fired_before: int, decided_before: int, jumped: bool
) -> None:
    assert has_jumped(fired, decided, fired_before, decided_before, Usual()) is jumped


def test_a_larger_jump_is_less_likely() -> None:
    chances = [chance_of(fired, 100, 100, 1000) for fired in range(10, 60, 10)]

    assert chances == sorted(chances, reverse=True)
    assert chances[0] == pytest.approx(0.53, abs=0.06)
