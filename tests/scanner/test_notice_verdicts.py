"""What people decide on notices, and what follows: takedowns, labels, refusals, and the work's copies."""

from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlmodel import select

import appeals
from scanner import cases, edits, inline, notice_verdicts, notices, stay_down, verdicts
from scanner.audio.mending import Part
from scanner.callers import Caller
from scanner.console import review
from scanner.errors import IllegalTransitionError
from scanner.notice_verdicts import NoticeVerdict
from scanner.notices import BadNoticeError
from scanner.reasons import BadVerdictError
from scanner.service import Service
from scanner.tables import Case, NoticeTrack, PolicyDecision, StatementOfReasons
from scanner.verdicts import Verdict
from tests import casework, claiming, noticed, rollouts
from tests.casework import decision_of
from tests.noticed import MONDAY
from tests.running import add_tenant


@pytest.fixture
def both(make_service, database_url) -> tuple[Service, Caller]:
    service = make_service(database_url=database_url)
    return service, add_tenant(service)


def test_every_named_track_is_taken_down_with_statement_and_letters(service, caller) -> None:
    """DMCA-T, DSA-17: the uploader is told in the transaction of the decision."""
    who = casework.account(service, caller)
    ours = [casework.decided_track(service, caller, account_id=who.id) for _ in range(2)]
    other = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, *(f"https://m.example/t/{each.id}" for each in ours))

    rows = noticed.decided(service, notice.id)

    assert {casework.track_of(service, each.id).state for each in ours} == {"blocked"}
    assert casework.track_of(service, other.id).state == "released"
    with service.database.reading() as session:
        for row in rows:
            statement = session.get_one(StatementOfReasons, row.statement_id)
            assert "It is a copy of the song." in statement.text
            assert not statement.automated_decision
    letters = casework.letters(service, recipient_id=who.id, template="notice-taken-down")
    assert [each.template for each in letters] == ["notice-taken-down"] * 2
    assert "six months" in letters[0].body and "counter-notice" in letters[0].body
    assert noticed.cases(service, "notice")[0].closed_at is None  # the caller closes the case


def test_rules_never_act_on_a_notice(service, caller) -> None:
    """DSM-17-7."""
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)
    clock = appeals.Actor(appeals.Role.SYSTEM, "pipeline")

    with (
        pytest.raises(appeals.MissingPartError, match="manifest"),
        service.database.transaction() as session,
    ):
        notice_verdicts.decide(service, session, notice, noticed.ACTION, clock)

    assert casework.track_of(service, track.id).state == "released"


def test_a_refusal_is_told_with_redress_and_closed_after_six_months(service, caller) -> None:
    """DSA-16, DSA-20."""
    casework.at(service, MONDAY)
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)

    (row,) = noticed.decided(service, notice.id, noticed.REFUSE)

    assert (row.state, noticed.read(service, notice.id).state) == ("refused", "refused")
    assert casework.track_of(service, track.id).state == "released"
    (letter,) = casework.letters(service, template="notice-refused")
    for part in (
        "The uploader has a licence.",
        "23 May 2027 (Eastern Time)",
        "no part in it",
        "court",
    ):
        assert part in letter.body
    casework.later(service, days=180)
    assert noticed.read(service, notice.id).state == "refused"
    casework.later(service, days=3)
    assert noticed.read(service, notice.id).state == "closed"


def test_a_track_that_is_still_analysed_is_taken_down_once_it_is_decided(both) -> None:
    service, caller = both
    event = rollouts.analysed(service, caller)
    notice = noticed.sent(service, caller, event.subject)

    (row,) = noticed.decided(service, notice.id)
    assert row.state == "waiting"
    inline.drive(service, event.subject)

    assert casework.track_of(service, event.subject).state == "blocked"
    (row,) = noticed.tracks_of(service, notice.id)
    assert row.state == "actioned" and row.statement_id


