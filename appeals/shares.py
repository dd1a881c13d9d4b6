"""Shares: who holds how much of a right, where and when; never more than all of it.

Counted in ten-thousandths of a percent, so that thirds come out whole enough and sums are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

RIGHTS: Final = ("recording", "composition", "voice")
EVERYWHERE: Final = "*"
PERCENT: Final = 10_000
WHOLE: Final = 100 * PERCENT


@dataclass(frozen=True, slots=True)
class Share:
    """A share of one right in one recording or work.

    Attributes
    ----------
    territory : str
        ISO 3166 code, or ``*`` for everywhere.
    parts : int
        Ten-thousandths of a percent, 1 to :data:`WHOLE`.
    starts_on, ends_on : date, optional
        First and last day; none: without beginning, without end.
    """

    id: str
    right: str
    territory: str
    parts: int
    starts_on: date | None = None
    ends_on: date | None = None

    def holds(self, territory: str, day: date) -> bool:
        """Whether it counts in a territory on a day; one for everywhere counts in each."""
        return self.territory in {EVERYWHERE, territory} and (
            self.starts_on or date.min
        ) <= day <= (self.ends_on or date.max)


@dataclass(frozen=True, slots=True)
class Excess:
    """Where shares come to more than all.

    Attributes
    ----------
    day : date
        First day on which they do.
    parts : int
        What they come to, in ten-thousandths of a percent.
    others : tuple of str
        Ids of the shares that count there, besides the new one.
    """

    right: str
    territory: str
    day: date
    parts: int
    others: tuple[str, ...]


def parts_of(percent: Decimal) -> int:
    """Return a percentage in ten-thousandths of a percent.

    Raises
    ------
    ValueError
        If it is not more than 0 and at most 100, or finer than four decimals.
    """
    parts = percent * PERCENT
    if not 0 < parts <= WHOLE or parts != parts.to_integral_value():
        raise ValueError("a share is more than 0 and at most 100 percent, to four decimals")
    return int(parts)


def percent_of(parts: int) -> str:
    """Return parts as a percentage, without superfluous zeros."""
    text = f"{Decimal(parts) / PERCENT:.4f}".rstrip("0")
    return text.rstrip(".")


def total(shares: Sequence[Share], right: str, territory: str, day: date) -> int:
    """Return what is held of a right in a territory on a day, in ten-thousandths of a percent."""
    return sum(each.parts for each in shares if each.right == right and each.holds(territory, day))


def excess(new: Share, others: Sequence[Share]) -> Excess | None:
    """Say where a new share would make more than all of a right; None if it fits everywhere.

    A sum changes only on days when a share starts, and the day after one ends: no other need be looked at.
    """
    same = [each for each in others if each.right == new.right and each.id != new.id]
    begin, end = new.starts_on or date.min, new.ends_on or date.max
    days = {begin}
    for each in same:
        days |= {each.starts_on or date.min}
        if each.ends_on is not None and each.ends_on < date.max:
            days |= {each.ends_on + timedelta(days=1)}
    places = (
        {new.territory}
        if new.territory != EVERYWHERE
        else {EVERYWHERE, *(each.territory for each in same)}
    )
    for day in sorted(day for day in days if begin <= day <= end):
        for place in sorted(places):
            found = total([*same, new], new.right, place, day)
            if found > WHOLE:
                ids = tuple(sorted(each.id for each in same if each.holds(place, day)))
                return Excess(new.right, place, day, found, ids)
    return None
