"""The life of a strike: it counts after a week, wanes, and falls with what it was given for (DMCA-RI)."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from appeals.machine import Machine, Move, when_due
from appeals.roles import CLOCK, SENIOR

LASTS: Final = timedelta(days=90)


class State(StrEnum):
    """Where a strike is."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVERSED = "reversed"


_S = State

STRIKE: Final = Machine(
    "strike",
    State,
    State.PENDING,
    (
        Move(
            "activate",
            [_S.PENDING],
            _S.ACTIVE,
            CLOCK,
            guards=(when_due,),
            lasts=LASTS,
            legal_basis=("DMCA-RI", "DSA-23"),
        ),
        Move("expire", [_S.ACTIVE], _S.EXPIRED, CLOCK, guards=(when_due,)),
        # the notice was retracted or countered, or an appeal granted; one that is over makes the next weigh more
        Move(
            "reverse",
            [_S.PENDING, _S.ACTIVE, _S.EXPIRED],
            _S.REVERSED,
            CLOCK | SENIOR,
            ("ground",),
        ),
    ),
    deadline="strike-pending",
)
