"""Notices about tracks: decided by people, followed by the work's copies, weighed for misuse."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlmodel import select

import appeals
from appeals.standing import MisusePolicy
from scanner import (
    cases,
    edits,
    flaggers,
    inline,
    notice_verdicts,
    notice_views,
    notices,
    stay_down,
    verdicts,
)
from scanner.audio.mending import Part
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.console import review
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.notice_verdicts import NoticeVerdict
from scanner.notices import BadNoticeError, Filing
from scanner.reasons import BadVerdictError
from scanner.service import Service
from scanner.tables import (
    Case,
    Flagger,
    NoticeTrack,
    PolicyDecision,
    Sanction,
    StatementOfReasons,
)
from scanner.verdicts import Verdict
from tests import casework, claiming, noticed, rollouts
from tests.running import add_tenant

MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.fixture
def both(make_service, database_url) -> tuple[Service, Caller]:
    service = make_service(database_url=database_url)
    return service, add_tenant(service)


def decision_of(service: Service, track_id: str) -> PolicyDecision:
    with service.database.reading() as session:
        track = casework.track_of(service, track_id)
        return session.get_one(PolicyDecision, track.decision_id)


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


def test_a_creator_sees_neither_the_sender_nor_the_tracks_of_others(service, caller) -> None:
    """DSA-17: the sender's identity only where it is strictly necessary."""
    who = casework.account(service, caller)
    own = casework.decided_track(service, caller, account_id=who.id)
    other = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, own.id, other.id, form="likeness")
    creator = replace(caller, account_id=who.id)

    with service.database.reading() as session:
        view = notice_views.describe(session, notice, creator)

    assert set(view["elements"]) == {"person", "reason", "good_faith"}
    assert [each["track_id"] for each in view["tracks"]] == [own.id]


def test_a_creator_is_not_shown_who_warned_of_a_threat(service, caller) -> None:
    """DSA-18."""
    who = casework.account(service, caller)
    track = casework.decided_track(service, caller, account_id=who.id)
    elements = {"reason": "Someone is in danger.", "location": [track.id]}
    notice = notices.file(service, caller, Filing("threat", elements))
    creator = replace(caller, account_id=who.id)

    with pytest.raises(NotFoundError):
        notice_views.find(service, creator, notice.id)

    with service.database.reading() as session:
        assert notice_views.listed(session, creator, limit=9) == []


def test_threats_come_before_trusted_flaggers_and_these_before_others(service, caller) -> None:
    """DSA-18, DSA-22."""
    casework.at(service, MONDAY)
    track = casework.decided_track(service, caller)
    flagger, _ = flaggers.add(service, caller, "Music Watch", "desk@watch.example")
    noticed.sent(service, caller, track.id)
    noticed.sent(service, replace(caller, flagger_id=flagger.id), track.id)
    threat = {"reason": "A bomb.", "location": ["https://elsewhere.example/x"]}
    notices.file(service, caller, Filing("threat", threat))

    plain, trusted, life = noticed.cases(service, "notice")

    assert life.priority > trusted.priority > plain.priority
    assert trusted.legal_due_at - trusted.opened_at == timedelta(hours=4)


def test_a_flagger_who_is_too_often_wrong_loses_the_status_and_is_told(
    make_service,
) -> None:
    """DSA-22."""
    service = make_service(flagger_minimum=3, flagger_precision=0.6)
    caller = add_tenant(service)
    track = casework.decided_track(service, caller)
    flagger, _ = flaggers.add(service, caller, "Music Watch", "desk@watch.example")
    by_flagger = replace(caller, flagger_id=flagger.id)

    states = []
    for verdict in (noticed.ACTION, noticed.REFUSE, noticed.REFUSE):
        noticed.decided(service, noticed.sent(service, by_flagger, track.id).id, verdict)
        with service.database.reading() as session:
            states.append(session.get_one(Flagger, flagger.id).state)

    assert states == ["trusted", "trusted", "lost"]
    (letter,) = casework.letters(service, template="flagger-lost")
    assert letter.address == "desk@watch.example" and "of 3 of your notices" in letter.body
    noticed.sent(service, by_flagger, track.id)
    last, other = noticed.cases(service, "notice")[-1], noticed.cases(service, "notice")[0]
    assert last.priority < other.priority


