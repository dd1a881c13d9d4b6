"""The shapes of policies against repeat infringers."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Moment


class StrikePolicyAsked(Asked):
    """A policy to be put in force by somebody else."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] = Field(
        description="YAML: steps, window_days, decay_days, weight, weight_again."
    )
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class StrikePolicyAnswer(Answer):
    """A version of a platform's policy against repeat infringers."""

    id: str
    policy_version: str = Field(description="SHA-256 of what it says; kept in each strike.")
    state: Literal["proposed", "in_force", "replaced", "rejected"]
    version: int
    text: str
    reason: str
    single_operator: bool
    created_at: Moment
    in_force_from: Moment | None


class StrikePolicies(Answer):
    """What holds, and all versions of the platform's own, newest first."""

    in_force: str = Field(description="`policy_version` of what holds now.")
    items: list[StrikePolicyAnswer]
    next_cursor: str | None
