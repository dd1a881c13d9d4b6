"""Cases walked by several people under a moving clock: one holder, one verdict, one effect, and none of it lost."""

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
    rule,
    run_state_machine_as_test,
)
from sqlmodel import select

import appeals
from appeals.errors import MoveError
from scanner import cases, deadlines, inline, second_reviews, verdicts
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ScannerError
from scanner.service import Service
from scanner.tables import Case, CaseVerdict, Notice
from scanner.verdicts import Verdict
from tests import casework, noticed
from tests.running import add_tenant

PEOPLE = st.integers(0, 2)
VERDICTS = {"action": "notice.copy", "refuse": "notice.not-the-work"}
ACTS = ("lease", "release", "escalate", "undo", "action", "refuse")
OUTCOMES = {"action": "actioned", "refuse": "refused"}


class Walk(RuleBasedStateMachine):
    """Two reviewers and an officer do anything to cases of notices, in any order and at any time."""

    opened = Bundle("opened")

    def __init__(self, make: Callable[[], Service]) -> None:
        super().__init__()
        self.service = make()
        self.caller = add_tenant(self.service, new_id())
        casework.at(self.service, self.service.now())
        roles = ("reviewer", "reviewer", "appeals_officer")
        self.people = [
            casework.person(self.service, self.caller, f"p{n}-{new_id()}", role)
            for n, role in enumerate(roles)
        ]
        self.track = casework.decided_track(self.service, self.caller).id

    @initialize(target=opened)
    def begin(self) -> str:
        return self.send()

    @rule(target=opened)
    def send(self) -> str:
        """A notice, and its case."""
        notice = noticed.sent(self.service, self.caller, self.track)
        with self.service.database.reading() as session:
            return session.exec(select(Case.id).where(Case.matter_id == notice.id)).one()

    @rule(case=opened, who=PEOPLE, acts=st.lists(st.sampled_from(ACTS), min_size=1, max_size=4))
    def act(self, case: str, who: int, acts: list[str]) -> None:
        for each in acts:
            with contextlib.suppress(MoveError, ScannerError):
                self._act(self.people[who], case, each)

    def _act(self, who: Caller, case: str, act: str) -> None:
        if act in VERDICTS:
            verdicts.decide(self.service, who, case, Verdict(act, VERDICTS[act]))
        elif act == "escalate":
            cases.escalate(self.service, who, case, "It is for you.")
        elif act == "undo":
            verdicts.undo(self.service, who, case)
        else:
            {"lease": cases.lease, "release": cases.release}[act](self.service, who, case)

    @rule(minutes=st.sampled_from([1, 9, 11, 60, 60 * 24 * 3]))
    def wait(self, minutes: int) -> None:
        """Time passes, and the clock does what is due, twice as two workers would."""
        casework.at(self.service, self.service.now() + timedelta(minutes=minutes))
        for _ in range(2):
            deadlines.tick(self.service)
            cases.expire_due(self.service)
            verdicts.settle_due(self.service)
            second_reviews.lapse_due(self.service)
        inline.drive(self.service, self.track)

    @invariant()
    def a_case_is_where_its_rows_say(self) -> None:
        for case, notice, given in self._rows():
            standing = [each for each in given if each.state in ("standing", "in_doubt")]
            assert len(standing) == (case.state in ("decided", "second_review"))
            assert (case.closed_at is not None) == (case.state == "closed")
            if case.state == "leased":
                assert case.holder is not None and case.due_at is not None
            if case.state in ("queued", "escalated", "closed"):
                assert case.holder is None
            assert (case.state == "closed") == (notice.state != "valid")

    @invariant()
    def one_verdict_had_its_effect_and_it_is_the_notices(self) -> None:
        for case, notice, given in self._rows():
            done = [each for each in given if each.state not in ("standing", "in_doubt", "undone")]
            if case.state == "closed":
                final = [each for each in done if OUTCOMES[each.verdict] == notice.state]
                assert len(final) == 1, [(each.verdict, each.state) for each in given]
                assert final[0].reviewer_id in case.deciders
                assert final[0].reviewer_id in notice.deciders

    @invariant()
    def every_move_is_legal_and_on_record(self) -> None:
        """The state of each case follows from what the journal says happened to it."""
        moves = {
            (move.action, str(source)): str(move.target)
            for move in appeals.MACHINES["case"].moves
            for source in move.sources
        }
        for case, _notice, _given in self._rows():
            state = "queued"
            for event in casework.events(self.service, case.id)[1:]:
                state = moves[event.data["action"], state] if event.data.get("action") else state
            assert state == case.state

    def _rows(self) -> list[tuple[Case, Notice, list[CaseVerdict]]]:
        with self.service.database.reading() as session:
            mine = (Case.tenant_id == self.caller.tenant_id, Case.kind == "notice")
            return [
                (
                    case,
                    session.get_one(Notice, case.matter_id),
                    list(session.exec(select(CaseVerdict).where(CaseVerdict.case_id == case.id))),
                )
                for case in session.exec(select(Case).where(*mine))
            ]


@pytest.mark.timeout(300)
def test_no_walk_of_cases_loses_a_verdict_or_acts_on_two(make_service) -> None:
    run_state_machine_as_test(
        lambda: Walk(make_service),
        settings=settings(
            max_examples=4,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
