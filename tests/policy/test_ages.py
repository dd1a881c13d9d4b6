"""Bands of birth dates, and which assurance counts."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.ages import (
    BANDS,
    LEVELS,
    METHODS,
    MOST,
    AgeError,
    Assurance,
    band_on,
    most_reliable,
    stricter,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TODAY = NOW.date()


def assurance(band="adult", method="document", level=None, **more) -> Assurance:
    return Assurance(band, method, level or MOST[method], **{"assured_at": NOW} | more)


@pytest.mark.parametrize(
    ("birth_date", "consent_age", "band"),
    [
        (date(2013, 11, 26), 13, "teen"),  # turns 13 today
        (date(2013, 11, 27), 13, "child"),  # tomorrow
        (date(2010, 11, 27), 16, "child"),
        (date(2010, 11, 26), 16, "teen"),
        (date(2008, 11, 27), 13, "teen"),
        (date(2008, 11, 26), 13, "adult"),
        (date(2008, 11, 27), 18, "child"),  # no teens where consent begins at 18
        (TODAY, 13, "child"),
    ],
)
def test_a_birth_date_falls_into_the_band_of_its_country(birth_date, consent_age, band) -> None:
    assert band_on(birth_date, TODAY, consent_age) == band


def test_who_was_born_on_a_leap_day_is_older_on_the_first_of_march() -> None:
    assert band_on(date(2012, 2, 29), date(2025, 2, 28), 13) == "child"
    assert band_on(date(2012, 2, 29), date(2025, 3, 1), 13) == "teen"


@pytest.mark.parametrize("impossible", [TODAY + timedelta(days=1), date(1890, 1, 1)])
def test_an_impossible_birth_date_is_refused_without_repeating_it(impossible) -> None:
    with pytest.raises(AgeError) as refused:
        band_on(impossible, TODAY, 13)

    assert str(impossible.year) not in str(refused.value)


@given(st.dates(date(1900, 1, 1), TODAY), st.integers(13, 18), st.integers(0, 20_000))
def test_nobody_gets_younger(birth_date, consent_age, days) -> None:
    now = band_on(birth_date, TODAY, consent_age)
    if days < 365 * 3:
        later = band_on(birth_date, TODAY + timedelta(days=days), consent_age)
        assert BANDS.index(later) >= BANDS.index(now)


def test_no_assurance_is_of_a_higher_level_than_its_method_allows() -> None:
    for method in METHODS:
        for level in LEVELS:
            if LEVELS.index(level) > LEVELS.index(MOST[method]):
                with pytest.raises(AgeError, match="at best"):
                    assurance(method=method, level=level)
            else:
                assert assurance(method=method, level=level).level == level


def test_the_most_reliable_assurance_counts_however_old_it_is() -> None:
    passport = assurance("child", "document", assured_at=NOW - timedelta(days=300))
    claim = assurance("adult", "self-declared")

    assert most_reliable([claim, passport], NOW) is passport


def test_of_equally_reliable_ones_the_newest_counts_and_of_those_the_younger_band() -> None:
    old = assurance("adult", assured_at=NOW - timedelta(days=1))
    new, younger = assurance("adult"), assurance("child")

    assert most_reliable([new, old], NOW) is new
    assert most_reliable([new, younger, old], NOW) is younger


def test_one_that_is_out_of_force_does_not_count() -> None:
    passport = assurance(expires_at=NOW)
    claim = assurance("teen", "self-declared")

    assert most_reliable([passport, claim], NOW) is claim
    assert most_reliable([passport], NOW) is None
    assert most_reliable([passport], NOW - timedelta(seconds=1)) is None  # not assured yet


@given(st.sampled_from([*BANDS, "unassured"]), st.sampled_from([*BANDS, "unassured"]))
def test_the_stricter_of_two_bands_is_one_of_them_whichever_comes_first(one, other) -> None:
    assert stricter(one, other) == stricter(other, one)
    assert stricter("unassured", one) == "unassured"
    assert stricter("adult", one) == one
