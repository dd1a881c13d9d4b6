"""Legal holds: what is kept in spite of erasure."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Moment, ShortText


class HoldAsked(Asked):
    """What to keep, by which right, and how long."""

    kind: ShortText = Field(description="account, track, or the kind of a matter.")
    id: ShortText = Field(description="The object's id.")
    basis: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
    until: datetime | None = Field(None, description="With its time zone; none: until lifted.")


class LegalHoldAnswer(Answer):
    """A legal hold; one that was lifted stays on record."""

    id: str
    object_kind: str
    object_id: str
    basis: str
    until: Moment | None
    placed_by: str
    placed_at: Moment
    lifted_by: str | None
    lifted_at: Moment | None
    version: int


class LegalHolds(Answer):
    """A page of holds, newest first."""

    items: list[LegalHoldAnswer]
    next_cursor: str | None
