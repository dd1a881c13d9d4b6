"""What can happen to the standing of somebody: sanctions, and what they keep out."""

from typing import ClassVar

from scanner.events import ACCOUNTS, OPERATIONS, EventData


class SanctionEvent(EventData):
    """Base of what happens to a sanction; whom it hits and why is in the table."""

    topic: ClassVar[str] = ACCOUNTS

    party_kind: str
    what: str
    kind: str


class SanctionProposed(SanctionEvent):
    """Somebody should be sanctioned; people decide."""

    type: ClassVar[str] = "clearance.sanction.proposed"

    case_id: str | None = None


class SanctionInForce(SanctionEvent):
    """A warning is given, or a suspension or an end holds from now on."""

    type: ClassVar[str] = "clearance.sanction.in_force"

    ends_at: str | None = None


class SanctionRefused(SanctionEvent):
    """A person decided that there is no sanction."""

    type: ClassVar[str] = "clearance.sanction.refused"


class SanctionLifted(SanctionEvent):
    """A person took a sanction back, or an appeal did."""

    type: ClassVar[str] = "clearance.sanction.lifted"


class SanctionExpired(SanctionEvent):
    """A suspension's time is over."""

    type: ClassVar[str] = "clearance.sanction.expired"


class SanctionKept(SanctionEvent):
    """Something was not taken in, since its sender is suspended."""

    type: ClassVar[str] = "clearance.sanction.kept"

    entrance: str


class StrikePolicyMoved(EventData):
    """A platform's policy against repeat infringers was proposed, put in force, replaced or rejected (DMCA-RI)."""

    topic: ClassVar[str] = OPERATIONS
    type: ClassVar[str] = "clearance.strike_policy.moved"

    policy_version: str
    state: str
    single_operator: bool = False
