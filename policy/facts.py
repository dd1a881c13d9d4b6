"""Facts: all that a pack may know about a track, each a value, absent or unknown.

A fact is a value; or *absent* (``None``: looked for and not there, or not declared); or
*unknown* (:class:`Unknown`: its detector failed). A detector that did not run leaves its facts
absent. In a pack's clauses an absent fact is ``null``; a clause that needs the value of an absent
fact does not hold, one that needs an unknown fact is itself unknown.
"""

import hashlib
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from policy.canonical import canonical
from policy.territories import Territory

Value = TypeVar("Value")


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Unknown(_Frozen):
    """A fact that could not be had, because its detector failed. In JSON ``{"unknown": why}``."""

    unknown: str
    """Why: which detector failed, and how."""


PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""Types of values that are their own JSON."""
ABSENT: Final = None
UNKNOWN: Final = Unknown(unknown="its detector failed")
Fact: TypeAlias = Value | Unknown | None

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Name = Annotated[str, Field(max_length=500)]
DetectorState = Literal["ok", "failed", "not_run"]
AgeBand = Literal["child", "teen", "adult", "unassured"]
AgeMethod = Literal["self-declared", "estimated", "document", "provider", "parent"]
ConsentScope = Literal["upload", "generate", "publish", "explicit", "monetise", "voice"]
WordCategory = Literal["profanity", "sexual", "violence", "drugs", "hate", "self-harm"]
WordSource = Literal["lyrics", "tags", "title", "heard", "prompt"]
PromptSignal = Literal["artist", "title", "quoted-lyrics", "hate"]


class MatchFact(_Frozen):
    """One reference found in the track, and what is on record about it."""

    reference_id: Name
    """Id of the reference."""
    kind: Literal["recording", "composition"]
    """`recording`: same recording, however altered. `composition`: same work, other performance."""
    score: Share | Unknown
    """Calibrated probability that the match is real; never absent."""
    title: Name = ""
    """Title of the reference, as shown to people."""
    coverage_query: Fact[Share] = ABSENT
    """Share of the track that is the reference."""
    coverage_sure: Fact[Share] = ABSENT
    """The same of segments with a score of 0.99 or more; absent if segments have no scores."""
    coverage_reference: Fact[Share] = ABSENT
    """Share of the reference that is in the track."""
    longest_seconds: Fact[Seconds] = ABSENT
    """Longest matching segment, in seconds."""
    matched_seconds: Fact[Seconds] = ABSENT
    """All matching segments together, in seconds; what two of them share counts once."""
    pitch_semitones: Fact[float] = ABSENT
    """Pitch of the track minus pitch of the reference, in semitones."""
    tempo_ratio: Fact[Annotated[float, Field(gt=0)]] = ABSENT
    """Tempo of the track over tempo of the reference."""
    reference_policy: Literal["block", "monetise", "track"] | Unknown = "block"
    """What the holder wants done with matches; never absent."""
    territories: tuple[Territory, ...] = ()
    """Where the reference's policy holds; none means everywhere."""
    holder: Fact[Name] = ABSENT
    """Id or name of the rights holder."""
    same_holder: Fact[bool] = False
    """The account that submits holds the reference."""
    other_holders: tuple[Name, ...] = ()
    """Other holders whose references of the same kind were found in the same seconds of the track."""
    licensed: Fact[bool] = False
    """A licence is on record for this account on this date."""
    licence_territories: tuple[Territory, ...] = ()
    """Where the licence on record holds; none means everywhere."""
    self_declared_licence: Fact[bool] = False
    """The uploader says there is a licence; none is on record."""
    public_domain: Fact[bool] = False
    """The reference is in the public domain."""
    public_domain_territories: tuple[Territory, ...] = ()
    """Where it is in the public domain; none means everywhere."""
    excluded: Fact[bool] = False
    """The matching part is one that the reference excludes (loops, samples, silence)."""
    negative_bank: Fact[bool] = False
    """The match is with material known to match wrongly."""
    reference_precision: Fact[Share] = ABSENT
    """Share of this reference's decided matches that were upheld; absent before the first."""
    reference_decided: Fact[Count] = 0
    """Number of decided matches behind `reference_precision`."""
    reference_trusted: Fact[bool] = False
    """An operator added the reference, or its holder is verified."""


