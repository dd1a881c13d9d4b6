"""The shapes of bodies and answers about ages, consents, controls and generations."""

from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Bytes,
    Field,
    StringConstraints,
    model_validator,
)

from policy.facts import AgeMethod, ConsentScope
from policy.territories import Territory
from scanner.generators import MELODY_BYTES
from scanner.schemas.common import Answer, Asked, Digest, Moment, ShortText

Band = Literal["child", "teen", "adult"]
Level = Literal["low", "substantial", "high"]
GateOutcome = Literal["allowed", "over-quota", "needs-consent", "refused"]
VerifiedBy = Literal[
    "signed-form",
    "payment",
    "phone",
    "video-call",
    "government-id",
    "face-match",
    "knowledge",
    "text-plus",
    "email-plus",
]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Scopes = Annotated[list[ConsentScope], Field(min_length=1, max_length=10)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no time zone of the IANA database, such as Europe/Berlin")
    return name


class AgeAsked(Asked):
    """What somebody vouches for about an age."""

    method: AgeMethod
    band: Band | None = Field(None, description="Or `birth_date`.")
    birth_date: date | None = Field(
        None, description="Turned into a band at once, and kept nowhere."
    )
    country: Territory | None = Field(None, description="Whose age of consent holds.")
    level: Level | None = Field(None, description="Default: the best that the method reaches.")
    issuer: ShortText | None = None
    expires_at: AwareDatetime | None = Field(
        None, description="Of who is no adult after a year at the latest."
    )


class AgeRecord(Answer):
    """One assurance; once purged without what it said."""

    id: str
    state: Literal["assured", "purged"]
    band: Band | None
    country: str | None
    consent_age: int | None
    method: AgeMethod
    level: Level
    issuer: str | None
    assured_at: Moment
    expires_at: Moment | None
    purged_at: Moment | None


class AgeAnswer(Answer):
    """What is on record about an account's age; the most reliable assurance in force counts."""

    id: str = Field(description="The account, as the platform calls it.")
    band: Literal["child", "teen", "adult", "unassured"]
    method: AgeMethod | None
    level: Level | None
    country: str | None
    consent_age: int = Field(description="Age of digital consent that holds for the account.")
    law: str
    expires_at: Moment | None
    version: int
    assurances: list[AgeRecord]


class ConsentAskedOf(Asked):
    """What a parent is asked."""

    guardian: ShortText = Field(description="The platform's own name for the parent.")
    scopes: Scopes
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] = Field(
        description="The words that the parent is shown."
    )
    text_version: ShortText
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = (
        "en"
    )
    lasts_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        None, description="How long consent lasts once granted; null: until it is withdrawn."
    )
    method: VerifiedBy = Field(
        "email-plus",
        description="How you make sure that who opens the link is the parent; who opens it can't say.",
    )


class GrantAsked(Asked):
    """How a parent was verified, and what they agree to."""

    method: VerifiedBy | None = Field(
        None, description="With a key; by the link it is what the platform said when it asked."
    )
    scopes: Scopes | None = Field(None, description="Some of those asked for; default: all.")
    token: Token | None = Field(None, description="Of the parent's link, where no key is sent.")


class WithdrawalAsked(Asked):
    """A parent says no."""

    token: Token | None = Field(None, description="Of the parent's link, where no key is sent.")


class Receipt(Answer):
    """What a parent keeps."""

    consent: str
    account: str
    guardian: str
    scopes: list[ConsentScope]
    method: VerifiedBy
    text_version: str
    text_sha256: Digest
    language: str
    granted_at: Moment
    lasts_days: int | None
    sha256: Digest = Field(description="Of the other fields as RFC 8785 JSON; in the journal.")


class ConsentAnswer(Answer):
    """A parent's consent."""

    id: str
    account: str
    guardian: str
    state: Literal["requested", "granted", "withdrawn", "expired"]
    scopes: list[ConsentScope]
    method: VerifiedBy | None
    text_version: str
    text: str
    text_sha256: Digest
    language: str
    lasts_days: int | None
    requested_at: Moment
    granted_at: Moment | None
    expires_at: Moment | None
    ended_at: Moment | None
    receipt: Receipt | None
    version: int


class ConsentMoved(ConsentAnswer):
    """A consent, with the token of the parent's next link."""

    token: str | None = Field(description="Shown this once, good for one move; null: none is left.")


class Consents(Answer):
    """A page of consents, newest first."""

    items: list[ConsentAnswer]
    next_cursor: str | None


