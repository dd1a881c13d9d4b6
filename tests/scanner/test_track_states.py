"""The states of a track, by stories written from the domain's own words."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import IllegalTransitionError
from scanner.track_states import FINAL, NEXT, Command, State, advance

STORIES = {
    "an unknown song": (["analyse", "decide", "release"], "released"),
    "a copy": (["analyse", "decide", "block"], "blocked"),
    "a claim for money": (["analyse", "decide", "condition"], "conditioned"),
    "a doubt": (["analyse", "decide", "quarantine"], "quarantined"),
    "an unreadable file": (["analyse", "hold"], "held"),
    "a file mended and scanned again": (
        ["analyse", "hold", "rescan", "analyse", "decide", "release"],
        "released",
    ),
    "a detector that recovers": (
        ["analyse", "fail", "analyse", "decide", "release"],
        "released",
    ),
    "a detector that does not": (["analyse", "fail", "analyse", "fail", "give_up"], "quarantined"),
    "an outage that ends": (
        ["analyse", "fail", "give_up", "rescan", "analyse", "decide", "release"],
        "released",
    ),
    "a worker that died": (["analyse", "analyse", "decide", "release"], "released"),
    "a change of mind": (["analyse", "withdraw"], "withdrawn"),
    "a parent who takes consent back": (
        ["analyse", "decide", "release", "quarantine"],
        "quarantined",
    ),
    "a parent who agrees after all": (
        ["analyse", "decide", "quarantine", "rescan", "analyse", "decide", "release"],
        "released",
    ),
    "a release taken back": (["analyse", "decide", "release", "withdraw"], "withdrawn"),
}
REFUSED = sorted(set(itertools.product(State, Command)) - set(NEXT))


@pytest.mark.parametrize(("commands", "end"), STORIES.values(), ids=STORIES.keys())
def test_stories(commands, end) -> None:
    state = State.RECEIVED
    for command in commands:
        state = advance(state, Command(command))

    assert state == end


@pytest.mark.parametrize(("state", "command"), REFUSED)
def test_every_other_move_is_refused_with_the_allowed_ones(state, command) -> None:
    with pytest.raises(IllegalTransitionError, match=f"cannot {command} a track that is {state}"):
        advance(state, command)


@given(st.lists(st.sampled_from(Command), max_size=12))
def test_nothing_is_released_but_by_a_decision(commands) -> None:
    """No path leads from a failed analysis to a release without a new analysis and a decision."""
    state, path = State.RECEIVED, [(State.RECEIVED, Command.ANALYSE)]
    for command in commands:
        try:
            state = advance(state, command)
        except IllegalTransitionError:
            continue
        path.append((state, command))
    for (before, _), (after, command) in itertools.pairwise(path):
        if after is State.RELEASED:
            assert before is State.DECIDED
        if after is State.DECIDED:
            by_rules = before is State.ANALYSING and command is Command.DECIDE
            by_a_person = before in FINAL and command is Command.RULE
            assert by_rules or by_a_person
        if before in FINAL and command is not Command.RULE:
            assert after in {State.WITHDRAWN, State.RECEIVED} or _restricts(after) >= _restricts(
                before
            )


def _restricts(state: State) -> int:
    """How far a track in this state is from being released; -1 if it is on its way."""
    order = (State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED)
    return order.index(state) if state in order else -1
