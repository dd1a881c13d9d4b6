"""Shares come to all of a right at most, in every territory, on every day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appeals.shares import EVERYWHERE, WHOLE, Share, excess, parts_of, percent_of, total

START = date(2026, 1, 1)
PLACES = (EVERYWHERE, "DE", "FR", "US")
days = st.one_of(st.none(), st.integers(0, 20).map(lambda n: START + timedelta(days=n)))


@st.composite
def shares(draw: st.DrawFn) -> list[Share]:
    many = draw(st.integers(1, 12))
    made = []
    for n in range(many):
        starts, ends = draw(days), draw(days)
        if starts is not None and ends is not None and ends < starts:
            starts, ends = ends, starts
        made.append(
            Share(
                str(n),
                draw(st.sampled_from(["recording", "composition"])),
                draw(st.sampled_from(PLACES)),
                draw(st.integers(1, 10)) * WHOLE // 10,
                starts,
                ends,
            )
        )
    return made


@given(shares())
def test_what_is_taken_in_never_comes_to_more_than_all(offered: list[Share]) -> None:
    kept: list[Share] = []
    for each in offered:
        if excess(each, kept) is None:
            kept.append(each)

    every_day = [START + timedelta(days=n) for n in range(-1, 23)]
    for right in ("recording", "composition"):
        for place in (*PLACES, "JP"):
            assert all(total(kept, right, place, day) <= WHOLE for day in every_day)


@given(shares())
def test_what_is_refused_would_have_been_too_much_on_the_day_that_is_named(
    offered: list[Share],
) -> None:
    kept: list[Share] = []
    for each in offered:
        found = excess(each, kept)
        if found is None:
            kept.append(each)
        else:
            assert total([*kept, each], found.right, found.territory, found.day) == found.parts
            assert found.parts > WHOLE
            assert found.others


def test_a_share_follows_on_the_day_after_another_ends() -> None:
    first = Share("a", "recording", "*", WHOLE, None, date(2026, 5, 31))
    second = Share("b", "recording", "DE", WHOLE, date(2026, 6, 1))

    assert excess(second, [first]) is None
    assert excess(Share("c", "recording", "DE", 1, date(2026, 5, 31)), [first]) is not None


def test_one_for_everywhere_counts_in_each_territory() -> None:
    world = Share("a", "recording", "*", WHOLE // 2)
    here = Share("b", "recording", "DE", WHOLE // 2)
    found = excess(Share("c", "recording", "*", WHOLE // 2), [world, here])

    assert found is not None
    assert (found.territory, found.parts, found.others) == ("DE", WHOLE * 3 // 2, ("a", "b"))


def test_percentages_are_exact() -> None:
    assert percent_of(parts_of(Decimal("33.3333"))) == "33.3333"
    assert percent_of(parts_of(Decimal(100))) == "100"
    for wrong in ("0", "-1", "100.0001", "0.00001"):
        with pytest.raises(ValueError, match="percent"):
            parts_of(Decimal(wrong))
