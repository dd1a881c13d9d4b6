"""Disputes, claims, notices and appeals walked by all their parties at once, under a moving clock (DSM-17-9, DSA-20)."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col, select

import appeals
from appeals.errors import MoveError
from scanner import (
    appeal_outcomes,
    appeal_remains,
    appealing,
    claim_releases,
    clockwork,
    disputes,
    inline,
    judgements,
    notices,
)
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.appeal_subjects import REDRESS
from scanner.appealing import AppealAsked
from scanner.clock import new_id
from scanner.consumer_groups import GROUPS
from scanner.declarations import DeclarationError
from scanner.disputes import Answered, Filed
from scanner.errors import ConflictError, IllegalTransitionError
from scanner.service import Service
from scanner.tables import (
    Appeal,
    Case,
    Claim,
    Deadline,
    Dispute,
    Notice,
    PolicyDecision,
    StatementOfReasons,
    Track,
)
from tests import casework, claiming, noticed
from tests.claiming import ATTESTED, WORDS
from tests.running import add_tenant

(CLAIMS,) = (each for each in GROUPS if each.name == "claims")
REFUSED = (MoveError, IllegalTransitionError, ConflictError, DeclarationError, BadAppealError)
SWORN = {"signature": "Lea Bell", "good_faith": "good-faith-1", "accuracy": "accuracy-1"}
ANSWERS = (
    Answered("release"),
    Answered("release", segments=[(60.0, 120.0)]),
    Answered("uphold", "It is ours."),
    Answered("uphold", "Here.", remedy="territory", territories=["DE"]),
    Answered("escalate", "We insist.", elements=SWORN),
)
DECIDED = (
    AppealDecision("grant", "A quotation."),
    AppealDecision("deny", "It is a copy."),
    AppealDecision("grant_partly", "In Germany.", "block", ("DE",)),
    AppealDecision(
        "grant_partly",
        "In Germany.",
        "restrict",
        ("DE",),
        ({"kind": "monetise", "territories": ["DE"]},),
    ),
)


class Walk(RuleBasedStateMachine):
    """A creator, a holder, a reviewer and two officers; whatever is refused changes nothing."""

    tracks = Bundle("tracks")

    def __init__(self, make: Callable[[], Service]) -> None:
        super().__init__()
        self.service = make()
        self.caller = add_tenant(self.service, new_id())
        casework.at(self.service, self.service.now())
        self.label = claiming.holder(self.service, self.caller)
        self.holder = claiming.of(self.caller, self.label)
        self.ana = casework.account(self.service, self.caller)
        self.officers = [
            casework.person(self.service, self.caller, f"o{n}-{new_id()}", "appeals_officer")
            for n in range(2)
        ]

    @initialize(target=tracks, answer=st.sampled_from(ANSWERS))
    def begin(self, answer: Answered) -> str:
        """Every walk begins with a dispute that the holder has answered."""
        track = self.claimed()
        self.dispute(track)
        self.answer(track, answer)
        return track

    @rule(target=tracks)
    def claimed(self) -> str:
        songs = [
            claiming.reference(self.service, self.caller, self.label, title=title)
            for title in ("Song", "Second")
        ]
        track, _ = claiming.claimed(self.service, self.caller, *songs, account_id=self.ana.id)
        return track.id

    @rule(track=tracks)
    def dispute(self, track: str) -> None:
        claim = self.newest(Claim, track, oldest=True)
        self.tried(
            track,
            lambda: disputes.file(
                self.service, self.caller, Filed(claim.id, ["quotation"], WORDS, ATTESTED)
            ),
        )

    @rule(track=tracks, given=st.sampled_from(ANSWERS))
    def answer(self, track: str, given: Answered) -> None:
        if (row := self.newest(Dispute, track)) is not None:
            self.tried(track, lambda: disputes.answer(self.service, self.holder, row.id, given))

    @rule(track=tracks)
    def withdraw(self, track: str) -> None:
        if (row := self.newest(Dispute, track)) is not None:
            self.tried(track, lambda: disputes.withdraw(self.service, self.caller, row.id))

    @rule(track=tracks)
    def release(self, track: str) -> None:
        claim = self.newest(Claim, track, oldest=True)
        self.tried(track, lambda: claim_releases.release(self.service, self.holder, claim.id))

    @rule(track=tracks, of=st.sampled_from(["dispute", "track"]), speaks=st.booleans())
    def appeal(self, track: str, of: str, speaks: bool) -> None:
        row = self.newest(Dispute, track) if of == "dispute" else self.track(track)
        if row is None:
            return
        asked = AppealAsked(of, row.id, "It is mine.")
        self.tried(track, lambda: appealing.file(self.service, self.caller, asked))
        filed = self.newest(Appeal, track)
        if speaks and filed is not None and filed.subject_kind == "dispute":
            self.tried(
                track, lambda: appealing.say(self.service, self.holder, filed.id, "It is ours.")
            )

    @rule(track=tracks, by=st.integers(0, 1), decided=st.sampled_from(DECIDED))
    def decide(self, track: str, by: int, decided: AppealDecision) -> None:
        row, officer = self.newest(Appeal, track), self.officers[by]
        if row is not None:
            self.tried(track, lambda: appealing.assign(self.service, officer, row.id))
            self.tried(
                track, lambda: appeal_outcomes.decide(self.service, officer, row.id, decided)
            )

    @rule(track=tracks)
    def take_back_the_appeal(self, track: str) -> None:
        if (row := self.newest(Appeal, track)) is not None:
            self.tried(track, lambda: appealing.withdraw(self.service, self.caller, row.id, None))

    @rule(track=tracks, acts=st.booleans())
    def decide_on_the_notice(self, track: str, acts: bool) -> None:
        notice = self.notice(track)
        if notice is not None and notice.state == "valid":
            verdict = noticed.ACTION if acts else noticed.REFUSE
            self.tried(track, lambda: noticed.decided(self.service, notice.id, verdict))

    @rule(track=tracks)
    def take_back_the_notice(self, track: str) -> None:
        if (notice := self.notice(track)) is not None:
            self.tried(track, lambda: notices.retract(self.service, notice, self.holder))

    @rule(track=tracks, outcome=st.sampled_from(["block", "clear"]))
    def rule_on(self, track: str, outcome: str) -> None:
        self.tried(track, lambda: claiming.ruled(self.service, self.caller, track, outcome))

    @rule(days=st.sampled_from([1, 8, 31, 190]))
    def wait(self, days: int) -> None:
        casework.later(self.service, days=days)
        for track in self.all(Track):
            self.settle(track.id)

    @invariant()
    def money_that_is_held_is_argued_about(self) -> None:
        """Held ends: with whom nobody argues any more."""
        for claim in self.all(Claim):
            said = [
                row.data["detail"].get("money_to")
                for row in casework.events(self.service, claim.id)
                if row.data.get("detail")
            ]
            last = next((each for each in reversed(said) if each), None)
            if last == "held":
                notice = self.notice(claim.track_id)
                assert claim.state == "disputed" or (
                    claim.state == "escalated" and notice is not None
                ), claim.state
                if claim.state == "escalated" and notice.state == "closed":
                    assert self.newest(Appeal, claim.track_id).state in {
                        "filed",
                        "assigned",
                        "questions",
                    }

    @invariant()
    def a_released_claim_restricts_nothing(self) -> None:
        with self.service.database.reading() as session:
            for track in self.all(Track):
                decision = session.get(PolicyDecision, track.decision_id or "")
                if decision is None or not judgements.made_by_rules(session, decision):
                    continue
                claims = {
                    each.reference_id: each.state
                    for each in claiming.claims(self.service, track.id)
                }
                found = {claims[each] for each in appeal_remains.references(decision)}
                assert found != {"released"}

    @invariant()
    def no_restriction_is_without_its_statement(self) -> None:
        with self.service.database.reading() as session:
            for track in self.all(Track):
                if track.state in REDRESS:
                    query = select(StatementOfReasons).where(
                        StatementOfReasons.decision_id == track.decision_id
                    )
                    assert session.exec(query).one().contest_until is not None

    @invariant()
    def every_open_clock_is_of_an_open_matter(self) -> None:
        with self.service.database.reading() as session:
            mine = (Deadline.tenant_id == self.caller.tenant_id, Deadline.state == "open")
            for clock in session.exec(select(Deadline).where(*mine)):
                row: Any = session.get_one(clockwork.ROWS[clock.matter_kind], clock.matter_id)
                machine = appeals.MACHINES[clock.matter_kind]
                assert row.state not in machine.final
                assert isinstance(row, Case) or row.due_at == clock.due_at

    # --- what the walk stands on

    def tried(self, track: str, act: Callable[[], object]) -> None:
        with contextlib.suppress(*REFUSED):
            act()
        self.settle(track)

    def settle(self, track: str) -> None:
        """Let everything follow that follows from what was done."""
        inline.drive(self.service, track)
        inline.drive_group(self.service, CLAIMS, self.caller.tenant_id)
        inline.drive(self.service, track)

    def all(self, model: Any) -> list[Any]:
        with self.service.database.reading() as session:
            return list(session.exec(select(model).where(model.tenant_id == self.caller.tenant_id)))

    def track(self, track: str) -> Track:
        return casework.track_of(self.service, track)

    def newest(self, model: Any, track: str, *, oldest: bool = False) -> Any:
        with self.service.database.reading() as session:
            query = select(model).where(model.track_id == track)
            order = col(model.id) if oldest else col(model.id).desc()
            return session.exec(query.order_by(order)).first()

    def notice(self, track: str) -> Notice | None:
        found = [each for each in self.all(Notice) if track in each.elements.get("location", ())]
        return found[-1] if found else None


@pytest.mark.timeout(300)
def test_no_walk_leaves_money_restrictions_or_clocks_behind(make_service) -> None:
    run_state_machine_as_test(
        lambda: Walk(make_service),
        settings=settings(
            max_examples=4,
            stateful_step_count=10,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
