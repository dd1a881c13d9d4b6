"""A share of verdicts is checked by somebody who does not see them; four eyes decide where it must be so."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from cryptography.fernet import Fernet
from sqlmodel import select

import appeals
from scanner import (
    bulk_verdicts,
    case_effects,
    case_matters,
    case_views,
    cases,
    golden_cases,
    hearings,
    inline,
    reasons,
    review_quality,
    second_reviews,
    tracks,
    transparency,
    verdicts,
)
from scanner.callers import Caller
from scanner.errors import ForbiddenError
from scanner.journal import Actor
from scanner.reasons import BadVerdictError
from scanner.service import Service
from scanner.tables import Case, CaseVerdict, Deadline, Track
from scanner.verdicts import Verdict
from tests import casework, reviewing
from tests.reviewing import COPY, FINE, decided
from tests.running import add_tenant


@pytest.fixture
def service(make_service) -> Service:
    return make_service(second_review_share=1)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


@pytest.fixture
def people(service, caller) -> list[Caller]:
    """Two reviewers and two appeals officers."""
    roles = {
        "ann": "reviewer",
        "ben": "reviewer",
        "olga": "appeals_officer",
        "otto": "appeals_officer",
    }
    return [casework.person(service, caller, name, role) for name, role in roles.items()]


def state_of(service: Service, case: Case) -> str:
    inline.drive(service, str(case.track_id))
    return casework.track_of(service, str(case.track_id)).state


def verdict_of(service: Service, case: Case) -> CaseVerdict:
    with service.database.reading() as session:
        return session.exec(select(CaseVerdict).where(CaseVerdict.case_id == case.id)).one()


def checked(service: Service, who: Caller, case: Case) -> Case:
    """Decide a case and let the undo window pass."""
    decided(service, who, case)
    reviewing.later(service, minutes=10)
    return reviewing.case_of(service, case)


def test_two_who_agree_give_the_verdict_its_effect(service, caller, people) -> None:
    ann, ben, *_ = people
    case = reviewing.about_track(service, caller)
    assert checked(service, ann, case).state == "second_review"
    assert state_of(service, case) == "released"

    assert cases.lease_next(service, ann) is None
    assert cases.lease_next(service, ben).id == case.id
    second_reviews.answer(service, ben, case.id, COPY)

    assert reviewing.case_of(service, case).state == "closed"
    assert state_of(service, case) == "blocked"


def test_the_transparency_report_counts_who_agreed_and_who_differed(
    service, caller, people
) -> None:
    ann, ben, *_ = people
    for said in (COPY, FINE):
        case = reviewing.about_track(service, caller)
        checked(service, ann, case)
        second_reviews.answer(service, ben, case.id, said)
    today = service.now().astimezone(ZoneInfo(service.settings.legal_zone)).date()

    told = transparency.of_period(service, caller.tenant_id, today, today)["automation"]

    assert (told["re_reviews_agreed"], told["re_reviews_differed"]) == (1, 1)


def test_the_second_reviewer_does_not_see_the_first_verdict(service, caller, people) -> None:
    ann, ben, *_ = people
    case = reviewing.about_track(service, caller)
    cases.lease(service, ann, case.id)
    cases.note(service, ann, case.id, "Clearly a copy.")
    verdicts.decide(service, ann, case.id, COPY)
    reviewing.later(service, minutes=10)
    cases.lease(service, ben, case.id)

    with service.database.reading() as session:
        view = case_views.whole(service, session, ben, reviewing.case_of(service, case))

    assert view["mine"]
    assert view["verdicts"] == view["notes"] == []


def test_two_who_differ_leave_it_to_an_officer_and_nothing_happens_yet(
    service, caller, people
) -> None:
    ann, ben, olga, _ = people
    case = reviewing.about_track(service, caller)
    checked(service, ann, case)

    second_reviews.answer(service, ben, case.id, FINE)

    assert reviewing.case_of(service, case).state == "escalated"
    assert state_of(service, case) == "released"
    assert checked(service, olga, case).state == "closed"  # it was checked already
    assert state_of(service, case) == "blocked"


def test_a_verdict_that_nobody_comes_to_check_takes_effect_in_the_end(
    service, caller, people
) -> None:
    case = reviewing.about_track(service, caller)
    checked(service, people[0], case)

    reviewing.later(service, hours=24)

    assert reviewing.case_of(service, case).state == "closed"
    assert state_of(service, case) == "blocked"


def test_a_second_opinion_that_nobody_gives_is_left_to_an_officer(service, caller, people) -> None:
    ann, ben, olga, _ = people
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    with pytest.raises(appeals.IllegalTransitionError):
        second_reviews.ask(service, ben, case.id)
    second_reviews.ask(service, ann, case.id)

    reviewing.later(service, hours=23)
    assert reviewing.case_of(service, case).state == "second_review"
    with pytest.raises(appeals.IllegalTransitionError, match="before"):
        second_reviews.answer(service, ann, case.id, COPY)
    reviewing.later(service, hours=2)

    assert reviewing.case_of(service, case).state == "escalated"
    assert state_of(service, case) == "released"
    assert checked(service, olga, case).state == "closed"  # no third person is asked
    assert state_of(service, case) == "blocked"


def test_a_second_opinion_ends_before_law_wants_an_answer(service, caller, people) -> None:
    due = service.now() + timedelta(hours=4)
    case = reviewing.about_track(service, caller, legal_due_at=due)
    decided(service, people[0], case)
    second_reviews.ask(service, people[0], case.id)

    reviewing.later(service, hours=2, minutes=50)
    assert reviewing.case_of(service, case).state == "second_review"
    reviewing.later(service, minutes=15)

    assert reviewing.case_of(service, case).state == "closed"
    assert state_of(service, case) == "blocked"


def test_no_second_opinion_is_asked_for_when_law_wants_an_answer_within_the_hour(
    service, caller, people
) -> None:
    due = service.now() + timedelta(minutes=50)
    case = reviewing.about_track(service, caller, legal_due_at=due)
    decided(service, people[0], case)

    with pytest.raises(appeals.IllegalTransitionError, match="too soon"):
        second_reviews.ask(service, people[0], case.id)


def test_the_targets_clock_is_missed_while_a_second_opinion_is_waited_for(
    make_service, caller
) -> None:
    service = make_service(case_target_hours="*=4", second_review_share=0)
    ann = casework.person(service, caller, "ann")
    case = reviewing.about_track(service, caller)
    reviewing.later(service)
    decided(service, ann, case)
    second_reviews.ask(service, ann, case.id)

    reviewing.later(service, hours=5)

    with service.database.reading() as session:
        clock = session.exec(select(Deadline).where(Deadline.matter_id == case.id)).one()
    assert clock.state == "missed"
    assert reviewing.case_of(service, case).state == "escalated"


def test_what_both_agree_on_and_can_take_no_effect_is_in_the_queue_again(
    service, caller, people
) -> None:
    ann, ben, *_ = people
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    second_reviews.ask(service, ann, case.id)
    with service.database.transaction() as session:  # its decision is gone
        session.get_one(Track, case.track_id).decision_id = None
        session.get_one(CaseVerdict, verdict_of(service, case).id).verdict = "release"
        session.get_one(Case, case.id).matter_kind = "claim"

    back = second_reviews.answer(service, ben, case.id, FINE)

    assert back.state == "queued"
    with service.database.reading() as session:
        assert [each.kind for each in cases.notes(session, case)] == ["returned"]


def test_a_verdict_on_a_case_that_was_settled_elsewhere_never_takes_effect(
    service, caller, people
) -> None:
    ann, _, olga, _ = people
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    with service.database.transaction() as session:
        track = session.get_one(Track, case.track_id)
        tracks.close_cases(session, track, "settled", service.now(), caller.actor)

    assert verdict_of(service, case).state == "moot"
    cases.reopen(service, olga, case.id, "A licence came by post.")
    decided(service, people[1], case, FINE)
    reviewing.later(service, minutes=10)
    with service.database.reading() as session:
        assert verdicts.standing(session, case).verdict == "release"


def test_a_case_that_is_opened_again_is_drawn_again(service, caller, people) -> None:
    ann, ben, olga, otto = people
    case = reviewing.about_track(service, caller)
    checked(service, ann, case)
    second_reviews.answer(service, ben, case.id, COPY)
    state_of(service, case)
    reviewing.later(service, minutes=1)
    cases.reopen(service, olga, case.id, "A licence came by post.")

    assert checked(service, otto, case).state == "second_review"


@pytest.mark.parametrize("undo_over", [False, True])
def test_an_officer_who_may_be_asked_to_check_reads_no_first_verdict(
    service, caller, people, undo_over
) -> None:
    ann, _, olga, _ = people
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    if undo_over:
        reviewing.later(service, minutes=10)

    with service.database.reading() as session:
        seen = case_views.whole(service, session, olga, reviewing.case_of(service, case))
        told = [row.data for row in casework.events(service, case.id)]

    assert seen["verdicts"] == []
    assert COPY.reason not in str(told)


def test_a_termination_needs_two_appeals_officers(service, caller, people, monkeypatch) -> None:
    ann, _, olga, otto = people
    done: list[tuple[str, Actor]] = []
    acts = {"sanction": lambda _s, _d, case, given, by: done.append((given.verdict, by))}
    monkeypatch.setattr(case_matters, "ACTS", acts)
    case = reviewing.opened(service, caller, "termination", matter=("sanction", "s"))
    terminate = Verdict("terminate", "human.third-strike")
    texts = {"en": "A third strike."}
    reasons.put(service, caller, terminate.reason, verdicts=["terminate"], texts=texts)
    with pytest.raises(ForbiddenError, match="appeals officer"):
        cases.lease(service, ann, case.id)
    assert cases.lease_next(service, ann) is None
    cases.lease(service, olga, case.id)
    verdicts.decide(service, olga, case.id, terminate)

    reviewing.later(service, days=60)
    assert reviewing.case_of(service, case).state == "second_review"
    with pytest.raises(ForbiddenError):
        second_reviews.answer(service, ann, case.id, terminate)
    with pytest.raises(appeals.IllegalTransitionError, match="before"):
        second_reviews.answer(service, olga, case.id, terminate)
    assert done == []
    second_reviews.answer(service, otto, case.id, terminate)

    assert done == [("terminate", Actor(str(olga.user_id), "appeals_officer"))]


def test_the_share_is_drawn_by_the_cases_id_and_a_secret(make_service, tmp_path) -> None:
    ids = [f"case-{n}" for n in range(2000)]

    def drawn(share: float, **settings: object) -> list[str]:
        service = make_service(second_review_share=share, **settings)
        return [each for each in ids if second_reviews.drawn(service, each)]

    some = drawn(0.05)
    elsewhere = drawn(0.05, secret_key=Fernet.generate_key().decode())

    assert 60 < len(some) < 140
    assert some == drawn(0.05)
    assert set(some) != set(elsewhere)
    assert not drawn(0)
    assert drawn(1) == ids


def test_the_report_tells_agreement_and_known_answers_under_pseudonyms(
    service, caller, people
) -> None:
    ann, ben, olga, _ = people
    first, second = (reviewing.about_track(service, caller) for _ in range(2))
    checked(service, ann, first)
    second_reviews.answer(service, ben, first.id, COPY)
    decided(service, ann, second, FINE)
    reviewing.later(service, minutes=10)
    second_reviews.answer(service, ben, second.id, FINE)
    golden = golden_cases.add(service, olga, first.id, "block")

    with service.database.reading() as session:
        report = review_quality.report(service, session, caller.tenant_id)

    assert report["second_reviews"] == {"pairs": 2, "agreement": 1.0, "kappa": 1.0}
    assert golden.track_id is None
    assert {each["verdicts"] for each in report["reviewers"]} == {2}
    assert all(each["reviewer"].startswith("R-") for each in report["reviewers"])
    assert str(ann.user_id) not in str(report)


def test_the_answer_to_a_golden_case_is_counted_and_changes_nothing(
    service, caller, people
) -> None:
    ann, ben, olga, _ = people
    case = reviewing.about_track(service, caller)
    checked(service, ann, case)
    second_reviews.answer(service, ben, case.id, COPY)
    assert state_of(service, case) == "blocked"
    with pytest.raises(ForbiddenError):
        golden_cases.add(service, ann, case.id, "block")
    golden = golden_cases.add(service, olga, case.id, "block")
    cleo = casework.person(service, caller, "cleo")
    assert cases.lease_next(service, ann) is None  # she knows it

    taken = cases.lease_next(service, cleo)
    with service.database.reading() as session:
        view = case_views.shown(service, session, cleo, taken)
    verdicts.decide(service, cleo, golden.id, FINE)
    reviewing.later(service, minutes=10)

    assert view["track_id"] == case.track_id
    assert reviewing.case_of(service, golden).state == "closed"
    assert state_of(service, case) == "blocked"
    with service.database.reading() as session:
        report = review_quality.report(service, session, caller.tenant_id)
    assert report["golden"] == {"answers": 1, "right": 0}


def test_duplicates_are_shown_first_and_decided_each_as_a_whole(service, caller, people) -> None:
    ann, ben, *_ = people
    same = [reviewing.about_track(service, caller, sha256="a" * 64) for _ in range(4)]
    other = reviewing.about_track(service, caller, sha256="b" * 64)
    with pytest.raises(appeals.IllegalTransitionError, match="hold the case"):
        bulk_verdicts.duplicates(service, ann, same[0].id, "audio")
    cases.lease(service, ann, same[0].id)
    cases.lease(service, ben, same[3].id)
    found = bulk_verdicts.duplicates(service, ann, same[0].id, "audio")
    assert set(found.case_ids) == {each.id for each in same[:3]}

    ids = list(found.case_ids)
    with pytest.raises(BadVerdictError, match="no duplicates"):
        bulk_verdicts.decide(service, ann, same[0].id, "audio", [*ids, other.id], COPY)
    cases.lease(service, ben, same[1].id)
    cases.release(service, ben, same[1].id)
    for each in ids[:2]:
        cases.lease(service, ann, each)
        hearings.hear(service, ann, each)
    with pytest.raises(BadVerdictError, match="listen to 1 more of these 3 cases"):
        bulk_verdicts.decide(service, ann, same[0].id, "audio", ids, COPY)
    with pytest.raises(appeals.IllegalTransitionError, match="hold the case"):
        hearings.hear(service, ann, same[3].id)
    cases.lease(service, ann, ids[2])
    for _ in range(2):
        hearings.hear(service, ann, ids[2])
    told = [row.type for row in casework.events(service, ids[2])]
    assert told.count("clearance.case.heard") == 1
    casework.at(service, service.now() + hearings.FRESH)
    cases.lease(service, ann, same[0].id)
    with pytest.raises(BadVerdictError, match="listen to 3 more"):
        bulk_verdicts.decide(service, ann, same[0].id, "audio", ids, COPY)
    for each in ids:
        cases.lease(service, ann, each)
        hearings.hear(service, ann, each)
    results = bulk_verdicts.decide(service, ann, same[0].id, "audio", ids, COPY)

    assert [each["case_id"] for each in results] == ids
    assert {each["state"] for each in results} == {"decided"}
    assert reviewing.case_of(service, other).state == "queued"


def test_duplicates_are_also_those_with_the_same_reference(service, caller, people) -> None:
    ann = people[0]
    one, two, three = (reviewing.about_track(service, caller) for _ in range(3))
    for case, reference in ((one, "r"), (two, "r"), (three, "q")):
        reviewing.matched(service, case, reference)
    cases.lease(service, ann, one.id)

    found = bulk_verdicts.duplicates(service, ann, one.id, "reference")

    assert found.case_ids == (one.id, two.id)


def test_two_who_block_in_different_places_do_not_agree(service, caller, people) -> None:
    ann, ben, *_ = people
    case = reviewing.about_track(service, caller)
    cases.lease(service, ann, case.id)
    verdicts.decide(service, ann, case.id, Verdict("block", COPY.reason, territories=("DE",)))
    reviewing.later(service, minutes=10)

    second_reviews.answer(service, ben, case.id, COPY)

    assert reviewing.case_of(service, case).state == "escalated"
    assert state_of(service, case) == "released"


def test_a_golden_case_can_not_be_told_by_preview_duplicates_or_findings(
    service, caller, people
) -> None:
    ann, ben, olga, _ = people
    case = reviewing.about_track(service, caller)
    (match,) = reviewing.matched(service, case, "r")
    cases.lease(service, ann, case.id)
    found = Verdict("block", COPY.reason, matches={match: "confirmed"})
    verdicts.decide(service, ann, case.id, found)
    reviewing.later(service, minutes=10)
    second_reviews.answer(service, ben, case.id, COPY)
    golden = golden_cases.add(service, olga, case.id, "block")
    cleo = casework.person(service, caller, "cleo")
    cases.lease(service, cleo, golden.id)

    told = case_effects.previewed(service, cleo, golden.id, COPY)
    same = bulk_verdicts.duplicates(service, cleo, golden.id, "reference")
    with service.database.reading() as session:
        view = case_views.whole(service, session, cleo, reviewing.case_of(service, golden))

    assert told["statement"]["text"]
    assert same.case_ids == (golden.id,)
    assert [each["disposition"] for each in view["matches"]] == [None]
