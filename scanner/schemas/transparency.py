"""The shape of a transparency report."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from scanner.schemas.common import Answer, Moment

Counts = dict[str, Any]


class Period(BaseModel):
    """The days of a report."""

    model_config = ConfigDict(extra="allow")

    from_: str = Field(alias="from")
    to: str
    zone: str


class Proof(BaseModel):
    """What the figures can be checked by."""

    model_config = ConfigDict(extra="allow")

    events_by_type: dict[str, int]
    events_in_period: int
    chain: str
    head: dict[str, Any] | None = Field(description="Last seal of the period: sequence and hash.")
    whole: bool
    unsealed: int


class TransparencyReport(Answer):
    """Counts and median hours of a period, by the parts of DSA-24/15 and of the DMCA."""

    platform: str
    period: Period
    made_at: Moment
    micro_or_small: bool
    orders: Counts
    notices: dict[str, Counts]
    notices_in_all: Counts
    trusted_flaggers: Counts
    own_initiative: Counts
    by_notice_or_order: Counts
    restrictions_by_source: Counts
    complaints: Counts
    disputes: Counts
    claims: Counts
    out_of_court: Counts
    suspensions: Counts
    automation: Counts
    dmca: Counts
    eu_database: Counts
    proof: Proof
