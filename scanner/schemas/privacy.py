"""Accounts as far as privacy goes: what is kept, what holds it, what was erased; human review."""

from typing import Annotated

from pydantic import Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Digest, Moment


class HoldAnswer(Answer):
    """A legal hold that stands; null `until`: until it is lifted."""

    id: str
    object_kind: str
    object_id: str
    basis: str
    until: Moment | None


class AccountAnswer(Answer):
    """An account under the platform's own name for it."""

    id: str
    account: str
    tracks: int
    holds: list[HoldAnswer]
    version: int
    created_at: Moment


class ErasedAnswer(Answer):
    """An account that was erased."""

    id: str
    erased_at: Moment


class HumanReviewAsked(Asked):
    """Why a person should decide, in the words of whom it affects."""

    statement: (
        Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
        | None
    ) = Field(None, description="What the affected person says to it.")


class ReplayAnswer(Answer):
    """A decision as it was made, and as the pack that made it makes it again of the same facts."""

    id: str
    decision: str
    outcome_hash: Digest
    pack: str
    replayed_decision: str
    replayed_outcome_hash: Digest
    replayed_pack: str
    same: bool = Field(description="Whether what the rules made has the same hash both times.")
    keeps: str | None = Field(
        description="Id of a person's decision whose limits it keeps besides: no rules make those again."
    )
