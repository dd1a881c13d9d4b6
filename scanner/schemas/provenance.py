"""Where sound comes from: manifests, their check, badges."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scanner.schemas.common import Answer, Digest, Moment


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


class SignedManifest(BaseModel):
    """A manifest that was signed into a file here."""

    model_config = ConfigDict(extra="allow")

    track_id: str
    part: str = Field(description="`mix`, or the stem.")
    format: str
    file_sha256: Digest
    manifest_sha256: Digest | None = Field(
        description="None while it is made anew: it named somebody whose account was erased."
    )
    manifest_url: str | None
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
