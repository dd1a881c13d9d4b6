"""Matters that nobody ended, or that ended too much: each has a clock, a last word, and its own effect only."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlmodel import select

import appeals
from scanner import (
    appeal_outcomes,
    appealing,
    cases,
    counter_notices,
    evidence,
    inline,
    notices,
    tracks,
    verdicts,
)
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.clock import new_id
from scanner.declarations import Declaration, DeclarationError
from scanner.errors import ForbiddenError, IllegalTransitionError
from scanner.journal import Actor
from scanner.notice_senders import token_of
from scanner.notices import Filing
from scanner.tables import Appeal, CounterNotice, Evidence, Track
from scanner.tracks import Source
from scanner.verdicts import Verdict
from tests import casework, noticed
from tests.running import add_tenant


def test_a_notice_that_nobody_confirms_lapses_after_a_week(service, caller) -> None:
    """DSA-16: what an address never stood behind is not kept waiting for good."""
    casework.at(service, service.now())
    track = casework.decided_track(service, caller)
    filing = Filing("dmca", noticed.DMCA | {"location": [track.id]}, language="fr")
    made, kept = (notices.file_publicly(service, caller.tenant_id, filing) for _ in range(2))
    notices.confirm(service, kept.id, token_of(service, kept))

    casework.later(service, days=9)

    assert (noticed.read(service, made.id).state, noticed.read(service, kept.id).state) == (
        "lapsed",
        "valid",
    )
    (letter,) = casework.letters(service, matter_id=made.id, template="notice-unconfirmed")
    assert letter.subject == "Votre notification n'a pas été confirmée"
    with pytest.raises(IllegalTransitionError, match="send it anew"):
        notices.confirm(service, made.id, token_of(service, made))


def test_a_counter_notice_that_is_not_completed_lapses_and_can_be_sent_again(
    service, caller
) -> None:
    """DMCA-CN."""
    casework.at(service, service.now())
    who = casework.account(service, caller)
    track = casework.decided_track(service, caller, account_id=who.id)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id)
    half = {"signature": "Cleo Creator"}
    made = counter_notices.file(service, caller, notice, track.id, half)
    (asked,) = casework.letters(service, template="counter-incomplete")
    assert "lapses" in asked.body

    casework.later(service, days=16)

    with service.database.reading() as session:
        assert session.get_one(CounterNotice, made.id).state == "lapsed"
    assert casework.letters(service, recipient_id=who.id, template="counter-lapsed")
    again = counter_notices.file(
        service, caller, notice, track.id, noticed.COUNTER | {"location": [track.id]}
    )
    assert again.state == "waiting"


def test_a_notice_is_taken_back_after_it_was_closed(service, caller) -> None:
    casework.at(service, service.now())
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id)
    casework.later(service, days=190)
    assert noticed.read(service, notice.id).state == "closed"

    notices.retract(service, notice, caller)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"


@pytest.mark.parametrize("form", ["order", "threat"])
@pytest.mark.parametrize("who", ["holder_id", "flagger_id"])
def test_only_the_platform_sends_what_an_authority_says(service, caller, form, who) -> None:
    """DSA-15, DSA-18: that it is an authority is known by who vouches for it."""
    with pytest.raises(ForbiddenError, match="authority"):
        notices.file(service, replace(caller, **{who: new_id()}), Filing(form, {}))
    assert notices.file(service, caller, Filing(form, {})).state == "incomplete"


def test_a_counter_notice_frees_its_own_track_and_the_work_is_looked_for_on(
    service, caller
) -> None:
    """DMCA-R, stay-down: until none of the tracks that the notice names is down."""
    officer = casework.person(service, caller, "olga", "appeals_officer")
    work = noticed.referenced(service, caller)
    named = [noticed.analysed_copy(service, caller, work) for _ in range(2)]
    notice = noticed.sent(service, caller, *named, reference_id=work)
    noticed.decided(service, notice.id)

    found = []
    for track_id in named:
        elements = noticed.COUNTER | {"location": [track_id]}
        made = counter_notices.file(service, caller, notice, track_id, elements)
        counter_notices.override(service, officer, made, "It is a mistake.")
        inline.drive(service, track_id)
        noticed.analysed_copy(service, caller, work)
        found.append(len(noticed.cases(service, "stay_down")))

    assert found == [1, 1]
    assert {casework.track_of(service, each).state for each in named} == {"released"}


def test_nothing_is_said_to_an_appeal_that_was_decided(service, caller) -> None:
    officer = casework.person(service, caller, "olga", "appeals_officer")
    track = casework.decided_track(service, caller)
    noticed.decided(service, noticed.sent(service, caller, track.id).id)
    row = appealing.file(service, caller, AppealAsked("track", track.id, "No."))
    appealing.say(service, caller, row.id, "It is mine.")
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("deny", "It is a copy."))

    with pytest.raises(IllegalTransitionError, match="nobody reads"):
        appealing.say(service, caller, row.id, "But!")


@pytest.mark.parametrize("verdict", ["warn", "suspend"])
def test_a_reviewer_warns_and_suspends_nobody(service, caller, verdict) -> None:
    """DSA-23: that is an officer's; a reviewer passes the case up, or dismisses it."""
    track = casework.decided_track(service, caller)
    grave = replace(noticed.REFUSE, misuse="grave")
    for _ in range(2):
        noticed.decided(service, noticed.sent(service, caller, track.id).id, grave)
    (case,) = noticed.cases(service, "misuse")
    rita, olga = (
        casework.person(service, caller, name, role)
        for name, role in (("rita", "reviewer"), ("olga", "appeals_officer"))
    )
    cases.lease(service, rita, case.id)
    with pytest.raises(appeals.NotAllowedError, match="escalate the case"):
        verdicts.decide(service, rita, case.id, Verdict(verdict, "misuse.frequent"))
    cases.escalate(service, rita, case.id, "It is for you.")
    cases.lease(service, olga, case.id)
    assert (
        verdicts.decide(service, olga, case.id, Verdict(verdict, "misuse.frequent")).state
        == "decided"
    )


