"""The life of an appeal: somebody who had no part in a decision decides on it again (DSA-20)."""

from enum import StrEnum
from typing import Final

from appeals.machine import Machine, Move, by_holder, by_nobody_before, when_due
from appeals.roles import AFFECTED, CLAIMANT, CLOCK, SENIOR


class State(StrEnum):
    """Where an appeal is."""

    FILED = "filed"
    ASSIGNED = "assigned"
    QUESTIONS = "questions"
    GRANTED = "granted"
    PARTLY = "partly"
    DENIED = "denied"
    OUT_OF_COURT = "out_of_court"
    OUTCOME_RECORDED = "outcome_recorded"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


_S = State
_OVER = [_S.GRANTED, _S.PARTLY, _S.DENIED]


def _decision(action: str, target: State) -> Move:
    return Move(
        action,
        [_S.ASSIGNED],
        target,
        SENIOR,
        ("reason",),
        (by_holder, by_nobody_before),
        deadline="complaint-window",
        decides=True,
        legal_basis=("DSA-20", "DSA-21"),
    )


APPEAL: Final = Machine(
    "appeal",
    State,
    State.FILED,
    (
        Move(
            "assign",
            [_S.FILED],
            _S.ASSIGNED,
            SENIOR,
            guards=(by_nobody_before,),
            holder="actor",
            same_time=True,
            legal_basis=("DSA-20",),
        ),
        # an officer who falls ill must not stop an appeal
        Move(
            "hand_over",
            [_S.ASSIGNED],
            _S.ASSIGNED,
            SENIOR,
            ("note",),
            (by_nobody_before,),
            holder="actor",
            same_time=True,
        ),
        Move(
            "hand_over",
            [_S.QUESTIONS],
            _S.ASSIGNED,
            SENIOR,
            ("note",),
            (by_nobody_before,),
            holder="actor",
            clock="goes on",
        ),
        # the time that others take to answer is not the officer's
        Move(
            "ask",
            [_S.ASSIGNED],
            _S.QUESTIONS,
            SENIOR,
            ("question",),
            (by_holder,),
            holder="same",
            clock="stops",
        ),
        Move(
            "answer",
            [_S.QUESTIONS],
            _S.ASSIGNED,
            AFFECTED | CLAIMANT,
            ("answer",),
            holder="same",
            clock="goes on",
        ),
        _decision("grant", _S.GRANTED),
        _decision("grant_partly", _S.PARTLY),
        _decision("deny", _S.DENIED),
        Move(
            "go_out_of_court",
            [_S.PARTLY, _S.DENIED],
            _S.OUT_OF_COURT,
            AFFECTED | CLAIMANT,
            ("body",),
            deadline="out-of-court",
            legal_basis=("DSA-21",),
        ),
        Move(
            "record_outcome",
            [_S.OUT_OF_COURT],
            _S.OUTCOME_RECORDED,
            SENIOR,
            ("outcome",),
            legal_basis=("DSA-21", "DSA-24/15"),
        ),
        Move("withdraw", [_S.FILED, _S.ASSIGNED, _S.QUESTIONS], _S.WITHDRAWN, AFFECTED | CLAIMANT),
        # what it was about fell away: the holder's silence released the claim
        Move(
            "settle",
            [_S.FILED, _S.ASSIGNED, _S.QUESTIONS],
            _S.CLOSED,
            CLOCK,
            ("ground",),
            legal_basis=("DSM-17-9",),
        ),
        Move("close", _OVER, _S.CLOSED, CLOCK, guards=(when_due,)),
        Move("close", [_S.OUTCOME_RECORDED], _S.CLOSED, CLOCK),
    ),
    deadline="appeal-target",
)
