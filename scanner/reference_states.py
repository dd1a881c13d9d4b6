"""The states of a reference and the moves between them, as one table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from scanner.errors import IllegalTransitionError
from scanner.wording import Told


class Status(StrEnum):
    CHECKING = "checking"
    ACTIVE = "active"
    SNOOZED = "snoozed"
    QUARANTINED = "quarantined"
    RETIRED = "retired"


class Move(StrEnum):
    ADMIT = "admit"  # the check found nothing against it
    QUARANTINE = "quarantine"
    SNOOZE = "snooze"
    WAKE = "wake"
    REINSTATE = "reinstate"  # a person's word: out of quarantine
    RETIRE = "retire"


NEXT: Final[Mapping[tuple[Status, Move], Status]] = {
    (Status.CHECKING, Move.ADMIT): Status.ACTIVE,
    (Status.CHECKING, Move.QUARANTINE): Status.QUARANTINED,
    (Status.ACTIVE, Move.QUARANTINE): Status.QUARANTINED,
    (Status.ACTIVE, Move.SNOOZE): Status.SNOOZED,
    (Status.SNOOZED, Move.SNOOZE): Status.SNOOZED,  # until another time
    (Status.SNOOZED, Move.WAKE): Status.ACTIVE,
    (Status.SNOOZED, Move.QUARANTINE): Status.QUARANTINED,
    (Status.QUARANTINED, Move.REINSTATE): Status.ACTIVE,
    **{(status, Move.RETIRE): Status.RETIRED for status in Status if status is not Status.RETIRED},
}


def advance(status: Status, move: Move) -> Status:
    """Return the status that ``move`` leads to.

    Raises
    ------
    IllegalTransitionError
        Naming the moves that the status does accept.
    """
    try:
        return NEXT[status, move]
    except KeyError:
        allowed = sorted(known for (at, known) in NEXT if at is status)
        raise IllegalTransitionError(
            Told(
                "cannot %(move)s a reference that is %(status)s; allowed: %(allowed)s",
                move=move,
                status=status,
                allowed=", ".join(allowed) or "nothing",
            )
        ) from None
