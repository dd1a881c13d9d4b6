"""The shapes of bodies and answers, for OpenAPI and for checking what comes in.

Answers may gain fields, never lose or rename one, so their models let unknown fields through.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from scanner.declarations import Declaration
from scanner.track_states import State

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Decision = Literal["clear", "restrict", "review", "block", "indeterminate"]
ReferencePolicy = Literal["block", "monetise", "track"]
Title = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class Answer(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(extra="allow")

    sandbox: bool = Field(False, description="True where a sandbox key asked; absent otherwise.")


class Asked(BaseModel):
    """Base of every body that comes in: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/NAME`; the name is stable.")
    title: str
    status: int
    detail: str
    instance: str = Field("", description="The incident's id, also in the service's log.")
    errors: list["FieldError"] = Field([], description="One entry a field that is wrong.")


class FieldError(BaseModel):
    """A field that can't be taken."""

    field: str
    detail: str


class ProblemKind(BaseModel):
    """A kind of problem."""

    name: str
    status: int
    title: str


# --- tracks


class Segment(BaseModel):
    """A stretch of the track that is a stretch of the reference, in seconds."""

    model_config = ConfigDict(extra="allow")

    query_start: float
    query_end: float
    reference_start: float
    reference_end: float
    pitch_semitones: float = Field(description="Track minus reference.")
    tempo_ratio: float = Field(description="Track's tempo over the reference's.")


class Match(BaseModel):
    """A reference found in the track."""

    model_config = ConfigDict(extra="allow")

    reference_id: str
    title: str | None
    path: str | None
    kind: Literal["recording", "composition"]
    score: float = Field(description="Calibrated probability that the match is real.")
    segments: list[Segment]


class Watermark(BaseModel):
    """A mark found in the track."""

    model_config = ConfigDict(extra="allow")

    payload: str
    scheme: str
    verdict: Literal["found", "candidate"]
    false_alarm: float
    score: float
    start: float
    end: float


class Action(BaseModel):
    """Something that a manifest says was done to the sound."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="C2PA's name, such as `c2pa.created`.")
    source_type: str | None = Field(description="IPTC's digital source type, without its prefix.")
    agent: str | None = Field(description="Program or model, with its version.")
    when: str | None
    parameters: dict[str, str]


class Ingredient(BaseModel):
    """What a manifest says the file was made from."""

    model_config = ConfigDict(extra="allow")

    title: str | None
    relationship: str
    has_manifest: bool


class SoftBinding(BaseModel):
    """A mark by which a manifest is found again."""

    algorithm: str
    value: str


class Manifest(BaseModel):
    """A file's C2PA manifest, as far as it has one."""

    model_config = ConfigDict(extra="allow")

    state: Literal["valid", "untrusted", "invalid", "absent"] = Field(
        description="`untrusted`: whole, of a signer nobody here knows. `invalid`: it does not fit "
        "the file, or is broken; nothing that it says counts then."
    )
    label: str | None
    title: str | None
    issuer: str | None = Field(description="Who signed; proved only if `state` is `valid`.")
    generator: str | None = Field(description="Program that wrote the claim.")
    synthetic: bool | None = Field(
        description="It, or a manifest of what the file was made from, says that a machine made the "
        "sound, in whole or in part; null if none does and not all say, or not all count."
    )
    actions: list[Action]
    ingredients: list[Ingredient]
    soft_bindings: list[SoftBinding]
    mining: dict[str, str] = Field(description="Uses in training and mining: allowed or not.")
    failures: list[str] = Field(description="C2PA's codes of what is wrong.")
    recovered: list[dict[str, Any]] = Field(
        [], description="Manifests that the file lost, found by a mark of ours in its sound."
    )


class Reason(BaseModel):
    """A rule that fired, in plain language."""

    rule: str
    text: str


class Restriction(BaseModel):
    """A condition of the release; empty ``territories`` means everywhere."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["age", "territory", "monetise"]
    territories: list[str] = []
    min_age: int | None = None


class Warned(BaseModel):
    """Something odd about the audio that did not keep it from being analysed."""

    type: str
    detail: str


class UnknownFact(BaseModel):
    """A fact that could not be measured, and why."""

    unknown: str


class Tempo(BaseModel):
    """The pulse at which the onsets repeat."""

    model_config = ConfigDict(extra="allow")

    bpm: float
    confidence: float = Field(description="How regularly they do, 0 to 1.")
    other_bpm: float | None = Field(description="Half or double, where it would do as well.")


class Key(BaseModel):
    """The key of the whole track."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="Such as `D minor`.")
    confidence: float = Field(description="How far it stands out from the others, 0 to 1.")
    other: str = Field(description="The next best.")


class Loudness(BaseModel):
    """Loudness after ITU-R BS.1770, its range after EBU Tech 3342."""

    model_config = ConfigDict(extra="allow")

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None
    silence_share: float


class Audio(BaseModel):
    """The file, and what its sound is like; null: there is no such thing in it."""

    model_config = ConfigDict(extra="allow")

    tempo: Tempo | UnknownFact | None = None
    key: Key | UnknownFact | None = None
    loudness: Loudness | UnknownFact | None = None


class HeldProblem(BaseModel):
    """Why a track is held; the names are those of problems."""

    model_config = ConfigDict(extra="allow")

    type: str
    detail: str


class Judgement(Answer):
    """What policy says about a track; ``decision`` is null until there is one."""

    decision: Decision | None
    outcomes: dict[str, Decision] = Field(description="By territory; `*` is everywhere else.")
    restrictions: list[Restriction]
    reasons: list[Reason]
    pack: str | None = Field(description="Policy pack and the hash of its content.")


class Track(Judgement):
    """One track: where it is, what was found, what was decided."""

    id: str | None
    track_id: str | None
    external_id: str | None
    origin: Literal["upload", "generated"] = "upload"
    sha256: Digest | None
    duration: float | None = Field(description="Seconds.")
    state: State | None
    problem: HeldProblem | None = None
    matches: list[Match]
    watermarks: list[Watermark]
    provenance: Manifest | None = Field(description="Null if nobody looked for a manifest.")
    index_version: str | None
    index_age_seconds: float | None
    detectors: dict[str, Literal["ok", "failed", "not_run"]]
    warnings: list[Warned]
    audio: Audio
    seconds: dict[str, float]


class Tracks(Answer):
    """A page of tracks, newest first."""

    items: list[Track]
    next_cursor: str | None


class Accepted(Answer):
    """The track is taken in and will not be lost; the decision follows."""

    track_id: str
    status_url: str


class AnalysisAnswer(Answer):
    """Evidence only, no judgement."""

    track_id: str
    detectors: dict[str, str]
    warnings: list[Warned]
    matches: list[Match]
    watermarks: list[Watermark]
    provenance: Manifest | None = Field(description="Null if nobody looked for a manifest.")
    audio: Audio
    seconds: dict[str, float]
    index_version: str | None
    index_age_seconds: float | None
    banks_left_out: list[str] = Field(
        description="Ids of banks that were not searched: off, or not rolled out to this track."
    )


class SignedManifest(BaseModel):
    """A manifest that was signed into a file here."""

    model_config = ConfigDict(extra="allow")

    track_id: str
    part: str = Field(description="`mix`, or the stem.")
    format: str
    file_sha256: Digest
    manifest_sha256: Digest
    manifest_url: str
    label: str
    issuer: str
    source_type: str | None
    model: str | None
    model_version: str | None
    prompt_sha256: str | None
    seed: str | None
    parents: list[dict[str, str | None]]
    soft_binding: SoftBinding | None
    created_at: Moment


class ProvenanceCheck(Answer):
    """What a file's manifest says, and whether it can be believed."""

    state: Literal["valid", "untrusted", "invalid", "absent", "not_checked"]
    words: str
    manifest: Manifest | None
    signed: SignedManifest | None = Field(
        description="What was signed into this very file here, if its track is released."
    )
    recovered: list[SignedManifest] = Field(
        description="Manifests that the file lost, found by a mark of this service in its sound; "
        "that the sound is unchanged they don't say."
    )
    not_known: list[str]


class Known(BaseModel):
    """Something that is known of a track's origin."""

    says: str
    by: Literal["manifest", "mark", "declaration"]


class BadgeAnswer(Answer):
    """What is known of a track's origin, and what is not."""

    track_id: str
    heading: str
    known: list[Known]
    not_known: list[str]
    manifest: SignedManifest | None
    svg_url: str


class MatchInWords(Match):
    """A match with its sentence."""

    sentence: str = Field(description="The match in plain words.")


class FoundThen(BaseModel):
    """What the analysis recorded."""

    index_version: str | None
    index_epoch: int | None
    analysed_at: Moment
    matches: list[MatchInWords]


class FoundNow(BaseModel):
    """What a search finds now; a match's ``recorded`` says whether the analysis found it too."""

    model_config = ConfigDict(extra="allow")

    threshold: float
    index_version: str
    index_epoch: int
    matches: list[MatchInWords] = Field(description="At most 100, best first.")
    more: int = Field(description="Matches beyond those.")


class ExplanationAnswer(Answer):
    """What was found in plain words, beside what a search finds now if a threshold is given."""

    id: str
    track_id: str
    state: State
    decision: Decision | None
    reasons: list[Reason]
    sentences: list[str]
    recorded: FoundThen
    replay: FoundNow | None


class DecisionAnswer(Judgement):
    """The decision with all that explains it."""

    id: str
    track_id: str
    explanation: dict[str, Any]
    facts_hash: Digest
    outcome_hash: Digest
    automation: str
    created_at: Moment


class TrackByJson(Declaration):
    """A submission without a file: an address to fetch, or a fingerprint."""

    mode: Literal["release", "precheck"] = "release"
    url: str | None = Field(None, description="Claim check: the service fetches the audio.")
    fingerprint: dict[str, Any] | None = Field(
        None, description="What `clearance fingerprint FILE` prints."
    )


# --- references


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
    snoozed_until: AwareDatetime | None = Field(
        None, description="Not found until then; null: found again. Goes by itself."
    )


# --- webhooks


class WebhookAsked(Asked):
    """An address and the events it wants."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    events: Annotated[list[ShortText], Field(min_length=1, max_length=50)]


class WebhookAnswer(Answer):
    """An address that hears of events."""

    id: str
    url: str
    events: list[str]
    version: int
    created_at: Moment


class WebhookMade(WebhookAnswer):
    """A new webhook with its secret, shown this once."""

    secret: str = Field(description="Standard Webhooks signing secret, `whsec_…`.")


class Webhooks(Answer):
    """A page of webhooks, oldest first."""

    items: list[WebhookAnswer]
    next_cursor: str | None


class DeliveryAnswer(Answer):
    """A message and every try to send it."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    sequence: int
    state: Literal["due", "sent", "failed"]
    tries: int
    due_at: Moment | None
    created_at: Moment
    log: list[dict[str, Any]]
    payload: dict[str, Any]


class Deliveries(Answer):
    """A page of deliveries, newest first."""

    items: list[DeliveryAnswer]
    next_cursor: str | None


# --- cases, audit, keys, policies, operations


class CaseAnswer(Answer):
    """Something a person should look at: a track, or a reference."""

    id: str
    track_id: str | None
    reference_id: str | None
    kind: str
    state: str
    priority: int
    decision_id: str | None
    reasons: list[dict[str, Any]]
    version: int
    opened_at: Moment
    closed_at: Moment | None


class Cases(Answer):
    """A page of cases, newest first."""

    items: list[CaseAnswer]
    next_cursor: str | None


class AuditRow(Answer):
    """One journal row with its seal; null seal: the relay has not come to it yet."""

    id: str
    type: str
    subject: str
    version: int
    time: Moment
    actor: str
    role: str
    causation_id: str | None
    correlation_id: str | None
    data: dict[str, Any]
    seal: dict[str, Any] | None


class AuditRows(Answer):
    """A page of the journal, newest first."""

    items: list[AuditRow]
    next_cursor: str | None


class AuditVerdict(Answer):
    """What a walk over the tenant's hash chain found."""

    whole: bool
    sealed: int
    unsealed: int
    breaks: list[dict[str, Any]]


class KeyAsked(Asked):
    """An API key to make."""

    name: ShortText
    scopes: Annotated[list[str], Field(min_length=1, max_length=50)]
    sandbox: bool = Field(False, description="Make a `clr_test_` key for the sandbox.")


class KeyAnswer(Answer):
    """An API key, without the key itself."""

    id: str
    name: str
    hint: str
    scopes: list[str]
    kind: Literal["live", "test"]
    version: int
    created_at: Moment
    revoked_at: Moment | None


class KeyMade(KeyAnswer):
    """A new API key, shown this once."""

    key: str


class Keys(Answer):
    """A page of API keys, newest first."""

    items: list[KeyAnswer]
    next_cursor: str | None


class RuleAnswer(BaseModel):
    """A rule of a policy pack."""

    id: str
    title: str
    phase: Literal["exempt", "decide"]
    outcome: str
    legal_basis: list[str]


class PolicyAnswer(Answer):
    """A policy pack."""

    id: str
    name: str
    content_hash: Digest
    description: str
    active: bool
    thresholds: dict[str, float]
    rules: list[RuleAnswer]


class Policies(Answer):
    """The policy packs."""

    items: list[PolicyAnswer]
    next_cursor: str | None


class DeadLetterAnswer(Answer):
    """An event that a stage gave up on."""

    id: str
    group: str
    topic: str
    event_id: str
    subject: str | None
    error: str
    detail: str
    attempts: int
    state: str
    created_at: Moment
    replayed_at: Moment | None


class DeadLetterWhole(DeadLetterAnswer):
    """A dead letter with the message itself."""

    payload: dict[str, Any] | None


class DeadLetters(Answer):
    """A page of dead letters, oldest first."""

    items: list[DeadLetterAnswer]
    next_cursor: str | None


class Check(BaseModel):
    """How one part of the service is."""

    model_config = ConfigDict(extra="allow")

    ok: bool


class Readiness(BaseModel):
    """Whether every part answers."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, Check]


class Liveness(BaseModel):
    """The process runs."""

    status: Literal["ok"]
