"""Claims that became notices: what was held of their money is somebody's in the end (DSM-17-9, DMCA-R)."""

import pytest
from sqlmodel import select

from scanner import (
    appeal_outcomes,
    appealing,
    claim_releases,
    claims,
    disputes,
    inline,
    notices,
)
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.disputes import Answered, Filed
from scanner.service import Service
from scanner.tables import Claim, Holder, Notice, Track
from tests import casework, claiming, noticed
from tests.claiming import ATTESTED, WORDS

(CLAIMS,) = (each for each in GROUPS if each.name == "claims")
SWORN = {"signature": "Lea Bell", "good_faith": "good-faith-1", "accuracy": "accuracy-1"}


@pytest.fixture
def label(service, caller) -> Holder:
    casework.at(service, service.now())
    return claiming.holder(service, caller)


@pytest.fixture
def escalated(service, caller, label) -> tuple[Track, Claim, Notice]:
    """A claim that its holder took to a notice, which took the track down."""
    ana = casework.account(service, caller)
    song = claiming.reference(service, caller, label)
    track, claim = claiming.claimed(service, caller, song, account_id=ana.id)
    dispute = disputes.file(service, caller, Filed(claim.id, ["quotation"], WORDS, ATTESTED))
    given = Answered("escalate", "We insist.", elements=SWORN)
    disputes.answer(service, claiming.of(caller, label), dispute.id, given)
    with service.database.reading() as session:
        (notice,) = session.exec(select(Notice)).all()
    noticed.decided(service, notice.id)
    assert state_and_money(service, claim) == ("escalated", "held")
    return track, claim, notice


def state_and_money(service: Service, claim: Claim) -> tuple[str, str]:
    inline.drive_group(service, CLAIMS, claim.tenant_id)
    last = casework.events(service, claim.id)[-1]
    return last.type.rpartition(".")[2], last.data["detail"]["money_to"]


def appealed(service: Service, caller: Caller, track: Track) -> tuple[str, Caller]:
    officer = casework.person(service, caller, "olga", "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("track", track.id, "A quotation."))
    appealing.assign(service, officer, row.id)
    return row.id, officer


def test_what_was_held_is_the_holders_once_nobody_can_contest_the_notice(
    service, caller, escalated
) -> None:
    _, claim, notice = escalated
    casework.later(service, days=100)
    assert state_and_money(service, claim) == ("escalated", "held")

    casework.later(service, days=90)

    assert noticed.read(service, notice.id).state == "closed"
    assert state_and_money(service, claim) == ("escalated", "holder")


def test_what_was_held_waits_for_an_appeal_that_is_open(service, caller, escalated) -> None:
    track, claim, _ = escalated
    row, officer = appealed(service, caller, track)
    casework.later(service, days=190)
    assert state_and_money(service, claim) == ("escalated", "held")

    appeal_outcomes.decide(service, officer, row, AppealDecision("deny", "It is a copy."))

    assert state_and_money(service, claim) == ("escalated", "holder")


def test_an_appeal_won_frees_the_track_of_the_notice_and_of_the_claim_behind_it(
    service, caller, escalated
) -> None:
    track, claim, _ = escalated
    row, officer = appealed(service, caller, track)

    appeal_outcomes.decide(service, officer, row, AppealDecision("grant", "A quotation."))
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"
    assert state_and_money(service, claim) == ("released", "creator")


def test_a_notice_taken_back_frees_the_track_of_the_claim_that_it_was(
    service, caller, label, escalated
) -> None:
    track, claim, notice = escalated

    notices.retract(service, notice, claiming.of(caller, label), None)
    inline.drive(service, track.id)

    assert state_and_money(service, claim) == ("released", "creator")
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_what_became_a_notice_is_not_claimed_again_when_rules_judge_anew(
    service, caller, label
) -> None:
    """DSM-17-9: one match is argued once; its money is held once."""
    ana = casework.account(service, caller)
    songs = [claiming.reference(service, caller, label, each) for each in ("monetise", "block")]
    track, _ = claiming.claimed(service, caller, *songs, account_id=ana.id)
    by_song = {each.reference_id: each for each in claiming.claims(service, track.id)}
    first, second = (by_song[each.id] for each in songs)
    with service.database.transaction() as session:
        claims.activate(service, session, session.get_one(Claim, first.id), None)
    dispute = disputes.file(service, caller, Filed(first.id, ["quotation"], WORDS, ATTESTED))
    holder = claiming.of(caller, label)
    disputes.answer(service, holder, dispute.id, Answered("escalate", "We insist.", elements=SWORN))

    claim_releases.release(service, holder, second.id)
    inline.drive(service, track.id)

    states = {each.id: each.state for each in claiming.claims(service, track.id)}
    assert states == {first.id: "escalated", second.id: "released"}
