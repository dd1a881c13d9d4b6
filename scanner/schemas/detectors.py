"""The shapes of drift and of rescans: what is told of detectors, and what is asked of them."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from scanner.schemas.common import Answer, Asked, Moment, ShortText


class DriftedDay(BaseModel):
    """A day beside a baseline."""

    day: str
    tracks: int
    psi: float | None = Field(description="Population stability index; null for too few tracks.")
    state: Literal["steady", "drifted", "few"]


class DriftOfKind(BaseModel):
    """A baseline in force and its newest days, oldest first."""

    kind: str
    first_day: str
    last_day: str
    tracks: int
    found: int = Field(description="Of these tracks: in which something was found.")
    frozen_at: Moment
    days: list[DriftedDay]


class Drift(Answer):
    """The baselines in force; none: nothing was frozen."""

    items: list[DriftOfKind]


class BaselineAsked(Asked):
    """The days that later ones are held against; none: the 28 that ended yesterday."""

    first_day: date | None = None
    last_day: date | None = None


class FrozenBaseline(BaseModel):
    """What became of a kind of score."""

    kind: str
    tracks: int
    frozen: bool = Field(description="False for too few tracks: the baseline before it stays.")


class FrozenBaselines(Answer):
    """One a kind of score."""

    items: list[FrozenBaseline]


class RescanAsked(Asked):
    """What is looked at again."""

    detectors: list[ShortText] = Field(
        default_factory=list,
        max_length=20,
        description="By whose versions tracks are chosen; none: any detector's.",
    )


class RescanAnswer(Answer):
    """A rescan and how far it has come."""

    id: str
    state: Literal["running", "done", "stopped"]
    wanted: dict[str, str] = Field(description="Versions by detector.")
    total: int
    looked_at: int
    stricter: int = Field(description="Put before a person.")
    looser: int
    without_audio: int
    failed: int
    started_at: Moment
    ended_at: Moment | None


class Rescans(Answer):
    """A page of rescans, newest first."""

    items: list[RescanAnswer]
    next_cursor: str | None
