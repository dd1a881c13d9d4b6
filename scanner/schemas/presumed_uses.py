"""The shapes of presumed lawful uses, complaints about them, and flags of a lawful use (DE-URHDAG)."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Moment

Words = Annotated[str, StringConstraints(min_length=1, max_length=5000, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class PrematureBlock(Asked):
    """On whose word a use is blocked before it is decided on."""

    name: Name = Field(description="Of the person who looked at the use themselves.")
    statement: Words = Field(description="Why it is not presumed lawful, and what harm it does.")
    text_version: Name = Field(description="Of the text that they agree to: `premature-block-1`.")


class UseComplaint(Asked):
    """A holder's complaint about a presumed use."""

    reason: Words
    block: PrematureBlock | None = Field(
        None, description="Have it blocked until it is decided; for verified holders."
    )


class UseComment(Asked):
    """What the uploader says to a complaint."""

    text: Words


class LawfulUse(Asked):
    """A use that the uploader says is allowed by law."""

    lawful_use: Literal["quotation", "criticism", "review", "caricature", "parody", "pastiche"]
    signer: Name
    text_version: Name = Field(description="Of the words that the signer agreed to.")
    statement: Annotated[str, StringConstraints(max_length=2000)] | None = None


class BlockedBy(Answer):
    """Who had a use blocked before it was decided on."""

    name: str
    statement: str


class PresumedUseAnswer(Answer):
    """A match that is presumed to be a lawful use in Germany."""

    id: str
    track_id: str
    reference_id: str
    title: str
    state: Literal[
        "presumed",
        "contested",
        "blocked",
        "upheld",
        "dismissed",
        "withdrawn",
        "ended",
        "reversed",
    ]
    version: int
    territories: list[str]
    seen: dict[str, Any] = Field(description="What the rule saw: seconds, shares, flag.")
    reason: str | None = Field(description="Of the complaint.")
    block: BlockedBy | None
    outcome: str | None = Field(description="Why it was decided so.")
    due_at: Moment | None = Field(description="By when a person decides.")
    created_at: Moment


class PresumedUses(Answer):
    """A page of presumed uses."""

    items: list[PresumedUseAnswer]
    next_cursor: str | None


class LawfulUseAnswer(Answer):
    """What became of the track."""

    track_id: str
    state: str
    decision_id: str | None
