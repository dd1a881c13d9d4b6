"""The life of a notice: somebody says that a track infringes, or is illegal."""

from enum import StrEnum
from typing import Final

from appeals.machine import Machine, Move, by_nobody_before, when_due
from appeals.roles import CLAIMANT, CLOCK, SENIOR, STAFF


class State(StrEnum):
    """Where a notice is."""

    RECEIVED = "received"
    INCOMPLETE = "incomplete"
    CURED = "cured"
    LAPSED = "lapsed"
    VALID = "valid"
    REFUSED = "refused"
    ACTIONED = "actioned"
    COUNTERED = "countered"
    RETRACTED = "retracted"
    CLOSED = "closed"


_S = State


def _on_appeal(action: str, sources: list[State]) -> Move:
    return Move(
        action,
        sources,
        _S.ACTIONED,
        SENIOR,
        ("reason",),
        (by_nobody_before,),
        deadline="complaint-window",
        decides=True,
        legal_basis=("DSA-20", "DSA-21"),
    )


NOTICE: Final = Machine(
    "notice",
    State,
    State.RECEIVED,
    (
        # DMCA-NC: what lacks something is to be cured, not refused
        Move(
            "find_incomplete",
            [_S.RECEIVED, _S.CURED],
            _S.INCOMPLETE,
            CLOCK,
            ("missing",),
            deadline="notice-cure",
            legal_basis=("DMCA-NC",),
        ),
        Move("cure", [_S.INCOMPLETE], _S.CURED, CLAIMANT, ("elements",), legal_basis=("DMCA-NC",)),
        # received: nobody confirmed the address that it came from
        Move("lapse", [_S.RECEIVED, _S.INCOMPLETE], _S.LAPSED, CLOCK, guards=(when_due,)),
        Move(
            "validate",
            [_S.RECEIVED, _S.CURED],
            _S.VALID,
            CLOCK,
            deadline="notice-target",
            legal_basis=("DMCA-N", "DSA-16"),
        ),
        Move(
            "validate_trusted",
            [_S.RECEIVED, _S.CURED],
            _S.VALID,
            CLOCK,
            deadline="trusted-notice-target",
            legal_basis=("DSA-22",),
        ),
        Move(
            "refuse",
            [_S.VALID],
            _S.REFUSED,
            STAFF,
            ("reason",),
            deadline="complaint-window",
            decides=True,
            legal_basis=("DSA-16", "DSA-20"),
        ),
        Move(
            "action",
            [_S.VALID],
            _S.ACTIONED,
            STAFF,
            ("reason",),
            deadline="complaint-window",
            decides=True,
            legal_basis=("DMCA-T", "DSA-17"),
        ),
        Move(
            "action",
            [_S.VALID],
            _S.ACTIONED,
            CLOCK,
            ("reason", "manifest"),
            deadline="complaint-window",
            legal_basis=("DMCA-T", "DSM-17-7"),
        ),
        # once a track: a notice may name several, each with its own counter-notice
        Move(
            "counter",
            [_S.ACTIONED, _S.COUNTERED],
            _S.COUNTERED,
            CLOCK,
            ("counter_notice",),
            legal_basis=("DMCA-R",),
        ),
        Move(
            "retract",
            [
                _S.RECEIVED,
                _S.INCOMPLETE,
                _S.CURED,
                _S.VALID,
                _S.ACTIONED,
                _S.COUNTERED,
                _S.CLOSED,  # what it took down is down still
            ],
            _S.RETRACTED,
            CLAIMANT,
        ),
        # DSA-20, DSA-21: who was refused, or got less than they asked for, may complain, and somebody else
        # decides; by then the time in which one can begin to may be over
        _on_appeal("reverse", [_S.REFUSED, _S.CLOSED]),
        _on_appeal("widen", [_S.ACTIONED, _S.COUNTERED, _S.CLOSED]),
        Move("close", [_S.REFUSED, _S.ACTIONED], _S.CLOSED, CLOCK, guards=(when_due,)),
        Move("close", [_S.COUNTERED], _S.CLOSED, CLOCK, ("outcome",)),
    ),
)