class ControlsAsked(Asked):
    """What a parent sets; what is left out limits nothing."""

    daily_generations: Annotated[int, Field(ge=0, le=10_000)] | None = None
    opens: ClockTime | None = None
    closes: ClockTime | None = None
    zone: Annotated[str, StringConstraints(max_length=60), AfterValidator(_zone)] = "UTC"
    explicit: bool = True
    publishing: bool = True

    @model_validator(mode="after")
    def _both_ends(self) -> "ControlsAsked":
        if (self.opens is None) is not (self.closes is None):
            raise ValueError("give both `opens` and `closes`, or neither")
        return self


class ControlsAnswer(Answer):
    """A parent's controls; version 0: none were ever set."""

    id: str = Field(description="The account, as the platform calls it.")
    daily_generations: int | None
    opens: str | None
    closes: str | None
    zone: str
    explicit: bool
    publishing: bool
    version: int
    updated_at: Moment | None


class GateReasonAnswer(Answer):
    """One thing that stands in the way."""

    rule: str
    text: str
    texts: dict[str, str] = Field({}, description="The same in other languages: de, fr, es.")
    legal_basis: list[str]
    outcome: GateOutcome


class GateAnswer(Answer):
    """Whether the person behind an account may do something now."""

    act: Literal["upload", "generate", "publish", "hear-explicit", "monetise"]
    outcome: GateOutcome
    needs_consent: ConsentScope | None
    quota_left: int | None
    reasons: list[GateReasonAnswer]


class GatesAnswer(Answer):
    """What the person behind an account may do now."""

    id: str = Field(description="The account, as the platform calls it.")
    gates: list[GateAnswer]


class MusicAskedFor(Asked):
    """What is to be made or heard."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
    account: ShortText | None = Field(None, description="For whom; none: the platform itself.")
    tempo: Annotated[float, Field(ge=30, le=300)] | None = Field(
        None, description="Quarter notes a minute."
    )
    key: Annotated[str, StringConstraints(max_length=30)] | None = Field(
        None, description="Tonic and mode, as `D minor`."
    )
    metre: Annotated[str, StringConstraints(max_length=10)] | None = Field(
        None, description="Time signature, as `3/4`."
    )
    moods: Annotated[list[ShortText], Field(max_length=6)] | None = None
    genre: ShortText | None = None
    instruments: Annotated[list[ShortText], Field(max_length=8)] | None = Field(
        None, description="One stem each."
    )
    without: Annotated[list[ShortText], Field(max_length=8)] | None = Field(
        None, description="Instruments that must not be heard."
    )
    bars: Annotated[int, Field(ge=1, le=400)] | None = None
    seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    form: ShortText | None = Field(None, description="As `AABA` or `intro-verse-chorus`.")
    chords: Annotated[list[ShortText], Field(max_length=400)] | None = Field(
        None, description="One a bar, from the beginning again."
    )
    lyrics: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = Field(
        None,
        description="Words of a line that is to be sung, for its rhythm; they may quote nobody.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**53)] | None = Field(
        None, description="The same request and seed give the same bytes."
    )
    stems: bool | None = Field(None, description="Whether the stems are cleared too, and go out.")
    engine: ShortText | None = Field(None, description="What makes it; default: `clearance`.")
    audio_reference: ShortText | None = Field(
        None,
        description="Id of a cleared track of the same account: only its tempo, key and density.",
    )

    def parameters(self) -> dict[str, Any]:
        """Return what was given beside the prompt, the account and the melody."""
        return self.model_dump(exclude={"prompt", "account", "melody_midi"}, exclude_none=True)


class GenerationAskedFor(MusicAskedFor):
    """What is to be made."""

    melody_midi: Annotated[Base64Bytes, Field(max_length=MELODY_BYTES)] | None = Field(
        None, description="MIDI file to build on, in base64: its melody is kept and harmonised."
    )


class QuotaAnswer(Answer):
    """How many takes an account may still ask for today; null: as many as it likes."""

    account: str | None
    band: str | None = Field(description="The age band that counts for it.")
    limit: int | None
    used: int
    left: int | None
    previews_left: int | None = Field(description="Previews that may be listened to today still.")
    day: str
    zone: str
    resets_at: Moment


class Generator(Answer):
    """What makes the track."""

    installed: bool
    detail: str


class GenerationAnswer(Answer):
    """A request to a generator, and what became of it."""

    id: str
    state: Literal["refused", "waiting_consent", "queued", "withdrawn", "made", "failed"]
    account: str | None
    prompt: str
    parameters: dict[str, Any]
    melody_sha256: str | None = Field(description="Of the MIDI file that it builds on.")
    needs_consent: ConsentScope | None
    reasons: list[GateReasonAnswer]
    generator: Generator
    track_id: str | None = Field(description="The track that its take became, once it is made.")
    take_id: str | None = Field(None, description="The take that was made: `/v1/takes/{take_id}`.")
    take: dict[str, Any] | None = Field(
        description="What was understood, why each choice was made, the stems, the seed."
    )
    version: int
    created_at: Moment
    updated_at: Moment
