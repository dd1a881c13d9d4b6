"""References, what is known of them, and banks."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Moment, ReferencePolicy, Title


class HolderAnswer(BaseModel):
    """Who holds the rights."""

    id: str
    name: str
    verified: bool


class BankOf(BaseModel):
    """The bank that a reference is in."""

    id: str
    name: str


class Conflict(BaseModel):
    """What a new reference matched that it should not."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["other-holder", "public-domain", "negative-bank", "claimed"]
    reference_id: str
    title: str
    holder: str
    score: float
    seconds: float


class ExclusionAnswer(Answer):
    """A part of a reference, in seconds, that its holder does not own."""

    id: str
    start_s: float
    end_s: float
    origin: Literal["declared", "dispute", "appeal", "shared"]
    note: str
    created_at: Moment


class Exclusions(Answer):
    """The excluded parts of a reference, by their start."""

    items: list[ExclusionAnswer]
    next_cursor: str | None


class ExclusionAsked(Asked):
    """A part of a reference to exclude."""

    start_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    end_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    origin: Literal["declared", "dispute", "appeal", "shared"] = "declared"
    note: Annotated[str, StringConstraints(max_length=500)] = ""


class Settlement(Asked):
    """A person's decision on a reference that is quarantined."""

    verdict: Literal["active", "retired"]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class Opinion(Asked):
    """What a person thinks of a reference that a peer shared."""

    opinion: Literal["confirmed", "deconfirmed"]
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class ReferenceAnswer(Answer):
    """A recording that tracks are compared with."""

    id: str
    reference_id: str
    title: str
    path: str | None
    holder: HolderAnswer
    policy: ReferencePolicy
    status: Literal["checking", "active", "snoozed", "quarantined", "retired"] = Field(
        description="Only an active reference is found."
    )
    bank: BankOf
    snoozed_until: Moment | None
    quarantined_for: Literal["conflict", "flood", "deconfirmed"] | None
    conflicts: list[Conflict] = Field(description="What spoke against it when it was added.")
    exclusions: list[ExclusionAnswer]
    peer_key: str | None = Field(description="Ed25519 key, hexadecimal, of who shared it.")
    origin_id: str | None = Field(description="Its id there.")
    opinion: Literal["confirmed", "deconfirmed"] | None = Field(
        description="What a person here thinks of a shared reference."
    )
    opinions: dict[str, int] = Field(description="What peers think of it, counted.")
    isrc: str | None
    territories: list[str]
    lyrics_known: bool = Field(description="Whether prompts are screened for what is sung in it.")
    duration: float
    version: int
    created_at: Moment
    updated_at: Moment


class References(Answer):
    """A page of references, newest first."""

    items: list[ReferenceAnswer]
    next_cursor: str | None


class ReferenceStats(Answer):
    """How much there is to compare with."""

    references: int
    hours: float
    index_bytes: int
    segments: int
    index_version: str
    epoch: int


BankName = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class BankAnswer(Answer):
    """A named part of the catalogue."""

    id: str
    name: str
    kind: Literal["rights", "negative", "public_domain"]
    enabled: bool
    rollout: float = Field(description="Share of the tracks it is searched for, 0 to 1.")
    peer_key: str | None = Field(description="Ed25519 key, hexadecimal, of who shared it.")
    references: int = Field(description="How many of its references are active.")
    version: int
    created_at: Moment
    updated_at: Moment


class Banks(Answer):
    """A page of banks, oldest first."""

    items: list[BankAnswer]
    next_cursor: str | None


class BankAsked(Asked):
    """A bank to make."""

    name: BankName
    kind: Literal["rights", "negative", "public_domain"] = "rights"
    enabled: bool = True
    rollout: Share = 1.0


class BankChanges(Asked):
    """What of a bank may be changed; what is left out stays."""

    name: BankName | None = None
    enabled: bool | None = None
    rollout: Share | None = None


class ReferenceChanges(Asked):
    """What of a reference may be changed; what is left out stays."""

    title: Title | None = None
    policy: ReferencePolicy | None = None
    isrc: Annotated[str, StringConstraints(min_length=1)] | None = None
    territories: list[str] | None = None
    bank: BankName | None = None
    lyrics: Annotated[str, StringConstraints(max_length=20_000)] | None = Field(
        None, description="What is sung in it, which prompts may not quote; empty: none known."
    )
    snoozed_until: AwareDatetime | None = Field(
        None, description="Not found until then; null: found again. Goes by itself."
    )
