"""A person decides on a track: it leaves where it was, and the effect comes with its statement."""

import pytest
from sqlmodel import select

from scanner import inline, rulings
from scanner.callers import Caller
from scanner.decision_replays import replay
from scanner.errors import IllegalTransitionError
from scanner.journal import Actor
from scanner.privacy.erasure import NotReplayableError
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import PolicyDecision, StatementOfReasons
from scanner.tracks import locked
from tests import casework, rollouts
from tests.running import add_tenant

REVIEWER = Actor("rita", "reviewer")
TAKEN_DOWN = Ruling(
    "block", "notice.actioned", "A notice says that it copies a song.", legal_basis=("DMCA-T",)
)


@pytest.fixture
def service(make_service, database_url) -> Service:
    return make_service(database_url=database_url)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def ruled(service: Service, caller: Caller, track_id: str, ruling: Ruling) -> PolicyDecision:
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        decision = rulings.rule(service, session, track, ruling, REVIEWER)
    inline.drive(service, track_id)
    return decision


def test_a_track_is_taken_down_with_a_statement_and_restored(service, caller) -> None:
    track = casework.decided_track(service, caller)
    decision = ruled(service, caller, track.id, TAKEN_DOWN)

    assert casework.track_of(service, track.id).state == "blocked"
    with service.database.reading() as session:
        statement = session.exec(
            select(StatementOfReasons).where(StatementOfReasons.decision_id == decision.id)
        ).one()
    assert not statement.automated_decision
    assert "DMCA-T" in statement.legal_basis

    with service.database.transaction() as session:
        again = locked(session, caller.tenant_id, track.id)
        by_rules = rulings.last_by_rules(session, again)
        assert by_rules is not None
        back = Ruling("clear", "counter-notice.restored", "Its time has come.", by="law")
        rulings.restore(service, session, again, by_rules, back, REVIEWER)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"


def test_what_a_person_decided_is_no_replay_of_rules(service, caller) -> None:
    track = casework.decided_track(service, caller)
    ruled(service, caller, track.id, TAKEN_DOWN)

    with pytest.raises(NotReplayableError, match="person"):
        replay(service, casework.track_of(service, track.id))


def test_nobody_decides_on_a_track_before_it_is_analysed(service, caller) -> None:
    event = rollouts.analysed(service, caller)

    with (
        pytest.raises(IllegalTransitionError, match="nothing was decided"),
        service.database.transaction() as session,
    ):
        track = locked(session, caller.tenant_id, event.subject)
        rulings.rule(service, session, track, TAKEN_DOWN, REVIEWER)
