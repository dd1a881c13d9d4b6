"""Tables of what reviewers do with cases: verdicts, notes, reasons, known answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from appeals.columns import UtcDateTime, json_type


class CaseVerdict(SQLModel, table=True):
    """What one reviewer says of a case.

    ``checks`` is the verdict that a second reviewer checked without seeing it. ``state`` is standing, undone,
    applied, in_doubt (a second opinion was asked for), unanswered (nobody gave it), returned (it could not
    take effect), moot (what the case asks was settled elsewhere), agreed or differed. ``matches`` tells by id
    of a match what it is: confirmed, false or licensed.
    """

    __tablename__ = "case_verdict"
    __table_args__ = (
        Index("ix_case_verdict_case", "case_id", "created_at"),
        Index("ix_case_verdict_tenant", "tenant_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    case_id: str = Field(max_length=36)
    reviewer_id: str = Field(max_length=36)
    role: str = Field(max_length=20)
    checks: str | None = Field(default=None, max_length=36)
    verdict: str = Field(max_length=20)
    reason: str = Field(max_length=60)
    text: str = Field(sa_type=Text)
    territories: list[str] = Field(default_factory=list, sa_type=json_type())
    restrictions: list[dict[str, Any]] = Field(default_factory=list, sa_type=json_type())
    matches: dict[str, str] = Field(default_factory=dict, sa_type=json_type())
    remedy: str | None = Field(default=None, max_length=60)
    misuse: str | None = Field(default=None, max_length=20)
    state: str = Field(max_length=20)
    created_at: datetime = Field(sa_type=UtcDateTime)


class CaseNote(SQLModel, table=True):
    """Something said about a case: an internal note, a question to who is affected, its answer."""

    __tablename__ = "case_note"
    __table_args__ = (Index("ix_case_note_case", "case_id", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    case_id: str = Field(max_length=36)
    author_id: str = Field(max_length=36)
    role: str = Field(max_length=20)
    kind: str = Field(max_length=20)
    text: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ReasonTemplate(SQLModel, table=True):
    """A platform's own words for a reason; they stand before those that come with the program."""

    __tablename__ = "reason_template"

    tenant_id: str = Field(primary_key=True, max_length=36)
    code: str = Field(primary_key=True, max_length=60)
    version: int = 0
    verdicts: list[str] = Field(sa_type=json_type())
    texts: dict[str, str] = Field(sa_type=json_type())
    legal_basis: list[str] = Field(default_factory=list, sa_type=json_type())
    matches: str | None = Field(default=None, max_length=20)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class GoldenCase(SQLModel, table=True):
    """A case put among the others to which the answer is known; its verdict has no effect.

    The case itself names no track, so that nothing takes it for one of the track's own.
    """

    __tablename__ = "golden_case"

    case_id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, index=True)
    source_id: str = Field(max_length=36)
    track_id: str | None = Field(default=None, max_length=36, index=True)
    reference_id: str | None = Field(default=None, max_length=36)
    verdict: str = Field(max_length=20)
    created_by: str = Field(max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
