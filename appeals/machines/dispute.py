"""The life of a dispute: a creator's objection to a claim; the holder's silence frees the track."""

from enum import StrEnum
from typing import Final

from appeals.machine import Machine, Move, before_due, when_due
from appeals.roles import AFFECTED, CLAIMANT, CLOCK


class State(StrEnum):
    """Where a dispute is."""

    OPENED = "opened"
    WITH_CLAIMANT = "with_claimant"
    RELEASED = "released"
    UPHELD = "upheld"
    EXPIRED = "expired"
    APPEALED = "appealed"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


_S = State

DISPUTE: Final = Machine(
    "dispute",
    State,
    State.OPENED,
    (
        Move(
            "forward",
            [_S.OPENED],
            _S.WITH_CLAIMANT,
            CLOCK,
            ("message",),
            deadline="dispute-answer",
            legal_basis=("DSM-17-9",),
        ),
        Move("release_claim", [_S.OPENED, _S.WITH_CLAIMANT], _S.RELEASED, CLAIMANT),
        # the claim ended by itself: a licence, a match that is gone, an appeal
        Move("release_claim", [_S.OPENED, _S.WITH_CLAIMANT], _S.RELEASED, CLOCK, ("ground",)),
        Move("end", [_S.UPHELD, _S.APPEALED], _S.RELEASED, CLOCK, ("ground",)),
        # DSM-17-9: holders justify their requests
        Move(
            "uphold_claim",
            [_S.WITH_CLAIMANT],
            _S.UPHELD,
            CLAIMANT,
            ("reason",),
            (before_due,),
            deadline="complaint-window",
            legal_basis=("DSM-17-9", "DSA-20"),
        ),
        Move("lapse", [_S.WITH_CLAIMANT], _S.EXPIRED, CLOCK, guards=(when_due,)),
        Move(
            "appeal",
            [_S.UPHELD],
            _S.APPEALED,
            AFFECTED,
            ("reason",),
            (before_due,),
            deadline="appeal-answer",
            legal_basis=("DSA-20",),
        ),
        # DSM-17-9: the holder speaks within seven days, or the claim is released
        Move(
            "speak",
            [_S.APPEALED],
            _S.APPEALED,
            CLAIMANT,
            ("reason",),
            (before_due,),
            legal_basis=("DSM-17-9",),
        ),
        Move(
            "lapse",
            [_S.APPEALED],
            _S.EXPIRED,
            CLOCK,
            guards=(when_due,),
            legal_basis=("DSM-17-9",),
        ),
        # closed: a body out of court said otherwise than the officer (DSA-21)
        Move(
            "grant",
            [_S.APPEALED, _S.CLOSED],
            _S.RELEASED,
            CLOCK,
            ("appeal",),
            legal_basis=("DSA-20", "DSA-21"),
        ),
        # the appeal was denied, or left a part
        Move("close", [_S.APPEALED], _S.CLOSED, CLOCK, ("appeal",), legal_basis=("DSA-20",)),
        # the appeal was taken back: what is left of the six months goes on
        Move("reopen", [_S.APPEALED], _S.UPHELD, CLOCK, ("appeal",), legal_basis=("DSA-20",)),
        # nobody appealed in time
        Move("close", [_S.UPHELD], _S.CLOSED, CLOCK, guards=(when_due,)),
        Move("withdraw", [_S.OPENED, _S.WITH_CLAIMANT], _S.WITHDRAWN, AFFECTED),
    ),
)
