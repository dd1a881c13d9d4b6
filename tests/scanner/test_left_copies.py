"""Copies of a noticed work that a reviewer left: their notice's sender is told, and can appeal each (DSA-20)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

import appeals
from appeals.deadlines import deadline
from scanner import (
    appeal_outcomes,
    appealing,
    bulk_verdicts,
    cases,
    counter_notices,
    hearings,
    inline,
    left_copies,
    notice_tracks,
    notices,
    rulings,
    tracks,
    verdicts,
)
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.notice_senders import token_of
from scanner.privacy import erasure
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Appeal, AppealDecider, Notice, StatementOfReasons, Track
from scanner.tracks import locked
from scanner.verdicts import Verdict
from tests import casework, noticed, reviewing
from tests.running import add_tenant

LEFT = Verdict("dismiss", "notice.not-the-work")


@pytest.fixture
def service(make_service) -> Service:
    service = make_service(second_review_share=0)
    casework.at(service, service.now())
    return service


@pytest.fixture
def both(make_service, database_url) -> tuple[Service, Caller]:
    service = make_service(database_url=database_url, second_review_share=0)
    casework.at(service, service.now())
    return service, add_tenant(service)


def acted_on(service: Service, caller: Caller, copies: int = 1, **more: str) -> Notice:
    """A notice that was acted on, with stored copies of its work before a person."""
    work = noticed.referenced(service, caller)
    for _ in range(copies):
        noticed.analysed_copy(service, caller, work)
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id, reference_id=work, **more)
    noticed.decided(service, notice.id)
    return notice


def left(
    service: Service, caller: Caller, copies: int = 1, **more: str
) -> tuple[Notice, list[str]]:
    """The same, once a reviewer left every copy and that took effect; nobody was told yet."""
    notice = acted_on(service, caller, copies, **more)
    rita = casework.person(service, caller, "rita")
    for case in noticed.cases(service, "stay_down"):
        reviewing.decided(service, rita, case, LEFT)
    reviewing.later(service, minutes=10)
    return notice, [case.track_id for case in noticed.cases(service, "stay_down")]


def told(service: Service) -> list[str]:
    """What the senders read once the hour is over."""
    casework.at(service, service.now() + left_copies.GATHERED)
    left_copies.tell_due(service)
    return [each.body for each in casework.letters(service, template="notice-copies-left")]


def by_link(service: Service, notice: Notice, track_id: str) -> Appeal:
    token = token_of(service, noticed.read(service, notice.id))
    asked = AppealAsked("copy", notice.id, "Listen again.", token=token, track_id=track_id)
    return appealing.file(service, None, asked)


def decided(service: Service, officer: Caller, row: Appeal, **how: object) -> None:
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision(reason="So it is.", **how))


def states(service: Service, notice: Notice) -> dict[str, str]:
    return {row.track_id: row.state for row in noticed.tracks_of(service, notice.id)}


def test_a_copy_that_was_left_is_taken_down_on_its_senders_appeal(both) -> None:
    """DSA-20, DSA-17: as the notice's own tracks, and whoever put it up can appeal in turn."""
    service, caller = both
    account = casework.account(service, caller)
    notice, (copy,) = left(service, caller)
    with service.database.transaction() as session:
        session.get_one(Track, copy).account_id = account.id
    (letter,) = told(service)
    assert copy in letter and f"/public/notices/{notice.id}?token=" in letter
    assert "Blue Door" in letter and "does not use what the notice names" in letter

    row = by_link(service, notice, copy)
    officer = casework.person(service, caller, "olga", "appeals_officer")
    decided(service, officer, row, outcome="grant")
    inline.drive(service, copy)

    assert states(service, notice)[copy] == "actioned"
    assert casework.track_of(service, copy).state == "blocked"
    assert casework.letters(service, recipient_id=account.id, template="notice-taken-down")
    assert not casework.letters(service, recipient_id=account.id, template="appeal-told")
    (answered,) = casework.letters(service, template="appeal-decided")
    assert (answered.address, answered.track_id) == (noticed.DMCA["email"], None)
    assert "still" not in answered.body
    with service.database.reading() as session:
        (statement,) = session.exec(
            select(StatementOfReasons).where(StatementOfReasons.track_id == copy)
        )
    assert (statement.source, statement.source_id) == ("notice", notice.id)
    with pytest.raises(IllegalTransitionError, match="actioned for this notice"):
        by_link(service, notice, copy)
    theirs = appealing.file(service, caller, AppealAsked("track", copy, "I have a licence."))
    with pytest.raises(appeals.MoveError):
        appealing.assign(service, officer, theirs.id)


