"""Reviewers are reminded of breaks, and not given next what they asked to be spared."""

from datetime import timedelta

import pytest

from scanner import cases, reviewer_care
from scanner.reviewer_care import BadWishError
from scanner.tables import Analysis
from tests import casework, reviewing
from tests.reviewing import FINE
from tests.running import add_tenant


@pytest.fixture
def caller(service):
    return add_tenant(service)


@pytest.fixture
def ann(service, caller):
    return casework.person(service, caller, "ann")


def asked(service, who, **changes):
    wish = {"break_cases": 40, "break_minutes": 50, "calm": True, "without": []} | changes
    return reviewer_care.ask(service, who, **wish)


def shift(service, who):
    with service.database.reading() as session:
        return reviewer_care.shift(session, who.tenant_id, str(who.user_id), service.now())


def test_a_case_that_was_put_off_is_not_given_again_for_an_hour(service, caller, ann) -> None:
    casework.at(service, service.now())
    first, second = (reviewing.about_track(service, caller) for _ in range(2))
    assert reviewer_care.take_next(service, ann).id == first.id
    reviewer_care.put_off(service, ann, first.id)
    assert reviewer_care.take_next(service, ann).id == second.id
    assert reviewer_care.take_next(service, ann) is None
    casework.at(service, service.now() + timedelta(minutes=61))
    cases.expire_due(service)
    assert reviewer_care.take_next(service, ann).id == first.id


def test_words_that_somebody_avoids_go_to_others(service, caller, ann) -> None:
    case = reviewing.about_track(service, caller)
    track = casework.track_of(service, case.track_id)
    with service.database.transaction() as session:
        words = {"findings": [{"category": "hate", "source": "lyrics", "count": 1}]}
        session.get_one(Analysis, track.analysis_id).words = words
    asked(service, ann, without=["hate"])
    assert reviewer_care.take_next(service, ann) is None
    ben = casework.person(service, caller, "ben")
    assert reviewer_care.take_next(service, ben).id == case.id
    with pytest.raises(BadWishError, match="no category jazz"):
        asked(service, ann, without=["jazz"])


def test_a_break_is_due_after_so_many_cases_and_a_rest_begins_anew(service, caller, ann) -> None:
    casework.at(service, service.now())
    asked(service, ann, break_cases=2, break_minutes=0)
    for _ in range(2):
        assert not shift(service, ann).tired
        reviewing.decided(service, ann, reviewing.about_track(service, caller), FINE)
        casework.at(service, service.now() + timedelta(minutes=3))
    done = shift(service, ann)
    assert (done.cases, done.minutes, done.tired) == (2, 6, True)
    reviewer_care.rest(service, ann)
    assert shift(service, ann).cases == 0
    reviewing.decided(service, ann, reviewing.about_track(service, caller), FINE)
    casework.at(service, service.now() + timedelta(minutes=11))
    assert shift(service, ann).cases == 0
