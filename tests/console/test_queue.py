"""The queue's questions to the database, asked of both."""

from dataclasses import replace
from datetime import timedelta

from scanner import cases, golden_cases, inline, reviewer_care, verdicts
from scanner.console import case_views, queue
from scanner.console.queue import GROUPS, Filters
from tests import casework, reviewing
from tests.reviewing import FINE
from tests.running import add_tenant


def test_cases_are_listed_grouped_counted_and_timed(make_service, database_url) -> None:
    service = make_service(database_url=database_url, second_review_share=0)
    service.database.upgrade()
    caller = add_tenant(service)
    casework.at(service, service.now())
    ann = casework.person(service, caller, "ann")
    olga = casework.person(service, caller, "olga", "appeals_officer")
    account = casework.account(service, caller)
    made = [
        reviewing.about_track(
            service, caller, account_id=account.id, sha256="ab" * 32, file_name="secret name.wav"
        )
        for _ in range(3)
    ]
    for case in made:
        reviewing.matched(service, case, "reference-1")
    casework.at(service, service.now() + timedelta(hours=2))
    taken = reviewer_care.take_next(service, ann)
    assert taken is not None

    with service.database.reading() as session:
        entries, more = queue.listed(service, session, ann, Filters())
        assert ([each.open for each in entries].count(True), len(entries), more) == (1, 3, False)
        assert [each.name for each in entries if not each.open] == [None, None]
        assert queue.held_by(session, ann, service.now()) == [taken.id]
        for group in GROUPS:
            [found], _ = queue.grouped(service, session, ann, Filters(group=group))
            assert found.count == 3
            like = Filters(group=group, like=found.like, holder="nobody")
            assert len(queue.listed(service, session, ann, like)[0]) == 2
            assert len(queue.narrowed(session, ann, like)) == 2
        assert queue.counts(session, caller.tenant_id)["kinds"] == {"review": 3}
        assert queue.time_to_decide(session, caller.tenant_id) is None

    verdicts.decide(service, ann, taken.id, FINE)
    reviewing.later(service, minutes=11)
    golden_cases.add(service, olga, taken.id, "release")
    with service.database.reading() as session:
        assert queue.time_to_decide(session, caller.tenant_id) == timedelta(hours=2)
        [found], _ = queue.grouped(service, session, ann, Filters(group="file"))
        assert found.count == 3  # a golden case looks like any other
        mine = replace(Filters(), group="uploader", like=found.like)
        assert len(queue.listed(service, session, ann, mine)[0]) == 3


def test_a_golden_case_does_not_tell_its_answer(make_service) -> None:
    service = make_service(second_review_share=0)
    caller = add_tenant(service)
    ann, ben = (casework.person(service, caller, name) for name in ("ann", "ben"))
    olga = casework.person(service, caller, "olga", "appeals_officer")
    casework.at(service, service.now())
    case = reviewing.about_track(service, caller)
    reviewing.decided(service, ann, case)
    reviewing.later(service, minutes=11)
    inline.drive(service, str(case.track_id))
    assert casework.track_of(service, str(case.track_id)).state == "blocked"
    golden = golden_cases.add(service, olga, case.id, "block")
    golden = cases.lease(service, ben, golden.id)

    seen = case_views.view(service, ben, golden)

    assert seen.decision is not None
    assert (seen.decision.ruled_by, seen.decision.decision) == (None, "clear")
    types = {each["type"] for each in seen.history["events"]}
    assert "clearance.track.analysed" in types
    assert not {"clearance.track.blocked", "clearance.track.ruled"} & types