def test_frequent_misuse_asks_a_person_to_warn_and_then_to_suspend(service, caller) -> None:
    """DSA-23: the four factors, a warning first, and nobody is suspended by rules."""
    track = casework.decided_track(service, caller)
    unfounded = replace(noticed.REFUSE, misuse="unfounded")
    for _ in range(5):
        assert noticed.cases(service, "misuse") == []
        noticed.decided(service, noticed.sent(service, caller, track.id).id, unfounded)

    (case,) = noticed.cases(service, "misuse")
    (reason,) = case.reasons
    assert reason["suggests"] == "warning"
    assert reason["factors"] == {"count": 5, "share": 1.0, "gravity": "minor", "intent": False}
    noticed.decided(service, noticed.sent(service, caller, track.id).id, unfounded)
    assert len(noticed.cases(service, "misuse")) == 1

    warning = Sanction(
        id=new_id(),
        tenant_id=caller.tenant_id,
        party_kind=reason["party_kind"],
        party_id=reason["party_id"],
        what="notices",
        kind="warning",
        state="in_force",
        factors=reason["factors"],
        reason="Five unfounded notices.",
        signed_by="olga",
        starts_at=service.now(),
        created_at=service.now(),
    )
    with service.database.transaction() as session:
        session.add(warning)
        session.get_one(Case, case.id).closed_at = service.now()
    noticed.decided(service, noticed.sent(service, caller, track.id).id, unfounded)
    assert noticed.cases(service, "misuse")[-1].reasons[0]["suggests"] == "suspension"


def test_notices_of_more_than_a_year_ago_count_neither_way(service, caller) -> None:
    """DSA-23: number and share are of one time frame, Art. 23(3)(a) and (b)."""
    track = casework.decided_track(service, caller)

    def decided(count: int, verdict: NoticeVerdict) -> None:
        for _ in range(count):
            noticed.decided(service, noticed.sent(service, caller, track.id).id, verdict)

    unfounded = replace(noticed.REFUSE, misuse="unfounded")
    decided(4, unfounded)
    decided(5, noticed.REFUSE)
    casework.at(service, service.now() + MisusePolicy().frame)
    decided(4, unfounded)
    assert noticed.cases(service, "misuse") == []
    decided(1, unfounded)
    (case,) = noticed.cases(service, "misuse")
    assert case.reasons[0]["text"] == "5 of 5 were manifestly unfounded"


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


def test_staff_and_creators_send_no_notices(service, caller) -> None:
    filing = Filing("dmca", noticed.DMCA)
    for other in (replace(caller, user_id="rita"), replace(caller, account_id="ana")):
        with pytest.raises(ForbiddenError):
            notices.file(service, other, filing)


def test_every_letter_about_notices_is_written_in_four_languages() -> None:
    from scanner.letters import LANGUAGES, texts

    ours = {name: each for name, each in texts().items() if name.startswith(("notice", "counter"))}

    assert len(ours) >= 14
    for each in ours.values():
        assert set(each) == set(LANGUAGES)
        assert len({each[language]["body"] for language in LANGUAGES}) == len(LANGUAGES)


def test_a_letter_about_a_notice_reads_in_the_senders_language(service, caller) -> None:
    track = casework.decided_track(service, caller)
    for language, word in (("de", "Ihre Meldung"), ("fr", "Votre notification"), ("es", "Su")):
        notice = noticed.sent(service, caller, track.id, language=language)
        (letter,) = casework.letters(service, matter_id=notice.id)
        assert letter.language == language and word in letter.body


def test_a_notice_is_found_by_the_platforms_own_name_for_the_track(service, caller) -> None:
    track = casework.decided_track(service, caller, external_id="blue door 7")

    notice = noticed.sent(service, caller, "https://music.example/tracks/blue%20door%207")

    assert [row.track_id for row in noticed.tracks_of(service, notice.id)] == [track.id]
    stranger = add_tenant(service, "two")
    foreign = noticed.sent(service, stranger, track.id)
    assert foreign.state == "incomplete" and "location" in foreign.missing


def test_what_was_said_of_a_notice_is_in_its_events_by_ids_alone(service, caller) -> None:
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id)

    rows = casework.events(service, notice.id)

    assert [row.type.rpartition(".")[2] for row in rows] == ["received", "valid", "actioned"]
    assert rows[-1].data["detail"]["tracks"] == [track.id]
    assert all("ada@" not in str(row.data) and "Ada" not in str(row.data) for row in rows)


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
