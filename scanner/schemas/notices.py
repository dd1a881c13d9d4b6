"""Bodies and answers of notices and counter-notices."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from scanner.schemas.common import Answer, Asked, Moment

NoticeForm = Literal["dmca", "dsa", "likeness", "order", "threat"]
Elements = Annotated[
    dict[str, str | list[str] | bool | None],
    Field(max_length=20, description="By element of the form; see docs/notices.md."),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=5000, strip_whitespace=True)]


class NoticeAsked(Asked):
    """A notice. What is missing is told, and can be cured."""

    form: NoticeForm
    elements: Elements
    language: Literal["en", "de", "fr", "es"] = "en"
    right: Literal["recording", "composition", "voice"] | None = None
    reference_id: str | None = Field(
        None, max_length=36, description="The work in the catalogue: its copies are found by sound."
    )
    isrc: str | None = Field(None, max_length=15, description="The work by its ISRC instead.")


class ElementsAsked(Asked):
    """What was missing."""

    elements: Elements


class CounterNoticeAsked(Asked):
    """A counter-notice about one track of the notice."""

    track_id: str = Field(max_length=36)
    elements: Elements


class FilingAsked(Asked):
    """Which court was asked, and the file number."""

    filing: Text


class ReferralAsked(Asked):
    """Which authority was told, and what."""

    authority: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    text: Text


class ReasonAsked(Asked):
    """Why."""

    reason: Text


class NoticeTrackAnswer(Answer):
    """A track of a notice: named in it, or found by the work's sound."""

    track_id: str
    origin: Literal["named", "found"]
    state: Literal["named", "found", "waiting", "actioned", "refused", "restored", "gone"]
    statement_id: str | None


class NoticeAnswer(Answer):
    """A notice and its state."""

    id: str
    form: NoticeForm
    state: str
    version: int
    elements: dict[str, Any]
    missing: dict[str, str] = Field(description="What is to be cured, by element.")
    text_versions: list[str]
    right: str | None
    language: str
    reference_id: str | None
    remedy: str | None
    territories: list[str]
    reason: str | None
    misuse: str | None
    trusted: bool
    email_confirmed: bool
    due_at: Moment | None
    created_at: Moment
    tracks: list[NoticeTrackAnswer]


class Notices(Answer):
    """A page of notices."""

    items: list[NoticeAnswer]
    next_cursor: str | None


class CounterNoticeAnswer(Answer):
    """A counter-notice and its clock."""

    id: str
    notice_id: str
    track_id: str
    state: str
    version: int
    elements: dict[str, Any]
    missing: dict[str, str]
    filing: str | None
    opens_at: Moment | None
    due_at: Moment | None
    forwarded_at: Moment | None
    created_at: Moment
