"""A presumed lawful use by the act's own steps: up until a person has decided, within a week (DE-URHDAG)."""

from datetime import UTC, datetime, timedelta

import pytest

from appeals import (
    MACHINES,
    Actor,
    Command,
    IllegalTransitionError,
    Matter,
    MissingPartError,
    NotAllowedError,
    Role,
    deadline,
)

USE = MACHINES["presumed_use"]
NOW = datetime(2026, 12, 28, 15, tzinfo=UTC)
HOLDER = Actor(Role.RIGHTS_HOLDER, "label")
RITA = Actor(Role.REVIEWER, "rita")
WORD = {"name": "Lena Vogt", "statement": "It is the hook.", "text_version": "premature-block-1"}


def moved(matter: Matter, action: str, actor: Actor, at: datetime = NOW, **parts: str) -> Matter:
    step = USE.advance(matter, Command(action, actor, parts), at)
    if step.deadline is not None:
        step = step.within(deadline(step.deadline, at, "Europe/Berlin"))
    return step.matter


@pytest.fixture
def contested() -> Matter:
    return moved(USE.opened(NOW).matter, "complain", HOLDER, reason="It is the hook.")


def test_a_complaint_says_why_and_is_decided_within_a_week(contested: Matter) -> None:
    """Section 14(2), (3): the week ends with its seventh day, over the year's end too."""
    with pytest.raises(MissingPartError, match="reason"):
        moved(USE.opened(NOW).matter, "complain", HOLDER)
    assert contested.due_at == datetime(2027, 1, 4, 23, tzinfo=UTC)


def test_only_a_person_decides_and_never_the_parties(contested: Matter) -> None:
    """Section 14(5)."""
    for actor in (HOLDER, Actor(Role.CREATOR, "ana"), Actor(Role.SYSTEM, "clock")):
        with pytest.raises(NotAllowedError):
            moved(contested, "uphold", actor, reason="so")
    done = moved(contested, "dismiss", RITA, reason="a parody")
    assert (done.state, done.deciders) == ("dismissed", frozenset({"rita"}))


def test_a_premature_block_needs_a_complaint_and_a_persons_word_and_keeps_the_week(
    contested: Matter,
) -> None:
    """Section 14(4)."""
    with pytest.raises(IllegalTransitionError, match="complain"):
        moved(USE.opened(NOW).matter, "block", HOLDER, **WORD)
    with pytest.raises(MissingPartError, match="statement"):
        moved(contested, "block", HOLDER, **(WORD | {"statement": ""}))
    blocked = moved(contested, "block", HOLDER, NOW + timedelta(days=1), **WORD)
    assert (blocked.state, blocked.due_at) == ("blocked", contested.due_at)
    with pytest.raises(IllegalTransitionError, match="its time is over"):
        moved(contested, "block", HOLDER, NOW + timedelta(days=9), **WORD)


def test_the_uploader_is_heard_while_it_is_open(contested: Matter) -> None:
    """Section 14(3) no. 2."""
    ana = Actor(Role.CREATOR, "ana")
    said = moved(contested, "comment", ana, text="A parody.")
    assert (said.state, said.due_at) == ("contested", contested.due_at)
    over = moved(said, "uphold", RITA, reason="the hook")
    with pytest.raises(IllegalTransitionError):
        moved(over, "comment", ana, text="But")