class WatermarkFact(_Frozen):
    """One mark read in the track."""

    scheme: Name
    """Name of the watermark scheme."""
    payload: Fact[Name] = ABSENT
    """Payload, hexadecimal."""
    verdict: Literal["found", "candidate"] = "found"
    """`found`: its keyed check holds. `candidate`: it may be chance."""
    owner: Fact[Literal["ours", "other"]] = ABSENT
    """Whose key the mark carries; absent if the key is not registered."""
    false_alarm: Fact[Share] = ABSENT
    """Probability of reading this mark in unmarked audio."""
    alone: bool = True
    """No other payload of ours was found beside it: one take, not a take inside another."""


class ProvenanceFact(_Frozen):
    """The provenance manifest that came with the file (C2PA)."""

    state: Literal["valid", "invalid", "untrusted"]
    """`invalid`: the manifest does not fit the bytes. `untrusted`: signed by an unknown signer."""
    ai_generated: Fact[bool] = ABSENT
    """The manifest says that the audio is synthetic."""
    issuer: Fact[Name] = ABSENT
    """Who signed the manifest."""


class AccountFact(_Frozen):
    """The account that submits."""

    strikes: Fact[Count] = 0
    """Active copyright strikes."""
    standing: Fact[Literal["good", "warned", "limited", "suspended"]] = "good"
    """Standing of the account."""


class AgeFact(_Frozen):
    """What is on record about the age of the person behind the account; never a date of birth."""

    band: Literal["child", "teen", "adult"]
    """Age band that was assured."""
    method: AgeMethod
    """How it was assured."""
    level: Literal["low", "substantial", "high"]
    """How far it can be relied on."""
    consent_age: Fact[Annotated[int, Field(ge=0, le=21)]] = ABSENT
    """Age of digital consent where the account is."""


class WordsFact(_Frozen):
    """Words of one category found in one place: lyrics, tags, title, what was heard, a prompt."""

    category: WordCategory
    """What kind of words they are."""
    source: WordSource
    """Where they were found."""
    count: Annotated[int, Field(ge=1, le=2**53 - 1)] = 1
    """How often."""
    strong: bool = False
    """At least one of them is strong: a slur, an obscenity, a graphic description."""


class GenerationFact(_Frozen):
    """The request that a generated track answers."""

    model: Name
    """Model that made the track, with its version."""
    trained: Fact[bool] = ABSENT
    """The model was trained on recordings or scores; false if it follows rules alone."""
    prompt_signals: tuple[PromptSignal, ...] = ()
    """What screening found in the prompt."""


