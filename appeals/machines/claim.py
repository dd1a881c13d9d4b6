"""The life of a claim: a rights holder's, on segments of a track, from a match under their policy."""

from enum import StrEnum
from typing import Final

from appeals.machine import Machine, Move
from appeals.roles import CLAIMANT, CLOCK, STAFF, Role


class State(StrEnum):
    """Where a claim is."""

    POTENTIAL = "potential"
    ACTIVE = "active"
    DISPUTED = "disputed"
    RELEASED = "released"
    UPHELD = "upheld"
    ESCALATED = "escalated"


_S = State

CLAIM: Final = Machine(
    "claim",
    State,
    State.POTENTIAL,
    (
        Move("activate", [_S.POTENTIAL], _S.ACTIVE, CLOCK, ("policy",)),
        Move("activate", [_S.POTENTIAL], _S.ACTIVE, STAFF, ("reason",), decides=True),
        Move("dispute", [_S.ACTIVE], _S.DISPUTED, CLOCK, ("dispute",), legal_basis=("DSM-17-9",)),
        Move("release", [_S.POTENTIAL, _S.ACTIVE, _S.DISPUTED, _S.UPHELD], _S.RELEASED, CLAIMANT),
        Move(
            "release",
            [_S.POTENTIAL, _S.ACTIVE],
            _S.RELEASED,
            STAFF,
            ("reason",),
            decides=True,
        ),
        # a licence, an exclusion, the holder's silence, an appeal that was granted, a notice that came to nothing
        Move(
            "release",
            [_S.POTENTIAL, _S.ACTIVE, _S.DISPUTED, _S.UPHELD, _S.ESCALATED],
            _S.RELEASED,
            CLOCK,
            ("ground",),
        ),
        Move("reinstate", [_S.DISPUTED], _S.ACTIVE, CLOCK, ("dispute",)),  # it was withdrawn
        Move("uphold", [_S.DISPUTED], _S.UPHELD, CLOCK, ("dispute",)),
        Move(
            "escalate",
            [_S.DISPUTED, _S.UPHELD],
            _S.ESCALATED,
            {Role.RIGHTS_HOLDER},
            ("notice",),
        ),
        # nobody can contest the notice any more: what was held is the holder's
        Move("pay", [_S.ESCALATED], _S.ESCALATED, CLOCK, ("notice",)),
    ),
)
