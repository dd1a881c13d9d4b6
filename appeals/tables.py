"""Tables of cases and statements; plain values until a session touches them."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, false, true
from sqlmodel import Field, SQLModel

from appeals.columns import UtcDateTime, json_type


class Case(SQLModel, table=True):
    """Something a person should look at: a track, a reference, or a matter such as a notice.

    ``since``, ``due_at``, ``holder`` and ``deciders`` are those of :class:`appeals.machine.Matter`: while
    it is leased, the end of the lease and who has it. ``legal_due_at`` is by when law wants an answer;
    ``reach`` how many tracks wait for the same answer, null until that was counted. ``appointed`` may take it
    though they decided before, since nobody else is left. What was ``passed_up`` only appeals officers take.
    """

    __tablename__ = "appeal_case"
    __table_args__ = (
        Index("ix_appeal_case_queue", "tenant_id", "state", "priority", "opened_at"),
        Index("ix_appeal_case_opened", "tenant_id", "opened_at", "id"),
        Index("ix_appeal_case_matter", "matter_kind", "matter_id"),
        Index("ix_appeal_case_due", "state", "due_at"),
    )
    KIND: ClassVar[str] = "case"

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    track_id: str | None = Field(default=None, max_length=36, index=True)
    reference_id: str | None = Field(default=None, max_length=36, index=True)
    kind: str = Field(max_length=30)
    state: str = Field(max_length=20)
    version: int = 0
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    holder: str | None = Field(default=None, max_length=36)
    deciders: list[str] = Field(default_factory=list, sa_type=json_type())
    appointed: str | None = Field(default=None, max_length=36)
    passed_up: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    matter_kind: str | None = Field(default=None, max_length=20)
    matter_id: str | None = Field(default=None, max_length=36)
    right: str | None = Field(default=None, max_length=20)
    language: str | None = Field(default=None, max_length=10)
    legal_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    priority: int
    reach: int | None = None
    decision_id: str | None = Field(default=None, max_length=36)
    reasons: list[dict[str, Any]] = Field(sa_type=json_type())
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StatementOfReasons(SQLModel, table=True):
    """What the affected person is told, written with the effect (DSA-17).

    It is about a track and its decision, or about what a matter (a sanction, a strike) does to a party: ``what``
    is uploads, notices, complaints or the account, ``ends_at`` when it ends. ``territories`` is where it holds, ``*`` for everywhere but in ``excepted``. ``source`` is what it goes
    back to, ``source_form`` the form of a notice. ``ground`` is law or terms. What is not ``open_to_appeal`` told of no
    appeal, since its platform is exempt and offers none (DSA-19).
    """

    __tablename__ = "statement_of_reasons"
    __table_args__ = (
        Index("ix_statement_of_reasons_matter", "matter_kind", "matter_id", unique=True),
        Index("ix_statement_of_reasons_party", "party_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36)
    track_id: str | None = Field(default=None, max_length=36, index=True)
    decision_id: str | None = Field(default=None, max_length=36, unique=True)
    matter_kind: str | None = Field(default=None, max_length=20)
    matter_id: str | None = Field(default=None, max_length=36)
    party_kind: str | None = Field(default=None, max_length=20)
    party_id: str | None = Field(default=None, max_length=64)
    what: str | None = Field(default=None, max_length=20)
    ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    effect: str = Field(max_length=20)
    restrictions: list[dict[str, Any]] = Field(sa_type=json_type())
    territories: list[str] = Field(default_factory=lambda: ["*"], sa_type=json_type())
    excepted: list[str] = Field(default_factory=list, sa_type=json_type())
    facts: list[dict[str, Any]] = Field(sa_type=json_type())
    source: str = Field(default="own_initiative", max_length=20)
    source_form: str | None = Field(default=None, max_length=20)
    source_id: str | None = Field(default=None, max_length=36)
    ground: str = Field(default="terms", max_length=10)
    legal_basis: list[str] = Field(sa_type=json_type())
    automated_detection: bool
    automated_decision: bool
    contest_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    open_to_appeal: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    redress: str = Field(max_length=1000)
    text: str
    language: str = Field(default="en", max_length=10)
    created_at: datetime = Field(sa_type=UtcDateTime)