def test_whoever_had_a_part_in_leaving_a_copy_does_not_decide_its_appeal(both) -> None:
    """DSA-20: refused by the machine and by the database; a denial tells of the bodies out of court."""
    service, caller = both
    notice = acted_on(service, caller)
    olga, otto = (
        casework.person(service, caller, name, "appeals_officer") for name in ("olga", "otto")
    )
    (case,) = noticed.cases(service, "stay_down")
    reviewing.decided(service, olga, case, LEFT)
    reviewing.later(service, minutes=10)
    told(service)
    row = by_link(service, notice, case.track_id)

    with pytest.raises(appeals.MoveError):
        appealing.assign(service, olga, row.id)
    with pytest.raises(DBAPIError), service.database.transaction() as session:
        own = {"appeal_id": row.id, "decider_id": olga.user_id, "tenant_id": caller.tenant_id}
        session.add(AppealDecider(**own, created_at=service.now()))
    appealing.assign(service, otto, row.id)
    with pytest.raises(BadAppealError, match="in whole"):
        part = AppealDecision("grant_partly", "In Germany.", "block", ("DE",))
        appeal_outcomes.decide(service, otto, row.id, part)
    appeal_outcomes.decide(service, otto, row.id, AppealDecision("deny", "It is another song."))

    assert states(service, notice)[case.track_id] == "refused"
    (answered,) = casework.letters(service, template="appeal-decided")
    assert "User Rights" in answered.body
    with pytest.raises(IllegalTransitionError, match="appealed already"):
        by_link(service, notice, case.track_id)
    token = token_of(service, notice)
    appeal_outcomes.go_out_of_court(service, None, row.id, "User Rights", token=token)
    appeal_outcomes.record_outcome(service, otto, row.id, "It is the song.", True)
    inline.drive(service, case.track_id)
    assert casework.track_of(service, case.track_id).state == "blocked"


def test_many_copies_left_within_an_hour_are_one_letter(service, caller) -> None:
    """DSA-20: each can be appealed by itself, for six months from the day they were told."""
    notice, copies = left(service, caller, copies=3, language="de")
    assert left_copies.tell_due(service) == 0  # the hour is not over
    (letter,) = told(service)
    assert all(copy in letter for copy in copies)
    assert letter.count("Der Titel nutzt nicht, was die Meldung nennt.") == 1
    assert left_copies.tell_due(service) == 0

    ends = deadline("complaint-window", service.now(), service.settings.legal_zone).due_at
    filed = {by_link(service, notice, copy).subject_id for copy in copies[:2]}
    assert filed == {case.id for case in noticed.cases(service, "stay_down")[:2]}
    with service.database.reading() as session:
        seen = left_copies.of_notice(service, session, noticed.read(service, notice.id))
    assert [each.track_id for each in seen if each.appeal] == sorted(copies[:2])
    assert [each.until for each in seen if not each.appeal] == [ends]
    casework.at(service, ends - timedelta(seconds=1))
    with service.database.reading() as session:
        assert len(left_copies.of_notice(service, session, notice)) == 3
    casework.at(service, ends)
    with pytest.raises(IllegalTransitionError, match="too late"):
        by_link(service, notice, copies[2])


