"""Machines walked by several actors under a moving clock, and what each may never do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appeals import deadline
from appeals.errors import IllegalTransitionError, MissingPartError, MoveError, NotAllowedError
from appeals.machine import Command, Machine, Matter, Step
from appeals.machines import (
    APPEAL,
    CASE,
    CLAIM,
    COUNTER_NOTICE,
    DISPUTE,
    MACHINES,
    NOTICE,
    STRIKE,
)
from appeals.roles import Actor, Role
from scripts.state_diagrams import FILE, page

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SYSTEM = Actor(Role.SYSTEM, "clock")
CREATOR = Actor(Role.CREATOR, "cleo")
HOLDER = Actor(Role.RIGHTS_HOLDER, "label")
ANN, BEN = Actor(Role.REVIEWER, "ann"), Actor(Role.REVIEWER, "ben")
OFFICER, OTHER = Actor(Role.APPEALS_OFFICER, "olga"), Actor(Role.APPEALS_OFFICER, "otto")
EVERYBODY = [Actor(role, f"{role}{n}") for role in Role for n in range(2)]
EVERYTHING = dict.fromkeys(
    {part for m in MACHINES.values() for move in m.moves for part in move.needs}, "x"
)
ZONE = "America/New_York"


def timed(step: Step) -> Matter:
    if step.deadline is None:
        return step.matter
    return step.within(deadline(step.deadline, step.matter.since, ZONE)).matter


def moved(
    machine: Machine, matter: Matter, action: str, actor: Actor, now: datetime = NOW, **parts: Any
) -> Matter:
    return timed(machine.advance(matter, Command(action, actor, parts), now))


def begun(machine: Machine, *deciders: str) -> Matter:
    return timed(machine.opened(NOW, frozenset(deciders)))


class Walk(RuleBasedStateMachine):
    """Anybody tries anything at any time; what is refused changes nothing, and says what is allowed."""

    @initialize(name=st.sampled_from(sorted(MACHINES)), before=st.sampled_from(EVERYBODY))
    def begin(self, name: str, before: Actor) -> None:
        self.machine = MACHINES[name]
        self.now = NOW
        self.first = before.id
        self.matter = begun(self.machine, before.id)

    @rule(
        data=st.data(),
        actor=st.sampled_from(EVERYBODY),
        later=st.timedeltas(timedelta(0), timedelta(days=40)),
        whole=st.booleans(),
    )
    def act(self, data: st.DataObject, actor: Actor, later: timedelta, whole: bool) -> None:
        self.now += later
        actions = self.machine.allowed(self.matter.state) or ["close"]
        action = data.draw(st.sampled_from([*actions, "conjure"]))
        before = self.matter
        command = Command(action, actor, EVERYTHING if whole else {})
        try:
            step = self.machine.advance(before, command, self.now)
        except IllegalTransitionError as refusal:
            if action == "conjure":
                assert all(each in str(refusal) for each in self.machine.allowed(before.state))
            return
        except NotAllowedError:
            assert action not in self.machine.allowed(before.state, actor.role)
            return
        except MissingPartError:
            assert not whole
            return
        assert action in self.machine.allowed(before.state, actor.role)
        assert step.emits == f"{self.machine.name}.{step.matter.state}"
        self.check(before, action, actor, step)
        self.matter = timed(step)

    def check(self, before: Matter, action: str, actor: Actor, step: Step) -> None:
        after = step.matter
        if self.machine is APPEAL and after.deciders > before.deciders:
            assert actor.id not in before.deciders
            assert actor.id != self.first
            assert actor.role is Role.APPEALS_OFFICER
        if self.machine is COUNTER_NOTICE and after.state == "restored":
            opened = before.opens_at is not None and self.now >= before.opens_at
            assert opened or actor.role is Role.APPEALS_OFFICER
        if self.machine is CASE and action == "decide":
            assert before.holder == actor.id
            assert before.due_at is not None
            assert self.now < before.due_at
        if self.machine is CASE and before.state == "second_review":
            assert actor.id not in before.deciders
        if self.machine is NOTICE and after.state == "refused":
            assert actor.role in {Role.REVIEWER, Role.APPEALS_OFFICER}

    @invariant()
    def is_in_one_known_state(self) -> None:
        if hasattr(self, "machine"):
            assert self.matter.state in list(self.machine.states)
            assert self.matter.deciders >= {self.first}
            assert self.matter.holder is None or self.matter.state not in self.machine.final


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda each: each.name)
def test_every_state_is_reached_and_has_a_way_on_or_is_final(machine: Machine) -> None:
    reached, found = {machine.initial}, 0
    while found < len(reached):
        found = len(reached)
        reached |= {
            str(move.target) for move in machine.moves if reached & {str(s) for s in move.sources}
        }
    assert reached == {str(state) for state in machine.states}
    assert machine.final or machine is CASE  # a case may always be opened again


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda each: each.name)
def test_no_two_moves_of_one_action_are_open_to_one_role(machine: Machine) -> None:
    seen = set()
    for move in machine.moves:
        for key in ((move.action, source, role) for source in move.sources for role in move.who):
            assert key not in seen
            seen.add(key)


def test_the_page_of_states_is_what_the_tables_say() -> None:
    assert FILE.read_text(encoding="utf-8") == page()


def test_what_was_taken_down_returns_after_ten_business_days_and_not_before() -> None:
    """DMCA-CF, DMCA-R; received on 23 November 2026."""
    matter = moved(COUNTER_NOTICE, begun(COUNTER_NOTICE), "forward", SYSTEM, message="m1")
    matter = moved(COUNTER_NOTICE, matter, "wait", SYSTEM)
    early = datetime(2026, 12, 8, 4, 59, tzinfo=UTC)
    with pytest.raises(IllegalTransitionError, match="opens on 2026-12-08"):
        moved(COUNTER_NOTICE, matter, "restore", SYSTEM, early)
    restored = moved(COUNTER_NOTICE, matter, "restore", SYSTEM, early + timedelta(minutes=1))
    assert restored.state == "restored"


def test_an_action_in_court_holds_it_and_only_while_the_window_is_open() -> None:
    """DMCA-R."""
    matter = moved(COUNTER_NOTICE, begun(COUNTER_NOTICE), "forward", SYSTEM, message="m1")
    matter = moved(COUNTER_NOTICE, matter, "wait", SYSTEM)
    with pytest.raises(MissingPartError, match="filing"):
        moved(COUNTER_NOTICE, matter, "file_action", HOLDER)
    last = datetime(2026, 12, 15, 4, 59, tzinfo=UTC)
    held = moved(COUNTER_NOTICE, matter, "file_action", HOLDER, last, filing="case 1")
    assert held.state == "court_hold"
    with pytest.raises(NotAllowedError, match="appeals_officer"):
        moved(COUNTER_NOTICE, held, "restore", SYSTEM, last)
    with pytest.raises(IllegalTransitionError, match="over"):
        moved(
            COUNTER_NOTICE, matter, "file_action", HOLDER, last + timedelta(minutes=1), filing="x"
        )


def test_a_claim_that_ends_by_itself_ends_its_dispute_and_a_withdrawn_one_changes_nothing() -> None:
    """DSM-17-9; a licence is put on record while the holder still thinks, or the creator gives up."""
    matter = moved(DISPUTE, begun(DISPUTE), "forward", SYSTEM, message="m1")
    with pytest.raises(MissingPartError, match="ground"):
        moved(DISPUTE, matter, "release_claim", SYSTEM)
    assert moved(DISPUTE, matter, "release_claim", SYSTEM, ground="licence").state == "released"
    claim = moved(CLAIM, begun(CLAIM), "activate", SYSTEM, policy="monetise")
    disputed = moved(CLAIM, claim, "dispute", SYSTEM, dispute="d1")
    assert moved(CLAIM, disputed, "reinstate", SYSTEM, dispute="d1").state == "active"


def test_the_silence_of_a_holder_frees_the_track() -> None:
    """DSM-17-9; thirty days."""
    matter = moved(DISPUTE, begun(DISPUTE), "forward", SYSTEM, message="m1")
    with pytest.raises(IllegalTransitionError, match="2026-12-24"):
        moved(DISPUTE, matter, "lapse", SYSTEM, NOW + timedelta(days=30))
    assert moved(DISPUTE, matter, "lapse", SYSTEM, NOW + timedelta(days=31)).state == "expired"
    with pytest.raises(MissingPartError, match="reason"):
        moved(DISPUTE, matter, "uphold_claim", HOLDER)
    with pytest.raises(IllegalTransitionError, match="over"):
        moved(DISPUTE, matter, "uphold_claim", HOLDER, NOW + timedelta(days=31), reason="mine")


def test_nobody_decides_an_appeal_of_what_they_decided() -> None:
    """DSA-20."""
    matter = begun(APPEAL, OFFICER.id)
    with pytest.raises(IllegalTransitionError, match="before"):
        moved(APPEAL, matter, "assign", OFFICER)
    with pytest.raises(NotAllowedError, match="appeals_officer"):
        moved(APPEAL, matter, "assign", ANN)
    matter = moved(APPEAL, matter, "assign", OTHER)
    due = matter.due_at
    asked = moved(APPEAL, matter, "ask", OTHER, question="whose voice is it?")
    matter = moved(APPEAL, asked, "answer", CREATOR, answer="mine")
    assert (matter.holder, matter.due_at) == (OTHER.id, due)
    assert moved(APPEAL, matter, "grant", OTHER, reason="it is theirs").state == "granted"


def test_the_clock_of_an_appeal_stands_still_while_a_question_is_open() -> None:
    """DSA-20: the officer's time is what law asks for, and others may take theirs to answer."""
    matter = moved(APPEAL, begun(APPEAL), "assign", OFFICER)
    assert matter.due_at is not None
    asked_at, answered_at = NOW + timedelta(days=3), NOW + timedelta(days=30)
    asked = moved(APPEAL, matter, "ask", OFFICER, asked_at, question="whose voice is it?")
    assert (asked.due_at, asked.left) == (None, matter.due_at - asked_at)
    for action, actor, parts in (
        ("answer", CREATOR, {"answer": "mine"}),
        ("hand_over", OTHER, {"note": "she is ill"}),
    ):
        again = moved(APPEAL, asked, action, actor, answered_at, **parts)
        assert (again.due_at, again.left) == (matter.due_at + timedelta(days=27), None)


