"""The shape of the figures that a pilot is judged by."""

from typing import Literal

from pydantic import BaseModel, Field

from scanner.schemas.common import Answer


class Kpi(BaseModel):
    """One figure; null where its group is smaller than the report's minimum."""

    name: str
    unit: Literal["seconds", "share"]
    n: int = Field(description="Tracks, verdicts, appeals, accounts or variations that it is of.")
    value: float | None = Field(description="The median of seconds, or the share.")
    p95: float | None = Field(description="Of seconds: what 95 of 100 do not pass.")


class Kpis(Answer):
    """Figures of some days; docs/monitoring.md says what each means."""

    from_: str = Field(alias="from")
    to: str
    minimum: int
    kpis: list[Kpi]
