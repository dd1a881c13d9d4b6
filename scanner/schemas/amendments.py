"""Shapes of changes of what was declared with a track."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from scanner.schemas.common import Answer, Asked, Moment
from scanner.schemas.rights import EvidenceAnswer

Kind = Literal["credit", "territories", "licence"]


class AmendmentAsked(Asked):
    """A change of what was declared."""

    kind: Kind
    content: dict[str, Any] = Field(
        description="credit: `title`, `artist`, `isrc`. territories: `territories`, or `without`, as lists. "
        "licence: `licensor`, `scope`, `territories`, `valid_from`, `valid_to`, `reference`."
    )


class Judged(BaseModel):
    """What the rules say of a track."""

    decision: str
    outcomes: dict[str, str]
    restrictions: list[dict[str, Any]]


class Preview(BaseModel):
    """What a draft would change, as far as the rules decide."""

    now: Judged
    then: Judged
    changes: bool


class AmendmentAnswer(Answer):
    """A change of what was declared."""

    id: str
    track_id: str
    kind: Kind
    content: dict[str, Any]
    state: Literal["drafted", "applied", "undone"]
    documents: list[EvidenceAnswer]
    preview: Preview | None = Field(description="Of a draft; none where a person decided.")
    decision_id: str | None = Field(description="The decision that it led to.")
    created_at: Moment
    applied_at: Moment | None
    undone_at: Moment | None


class Amendments(Answer):
    """The changes of a track, newest first."""

    items: list[AmendmentAnswer]
