"""Letters to people, and the links by which creators come to read them."""

from typing import Annotated, Literal

from pydantic import Field

from scanner.schemas.common import Answer, Asked, Moment


class LetterAnswer(Answer):
    """What a person was told, word for word."""

    id: str
    recipient_kind: str
    recipient_id: str
    address: str | None
    template: str
    language: str
    subject: str
    body: str
    matter_kind: str | None
    matter_id: str | None
    track_id: str | None
    legal_basis: list[str]
    message_id: str
    state: Literal["waiting", "sent", "failed", "inbox"]
    error: str | None
    created_at: Moment
    sent_at: Moment | None
    read_at: Moment | None


class Letters(Answer):
    """A page of letters, newest first."""

    items: list[LetterAnswer]
    next_cursor: str | None


class LinkAsked(Asked):
    """How long a creator's link is good for."""

    hours: Annotated[int, Field(ge=1, le=720)] = 24


class LinkAnswer(Answer):
    """A creator's link, without its token."""

    id: str
    hint: str
    version: int
    created_at: Moment
    expires_at: Moment
    revoked_at: Moment | None


class LinkMade(LinkAnswer):
    """A new link, with the token that is shown this once."""

    token: str


class Links(Answer):
    """An account's links, newest first."""

    items: list[LinkAnswer]
