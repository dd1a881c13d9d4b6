"""The life of a presumed lawful use: it stays up until a person has decided on its holder's complaint (DE-URHDAG)."""

from enum import StrEnum
from typing import Final

from appeals.machine import Machine, Move, before_due
from appeals.roles import AFFECTED, CLOCK, STAFF, Role

HOLDER: Final = frozenset({Role.RIGHTS_HOLDER})


class State(StrEnum):
    """Where a presumed use is."""

    PRESUMED = "presumed"
    CONTESTED = "contested"
    BLOCKED = "blocked"
    UPHELD = "upheld"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    REVERSED = "reversed"


_S = State
_OPEN: Final = (_S.CONTESTED, _S.BLOCKED)

PRESUMED_USE: Final = Machine(
    "presumed_use",
    State,
    State.PRESUMED,
    (
        # § 14(2), (3): a complaint gives its reasons and is decided on within a week
        Move(
            "complain",
            [_S.PRESUMED],
            _S.CONTESTED,
            HOLDER,
            ("reason",),
            deadline="post-flag-decision",
            legal_basis=("DE-URHDAG", "DSM-17-9"),
        ),
        # § 14(4): a trustworthy holder, after a person looked, has it blocked until that is decided
        Move(
            "block",
            [_S.CONTESTED],
            _S.BLOCKED,
            HOLDER,
            ("name", "statement", "text_version"),
            (before_due,),
            same_time=True,
            legal_basis=("DE-URHDAG",),
        ),
        # § 14(3) no. 2: all who are concerned can say what they think
        Move("comment", [_S.CONTESTED], _S.CONTESTED, AFFECTED, ("text",), same_time=True),
        Move("comment", [_S.BLOCKED], _S.BLOCKED, AFFECTED, ("text",), same_time=True),
        # § 14(5): by impartial people, never by rules
        Move(
            "uphold",
            _OPEN,
            _S.UPHELD,
            STAFF,
            ("reason",),
            decides=True,
            legal_basis=("DE-URHDAG", "DSM-17-9"),
        ),
        Move(
            "dismiss",
            _OPEN,
            _S.DISMISSED,
            STAFF,
            ("reason",),
            decides=True,
            legal_basis=("DE-URHDAG", "DSM-17-7"),
        ),
        Move("withdraw", _OPEN, _S.WITHDRAWN, HOLDER),
        # an appeals officer, or a body out of court, found the block wrong
        Move(
            "reverse",
            [_S.BLOCKED, _S.UPHELD],
            _S.REVERSED,
            CLOCK,
            ("appeal",),
            legal_basis=("DSA-20", "DSM-17-9"),
        ),
        # the track or the match is gone
        Move("end", [_S.PRESUMED, *_OPEN], _S.ENDED, CLOCK, ("ground",)),
    ),
)
