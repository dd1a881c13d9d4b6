"""The states of assurances, consents and generations, by stories told from the law."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import IllegalTransitionError
from scanner.people_states import (
    AGE_MOVES,
    CONSENT_MOVES,
    GENERATION_MOVES,
    INVITATION_MOVES,
    AgeMove,
    AgeState,
    ConsentMove,
    ConsentState,
    GenerationMove,
    GenerationState,
    InvitationMove,
    InvitationState,
    advance,
)

TABLES = {
    "age": (AGE_MOVES, AgeState, AgeMove),
    "consent": (CONSENT_MOVES, ConsentState, ConsentMove),
    "generation": (GENERATION_MOVES, GenerationState, GenerationMove),
    "invitation": (INVITATION_MOVES, InvitationState, InvitationMove),
}
STORIES = {
    "a parent agrees and changes their mind": ("consent", ["grant", "withdraw"], "withdrawn"),
    "a parent says no": ("consent", ["withdraw"], "withdrawn"),
    "nobody answers": ("consent", ["expire"], "expired"),
    "consent for a year": ("consent", ["grant", "expire"], "expired"),
    "a grown-up's request": ("generation", ["queue"], "queued"),
    "a child's request that a parent allows": ("generation", ["wait", "queue"], "queued"),
    "a child's request that is pulled": ("generation", ["wait", "queue", "withdraw"], "withdrawn"),
    "a child's request that a parent refuses": ("generation", ["wait", "withdraw"], "withdrawn"),
    "one request too many": ("generation", ["refuse"], "refused"),
    "a take that repeats what its engine learned": ("generation", ["queue", "refuse"], "refused"),
    "somebody joins and leaves": ("invitation", ["accept", "end"], "ended"),
    "somebody does not want to": ("invitation", ["decline"], "declined"),
    "asked in vain": ("invitation", ["expire"], "expired"),
    "asked by mistake": ("invitation", ["withdraw"], "withdrawn"),
    "a birthday": ("age", ["purge"], "purged"),
}
REFUSED = [
    (name, state, move)
    for name, (moves, states, commands) in TABLES.items()
    for state, move in itertools.product(states, commands)
    if (state, move) not in moves
]


@pytest.mark.parametrize(("name", "path", "end"), STORIES.values(), ids=STORIES.keys())
def test_stories(name, path, end) -> None:
    moves, states, commands = TABLES[name]
    state = next(iter(states))
    for move in path:
        state = advance(moves, state, commands(move), "a thing")

    assert state == end


@pytest.mark.parametrize(("name", "state", "move"), REFUSED)
def test_every_other_move_is_refused_with_the_allowed_ones(name, state, move) -> None:
    with pytest.raises(IllegalTransitionError, match=f"cannot {move} a thing that is {state}"):
        advance(TABLES[name][0], state, move, "a thing")


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
def test_what_has_ended_stays_so(name, data) -> None:
    moves, states, commands = TABLES[name]
    state = next(iter(states))
    ended = {"withdrawn", "expired", "refused", "purged", "declined", "ended"}
    for move in data.draw(st.lists(st.sampled_from(list(commands)), max_size=8)):
        try:
            after = advance(moves, state, move, "a thing")
        except IllegalTransitionError:
            continue
        assert state not in ended
        state = after
