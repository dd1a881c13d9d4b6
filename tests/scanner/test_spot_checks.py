"""A share of what is cleared goes before a person, while it is out."""

from dataclasses import replace

import pytest
from sqlmodel import select

from scanner import case_views, error_rates, inline
from scanner.callers import Caller
from scanner.errors import NotFoundError
from scanner.service import Service
from scanner.tables import Case
from scanner.track_states import State
from scanner.verdicts import Verdict
from tests import casework, reviewing
from tests.running import add_tenant

NOTHING = Verdict("dismiss", "human.nothing-wrong")


@pytest.fixture
def service(make_service) -> Service:
    return make_service(spot_check_share=1, undo_seconds=0)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def cases(service: Service) -> list[Case]:
    with service.database.reading() as session:
        return list(session.exec(select(Case).order_by(Case.id)))


def test_a_cleared_track_that_is_drawn_is_out_and_before_a_person(service, caller) -> None:
    track = casework.decided_track(service, caller)

    (case,) = cases(service)
    assert track.state == State.RELEASED
    assert (case.kind, case.track_id, case.decision_id) == (
        "spot_check", track.id, track.decision_id,
    )  # fmt: skip
    assert case.priority < reviewing.opened(service, caller, "misuse").priority


def test_what_a_reviewer_finds_has_effect_and_counts_as_an_error_of_clearing(
    service, caller
) -> None:
    tracks = [casework.decided_track(service, caller) for _ in range(3)]
    rita = casework.person(service, caller, "rita")

    for case, verdict in zip(cases(service), (NOTHING, reviewing.COPY, NOTHING), strict=True):
        reviewing.decided(service, rita, case, verdict)
        inline.drive(service, str(case.track_id))

    states = [casework.track_of(service, track.id).state for track in tracks]
    assert states == [State.RELEASED, State.BLOCKED, State.RELEASED]
    with service.database.reading() as session:
        told = error_rates.by_rule(session, caller.tenant_id, service.now())
    assert [(each.rule, each.source, each.errors, each.n) for each in told] == [
        ("core.nothing-found", "sample", 1, 3)
    ]


def test_none_is_drawn_without_a_share(make_service) -> None:
    service = make_service(spot_check_share=0)
    casework.decided_track(service, add_tenant(service))

    assert cases(service) == []


def test_what_a_person_cleared_is_not_drawn(service, caller) -> None:
    track = casework.decided_track(service, caller)
    (drawn,) = cases(service)
    reviewing.decided(service, casework.person(service, caller, "rita"), drawn, reviewing.COPY)
    inline.drive(service, track.id)

    asked = reviewing.opened(service, caller, "human_review", track_id=track.id)
    reviewing.decided(service, casework.person(service, caller, "otto"), asked, reviewing.FINE)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == State.RELEASED
    assert [case.kind for case in cases(service)] == ["spot_check", "human_review"]


def test_its_creator_is_not_told(service, caller) -> None:
    ana = casework.account(service, caller)
    casework.decided_track(service, caller, account_id=ana.id)

    (case,) = cases(service)
    with service.database.reading() as session, pytest.raises(NotFoundError):
        case_views.check_reader(session, replace(caller, account_id=ana.id), case)