def test_a_likeness_gets_a_label_and_countries_limit_a_block(service, caller) -> None:
    """VOICE, AIA-50-4."""
    first, second = (casework.decided_track(service, caller) for _ in range(2))
    likeness = noticed.sent(service, caller, first.id, form="likeness")
    local = noticed.sent(service, caller, second.id)

    noticed.decided(service, likeness.id)
    noticed.decided(service, local.id, replace(noticed.ACTION, remedy="block:DE,AT"))

    assert casework.track_of(service, first.id).state == "conditioned"
    assert decision_of(service, first.id).restrictions[0]["kind"] == "label"
    limited = decision_of(service, second.id)
    assert limited.outcomes == {"*": "clear", "DE": "block", "AT": "block"}
    assert casework.track_of(service, second.id).state == "conditioned"


@pytest.mark.parametrize(("form", "remedy"), [("likeness", "label"), ("dmca", "block:AT")])
def test_half_a_remedy_does_not_let_out_what_another_notice_blocked(
    service, caller, form, remedy
) -> None:
    track = casework.decided_track(service, caller)
    noticed.decided(service, noticed.sent(service, caller, track.id).id)
    second = noticed.sent(service, caller, track.id, form=form)

    noticed.decided(service, second.id, replace(noticed.ACTION, remedy=remedy))

    assert casework.track_of(service, track.id).state == "blocked"


def test_each_of_two_notices_keeps_its_countries_until_it_is_taken_back(service, caller) -> None:
    track = casework.decided_track(service, caller)
    both = [noticed.sent(service, caller, track.id) for _ in range(2)]
    outcomes = []
    for notice, place in zip(both, ("DE", "AT"), strict=True):
        noticed.decided(service, notice.id, replace(noticed.ACTION, remedy=f"block:{place}"))
        outcomes.append(decision_of(service, track.id).outcomes)
    for notice in both:
        notices.retract(service, notice, caller)
        inline.drive(service, track.id)
        outcomes.append(decision_of(service, track.id).outcomes)

    assert outcomes == [
        {"*": "clear", "DE": "block"},
        {"*": "clear", "DE": "block", "AT": "block"},
        {"*": "clear", "AT": "block"},
        {"*": "clear"},
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        NoticeVerdict("maybe", "x", "y"),
        replace(noticed.ACTION, remedy="label"),
        replace(noticed.ACTION, remedy="block:Germany"),
        replace(noticed.ACTION, misuse="annoying"),
    ],
)
def test_a_verdict_that_there_is_not_changes_nothing(service, caller, wrong) -> None:
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)

    with pytest.raises(BadNoticeError):
        noticed.decided(service, notice.id, wrong)

    assert noticed.read(service, notice.id).state == "valid"


def test_what_a_track_went_through_is_not_read_for_each_notice(both) -> None:
    """However many decisions there were on a track, a notice asks for its own."""
    service, caller = both
    track = casework.decided_track(service, caller)
    for _ in range(8):
        claiming.ruled(service, caller, track.id, "clear")
    notice = noticed.sent(service, caller, track.id)
    read: list[PolicyDecision] = []

    def note(row: PolicyDecision, _: object) -> None:
        read.append(row)

    event.listen(PolicyDecision, "load", note)
    try:
        with service.database.transaction() as session:
            case = session.exec(select(Case).where(Case.matter_id == notice.id)).one()
            notice_verdicts.apply(service, session, case, noticed.ACTION, noticed.RITA)
    finally:
        event.remove(PolicyDecision, "load", note)

    assert len({row.id for row in read}) == 1  # what stood before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_track_comes_back_when_the_last_of_two_notices_is_taken_back(
    service, caller, order
) -> None:
    track = casework.decided_track(service, caller)
    both = [noticed.sent(service, caller, track.id) for _ in range(2)]
    for each in both:
        noticed.decided(service, each.id)

    states = []
    for n in order:
        notices.retract(service, both[n], caller)
        inline.drive(service, track.id)
        states.append(casework.track_of(service, track.id).state)

    assert states == ["blocked", "released"]


