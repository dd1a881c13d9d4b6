"""What can happen to matters that people argue about, to their clocks, and to what people are told.

One event type a state of a machine: ``clearance.dispute.upheld``. What was said and by whom is in the tables.
"""

from typing import Any, ClassVar, Final

from pydantic import Field

from appeals import MACHINES
from scanner.events import ACCOUNTS, CASES, DEADLINES, EventData


class MatterEvent(EventData):
    """A notice, counter-notice, claim, dispute, appeal, strike or case came into a state."""

    topic: ClassVar[str] = CASES

    action: str
    was: str | None = None
    track_id: str | None = None
    due_at: str | None = None
    opens_at: str | None = None
    legal_basis: list[str] = Field(default_factory=list)
    detail: dict[str, Any] = Field(default_factory=dict)


def _event_of(machine: str, state: str) -> type[MatterEvent]:
    words = f"{machine}_{state}".split("_")
    return type(
        "".join(word.capitalize() for word in words),
        (MatterEvent,),
        {
            "__module__": __name__,
            "__doc__": f"A {machine.replace('_', '-')} is {state.replace('_', ' ')}.",
            "__annotations__": {"type": ClassVar[str]},
            "type": f"clearance.{machine}.{state}",
        },
    )


_SAID_OTHERWISE: Final = {("case", "open"), ("case", "closed")}  # CaseOpened, CaseClosed

MATTER_EVENTS: Final[dict[tuple[str, str], type[MatterEvent]]] = {
    (name, str(state)): _event_of(name, str(state))
    for name, machine in MACHINES.items()
    for state in machine.states
    if (name, str(state)) not in _SAID_OTHERWISE
}


class CaseHeard(EventData):
    """A reviewer who holds a case says that they listened to it."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.case.heard"

    track_id: str | None = None


class DeadlineEvent(EventData):
    """Base of what happens to a clock; the subject is the clock's own id."""

    topic: ClassVar[str] = DEADLINES

    matter_kind: str
    matter_id: str
    rule: str
    opens_at: str
    due_at: str


class DeadlineOpened(DeadlineEvent):
    """A clock runs."""

    type: ClassVar[str] = "clearance.deadline.opened"

    calendar: str


class DeadlineNear(DeadlineEvent):
    """Half, or four fifths, of the time are over."""

    type: ClassVar[str] = "clearance.deadline.near"

    share: float


class DeadlineDue(DeadlineEvent):
    """The time is over; what the clock itself does was done."""

    type: ClassVar[str] = "clearance.deadline.due"


class DeadlineMissed(DeadlineEvent):
    """The time is over and whoever should have acted has not."""

    type: ClassVar[str] = "clearance.deadline.missed"


class DeadlineEnded(DeadlineEvent):
    """What it was for was done in time, or is not wanted any more."""

    type: ClassVar[str] = "clearance.deadline.ended"

    state: str


class LetterWritten(EventData):
    """A person is told something; the words are in the table, under the letter's id."""

    topic: ClassVar[str] = ACCOUNTS
    type: ClassVar[str] = "clearance.letter.written"

    recipient_kind: str
    recipient_id: str
    template: str
    matter_kind: str | None = None
    matter_id: str | None = None
    track_id: str | None = None
    legal_basis: list[str] = Field(default_factory=list)


class LetterSent(EventData):
    """A letter was taken by the mail server, or given up."""

    topic: ClassVar[str] = ACCOUNTS
    type: ClassVar[str] = "clearance.letter.sent"

    state: str
    attempts: int