class Facts(_Frozen):
    """All that a decision is made from."""

    origin: Literal["upload", "generated"] = "upload"
    """Where the track comes from."""
    territories: tuple[Territory, ...] = ()
    """Territories asked for; none means worldwide."""
    account: Fact[AccountFact] = ABSENT
    """The named account; absent for the tenant's own act."""
    age_band: Fact[AgeBand] = "unassured"
    """Age band of the uploader. `unassured` is a value, not unknown."""
    age: Fact[AgeFact] = ABSENT
    """Age assurance in force for the account; absent if there is none."""
    consents: Fact[tuple[ConsentScope, ...]] = ()
    """What a parent has consented to and not withdrawn; absent for the tenant's own act."""
    duration: Fact[Seconds] = ABSENT
    """Length of the track, in seconds."""
    detectors: dict[Name, DetectorState] = Field(default_factory=dict)
    """What became of each detector; one not named did not run."""
    matches: Fact[Annotated[tuple[MatchFact, ...], Field(max_length=1000)]] = ()
    """References found in the track, at most 1000."""
    lawful_use_flag: Fact[bool] = False
    """The uploader attests a lawful use (quotation, criticism, review, caricature, parody, pastiche)."""
    declared_licences: tuple[Name, ...] = ()
    """Licences the uploader declares, as given."""
    explicit: Fact[bool] = ABSENT
    """The track is declared explicit (a label's or the uploader's own advisory)."""
    words: Fact[tuple[WordsFact, ...]] = ABSENT
    """Explicit words found, by category and place; absent if there were no words to look at."""
    words_from: Fact[tuple[WordSource, ...]] = ABSENT
    """Where words were looked for: those that came with the track, and what was heard; absent if nowhere."""
    lyrics_heard: Fact[bool] = ABSENT
    """Sung and spoken words were transcribed; absent or false: what is sung is not known."""
    rights_attested: Fact[bool] = ABSENT
    """The uploader attests to hold the rights that the use needs; false if they were asked and did not."""
    generation: Fact[GenerationFact] = ABSENT
    """The request behind a generated track."""
    ai_disclosure: Fact[bool] = ABSENT
    """The uploader declares that AI made some of the track."""
    watermarks: Fact[tuple[WatermarkFact, ...]] = ()
    """Marks read in the track."""
    provenance: Fact[ProvenanceFact] = ABSENT
    """Provenance manifest; absent if the file carries none."""
    warnings: tuple[Name, ...] = ()
    """Types of the analysis' warnings (truncated, damaged, not-examined, chained, rate-changed, checksum, several-tracks, too-short, earlier-networks, in-difference-of-channels)."""


def facts_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of facts, as stored decisions and cases of packs have them."""
    schema = Facts.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Facts",
        **schema,
    }


def hash_facts(facts: Facts) -> str:
    """SHA-256, hexadecimal, of the RFC 8785 canonical JSON of facts, less what is as by default.

    So a fact that a later version adds does not change the hash of facts that lack it. A default,
    once published, must never change.
    """
    told = _told(facts)
    return hashlib.sha256(canonical(told)).hexdigest()


@cache
def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """What each fact is by default; of one that must be given, what equals nothing."""
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
    }


def _told(thing: Any) -> Any:
    """What of a fact is not as by default; an unknown fact always says so."""
    if isinstance(thing, Unknown):
        return {"unknown": thing.unknown}
    if isinstance(thing, BaseModel):
        defaults = _defaults(type(thing))
        return {
            name: value if type(value) in PLAIN else _told(value)
            for name, value in thing.__dict__.items()
            if value != defaults[name]
        }
    if isinstance(thing, tuple):
        return [_told(value) for value in thing]
    return thing


def values_of(thing: Any) -> Any:
    """Turn facts into maps, lists and scalars; unknown facts stay :class:`Unknown`."""
    if isinstance(thing, Unknown):
        return thing
    if isinstance(thing, BaseModel):
        return {
            name: value if type(value) in PLAIN else values_of(value)
            for name, value in thing.__dict__.items()
        }
    if isinstance(thing, tuple):
        return [values_of(value) for value in thing]
    return thing


def without_unknown(thing: Any) -> Any:
    """Leave unknown facts out of their maps, so that a clause that reads one fails in CEL."""
    if isinstance(thing, dict):
        return {
            key: without_unknown(value)
            for key, value in thing.items()
            if not isinstance(value, Unknown)
        }
    if isinstance(thing, list):
        return [without_unknown(value) for value in thing]
    return thing


def unknown_paths(thing: Any, at: str = "") -> list[tuple[str, str]]:
    """Path and cause of every unknown fact in what :func:`values_of` gave."""
    if isinstance(thing, Unknown):
        return [(at, thing.unknown)]
    found = []
    if isinstance(thing, dict):
        for key, value in thing.items():
            if value and type(value) not in PLAIN:
                found += unknown_paths(value, f"{at}.{key}" if at else key)
    elif isinstance(thing, list):
        for n, value in enumerate(thing):
            if value and type(value) not in PLAIN:
                found += unknown_paths(value, f"{at}[{n}]")
    return found
