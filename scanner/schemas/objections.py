"""The shapes of what the person behind an account objects to."""

from typing import Self

from pydantic import Field, model_validator

from scanner.schemas.common import Answer, Asked, Moment


class ObjectionsAsked(Asked):
    """What the person objects to; what is left out stays as it is."""

    training: bool | None = Field(None, description="Training on or mining their generated tracks.")
    automated_decisions: bool | None = Field(
        None, description="Limits that rules alone decide (GDPR-22)."
    )
    rehearsal: bool | None = Field(
        None, description="Trying packs of rules out on their tracks (GDPR-21)."
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if all(wish is None for wish in self.model_dump().values()):
            raise ValueError("name at least one objection: true sets it, false ends it")
        return self


class ObjectionsAnswer(Answer):
    """Since when each objection holds, null if it does not; version 0: there never were any."""

    id: str = Field(description="The account, as the platform calls it.")
    training: Moment | None
    automated_decisions: Moment | None
    rehearsal: Moment | None
    version: int