def test_copies_of_one_notice_are_left_by_one_verdict(service, caller) -> None:
    """DSA-20: those of another notice are not; all who are told read it in one letter."""
    notice = acted_on(service, caller, copies=3)
    other = noticed.sent(
        service,
        caller,
        casework.decided_track(service, caller).id,
        reference_id=notice.reference_id,
    )
    noticed.decided(service, other.id)
    rita = casework.person(service, caller, "rita")
    own = {each.id for each in noticed.cases(service, "stay_down") if each.matter_id == notice.id}
    for case_id in sorted(own):
        first = cases.lease(service, rita, case_id)
        hearings.hear(service, rita, case_id)
    assert len(noticed.cases(service, "stay_down")) == 6
    found = bulk_verdicts.duplicates(service, rita, first.id, "reference")
    assert set(found.case_ids) == own

    bulk_verdicts.decide(service, rita, first.id, "reference", found.case_ids, LEFT)
    reviewing.later(service, minutes=10)

    (letter,) = told(service)
    assert notice.id in letter and letter.count("\n- ") == 3


def test_a_verdict_that_is_taken_back_tells_nobody(service, caller) -> None:
    notice = acted_on(service, caller)
    (case,) = noticed.cases(service, "stay_down")
    rita = casework.person(service, caller, "rita")
    reviewing.decided(service, rita, case, LEFT)
    verdicts.undo(service, rita, case.id)
    verdicts.decide(service, rita, case.id, Verdict("block", "notice.copy"))
    reviewing.later(service, minutes=10)

    assert told(service) == []
    assert states(service, notice)[case.track_id] == "actioned"


@pytest.mark.parametrize("when", ["before it is decided", "before it is told", "before the appeal"])
def test_a_notice_that_is_given_up_leaves_nothing_to_appeal(service, caller, when) -> None:
    """DSA-20: what the sender took back asks for nothing any more."""
    if when == "before it is decided":
        notice = acted_on(service, caller)
        (named,) = (
            row.track_id for row in noticed.tracks_of(service, notice.id) if row.origin == "named"
        )
        officer = casework.person(service, caller, "olga", "appeals_officer")
        won = noticed.COUNTER | {"location": [named]}
        made = counter_notices.file(service, caller, notice, named, won)
        counter_notices.override(service, officer, made, "It is a mistake.")
        (case,) = noticed.cases(service, "stay_down")
        reviewing.decided(service, casework.person(service, caller, "rita"), case, LEFT)
        reviewing.later(service, minutes=10)
        assert told(service) == []
    else:
        notice, _ = left(service, caller)
        if when == "before the appeal":
            told(service)
        notices.retract(service, notice, caller)
        assert len(told(service)) == (when == "before the appeal")
    (case,) = noticed.cases(service, "stay_down")
    assert states(service, notice)[case.track_id] == "refused"

    with pytest.raises(IllegalTransitionError, match=r"for this notice|holds nothing"):
        by_link(service, notice, case.track_id)


def test_only_the_sender_appeals_a_copy_and_only_once_they_were_told(service, caller) -> None:
    notice, (copy,) = left(service, caller)
    with pytest.raises(IllegalTransitionError, match="once they were told"):
        by_link(service, notice, copy)
    told(service)
    for track_id, token in ((copy, "another"), ("0" * 36, token_of(service, notice))):
        asked = AppealAsked("copy", notice.id, "No.", token=token, track_id=track_id)
        with pytest.raises(NotFoundError):
            appealing.file(service, None, asked)


def test_an_unfounded_appeal_of_a_copy_counts_as_its_senders(service, caller) -> None:
    """DSA-23: as other complaints of theirs do."""
    notice, copies = left(service, caller, copies=5)
    told(service)
    officer = casework.person(service, caller, "olga", "appeals_officer")
    for copy in copies:
        row = by_link(service, notice, copy)
        decided(service, officer, row, outcome="deny", misuse="unfounded")

    (case,) = noticed.cases(service, "misuse")
    assert case.reasons[0]["text"] == "5 of 5 were manifestly unfounded"