def test_copies_of_the_work_go_before_a_person_stored_ones_and_new_ones(both) -> None:
    """DSM-17-9: nothing that is found by the work is taken down by rules."""
    service, caller = both
    work = noticed.referenced(service, caller)
    stored = noticed.analysed_copy(service, caller, work)
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id, isrc="us-rc1-76-07839")
    assert noticed.read(service, notice.id).reference_id == work

    noticed.decided(service, notice.id)
    new = noticed.analysed_copy(service, caller, work)

    found = noticed.cases(service, "stay_down")
    assert [case.track_id for case in found] == [stored, new]
    asked = [review.choices(service, case).notice_form for case in found]
    assert asked == [None, None]  # a verdict on a copy takes no remedy and finds no misuse
    (case,) = noticed.cases(service, "notice")
    assert review.choices(service, case).notice_form == "dmca"
    before = casework.track_of(service, new).state
    assert before != "blocked"
    assert casework.track_of(service, track.id).state == "blocked"
    for case, verdict in zip(found, (noticed.BLOCK, noticed.REFUSE), strict=True):
        with service.database.transaction() as session:
            stay_down.apply(service, session, case, verdict, noticed.RITA)
        inline.drive(service, case.track_id)
    assert casework.track_of(service, stored).state == "blocked"
    assert casework.track_of(service, new).state == before
    states = {row.track_id: row.state for row in noticed.tracks_of(service, notice.id)}
    assert states == {track.id: "actioned", stored: "actioned", new: "refused"}


def test_copies_that_were_too_many_for_one_decision_follow(both) -> None:
    """DSM-17-9."""
    service, caller = both
    work = noticed.referenced(service, caller)
    copies = [noticed.analysed_copy(service, caller, work) for _ in range(4)]
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id, reference_id=work)
    noticed.decided(service, notice.id)
    with service.database.transaction() as session:
        for copy in copies[1:]:  # as if the decision had stopped after the first
            session.delete(session.get_one(NoticeTrack, (notice.id, copy)))

    assert [stay_down.find_more(service, most=2) for _ in range(3)] == [2, 1, 0]
    states = {row.track_id: row.state for row in noticed.tracks_of(service, notice.id)}
    assert {states[copy] for copy in copies} == {"found"}


def test_after_a_retraction_no_copy_is_looked_for(service, caller) -> None:
    work = noticed.referenced(service, caller)
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id, reference_id=work)
    noticed.decided(service, notice.id)
    notices.retract(service, notice, caller)
    inline.drive(service, track.id)

    noticed.analysed_copy(service, caller, work)

    assert noticed.cases(service, "stay_down") == []


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Verdict("action", "notice.copy", territories=("DE",)), "said by remedy"),
        (Verdict("action", "notice.copy", remedy="block:Germany"), "ISO 3166"),
        (Verdict("refuse", "notice.not-the-work", remedy="block:DE"), "action"),
    ],
)
def test_a_takedown_is_never_wider_than_its_reviewer_said(service, caller, wanted, says) -> None:
    """What limits it is taken or refused at once, never dropped."""
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)
    (case,) = noticed.cases(service, "notice")
    rita = casework.person(service, caller, "rita")
    cases.lease(service, rita, case.id)

    with pytest.raises((BadNoticeError, BadVerdictError), match=says):
        verdicts.decide(service, rita, case.id, wanted)

    assert noticed.read(service, notice.id).state == "valid"
    assert casework.track_of(service, track.id).state == "released"


def test_a_small_change_is_no_way_round_a_takedown(service, caller) -> None:
    """DMCA-R: what a notice took down comes back by a counter-notice or an appeal."""
    track = casework.decided_track(service, caller, sha256="0" * 64)
    noticed.decided(service, noticed.sent(service, caller, track.id).id)

    with pytest.raises(IllegalTransitionError, match="counter-notice or an appeal"):
        edits.mend(service, caller, track.id, [Part("mute", 1.0, 2.0)])
