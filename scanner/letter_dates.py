"""Days and times as letters give them: written as the reader's language does, with the zone they are in."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_UTC: Final = frozenset(
    {
        *("UTC", "UCT", "GMT", "GMT0", "Universal", "Zulu", "Z"),
        *("Etc/UTC", "Etc/UCT", "Etc/GMT", "Etc/GMT0", "Etc/Universal", "Etc/Zulu"),
    }
)
"""Names of UTC, which has no region to be called after."""


@dataclass(frozen=True)
class Day:
    """A day in a zone, by its IANA name; as text it is the ISO date."""

    date: date
    zone: str

    def __str__(self) -> str:
        """Return the ISO date."""
        return self.date.isoformat()


def day(moment: datetime | None, zone: str, *, last: bool = False) -> Day | None:
    """Return the day of a moment in a zone; of the end of a window its last day, of none nothing."""
    if moment is None:
        return None
    local = moment.astimezone(ZoneInfo(zone))
    if last and local.strftime("%H%M%S") == "000000":
        local -= timedelta(seconds=1)
    return Day(local.date(), zone)


def written(value: date | Day, language: str) -> str:
    """Write a day with its zone, or a moment in UTC, for people.

    >>> written(datetime(2026, 12, 10, 5, 0, tzinfo=UTC), "fr")
    '10 décembre 2026, 05:00 UTC'
    >>> written(Day(date(2026, 12, 9), "America/New_York"), "de")
    '9. Dezember 2026 (Nordamerikanische Ostküstenzeit)'
    """
    from babel.dates import format_datetime  # most commands need no calendar

    locale = "en_GB" if language == "en" else language
    if isinstance(value, Day):
        return f"{_long(value.date, locale)} ({_zone(value.zone, locale)})"
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        hour = format_datetime(moment, "HH:mm", locale=locale)
        return f"{_long(moment.date(), locale)}, {hour} UTC"
    return _long(value, locale)


def _long(value: date, locale: str) -> str:
    from babel.dates import format_date

    text = str(format_date(value, "long", locale=locale))
    return text.replace("1 ", "1er ", 1) if locale == "fr" and value.day == 1 else text


def _zone(zone: str, locale: str) -> str:
    from babel.dates import get_timezone, get_timezone_name

    if zone in _UTC:
        return "UTC"
    return str(get_timezone_name(get_timezone(zone), locale=locale))
