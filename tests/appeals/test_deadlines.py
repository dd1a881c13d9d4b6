"""Deadlines: by vectors of the law, across year ends, leap days, holidays and changes of clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appeals import DeadlineError, deadline
from appeals.deadlines import RULES

NEW_YORK = "America/New_York"
ZONES = [NEW_YORK, "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]
MOMENTS = st.datetimes(datetime(2021, 7, 1), datetime(2036, 12, 31), timezones=st.just(UTC))


def local(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


# DMCA-R: not before the tenth, not after the fourteenth business day after receipt.
@pytest.mark.parametrize(
    ("received", "opens", "last"),
    [
        ("2026-11-23", "2026-12-08", "2026-12-14"),  # Thanksgiving
        ("2026-12-18", "2027-01-05", "2027-01-11"),  # Christmas, and the turn of the year
        ("2026-11-28", "2026-12-11", "2026-12-17"),  # a Saturday
        (
            "2027-12-17",
            "2028-01-04",
            "2028-01-10",
        ),  # both holidays are Saturdays, so Fridays are free
        ("2028-02-18", "2028-03-06", "2028-03-10"),  # a leap day is a day
        ("2028-10-27", "2028-11-13", "2028-11-17"),  # Veterans Day is observed on Friday
        ("2029-01-16", "2029-01-30", "2029-02-05"),  # no holiday for an inauguration
    ],
)
@pytest.mark.parametrize("hour", [0, 23])
def test_what_was_taken_down_returns_in_its_window(
    received: str, opens: str, last: str, hour: int
) -> None:
    start = datetime.fromisoformat(received).replace(hour=hour, tzinfo=ZoneInfo(NEW_YORK))

    window = deadline("counter-notice-window", start, NEW_YORK)

    assert local(window.opens_at, NEW_YORK) == f"{opens} 00:00"
    after = date.fromisoformat(last) + timedelta(days=1)
    assert local(window.due_at, NEW_YORK) == f"{after} 00:00"
    assert window.calendar.startswith("US, holidays ")


def test_the_day_is_that_of_whoever_must_act() -> None:
    moment = datetime(2026, 11, 24, 2, tzinfo=UTC)  # still the 23rd in New York

    assert deadline("counter-notice-window", moment, NEW_YORK).opens_at == datetime(
        2026, 12, 8, 5, tzinfo=UTC
    )
    assert deadline("counter-notice-window", moment, "Europe/Berlin").opens_at == datetime(
        2026, 12, 8, 23, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("rule", "start", "last"),
    [
        ("dispute-answer", "2026-11-26", "2026-12-26"),
        ("appeal-answer", "2028-02-25", "2028-03-03"),
        ("complaint-window", "2026-08-31", "2027-02-28"),  # DSA-20: to the month's last
        ("complaint-window", "2027-08-29", "2028-02-29"),
        ("complaint-window", "2026-05-26", "2026-11-26"),
        ("data-request", "2027-01-31", "2027-02-28"),  # GDPR-15/20
        ("out-of-court", "2026-11-26", "2027-02-24"),
    ],
)
def test_days_and_months_end_with_their_last_day(rule: str, start: str, last: str) -> None:
    moment = datetime.fromisoformat(start).replace(hour=15, tzinfo=ZoneInfo("Europe/Berlin"))
    after = date.fromisoformat(last) + timedelta(days=1)
    window = deadline(rule, moment, "Europe/Berlin")
    assert local(window.due_at, "Europe/Berlin") == f"{after} 00:00"
    assert window.opens_at == window.starts_at == moment


def test_longer_is_once_and_only_where_the_rule_allows_it() -> None:
    moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert local(deadline("data-request", moment, "UTC", longer=True).due_at, "UTC") == (
        "2027-03-01 00:00"  # three months in all: 28 February, to its end
    )
    with pytest.raises(DeadlineError, match="can't be made longer"):
        deadline("dispute-answer", moment, "UTC", longer=True)


def test_hours_pass_whatever_clocks_do() -> None:
    before = datetime(
        2027, 3, 27, 12, tzinfo=ZoneInfo("Europe/Berlin")
    )  # clocks go forward that night
    assert deadline("database-push", before, "Europe/Berlin").due_at - before == timedelta(hours=24)
    assert local(deadline("database-push", before, "Europe/Berlin").due_at, "Europe/Berlin") == (
        "2027-03-28 13:00"
    )


def test_a_day_begins_when_clocks_skip_midnight() -> None:
    """In Egypt clocks go from 00:00 to 01:00 on 30 April 2027."""
    moment = datetime(2027, 4, 22, 12, tzinfo=ZoneInfo("Africa/Cairo"))
    assert local(deadline("appeal-answer", moment, "Africa/Cairo").due_at, "Africa/Cairo") == (
        "2027-04-30 01:00"
    )


def test_holidays_are_those_of_the_country() -> None:
    moment = datetime(2026, 10, 30, 12, tzinfo=ZoneInfo("Europe/Berlin"))  # a Friday
    due = {
        country: local(
            deadline("notice-target", moment, "Europe/Berlin", country=country).due_at,
            "Europe/Berlin",
        )
        for country in ("DE", "AT", "FR")
    }
    assert due == {"DE": "2026-11-03 00:00", "AT": "2026-11-03 00:00", "FR": "2026-11-03 00:00"}
    moment = datetime(2026, 7, 13, 12, tzinfo=ZoneInfo("Europe/Paris"))
    french = deadline("notice-target", moment, "Europe/Paris", country="FR")
    german = deadline("notice-target", moment, "Europe/Paris", country="DE")
    assert french.due_at - german.due_at == timedelta(days=1)  # the fourteenth of July


def test_a_flagged_use_is_restored_within_two_days() -> None:
    """DE-URHDAG: 48 hours, weekends and all."""
    moment = datetime(2026, 12, 24, 18, tzinfo=UTC)
    assert deadline("post-flag-restoration", moment, "UTC").due_at == moment + timedelta(hours=48)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rule": "whenever"}, "complaint-window"),
        ({"zone": "Mars/Olympus"}, "America/New_York"),
        ({"zone": "../etc"}, "IANA"),
        ({"start": datetime(2026, 1, 1)}, "aware"),
        ({"country": "XX"}, "ISO 3166"),
    ],
)
def test_what_can_t_be_counted_is_refused_with_what_to_do(
    given: dict[str, str], words: str
) -> None:
    usual = {"rule": "notice-target", "start": datetime(2026, 1, 1, tzinfo=UTC), "zone": "UTC"}
    with pytest.raises(DeadlineError, match=words):
        deadline(**(usual | given))  # type: ignore[arg-type]


@given(st.sampled_from(sorted(RULES)), MOMENTS, st.sampled_from(ZONES))
def test_a_window_lies_after_its_start_and_is_near_before_it_is_due(
    rule: str, start: datetime, zone: str
) -> None:
    window = deadline(rule, start, zone)
    half, most = window.near_at
    assert window.starts_at <= window.opens_at < window.due_at
    assert window.starts_at < half < most < window.due_at


@given(
    st.sampled_from(sorted(RULES)),
    MOMENTS,
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.sampled_from(ZONES),
)
def test_what_starts_later_is_never_due_earlier(
    rule: str, start: datetime, later: timedelta, zone: str
) -> None:
    assert deadline(rule, start, zone).due_at <= deadline(rule, start + later, zone).due_at


@given(MOMENTS)
def test_ten_and_fourteen_business_days_are_counted_one_by_one(start: datetime) -> None:
    """Against another way of counting: by weeks, less the weekdays that are free."""
    window = deadline("counter-notice-window", start, NEW_YORK)
    place = ZoneInfo(NEW_YORK)
    first = start.astimezone(place).date()
    for moment, count in ((window.opens_at, 10), (window.due_at - timedelta(hours=12), 14)):
        last = moment.astimezone(place).date()
        span = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
        weekdays = [day for day in span if day.isoweekday() <= 5]
        assert len(weekdays) - sum(day in federal(day.year) for day in weekdays) == count
        assert last in weekdays


def federal(year: int) -> set[date]:
    """Days that 5 U.S.C. 6103 makes free in a year, from its words."""

    def nth(month: int, weekday: int, n: int) -> date:
        days = [date(year, month, 1) + timedelta(days=k) for k in range(31)]
        fitting = [day for day in days if day.month == month and day.weekday() == weekday]
        return fitting[n - 1] if n else fitting[-1]

    fixed = [
        date(year, 1, 1),
        date(year, 6, 19),
        date(year, 7, 4),
        date(year, 11, 11),
        date(year, 12, 25),
        date(year + 1, 1, 1),
    ]
    shift = {5: -1, 6: 1}
    return {day + timedelta(days=shift.get(day.weekday(), 0)) for day in fixed} | {
        nth(1, 0, 3),
        nth(2, 0, 3),
        nth(5, 0, 0),
        nth(9, 0, 1),
        nth(10, 0, 2),
        nth(11, 3, 4),
    }
