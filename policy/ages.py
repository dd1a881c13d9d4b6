"""Ages: bands instead of birth dates, and which of several assurances of an age counts (DSA-28)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args

from policy.errors import PolicyError
from policy.facts import AgeMethod

Band = Literal["child", "teen", "adult"]
Level = Literal["low", "substantial", "high"]

BANDS: Final[tuple[Band, ...]] = get_args(Band)
"""From the youngest on."""
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""From the least reliable on."""
METHODS: Final[tuple[AgeMethod, ...]] = (
    "self-declared",
    "parent",
    "estimated",
    "provider",
    "document",
)
"""From the least reliable on."""
MOST: Final[dict[AgeMethod, Level]] = {
    "self-declared": "low",
    "parent": "substantial",
    "estimated": "substantial",
    "provider": "high",
    "document": "high",
}
"""The level that a method reaches at best."""
ADULT_AGE: Final = 18
OLDEST: Final = 130


class AgeError(PolicyError):
    """Something about an age can't be so."""


@dataclass(frozen=True)
class Assurance:
    """What somebody vouches for about a person's age.

    Parameters
    ----------
    band
        Under the age of digital consent of ``country``, under 18, or older.
    level
        How far it can be relied on; no higher than its method allows (`MOST`).
    expires_at
        When it is no longer in force; None: never.
    consent_age
        The age of digital consent by which the band was found, in years.
    """

    band: Band
    method: AgeMethod
    level: Level
    assured_at: datetime
    expires_at: datetime | None = None
    country: str | None = None
    consent_age: int | None = None

    def __post_init__(self) -> None:
        if LEVELS.index(self.level) > LEVELS.index(MOST[self.method]):
            raise AgeError(
                f"{self.method} reaches the level {MOST[self.method]} at best, not {self.level}"
            )

    def is_in_force(self, now: datetime) -> bool:
        """Whether it counts at a moment."""
        return self.assured_at <= now and (self.expires_at is None or now < self.expires_at)


def age_on(birth_date: date, today: date) -> int:
    """Age in whole years; who was born on 29 February is older on 1 March.

    Raises
    ------
    AgeError
        If nobody alive was born then. The date is not told: it must not get into a log.
    """
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    years = today.year - birth_date.year - (not had_birthday)
    if not 0 <= years <= OLDEST:
        raise AgeError("a birth date is not in the future and not 130 years ago")
    return years


def band_on(birth_date: date, today: date, consent_age: int) -> Band:
    """Band of a birth date, which is used here once and kept nowhere.

    Parameters
    ----------
    consent_age : int
        Of the person's country: `policy.Jurisdictions.of`.
    """
    years = age_on(birth_date, today)
    if years < consent_age:
        return "child"
    return "teen" if years < ADULT_AGE else "adult"


def stricter(one: str, other: str) -> str:
    """Return the younger of two bands; ``unassured`` counts as the youngest."""
    return min(one, other, key=_years_order)


def _years_order(band: str) -> int:
    return ("unassured", *BANDS).index(band)


def most_reliable(assurances: Iterable[Assurance], now: datetime) -> Assurance | None:
    """Return the assurance that counts: of those in force the most reliable, then the newest.

    Of equally reliable ones of the same moment the younger band counts.
    """
    return max(
        (each for each in assurances if each.is_in_force(now)),
        key=lambda each: (
            LEVELS.index(each.level),
            METHODS.index(each.method),
            each.assured_at,
            -BANDS.index(each.band),
        ),
        default=None,
    )
