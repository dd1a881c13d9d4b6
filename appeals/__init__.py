"""Contest a decision: cases and the statements of reasons that open the way to them."""

from appeals.cases import open_case
from appeals.deadlines import Window, deadline
from appeals.errors import AppealError, DeadlineError
from appeals.statements import state_reasons
from appeals.tables import Case, StatementOfReasons

__all__ = [
    "AppealError",
    "Case",
    "DeadlineError",
    "StatementOfReasons",
    "Window",
    "deadline",
    "open_case",
    "state_reasons",
]
