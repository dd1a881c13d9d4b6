"""Contest a decision: cases, notices, claims, disputes, appeals, strikes, by the clocks of law.

>>> from datetime import UTC, datetime
>>> from appeals import MACHINES, Actor, Command, Role
>>> dispute = MACHINES["dispute"].opened(datetime(2026, 11, 26, tzinfo=UTC)).matter
>>> command = Command("forward", Actor(Role.SYSTEM, "clock"), {"message": "m1"})
>>> MACHINES["dispute"].advance(dispute, command, datetime(2026, 11, 26, tzinfo=UTC)).deadline
'dispute-answer'
"""

from appeals.cases import open_case
from appeals.deadlines import Window, deadline
from appeals.errors import (
    AppealError,
    DeadlineError,
    IllegalTransitionError,
    MissingPartError,
    MoveError,
    NotAllowedError,
)
from appeals.machine import Command, Machine, Matter, Step
from appeals.machines import MACHINES
from appeals.measures import Measure, state_measure
from appeals.plain_statements import plain, reason_text
from appeals.roles import Actor, Role
from appeals.statements import Source, machine_form, state_reasons
from appeals.tables import Case, StatementOfReasons

__all__ = [
    "MACHINES",
    "Actor",
    "AppealError",
    "Case",
    "Command",
    "DeadlineError",
    "IllegalTransitionError",
    "Machine",
    "Matter",
    "Measure",
    "MissingPartError",
    "MoveError",
    "NotAllowedError",
    "Role",
    "Source",
    "StatementOfReasons",
    "Step",
    "Window",
    "deadline",
    "machine_form",
    "open_case",
    "plain",
    "reason_text",
    "state_measure",
    "state_reasons",
]
