"""The life of a case: somebody looks, decides, and may be checked by somebody else."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from appeals.machine import (
    Command,
    Machine,
    Matter,
    Move,
    before_due,
    by_holder,
    by_nobody_before,
    when_due,
)
from appeals.roles import ADMIN, AFFECTED, CLAIMANT, CLOCK, SENIOR, STAFF

LEASE: Final = timedelta(minutes=10)
UNDO: Final = timedelta(minutes=10)
ANSWER: Final = timedelta(days=7)
"""How long whoever was asked may take; after that a reviewer goes on without."""


class State(StrEnum):
    """Where a case is."""

    OPEN = "open"
    QUEUED = "queued"
    LEASED = "leased"
    WAITING_INFO = "waiting_info"
    ESCALATED = "escalated"
    DECIDED = "decided"
    SECOND_REVIEW = "second_review"
    CLOSED = "closed"
    REOPENED = "reopened"


_S = State


def by_nobody_else(matter: Matter, command: Command, now: datetime) -> str | None:
    """Nobody else looks at it now."""
    if matter.holder in {None, command.actor.id} or (matter.due_at and matter.due_at <= now):
        return None
    return "somebody else holds it"


def by_nobody_before_or_appointed(matter: Matter, command: Command, now: datetime) -> str | None:
    """Never somebody who decided before (DSA-20), unless nobody else is left and they were appointed."""
    if matter.appointed is not None and matter.appointed == command.actor.id:
        return None
    return by_nobody_before(matter, command, now)


def by_senior_once_passed_up(matter: Matter, command: Command, now: datetime) -> str | None:
    """What was passed up stays with appeals officers and whoever was appointed, also where one lets it go."""
    mine = command.actor.role in SENIOR or matter.appointed == command.actor.id
    if matter.passed_up and not mine:
        return "it was passed up: an appeals officer takes it"
    return None


CASE: Final = Machine(
    "case",
    State,
    State.OPEN,
    (
        Move("queue", [_S.OPEN, _S.REOPENED], _S.QUEUED, CLOCK),
        # DSA-20: what was decided before, or passed up, goes to somebody who had no part in it
        Move(
            "lease",
            [_S.QUEUED],
            _S.LEASED,
            STAFF,
            guards=(by_nobody_before_or_appointed, by_senior_once_passed_up),
            lasts=LEASE,
            holder="actor",
        ),
        Move(
            "lease",
            [_S.ESCALATED],
            _S.LEASED,
            SENIOR,
            guards=(by_nobody_before_or_appointed,),
            lasts=LEASE,
            holder="actor",
        ),
        Move(
            "renew",
            [_S.LEASED],
            _S.LEASED,
            STAFF,
            guards=(by_holder, before_due),
            lasts=LEASE,
            holder="actor",
        ),
        Move("release", [_S.LEASED], _S.QUEUED, STAFF, guards=(by_holder, before_due)),
        Move("expire", [_S.LEASED], _S.QUEUED, CLOCK, guards=(when_due,)),
        Move(
            "ask",
            [_S.LEASED],
            _S.WAITING_INFO,
            STAFF,
            ("question",),
            (by_holder, before_due),
            lasts=ANSWER,
        ),
        Move("answer", [_S.WAITING_INFO], _S.QUEUED, AFFECTED | CLAIMANT, ("answer",)),
        Move("go_on", [_S.WAITING_INFO], _S.QUEUED, CLOCK, guards=(when_due,)),
        Move("escalate", [_S.LEASED], _S.ESCALATED, STAFF, ("note",), (by_holder, before_due)),
        Move("escalate", [_S.QUEUED], _S.ESCALATED, CLOCK, ("note",)),
        Move(
            "decide",
            [_S.LEASED],
            _S.DECIDED,
            STAFF,
            ("verdict", "reason"),
            (by_holder, before_due),
            lasts=UNDO,
            holder="same",
            decides=True,
            legal_basis=("DSA-17", "DSM-17-9"),
        ),
        Move(
            "undo",
            [_S.DECIDED],
            _S.LEASED,
            STAFF,
            guards=(by_holder, before_due),
            lasts=LEASE,
            holder="actor",
        ),
        Move("appoint", [_S.QUEUED], _S.QUEUED, ADMIN, ("appointed", "reason")),
        Move("appoint", [_S.ESCALATED], _S.ESCALATED, ADMIN, ("appointed", "reason")),
        Move("check", [_S.DECIDED], _S.SECOND_REVIEW, CLOCK),
        Move("check", [_S.DECIDED], _S.SECOND_REVIEW, STAFF, guards=(by_holder, before_due)),
        Move(
            "lease",
            [_S.SECOND_REVIEW],
            _S.SECOND_REVIEW,
            STAFF,
            guards=(by_nobody_before, by_nobody_else),
            lasts=LEASE,
            holder="actor",
        ),
        Move("release", [_S.SECOND_REVIEW], _S.SECOND_REVIEW, STAFF, guards=(by_holder,)),
        Move(
            "agree",
            [_S.SECOND_REVIEW],
            _S.CLOSED,
            STAFF,
            ("verdict",),
            (by_nobody_before, by_nobody_else),
            decides=True,
        ),
        Move(
            "differ",
            [_S.SECOND_REVIEW],
            _S.ESCALATED,
            STAFF,
            ("verdict", "reason"),
            (by_nobody_before, by_nobody_else),
            decides=True,
        ),
        Move("close", [_S.DECIDED], _S.CLOSED, CLOCK, guards=(when_due,)),
        # nobody came to check it in time; never where law or rules want two (four eyes)
        Move("close", [_S.SECOND_REVIEW], _S.CLOSED, CLOCK, ("lapsed",)),
        # nobody gave the opinion that was asked for
        Move("escalate", [_S.SECOND_REVIEW], _S.ESCALATED, CLOCK, ("note",)),
        # it can't take effect any more: somebody looks anew
        Move("return", [_S.DECIDED, _S.SECOND_REVIEW], _S.QUEUED, CLOCK, ("note",)),
        Move("reopen", [_S.CLOSED], _S.REOPENED, CLOCK | SENIOR, ("new_facts",)),
    ),
)