def test_files_are_counted_while_nobody_adds_another(make_service, database_url) -> None:
    """Two who send the last one at once: one is told that there are enough."""
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    track = casework.decided_track(service, caller)
    noticed.decided(service, noticed.sent(service, caller, track.id).id)
    row = appealing.file(service, caller, AppealAsked("track", track.id, "No."))
    for n in range(evidence.MOST - 1):
        appealing.add_evidence(service, caller, row.id, f"{n}.txt", "words")
    blob = service.store.put_bytes(caller.tenant_id, b"words")
    refused: list[Exception] = []

    def add() -> None:
        by = Actor("key", "platform")
        try:
            evidence.add(
                service, caller.tenant_id, (Appeal.KIND, row.id), by, "a", "text/plain", blob
            )
        except DeclarationError as error:
            refused.append(error)

    together(add, 4)

    with service.database.reading() as session:
        kept = session.exec(select(Evidence).where(Evidence.matter_id == row.id)).all()
    assert (len(kept), len(refused)) == (evidence.MOST, 3)
    with pytest.raises(DeclarationError):
        appealing.add_evidence(service, caller, row.id, "more.txt", "words")


def together(act: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=act) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def test_a_submission_stands_or_falls_with_what_is_written_with_it(service, caller) -> None:
    """A new version of a track is never there without the note that it replaces the old one."""

    def fail(_session: object, _track: object) -> None:
        raise IllegalTransitionError("the old version was withdrawn")

    source = Source(url="https://example.org/a.wav")
    with pytest.raises(IllegalTransitionError):
        tracks.submit(
            service, caller, source, Declaration.parse({}), entrance="edit", key="k", also=fail
        )

    with service.database.reading() as session:
        assert session.exec(select(Track)).all() == []
    assert tracks.submit(service, caller, source, Declaration.parse({}), entrance="edit", key="k")
