"""The shapes of bodies and answers about marks, released files and licensees."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from scanner.schemas import Answer, Asked, Digest, Moment, ShortText, SignedManifest, Watermark

PayloadDigits = Annotated[str, StringConstraints(pattern="^([0-9a-f]{24}|[0-9a-f]{32})$")]


class FoundMark(Watermark):
    """A mark that was read, with its key and whose it is."""

    speed: float = Field(1.0, description="By which the sound is faster than when it was marked.")
    tempo_ratio: float = 1.0
    pitch_ratio: float = 1.0
    key_id: str
    owner: Literal["ours", "other"]
    take_id: str | None = Field(None, description="Of your own takes, and of published ones.")
    preview_id: str | None = Field(
        None, description="Of your own previews: what was only listened to was recorded."
    )


class MarkCheck(Answer):
    """What a check for marks says."""

    verdict: Literal["marked_here", "other_mark", "none_found"]
    statement: str
    duration: float = Field(description="Seconds.")
    watermarks: list[FoundMark]


class FileAnswer(Answer):
    """A file of a generated track that went, or may go, out."""

    id: str
    part: str = Field(description="`mix`, `stem:NAME` or `bundle`.")
    format: str
    bit_rate: int | None
    sha256: Digest
    size_bytes: int
    mark: dict[str, Any] = Field(description="How clearly the mark was read back from it.")
    likeness: float | None = Field(description="To the master that was scanned, 0 to 1.")
    created_at: Moment


class Files(Answer):
    """The files of a track."""

    items: list[FileAnswer]
    next_cursor: str | None


class StemAnswer(Answer):
    """A stem of a generated track."""

    id: str
    name: str
    sha256: Digest
    state: Literal["received", "marked", "unmarkable"]
    measurement: dict[str, Any] | None
    duration: float | None


class Stems(Answer):
    """The stems of a track, by name."""

    items: list[StemAnswer]
    next_cursor: str | None


class Step(Answer):
    """Something that happened to a track, or is said of how it was made."""

    step: str
    at: Moment
    source: Literal["declared", "recorded"]
    event_id: str | None
    detail: dict[str, Any]


class Timeline(Answer):
    """Where a track comes from, in order, and what is not known of it."""

    id: str
    track_id: str
    origin: Literal["upload", "generated"]
    steps: list[Step]
    not_known: list[str]


class Publication(Answer):
    """Whether anybody may find a track."""

    id: str
    track_id: str
    published_at: Moment | None
    version: int


class SoftBindingAsked(Asked):
    """What to look a track up by: a mark's payload, or a fingerprint."""

    watermark: PayloadDigits | None = None
    fingerprint: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_one(self) -> "SoftBindingAsked":
        if (self.watermark is None) == (self.fingerprint is None):
            raise ValueError("give one of: watermark, fingerprint")
        return self


class BoundTrack(Answer):
    """A released and published generated track."""

    track_id: str
    take_id: str
    provider: str
    model: str
    model_version: str | None
    issued_at: Moment
    manifest: SignedManifest | None = Field(
        description="What was signed last into its mix: the way back to a manifest that was stripped."
    )
    payload: str
    by: Literal["watermark", "fingerprint"]
    score: float | None = Field(description="Of a fingerprint's match, 0 to 1.")
    files: list[dict[str, Any]] = Field(description="SHA-256 and format of what went out.")


class SoftBindings(Answer):
    """What was found; nothing found proves nothing."""

    matches: list[BoundTrack]


class LicenseeAnswer(Answer):
    """Somebody who may use the model and its marks, or might."""

    id: str
    name: str
    state: Literal["granted", "noticed", "revoked"]
    reason: str | None
    rule: str
    noticed_at: Moment | None
    due_at: Moment | None = Field(description="When the right ends at the latest.")
    revoked_at: Moment | None
    version: int
    created_at: Moment
    updated_at: Moment


class Licensees(Answer):
    """A page of licensees, newest first."""

    items: list[LicenseeAnswer]
    next_cursor: str | None


class LicenseeAsked(Asked):
    """A licensee to add."""

    name: ShortText


class Because(Asked):
    """Why."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
