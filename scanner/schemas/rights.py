"""Claims, disputes, holders, shares, licences and fixes of tracks."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from scanner.declarations import Territory
from scanner.schemas.common import Answer, Asked, Moment, ReferencePolicy, ShortText

Right = Literal["recording", "composition", "voice"]
Id = Annotated[str, StringConstraints(min_length=1, max_length=36)]
Words = Annotated[str, StringConstraints(max_length=5000)]
Date = Annotated[str, Field(json_schema_extra={"format": "date"})]
Point = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Language = Literal["en", "de", "fr", "es"]


class Span(BaseModel):
    """Seconds of a track."""

    model_config = ConfigDict(extra="forbid")

    start: Point
    end: Point


class Claimant(BaseModel):
    """Who claims, and how often they were right."""

    id: str
    name: str
    verified: bool
    precision: float | None = Field(
        description="Of the contested claims that were decided, the share that somebody else found right."
    )
    decided_claims: int


class ScoreOfClaim(BaseModel):
    """How sure the match is."""

    value: float
    means: str


class ClaimAnswer(Answer):
    """A rights holder's claim on segments of a track."""

    id: str
    track_id: str
    reference_id: str
    title: str
    claimant: Claimant
    right: Right
    policy: ReferencePolicy
    territories: list[str] = Field(description="None: everywhere.")
    segments: list[dict[str, Any]]
    score: ScoreOfClaim
    coverage_query: float
    longest_ms: int
    state: Literal["potential", "active", "disputed", "released", "upheld", "escalated"]
    ground: str | None = Field(description="Why it was released.")
    money_held_from: Moment | None
    version: int
    created_at: Moment


class Claims(Answer):
    """A page of claims, newest first."""

    items: list[ClaimAnswer]
    next_cursor: str | None


class Attested(Asked):
    """Who signs, and which text they agreed to."""

    name: Annotated[str, StringConstraints(max_length=300)] = ""
    text_version: Annotated[str, StringConstraints(max_length=50)] = ""


class DisputeAsked(Asked):
    """What a creator says against a claim."""

    claim_id: Id
    grounds: Annotated[list[str], Field(max_length=20)]
    text: Words = ""
    attestation: Attested = Attested()
    segments: Annotated[list[Span], Field(max_length=100, default_factory=list)]


class DisputeAnswered(Asked):
    """What a holder answers."""

    answer: Literal["release", "uphold", "escalate"]
    text: Words = ""
    segments: Annotated[list[Span], Field(max_length=100, default_factory=list)]
    remedy: Literal["cut", "mute", "replace", "territory"] | None = None
    territories: Annotated[list[Territory], Field(max_length=300, default_factory=list)]
    elements: dict[str, Any] = Field(default_factory=dict)


class EvidenceAnswer(Answer):
    """A file that a party put forward."""

    id: str
    name: str
    media_type: str
    sha256: str
    size_bytes: int
    by: str
    created_at: Moment


class EvidenceList(Answer):
    """The evidence of one matter, oldest first."""

    items: list[EvidenceAnswer]


class DisputeAnswer(Answer):
    """A creator's objection to a claim."""

    id: str
    claim_id: str
    track_id: str
    state: Literal[
        "opened",
        "with_claimant",
        "released",
        "upheld",
        "expired",
        "appealed",
        "withdrawn",
        "closed",
    ]
    grounds: list[str]
    text: str
    segments: list[Span]
    answer: str | None
    due_at: Moment | None = Field(description="By when the next move must come.")
    evidence: list[EvidenceAnswer]
    allowed: list[str] = Field(description="What the caller may do now.")
    version: int
    created_at: Moment


class Disputes(Answer):
    """A page of disputes, newest first."""

    items: list[DisputeAnswer]
    next_cursor: str | None


class HolderAsked(Asked):
    """A holder to name."""

    name: ShortText
    contact_email: ShortText | None = None
    language: Language = "en"


class ContactAsked(Asked):
    """How to reach a holder."""

    contact_email: ShortText
    language: Language | None = None


class VerificationAsked(Asked):
    """What a person says of a holder's evidence."""

    verified: bool


class HolderWhole(Answer):
    """Who holds rights, and how often they were right."""

    id: str
    name: str
    verified: bool
    contact_email: str | None
    language: str
    precision: float | None = Field(
        description="Of the contested claims that were decided, the share that somebody else found right."
    )
    decided_claims: int
    version: int
    created_at: Moment


class Holders(Answer):
    """A page of holders, newest first."""

    items: list[HolderWhole]
    next_cursor: str | None


class ShareAsked(Asked):
    """A share of one right in one recording or work."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    holder_id: Id
    subject: Id = Field(description="Id of a reference, or an ISWC as T-034.524.680-1.")
    right: Right
    territory: Territory | Literal["*"] = "*"
    percent: Annotated[Decimal, Field(gt=0, le=100, decimal_places=4)]
    starts_on: date | None = Field(None, alias="from")
    ends_on: date | None = Field(None, alias="to")


class ShareCorrection(Asked):
    """What of a share is otherwise: what is left out stays."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    percent: Annotated[Decimal, Field(gt=0, le=100, decimal_places=4)] | None = None
    starts_on: date | None = Field(None, alias="from")
    ends_on: date | None = Field(None, alias="to", description="Its last day.")


class RightsShareAnswer(Answer):
    """A share on record."""

    id: str
    holder_id: str
    subject: str
    right: Right
    territory: str
    percent: str
    version: int
    from_: Date | None = Field(alias="from")
    to: Date | None
    created_at: Moment


class RightsShares(Answer):
    """A page of shares, newest first."""

    items: list[RightsShareAnswer]
    next_cursor: str | None


class LicenceAsked(Asked):
    """A licence to record."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    holder_id: Id
    account_id: Id | None = None
    reference_id: Id | None = None
    territories: Annotated[list[Territory], Field(max_length=300, default_factory=list)]
    valid_from: AwareDatetime | None = Field(None, alias="from")
    valid_to: AwareDatetime | None = Field(None, alias="to")


class LicenceAnswer(Answer):
    """A licence on record."""

    id: str
    holder_id: str
    account_id: str | None
    reference_id: str | None
    territories: list[str]
    from_: Moment | None = Field(alias="from")
    to: Moment | None
    version: int
    created_at: Moment


class Licences(Answer):
    """A page of licences, newest first."""

    items: list[LicenceAnswer]
    next_cursor: str | None


class PartAsked(Asked):
    """Seconds to cut out, to mute, or to replace by sound of another track of the account."""

    kind: Literal["cut", "mute", "replace"]
    start: Point
    end: Point
    with_track: ShortText | None = Field(
        None, description="Of what is replaced: the id of a track that is out without limits."
    )
    from_: Point | None = Field(
        None, alias="from", description="From where on in that track, in seconds; none: 0."
    )

    @model_validator(mode="after")
    def _names_what_is_put_in(self) -> "PartAsked":
        if (self.kind == "replace") != (self.with_track is not None):
            raise ValueError("with_track names what replaces a part, and is for `replace` alone")
        return self


class EditAsked(Asked):
    """How a track is to be mended."""

    parts: Annotated[list[PartAsked], Field(min_length=1, max_length=100)]


class EditAnswer(Answer):
    """A mended version of a track."""

    id: str
    track_id: str
    new_track_id: str
    parts: list[dict[str, Any]]
    seconds_removed: float
    state: Literal["submitted", "replaced", "failed"]
    created_at: Moment


class Edits(Answer):
    """The mended versions of a track, newest first."""

    items: list[EditAnswer]