def test_an_appealed_claim_falls_by_the_holder_s_silence_only() -> None:
    """DSM-17-9: seven days to speak; who spoke waits for the officer."""
    matter = moved(DISPUTE, begun(DISPUTE), "forward", SYSTEM, message="m")
    matter = moved(DISPUTE, matter, "uphold_claim", HOLDER, reason="mine")
    matter = moved(DISPUTE, matter, "appeal", CREATOR, reason="a quotation")
    eighth = NOW + timedelta(days=9)
    assert moved(DISPUTE, matter, "lapse", SYSTEM, eighth).state == "expired"
    with pytest.raises(IllegalTransitionError, match="over"):
        moved(DISPUTE, matter, "speak", HOLDER, eighth, reason="it is whole")
    spoken = moved(DISPUTE, matter, "speak", HOLDER, reason="it is whole")
    with pytest.raises(IllegalTransitionError, match="nothing is due"):
        moved(DISPUTE, spoken, "lapse", SYSTEM, eighth)
    assert moved(DISPUTE, spoken, "grant", SYSTEM, appeal="a1").state == "released"


def test_a_case_is_one_person_s_for_ten_minutes_and_longer_if_they_work_on_it() -> None:
    matter = moved(CASE, moved(CASE, begun(CASE), "queue", SYSTEM), "lease", ANN)
    for action in ("release", "renew"):
        with pytest.raises(IllegalTransitionError, match="somebody else"):
            moved(CASE, matter, action, BEN)
    matter = moved(CASE, matter, "renew", ANN, NOW + timedelta(minutes=9))
    late = NOW + timedelta(minutes=18)
    with pytest.raises(IllegalTransitionError, match="not over"):
        moved(CASE, matter, "expire", SYSTEM, late)
    decided = moved(CASE, matter, "decide", ANN, late, verdict="block", reason="a copy")
    undone = moved(CASE, decided, "undo", ANN, late + timedelta(minutes=9))
    assert undone.holder == ANN.id
    with pytest.raises(IllegalTransitionError, match="over"):
        moved(CASE, decided, "undo", ANN, late + timedelta(minutes=10))
    with pytest.raises(IllegalTransitionError, match="over"):
        late += timedelta(minutes=2)
        moved(CASE, matter, "decide", ANN, late, verdict="block", reason="a copy")
    assert moved(CASE, matter, "expire", SYSTEM, late).holder is None


