"""What happens around notices beside their moves."""

from typing import ClassVar

from scanner.events import CASES, EventData


class NoticeTurnedAway(EventData):
    """A notice was not taken, since its sender is suspended (DSA-23); the subject is of this event alone."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.notice.turned_away"

    form: str
    sanction_id: str
    until: str | None


class NoticeReferred(EventData):
    """A threat to life was told to an authority (DSA-18); the subject is of this event alone."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.notice.referred"

    notice_id: str
    message_id: str


class FlaggerChanged(EventData):
    """A trusted flagger was added, or has lost the status, by their precision or for a reason (DSA-22)."""

    topic: ClassVar[str] = CASES
    type: ClassVar[str] = "clearance.flagger.changed"

    state: str
    decided: int
    right: int
    reason: str | None = None
