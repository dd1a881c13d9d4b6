"""Jurisdictions: from which age on a person may consent alone, by country, each with its source."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policy.errors import PolicyError

DEFAULT: Final = Path(__file__).with_name("jurisdictions") / "default.csv"
ELSEWHERE: Final = "*"
"""The row of every country without one of its own."""
_EU: Final = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU: Final = frozenset(_EU.split())
EEA: Final = EU | {"IS", "LI", "NO"}


class JurisdictionError(PolicyError):
    """A table of jurisdictions can't be used."""


class Jurisdiction(BaseModel):
    """One row: a country's age of digital consent and where that is from."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    country: Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")]
    """ISO 3166-1 alpha-2 code, or ``*``."""
    consent_age: Annotated[int, Field(ge=13, le=18)]
    """Years; younger people need a parent's consent. No law that is known here sets less than 13."""
    law: Annotated[str, Field(min_length=1, max_length=20)]
    """Id of the rule of law."""
    statute: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(min_length=1, max_length=200)]
    dated: date
    certainty: Literal["read", "memory"]
    """``memory``: nobody has read the source for this row; have it checked."""


@dataclass(frozen=True)
class Jurisdictions:
    """The table of all countries."""

    rows: Mapping[str, Jurisdiction] = field(default_factory=dict)

    def of(self, country: str | None) -> Jurisdiction:
        """Return what holds in a country.

        Parameters
        ----------
        country : str or None
            ISO 3166-1 alpha-2 code. None: nobody said, so the strictest of all rows holds, lest
            saying nothing allow more.
        """
        if country is None:
            return max(self.rows.values(), key=lambda row: (row.consent_age, row.country))
        return self.rows.get(country) or self.rows[ELSEWHERE]


@cache
def default_jurisdictions() -> Jurisdictions:
    """Return the table that comes with this package."""
    return Jurisdictions(_rows(DEFAULT.read_text(encoding="utf-8"), DEFAULT.name))


def load_jurisdictions(text: str, name: str = "jurisdictions") -> Jurisdictions:
    """Return the table that comes with this package, with a deployer's rows in place of its own.

    Parameters
    ----------
    text : str
        CSV with the columns of `Jurisdiction`; lines that begin with ``#`` are left out.

    Raises
    ------
    JurisdictionError
        Naming the row that is wrong.
    """
    return Jurisdictions({**default_jurisdictions().rows, **_rows(text, name)})


def _rows(text: str, name: str) -> dict[str, Jurisdiction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows: dict[str, Jurisdiction] = {}
    for n, values in enumerate(csv.DictReader(lines), 1):
        row = _row(values, f"{name}, row {n}")
        if row.country in rows:
            raise JurisdictionError(f"{name}, row {n}: {row.country} is there twice; keep one")
        rows[row.country] = row
    if not rows:
        raise JurisdictionError(f"{name}: no rows; give a heading and a row a country")
    return rows


def _row(values: dict[str | None, str], place: str) -> Jurisdiction:
    if None in values:
        raise JurisdictionError(f"{place}: more values than columns; quote values with commas")
    try:
        return Jurisdiction.model_validate(values)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        raise JurisdictionError(f"{place}: {told}") from error