def test_four_eyes_are_two_persons_eyes() -> None:
    matter = moved(CASE, moved(CASE, begun(CASE), "queue", SYSTEM), "lease", ANN)
    decided = moved(CASE, matter, "decide", ANN, verdict="terminate", reason="third strike")
    second = moved(CASE, decided, "check", SYSTEM)
    with pytest.raises(IllegalTransitionError, match="before"):
        moved(CASE, second, "agree", ANN, verdict="terminate")
    assert moved(CASE, second, "agree", BEN, verdict="terminate").state == "closed"
    passed_up = moved(CASE, second, "differ", BEN, verdict="warn", reason="minor")
    with pytest.raises(IllegalTransitionError, match="before"):
        moved(CASE, passed_up, "lease", Actor(Role.APPEALS_OFFICER, BEN.id))
    assert moved(CASE, passed_up, "lease", OFFICER).holder == OFFICER.id


def test_a_machine_actions_only_what_is_manifest() -> None:
    """DSM-17-7: what is not beyond doubt is for a person."""
    matter = moved(NOTICE, begun(NOTICE), "validate", SYSTEM)
    with pytest.raises(MissingPartError, match="manifest"):
        moved(NOTICE, matter, "action", SYSTEM, reason="a copy")
    with pytest.raises(NotAllowedError):
        moved(NOTICE, matter, "refuse", SYSTEM, reason="no")
    assert (
        moved(NOTICE, matter, "action", SYSTEM, reason="a copy", manifest=True).state == "actioned"
    )


