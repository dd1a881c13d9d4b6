"""Deadlines of law and practice: a rule and the moment that starts it in, its window out.

A window of days begins with the day after its start, and ends with its last day, at 24:00 in the zone;
the first day of a window that opens later begins at 00:00. Months end on the day of the same number,
or the month's last, whatever day of the week that is. Hours are elapsed time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version
from itertools import islice
from types import MappingProxyType
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.relativedelta import relativedelta

from appeals.errors import DeadlineError

Unit = Literal["business days", "days", "months", "hours"]
US: Final = "US"
NEAR: Final = (0.5, 0.8)
"""Shares of a deadline's length after which it is near."""
_WEEKEND: Final = 5


@dataclass(frozen=True, slots=True)
class DeadlineRule:
    """How long something may take, and from what.

    Attributes
    ----------
    start : str
        The event that starts it.
    length : int
        In units; a window in business days is due on the last of so many.
    opens : int, optional
        Business day on which a window opens; before it is too early.
    longer_by : int
        Units by which it may be made longer once.
    country : str, optional
        Whose holidays count, ISO 3166; none: those of the country given.
    legal_basis : tuple of str
        Ids of the rules of law.
    """

    start: str
    length: int
    unit: Unit
    legal_basis: tuple[str, ...]
    opens: int | None = None
    longer_by: int = 0
    country: str | None = None


RULES: Final[Mapping[str, DeadlineRule]] = MappingProxyType(
    {
        "counter-notice-window": DeadlineRule(
            "receipt", 14, "business days", ("DMCA-R",), opens=10, country=US
        ),
        "dispute-answer": DeadlineRule("notified", 30, "days", ("DSM-17-9",)),
        "appeal-answer": DeadlineRule("notified", 7, "days", ("DSM-17-9",)),
        "strike-pending": DeadlineRule("actioned", 7, "days", ("DMCA-RI",)),
        "complaint-window": DeadlineRule("statement sent", 6, "months", ("DSA-20",)),
        "appeal-target": DeadlineRule("filed", 14, "days", ("DSA-20",)),
        "appeal-target-de": DeadlineRule("filed", 7, "days", ("DSA-20", "DE-URHDAG")),
        "out-of-court": DeadlineRule("body's receipt", 90, "days", ("DSA-21",), longer_by=90),
        "notice-confirm": DeadlineRule("received", 7, "days", ("DSA-16",)),
        "counter-cure": DeadlineRule("missing parts told", 14, "days", ("DMCA-CN",)),
        "notice-cure": DeadlineRule("missing parts told", 14, "days", ("DMCA-NC",)),
        "notice-target": DeadlineRule("valid", 1, "business days", ("DSA-16", "DMCA-T")),
        "trusted-notice-target": DeadlineRule("valid", 4, "hours", ("DSA-22",)),
        "data-request": DeadlineRule("received", 1, "months", ("GDPR-15/20",), longer_by=2),
        "small-no-more": DeadlineRule("status lost", 12, "months", ("DSA-19",)),
        "database-push": DeadlineRule("effect", 24, "hours", ("DSA-24/15",)),
        "post-flag-restoration": DeadlineRule("flag", 48, "hours", ("DE-URHDAG",)),
        "post-flag-decision": DeadlineRule("complaint", 7, "days", ("DE-URHDAG",)),
    }
)


@dataclass(frozen=True, slots=True)
class Window:
    """When something may and must be done.

    Attributes
    ----------
    rule : str
        Name of the rule.
    starts_at : datetime
        What it was counted from, UTC.
    opens_at : datetime
        From when it may be done, UTC; the start, unless the rule says later.
    due_at : datetime
        From when it is late, UTC.
    calendar : str
        Whose holidays were counted, and by which version of the calendar; empty if none were.
    """

    rule: str
    starts_at: datetime
    opens_at: datetime
    due_at: datetime
    calendar: str

    @property
    def near_at(self) -> tuple[datetime, ...]:
        """When half, and when four fifths of the time are over, UTC."""
        length = self.due_at - self.starts_at
        return tuple(self.starts_at + share * length for share in NEAR)


def deadline(
    rule: str, start: datetime, zone: str, *, country: str = US, longer: bool = False
) -> Window:
    """Return the window of a rule.

    Parameters
    ----------
    rule : str
        One of :data:`RULES`.
    start : datetime
        The moment of the event that starts it; aware.
    zone : str
        IANA name of the time zone whose days count: that of whoever must act.
    country : str, optional
        Whose holidays are no business days, where the rule does not say, ISO 3166.
    longer : bool, optional
        Count with the one extension that the rule allows.

    Raises
    ------
    DeadlineError
        If there is no such rule, zone or calendar, the rule can't be made longer, or the start is naive.
    """
    known = RULES.get(rule)
    if known is None:
        raise DeadlineError(f"there is no rule {rule!r}; name one of {', '.join(sorted(RULES))}")
    if start.tzinfo is None:
        raise DeadlineError(f"the start {start.isoformat()} has no time zone; give an aware time")
    if longer and not known.longer_by:
        raise DeadlineError(f"{rule} can't be made longer")
    length = known.length + (known.longer_by if longer else 0)
    moment = start.astimezone(UTC)
    if known.unit == "hours":
        return Window(rule, moment, moment, moment + timedelta(hours=length), "")
    place = _zone(zone)
    today = start.astimezone(place).date()
    opens_at, calendar = moment, ""
    if known.unit == "business days":
        whose = known.country or country
        days = list(islice(_business_days(today, whose), length))
        last, calendar = days[-1], f"{whose}, holidays {version('holidays')}"
        if known.opens is not None:
            opens_at = _midnight(days[known.opens - 1], place)
    elif known.unit == "months":
        last = today + relativedelta(months=length)
    else:
        last = today + timedelta(days=length)
    return Window(rule, moment, opens_at, _midnight(last + timedelta(days=1), place), calendar)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment a day begins, UTC; where clocks skip midnight, the moment they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _business_days(after: date, country: str) -> Iterator[date]:
    day = after
    while True:
        day += timedelta(days=1)
        if day.weekday() < _WEEKEND and day not in _holidays(country, day.year):
            yield day


@cache
def _holidays(country: str, year: int) -> frozenset[date]:
    """Public holidays of a year; of the US those of 5 U.S.C. 6103 as they are observed.

    So no Inauguration Day. A set that never changes, since the calendar's own fills as it is asked.
    """
    import holidays  # most commands count no days

    try:
        return frozenset(holidays.country_holidays(country, years=year, expand=False))
    except NotImplementedError as error:
        raise DeadlineError(
            f"there is no calendar of {country!r}; give a country by its ISO 3166 code"
        ) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DeadlineError(
            f"there is no time zone {name!r}; give an IANA name such as America/New_York"
        ) from error
