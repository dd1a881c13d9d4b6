"""Letters give days and times as their reader's language writes them."""

from datetime import UTC, date, datetime

import pytest

from scanner.letter_dates import Day, day, written

MOMENT = datetime(2026, 12, 10, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "moment", "last_day"),
    [
        ("en", "10 December 2026, 05:00 UTC", "9 December 2026 (Eastern Time)"),
        ("de", "10. Dezember 2026, 05:00 UTC", "9. Dezember 2026 (Nordamerikanische Ostküstenzeit)"),
        ("fr", "10 décembre 2026, 05:00 UTC", "9 décembre 2026 (heure de l’Est nord-américain)"),
        ("es", "10 de diciembre de 2026, 05:00 UTC", "9 de diciembre de 2026 (hora oriental)"),
    ],
)  # fmt: skip
def test_a_moment_and_the_last_day_of_a_window_name_their_zone(
    language: str, moment: str, last_day: str
) -> None:
    assert written(MOMENT, language) == moment
    until = day(MOMENT, "America/New_York", last=True)
    assert until is not None
    assert written(until, language) == last_day


def test_a_window_that_ends_within_a_day_has_that_as_its_last_day() -> None:
    assert day(MOMENT, "UTC", last=True) == Day(date(2026, 12, 10), "UTC")
    assert written(Day(date(2026, 12, 10), "UTC"), "fr") == "10 décembre 2026 (UTC)"
    assert str(day(MOMENT, "UTC")) == "2026-12-10"
    assert day(None, "UTC") is None


@pytest.mark.parametrize("zone", ["Etc/UTC", "Etc/UCT", "Etc/GMT", "Etc/Zulu", "GMT"])
def test_each_name_of_utc_is_written_as_utc(zone) -> None:
    assert written(Day(date(2026, 1, 9), zone), "de") == "9. Januar 2026 (UTC)"


def test_the_first_of_a_month_is_the_premier_in_french() -> None:
    assert written(date(2027, 1, 1), "fr") == "1er janvier 2027"
    assert written(Day(date(2027, 1, 1), "UTC"), "fr") == "1er janvier 2027 (UTC)"
    assert written(date(2027, 1, 21), "fr") == "21 janvier 2027"
