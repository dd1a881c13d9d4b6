"""Tracks, what was found in them and what was decided."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scanner.declarations import Declaration
from scanner.schemas.common import Answer, Decision, Digest, Moment
from scanner.schemas.provenance import Manifest
from scanner.track_states import State


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


class WordsFound(BaseModel):
    """Explicit words of one category in one place; never the words themselves."""

    model_config = ConfigDict(extra="allow")

    source: Literal["lyrics", "tags", "title", "heard"]
    category: Literal["profanity", "sexual", "violence", "drugs", "hate", "self-harm"]
    count: int
    strong: bool = Field(description="One at least is a slur, an obscenity, or graphic.")
    spans: list[tuple[int, int]] = Field(description="Where: characters, end excluded.")
    times: list[tuple[float, float]] = Field([], description="Of `heard`: in which seconds.")


class Words(BaseModel):
    """What was found in lyrics and titles."""

    model_config = ConfigDict(extra="allow")

    sources: dict[str, str | None] = Field(description="Language of each text looked at.")
    findings: list[WordsFound]
    heard: bool = Field(description="What is sung was transcribed.")
    warnings: list[str] = Field(description="`lyrics-not-heard`: what is sung is not known.")
    hearing: dict[str, Any] | None = Field(
        None, description="Language, and the seconds in which words were heard, with confidence."
    )


class Reason(BaseModel):
    """A rule that fired, in plain language."""

    rule: str
    text: str


class Restriction(BaseModel):
    """A condition of the release; empty ``territories`` means everywhere."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["age", "territory", "monetise", "label"]
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


class ContestNow(Answer):
    """Something that the track's creator can contest now."""

    what: Literal["dispute", "appeal_claim", "appeal"]
    id: str = Field(description="Of the claim, the dispute, or the decision.")
    until: Moment | None = Field(description="Null: as long as the claim is in force.")


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
    words: Words | None = Field(None, description="Null if there were no words to look at.")
    index_version: str | None
    index_age_seconds: float | None
    detectors: dict[str, Literal["ok", "failed", "not_run"]]
    warnings: list[Warned]
    audio: Audio
    seconds: dict[str, float]
    contest: list[ContestNow] = Field(
        [], description="What its creator can contest now, first due first."
    )


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
    words: Words | None = Field(None, description="Null if there were no words to look at.")
    audio: Audio
    seconds: dict[str, float]
    index_version: str | None
    index_age_seconds: float | None
    banks_left_out: list[str] = Field(
        description="Ids of banks that were not searched: off, or not rolled out to this track."
    )


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
    activation_id: str | None = Field(description="Under which activation of the pack.")
    single_operator: bool = Field(description="One identity both proposed and approved the pack.")
    created_at: Moment


class TrackByJson(Declaration):
    """A submission without a file: an address to fetch, or a fingerprint."""

    mode: Literal["release", "precheck"] = "release"
    url: str | None = Field(None, description="Claim check: the service fetches the audio.")
    fingerprint: dict[str, Any] | None = Field(
        None, description="What `clearance fingerprint FILE` prints."
    )