def test_an_incomplete_notice_is_cured_not_refused() -> None:
    """DMCA-NC."""
    matter = moved(NOTICE, begun(NOTICE), "find_incomplete", SYSTEM, missing=["signature"])
    assert NOTICE.allowed(matter.state) == ["cure", "lapse", "retract"]
    notifier = Actor(Role.NOTIFIER, "n")
    cured = moved(NOTICE, matter, "cure", notifier, elements={"signature": "N."})
    assert moved(NOTICE, cured, "validate", SYSTEM).state == "valid"


def test_a_strike_counts_after_a_week_and_for_ninety_days() -> None:
    """DMCA-RI."""
    matter = begun(STRIKE)
    with pytest.raises(IllegalTransitionError, match="not over"):
        moved(STRIKE, matter, "activate", SYSTEM, NOW + timedelta(days=7))
    begins = NOW + timedelta(days=8)
    active = moved(STRIKE, matter, "activate", SYSTEM, begins)
    with pytest.raises(MoveError):
        moved(STRIKE, active, "expire", SYSTEM, begins + timedelta(days=89))
    assert moved(STRIKE, active, "expire", SYSTEM, begins + timedelta(days=90)).state == "expired"
    assert moved(STRIKE, active, "reverse", SYSTEM, ground="appeal granted").state == "reversed"
