"""Appeals walked by several actors at once: no prior decider decides, and redress stays open (DSA-20)."""

import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import select

from appeals.errors import MoveError
from scanner import appeal_outcomes, appealing, inline, rulings
from scanner.appeal_parts import AppealDecision
from scanner.appeal_subjects import REDRESS, redress_until
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import IllegalTransitionError
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Appeal, AppealDecider, PriorDecider, StatementOfReasons, Track
from scanner.tracks import locked
from tests import casework
from tests.running import add_tenant

ACTS = (
    ("assign", "grant"),
    ("assign", "deny"),
    ("assign", "ask"),
    ("answer", "grant"),
    ("hand_over", "deny"),
)
OFFICERS = st.integers(0, 2)
REFUSED = (MoveError, IllegalTransitionError)


class Walk(RuleBasedStateMachine):
    """Three officers, who all rule on tracks and decide appeals, in any order and at any time."""

    tracks = Bundle("tracks")
    appeals = Bundle("appeals")

    def __init__(self, make: Callable[[], Service]) -> None:
        super().__init__()
        self.service = make()
        self.caller = add_tenant(self.service, new_id())
        casework.at(self.service, self.service.now())
        self.officers = [
            casework.person(self.service, self.caller, f"o{n}-{new_id()}", "appeals_officer")
            for n in range(3)
        ]
        self.ruled: dict[str, set[str]] = {}

    @initialize(target=appeals, by=OFFICERS)
    def block(self, by: int) -> object:
        """Every walk begins with an appeal of what one of them decided, and their try to decide it."""
        track = casework.decided_track(self.service, self.caller).id
        self.decide_on(track, by, "block")
        appeal = self.file(track)
        self.act(appeal, by, ACTS[0])
        return appeal

    @rule(target=tracks)
    def submit(self) -> str:
        return casework.decided_track(self.service, self.caller).id

    @rule(track=tracks, by=OFFICERS, outcome=st.sampled_from(["block", "clear", "restrict"]))
    def decide_on(self, track: str, by: int, outcome: str) -> None:
        officer = self.officers[by]
        limits = ({"kind": "age", "min_age": 18},) if outcome == "restrict" else ()
        ruling = Ruling(outcome, "human.said", "I say so.", restrictions=limits)
        with self.service.database.transaction() as session:
            row = locked(session, self.caller.tenant_id, track)
            rulings.rule(self.service, session, row, ruling, officer.actor)
        self.ruled.setdefault(track, set()).add(str(officer.user_id))
        inline.drive(self.service, track)

    @rule(target=appeals, track=tracks)
    def file(self, track: str) -> object:
        try:
            asked = AppealAsked("track", track, "It is mine.")
            row = appealing.file(self.service, self.caller, asked)
        except REFUSED:
            return multiple()
        assert self.ruled.get(track, set()) <= set(row.deciders)
        return row.id

    @rule(appeal=appeals, by=OFFICERS, acts=st.sampled_from(ACTS))
    def act(self, appeal: str, by: int, acts: tuple[str, ...]) -> None:
        for each in acts:
            with contextlib.suppress(*REFUSED):
                self._act(self.officers[by], appeal, each)

    def _act(self, officer: Caller, appeal: str, act: str) -> None:
        if act == "assign":
            appealing.assign(self.service, officer, appeal)
        elif act == "hand_over":
            appealing.hand_over(self.service, officer, appeal, "ill")
        elif act == "ask":
            appealing.ask(self.service, officer, appeal, "who sang?")
        elif act == "answer":
            appealing.say(self.service, self.caller, appeal, "I did.")
        else:
            decided = AppealDecision(act, "so it is")
            row = appeal_outcomes.decide(self.service, officer, appeal, decided)
            self.ruled.setdefault(str(row.track_id), set()).add(str(officer.user_id))
            inline.drive(self.service, str(row.track_id))

    @rule(days=st.integers(1, 40))
    def wait(self, days: int) -> None:
        casework.at(self.service, self.service.now() + timedelta(days=days))

    @invariant()
    def nobody_decides_twice(self) -> None:
        with self.service.database.reading() as session:
            prior = set(session.exec(select(PriorDecider.appeal_id, PriorDecider.decider_id)))
            decided = set(session.exec(select(AppealDecider.appeal_id, AppealDecider.decider_id)))
            over = select(Appeal.id).where(Appeal.outcome_kind.is_not(None))
            assert set(session.exec(over)) <= {appeal for appeal, _ in decided}
        assert not prior & decided

    @invariant()
    def every_limit_is_open_to_redress(self) -> None:
        """What was put on a track can be appealed for six months from its statement."""
        with self.service.database.reading() as session:
            mine = (Track.tenant_id == self.caller.tenant_id, Track.state.in_(REDRESS))
            for track in session.exec(select(Track).where(*mine)):
                statement = session.exec(
                    select(StatementOfReasons).where(
                        StatementOfReasons.decision_id == track.decision_id
                    )
                ).one()
                until = redress_until(self.service, statement.created_at)
                assert until > statement.created_at + timedelta(days=180)


@pytest.mark.timeout(300)
def test_no_walk_lets_a_prior_decider_decide_or_leaves_a_limit_without_redress(
    make_service,
) -> None:
    run_state_machine_as_test(
        lambda: Walk(make_service),
        settings=settings(
            max_examples=4,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
