"""The shapes of statements of reasons and of redacted notices."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scanner.schemas.common import Answer, Moment


class StatementReason(BaseModel):
    """Why: a rule of the pack, or a person's reason."""

    model_config = ConfigDict(extra="allow")

    rule: str | None
    text: str | None = Field(description="In the language asked for, else in English.")
    legal_basis: list[str]


class Redress(BaseModel):
    """How to contest it, and until when."""

    model_config = ConfigDict(extra="allow")

    ways: list[Literal["complaint", "out_of_court", "court"]]
    until: Moment | None = Field(description="The window for complaints ends (DSA-20).")


class Named(BaseModel):
    """Something by its kind and id."""

    kind: str
    id: str


class StatementAnswer(Answer):
    """A statement of reasons (DSA-17)."""

    id: str
    track_id: str | None = Field(description="None: it is about a party, not a track.")
    decision_id: str | None
    matter: Named | None = Field(description="The sanction or strike that it follows from.")
    party: Named | None = Field(description="Whom that hits.")
    what: Literal["uploads", "notices", "complaints", "account"] | None
    effect: Literal["conditioned", "quarantined", "blocked", "limited", "suspended", "terminated"]
    restricts: list[Literal["visibility", "money", "service", "account"]]
    restrictions: list[dict[str, Any]]
    territories: list[str] = Field(description="ISO 3166; `*` is everywhere.")
    except_: list[str] = Field(alias="except", description="Where it does not hold.")
    starts_at: Moment
    ends_at: Moment | None
    ends_when: Literal["decided", "lifted", "over"]
    source: Literal["own_initiative", "notice", "trusted_flagger", "order", "claim", "contest"]
    source_form: str | None = Field(description="Form of the notice.")
    source_id: str | None
    reasons: list[StatementReason]
    automated_detection: bool
    automated_decision: bool
    ground: Literal["law", "terms"]
    legal_basis: list[str]
    redress: Redress
    language: Literal["en", "de", "fr", "es"]
    text: str = Field(description="All of it in plain words.")


class Statements(Answer):
    """A track's statements of reasons."""

    items: list[StatementAnswer]


class RedactedNotice(Answer):
    """A notice as Lumen's API takes it, under the same key."""

    notice: dict[str, Any]
