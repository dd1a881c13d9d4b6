"""What can happen to statements of reasons: written, and taken by the EU's database, or late for it."""

from typing import ClassVar

from scanner.events import CASES, EventData


class StatementWritten(EventData):
    """An effect has its statement of reasons (DSA-17); the words are in the table, under its id."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.statement.written"

    track_id: str | None
    decision_id: str | None
    matter_kind: str | None = None
    matter_id: str | None = None
    effect: str
    restricts: list[str]
    limits: list[str]
    source: str
    source_form: str | None
    source_id: str | None
    ground: str
    automated_detection: bool
    automated_decision: bool
    contest_until: str


class StatementPushed(EventData):
    """The EU's database has a statement, under an id of its own, or has refused it (DSA-24/15)."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.statement.pushed"

    state: str
    uuid: str | None
    in_time: bool
    attempts: int


class StatementLate(EventData):
    """A statement should have been in the EU's database by now, and is not."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.statement.late"

    due_at: str
    attempts: int
