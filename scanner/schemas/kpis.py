"""The shape of the figures that a pilot is judged by."""

from typing import Literal

from pydantic import BaseModel, Field

from scanner.schemas.common import Answer


class EarlierKpi(BaseModel):
    """The figure of the days that it is held against."""

    n: int
    value: float | None


class Kpi(BaseModel):
    """One figure; null where its group is smaller than the report's minimum, or too many still wait to tell."""

    name: str
    unit: Literal["seconds", "share"]
    n: int = Field(description="Tracks, verdicts, appeals, accounts or variations that it is of.")
    value: float | None = Field(description="The median of seconds, or the share.")
    p95: float | None = Field(description="Of seconds: what 95 of 100 do not pass.")
    undecided: int | None = Field(
        None, description="Of `time_to_decision`: how many of `n` still wait for their decision."
    )
    undecided_age: float | None = Field(
        None,
        description="For how many seconds half of those have waited; null where they are fewer than the minimum.",
    )

    before: EarlierKpi | None = Field(
        None, description="Of the days to compare with; absent where none were named."
    )
    difference: float | None = Field(None, description="From the figure of those days to this one.")
    interval: tuple[float, float] | None = Field(
        None,
        description="In which the difference lies with 95 % confidence; null of medians of fewer than six.",
    )


class Days(BaseModel):
    """A period, both days counted."""

    from_: str = Field(alias="from")
    to: str


class Kpis(Answer):
    """Figures of some days; docs/monitoring.md says what each means."""

    from_: str = Field(alias="from")
    to: str
    minimum: int
    kpis: list[Kpi]
    against: Days | None = Field(None, description="The days that were compared with.")
