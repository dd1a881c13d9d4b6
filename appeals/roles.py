"""Who acts: the roles of those who may move a matter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody is to a matter; ``system`` is a rule or a clock, never a person."""

    SYSTEM = "system"
    PLATFORM = "platform"
    CREATOR = "creator"
    PARENT = "parent"
    RIGHTS_HOLDER = "rights_holder"
    NOTIFIER = "notifier"
    REVIEWER = "reviewer"
    APPEALS_OFFICER = "appeals_officer"
    ADMIN = "admin"


AFFECTED: Final = frozenset({Role.CREATOR, Role.PARENT, Role.PLATFORM})
CLAIMANT: Final = frozenset({Role.RIGHTS_HOLDER, Role.NOTIFIER})
STAFF: Final = frozenset({Role.REVIEWER, Role.APPEALS_OFFICER})
SENIOR: Final = frozenset({Role.APPEALS_OFFICER})
ADMIN: Final = frozenset({Role.ADMIN})
"""Runs the system and decides nothing."""
CLOCK: Final = frozenset({Role.SYSTEM})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts.

    Attributes
    ----------
    role : Role
    id : str
        Stable for one person within a tenant.
    """

    role: Role
    id: str