def test_two_at_once_write_one_letter_and_file_one_appeal(both) -> None:
    """DSA-20: whichever worker and whichever of the sender's windows comes first."""
    service, caller = both
    notice, (copy,) = left(service, caller)
    casework.at(service, service.now() + left_copies.GATHERED)

    def file(_: int) -> str:
        try:
            return by_link(service, notice, copy).state
        except IllegalTransitionError as error:
            return "again" if "appealed already" in str(error) else str(error)

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda _: left_copies.tell_due(service), range(4)))) == 4
        filed = list(pool.map(file, range(4)))
    assert len(casework.letters(service, template="notice-copies-left")) == 1
    assert sorted(filed) == ["again", "again", "again", "filed"]


def test_who_has_a_copy_that_was_left_reads_nothing_of_its_uploaders_appeals(
    service, caller
) -> None:
    _, (copy,) = left(service, caller)
    told(service)
    rita, olga = (
        casework.person(service, caller, *each) for each in (("ron",), ("olga", "appeals_officer"))
    )
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, copy)
        ruling = Ruling("block", "human.terms", "It breaks the terms.")
        rulings.rule(service, session, track, ruling, rita.actor)
    inline.drive(service, copy)
    row = appealing.file(service, caller, AppealAsked("track", copy, "It does not."))
    decided(service, olga, row, outcome="deny")

    assert not casework.letters(service, template="appeal-told")


@pytest.mark.parametrize("erased", [False, True])
def test_a_copy_that_its_uploader_took_back_is_neither_told_of_nor_appealed(
    service, caller, erased
) -> None:
    """DSA-16, DSA-20: a sender is not told that a track stays which is gone."""
    notice, (first, second, third) = left(service, caller, copies=3)

    def take_back(track_id: str) -> None:
        if erased:
            erasure.erase_track(service, track_id, "they asked")
        else:
            tracks.withdraw(service, caller, track_id)

    take_back(first)
    (letter,) = told(service)
    assert first not in letter and second in letter
    assert states(service, notice)[first] == "gone"

    take_back(second)
    with service.database.reading() as session:
        seen = left_copies.of_notice(service, session, noticed.read(service, notice.id))
    assert {each.track_id: each.until is not None for each in seen} == {second: False, third: True}
    with pytest.raises(IllegalTransitionError, match="gone for this notice"):
        by_link(service, notice, second)
    assert left_copies.tell_due(service) == 0


def test_an_officer_reads_why_a_copy_was_left_in_their_language_with_what_was_added(
    service, caller
) -> None:
    notice = acted_on(service, caller)
    (case,) = noticed.cases(service, "stay_down")
    added = Verdict(LEFT.verdict, LEFT.reason, "I compared both choruses.")
    reviewing.decided(service, casework.person(service, caller, "rita"), case, added)
    reviewing.later(service, minutes=10)
    (letter,) = told(service)
    assert notice.id in letter and "choruses" not in letter

    with service.database.reading() as session:
        verdict = left_copies.verdict_on(session, case.id)
        assert left_copies.words_of(session, verdict, "de") == (
            "Der Titel nutzt nicht, was die Meldung nennt. I compared both choruses."
        )


def test_who_takes_a_notice_back_sees_the_copy_that_an_appeal_just_took_down(
    make_service, postgresql_url
) -> None:
    """Its rows are read before its tracks are locked: what was done meanwhile has to come back, too."""
    service = make_service(database_url=postgresql_url, second_review_share=0)
    casework.at(service, service.now())
    caller = add_tenant(service)
    notice, (copy,) = left(service, caller)
    told(service)
    row = by_link(service, notice, copy)
    officer = casework.person(service, caller, "olga", "appeals_officer")

    with service.database.transaction() as session:
        rows = notice_tracks.of_notice(session, notice.id)
        decided(service, officer, row, outcome="grant")
        notice_tracks.lock_all(session, rows)
        assert {each.track_id: each.state for each in rows}[copy] == "actioned"
