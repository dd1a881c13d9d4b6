"""The states of a track and the moves between them, as one table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from scanner.errors import IllegalTransitionError
from scanner.wording import Told

GENERATED: Final = "generated"
"""The origin of a track that a model made; of all others it is ``upload``."""


class State(StrEnum):
    RECEIVED = "received"
    ANALYSING = "analysing"
    INDETERMINATE = "indeterminate"
    DECIDED = "decided"
    RELEASED = "released"
    CONDITIONED = "conditioned"
    QUARANTINED = "quarantined"
    BLOCKED = "blocked"
    HELD = "held"
    WITHDRAWN = "withdrawn"


class Command(StrEnum):
    ANALYSE = "analyse"
    FAIL = "fail"  # the analysis failed; it will be tried again
    GIVE_UP = "give_up"  # retries are spent: a person must look
    HOLD = "hold"  # the input can't be read
    DECIDE = "decide"
    RELEASE = "release"
    CONDITION = "condition"
    QUARANTINE = "quarantine"
    BLOCK = "block"
    RESCAN = "rescan"
    WITHDRAW = "withdraw"
    RULE = "rule"  # a person decides, or law orders


EFFECT_OF: Final[Mapping[str, tuple[Command, State]]] = {
    "clear": (Command.RELEASE, State.RELEASED),
    "restrict": (Command.CONDITION, State.CONDITIONED),
    "review": (Command.QUARANTINE, State.QUARANTINED),
    "indeterminate": (Command.QUARANTINE, State.QUARANTINED),
    "block": (Command.BLOCK, State.BLOCKED),
}
FINAL: Final = frozenset(
    {
        State.RELEASED,
        State.CONDITIONED,
        State.QUARANTINED,
        State.BLOCKED,
        State.HELD,
        State.WITHDRAWN,
    }
)
"""States in which nothing more happens by itself."""

NEXT: Final[Mapping[tuple[State, Command], State]] = {
    (State.RECEIVED, Command.ANALYSE): State.ANALYSING,
    (State.RECEIVED, Command.HOLD): State.HELD,
    (State.RECEIVED, Command.FAIL): State.INDETERMINATE,
    (State.RECEIVED, Command.GIVE_UP): State.QUARANTINED,
    (State.ANALYSING, Command.ANALYSE): State.ANALYSING,  # a worker died; another one begins anew
    (State.ANALYSING, Command.FAIL): State.INDETERMINATE,
    (State.ANALYSING, Command.HOLD): State.HELD,
    (State.ANALYSING, Command.DECIDE): State.DECIDED,
    (State.ANALYSING, Command.GIVE_UP): State.QUARANTINED,
    (State.INDETERMINATE, Command.ANALYSE): State.ANALYSING,
    (State.INDETERMINATE, Command.FAIL): State.INDETERMINATE,
    (State.INDETERMINATE, Command.GIVE_UP): State.QUARANTINED,
    (State.INDETERMINATE, Command.HOLD): State.HELD,
    (State.DECIDED, Command.RELEASE): State.RELEASED,
    (State.DECIDED, Command.CONDITION): State.CONDITIONED,
    (State.DECIDED, Command.QUARANTINE): State.QUARANTINED,
    (State.DECIDED, Command.BLOCK): State.BLOCKED,
    (State.DECIDED, Command.GIVE_UP): State.QUARANTINED,
    **{  # a superseding decision only tightens; what it would loosen is analysed again
        (state, command): to
        for state in (State.RELEASED, State.CONDITIONED)
        for command, to in (
            (Command.CONDITION, State.CONDITIONED),
            (Command.QUARANTINE, State.QUARANTINED),
            (Command.BLOCK, State.BLOCKED),
        )
    },
    **{
        (state, Command.RULE): State.DECIDED
        for state in (State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED)
    },
    (State.HELD, Command.RESCAN): State.RECEIVED,
    (
        State.QUARANTINED,
        Command.RESCAN,
    ): State.RECEIVED,  # unless a rule on the track itself says so
    **{
        (state, Command.WITHDRAW): State.WITHDRAWN
        for state in State
        if state is not State.WITHDRAWN
    },
}


def advance(state: State, command: Command) -> State:
    """Return the state that ``command`` leads to.

    Raises
    ------
    IllegalTransitionError
        Naming the commands that the state does accept.
    """
    try:
        return NEXT[state, command]
    except KeyError:
        allowed = sorted(known for (at, known) in NEXT if at is state)
        raise IllegalTransitionError(
            Told(
                "cannot %(command)s a track that is %(state)s; allowed: %(allowed)s",
                command=command,
                state=state,
                allowed=", ".join(allowed) or "nothing",
            )
        ) from None
