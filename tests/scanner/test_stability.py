"""The population stability index by hand, and bins that follow a baseline's quantiles."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.stability import FLOOR, LEAST_SHARE, MOST_BINS, Bins, psi, share_changed

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12).filter(lambda each: sum(each) > 0)
VALUES = st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=300)


@given(COUNTS, st.integers(1, 9))
def test_equal_shares_are_zero_however_many_there_are(counts: list[int], times: int) -> None:
    assert psi(counts, [times * each for each in counts]) == pytest.approx(0, abs=1e-12)


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(*[st.lists(st.integers(1, 500), min_size=n, max_size=n)] * 2)))  # fmt: skip
def test_it_is_the_same_both_ways_and_never_negative(both: tuple[list[int], list[int]]) -> None:
    assert psi(*both) == pytest.approx(psi(*both[::-1]))
    assert psi(*both) >= 0


def test_an_example_by_hand() -> None:
    # Shares 0.1, 0.4, 0.5 and 0.2, 0.3, 0.5:
    # 0.1 · ln 2 − 0.1 · ln 0.75 + 0 = 0.069315 + 0.028768 = 0.098083
    assert psi([10, 40, 50], [40, 60, 100]) == pytest.approx(0.098083, abs=1e-6)


def test_a_bin_that_is_empty_on_one_side_counts_as_the_floor() -> None:
    by_hand = (0.5 - 1.0) * math.log(0.5 / 1.0) + (0.5 - FLOOR) * math.log(0.5 / FLOOR)
    assert psi([100, 0], [50, 50]) == pytest.approx(by_hand)
    assert psi([100, 0], [100, 0]) == 0


@pytest.mark.parametrize(("one", "two"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 2]), ([1, 2], [0, 0])])
def test_what_has_no_distribution_is_refused(one: list[int], two: list[int]) -> None:
    with pytest.raises(ValueError, match=r"bins|no distribution"):
        psi(one, two)


@given(VALUES, VALUES)
def test_every_value_is_in_one_bin(baseline: list[float | None], day: list[float | None]) -> None:
    bins = Bins.of(baseline)
    counts = bins.counts(day)
    assert sum(counts) == len(day)
    assert counts[0] == day.count(None)
    assert list(bins.edges) == sorted(set(bins.edges))


def test_bins_hold_alike_many_of_what_was_found() -> None:
    values = [None] * 1000 + [n / 1000 for n in range(1000)]
    counts = Bins.of(values).counts(values)
    assert counts == [1000] + [100] * MOST_BINS


def test_of_few_that_were_found_there_are_few_bins() -> None:
    values = [None] * 900 + [n / 100 for n in range(100)]
    counts = Bins.of(values).counts(values)
    assert counts[0] == 900
    assert len(counts) == 3  # a tenth was found: two bins hold their share
    assert min(counts) >= LEAST_SHARE * len(values)


@pytest.mark.parametrize("day", [[0.97] * 100, [1.0] * 50 + [0.97] * 50])
def test_scores_that_leave_a_value_which_all_had_are_seen(day: list[float]) -> None:
    baseline: list[float | None] = [1.0] * 100
    bins = Bins.of(baseline)
    assert psi(bins.counts(baseline), bins.counts(day)) > 0.25
    mostly: list[float | None] = [0.5 + n / 100 for n in range(40)] + [1.0] * 60
    bins = Bins.of(mostly)
    assert psi(bins.counts(mostly), bins.counts([0.5 + n / 100 for n in range(40)] + [0.999] * 60)) > 0.25  # fmt: skip


@pytest.mark.parametrize(
    ("baseline", "day", "changed"),
    [
        ([970, 30], [1000, 0], True),  # the index says 0.17
        ([970, 15, 15], [200, 0, 0], False),  # six were due: none comes by chance now and then
        ([980, 20], [900, 100], True),  # the index says 0.13
        ([980, 20], [961, 39], False),  # not twice as many
        ([500, 500], [390, 610], False),  # no chance, and not much
        ([1000, 0], [1000, 0], False),
        ([0, 1000], [0, 1000], False),
        ([1000, 0], [980, 20], True),
    ],
)
def test_finds_that_halve_or_double_are_seen_where_the_index_sees_little(
    baseline: list[int], day: list[int], changed: bool
) -> None:
    assert share_changed(baseline, day) is changed
    assert psi(baseline, day) < 0.25


def test_the_likelihood_ratio_by_hand() -> None:
    # 40 and 20 of 1,000: 2 · (40 ln 4/3 + 20 ln 2/3 + 960 ln 960/970 + 980 ln 980/970) = 7.00;
    # 90 and 45: 2 · (90 ln 4/3 + 45 ln 2/3 + 910 ln 910/932.5 + 955 ln 955/932.5) = 16.38
    assert not share_changed([960, 40], [980, 20])
    assert share_changed([910, 90], [955, 45])
