"""The life of a counter-notice: what was taken down comes back, unless a court is asked (DMCA-R)."""

from enum import StrEnum
from typing import Final

from appeals.machine import Machine, Move, before_due, by_nobody_before, when_due, when_open
from appeals.roles import AFFECTED, CLAIMANT, CLOCK, SENIOR


class State(StrEnum):
    """Where a counter-notice is."""

    RECEIVED = "received"
    INCOMPLETE = "incomplete"
    CURED = "cured"
    FORWARDED = "forwarded"
    WAITING = "waiting"
    COURT_HOLD = "court_hold"
    RESTORED = "restored"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


_S = State

COUNTER_NOTICE: Final = Machine(
    "counter_notice",
    State,
    State.RECEIVED,
    (
        Move(
            "find_incomplete",
            [_S.RECEIVED, _S.CURED],
            _S.INCOMPLETE,
            CLOCK,
            ("missing",),
            deadline="counter-cure",
            legal_basis=("DMCA-CN",),
        ),
        Move("lapse", [_S.INCOMPLETE], _S.LAPSED, CLOCK, guards=(when_due,)),
        Move("cure", [_S.INCOMPLETE], _S.CURED, AFFECTED, ("elements",), legal_basis=("DMCA-CN",)),
        Move(
            "forward",
            [_S.RECEIVED, _S.CURED],
            _S.FORWARDED,
            CLOCK,
            ("message",),
            legal_basis=("DMCA-CF",),
        ),
        Move(
            "wait",
            [_S.FORWARDED],
            _S.WAITING,
            CLOCK,
            deadline="counter-notice-window",
            legal_basis=("DMCA-R",),
        ),
        Move(
            "file_action",
            [_S.WAITING],
            _S.COURT_HOLD,
            CLAIMANT,
            ("filing",),
            (before_due,),
            legal_basis=("DMCA-R",),
        ),
        Move(
            "restore",
            [_S.WAITING],
            _S.RESTORED,
            CLOCK,
            guards=(when_open,),
            legal_basis=("DMCA-R",),
        ),
        Move(
            "restore",
            [_S.WAITING, _S.COURT_HOLD],
            _S.RESTORED,
            SENIOR,
            ("reason",),
            (by_nobody_before,),
            decides=True,
        ),
        Move(
            "end",  # the notice that it answers was retracted
            [_S.RECEIVED, _S.INCOMPLETE, _S.CURED, _S.FORWARDED, _S.WAITING, _S.COURT_HOLD],
            _S.WITHDRAWN,
            CLOCK,
            ("ground",),
        ),
        Move(
            "withdraw",
            [_S.RECEIVED, _S.INCOMPLETE, _S.CURED, _S.FORWARDED, _S.WAITING],
            _S.WITHDRAWN,
            AFFECTED,
        ),
    ),
)
