"""Disputes of claims, as the law and practice tell them: 30 days, silence releases, no one judges alone."""

from dataclasses import replace

import pytest
from sqlmodel import select

import appeals
from appeals.standing import Submissions
from scanner import (
    appeal_outcomes,
    appealing,
    claim_escalations,
    claim_precision,
    disputes,
    inline,
    judgements,
    notice_views,
    notices,
    sanctions,
)
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.declarations import DeclarationError
from scanner.disputes import Answered, Filed
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.journal import event_of
from scanner.notice_senders import SenderSuspendedError
from scanner.sanctions import SanctionAsked
from scanner.schemas.notices import NoticeAnswer
from scanner.service import Service
from scanner.tables import (
    Analysis,
    Claim,
    Dispute,
    Holder,
    JournalRow,
    Notice,
    PolicyDecision,
    Track,
)
from tests import casework, claiming, noticed, rollouts
from tests.claiming import ATTESTED, WORDS
from tests.running import add_tenant


@pytest.fixture
def claimed(service, caller, label) -> tuple[Track, Claim]:
    return _claimed(service, caller, label)


def _claimed(service: Service, caller: Caller, label: Holder) -> tuple[Track, Claim]:
    ana = casework.account(service, caller)
    song = claiming.reference(service, caller, label)
    return claiming.claimed(service, caller, song, account_id=ana.id)


def filed(service: Service, caller: Caller, claim: Claim, **more: object) -> Dispute:
    given = {"grounds": ["misidentified"], "text": WORDS, "attestation": ATTESTED} | more
    return disputes.file(service, caller, Filed(claim.id, **given))


def now_is(service: Service, track: Track, claim: Claim) -> tuple[str, str]:
    inline.drive(service, track.id)
    with service.database.reading() as session:
        return session.get_one(Track, track.id).state, session.get_one(Claim, claim.id).state


# DSM-17-9: a quick complaint, sent to the holder, who has 30 days; silence releases


def test_the_holders_silence_frees_the_track_on_both_databases(make_service, database_url) -> None:
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    track, claim = _claimed(service, caller, claiming.holder(service, caller))
    assert now_is(service, track, claim) == ("conditioned", "active")
    dispute = filed(service, caller, claim)
    assert now_is(service, track, claim) == ("conditioned", "disputed")

    casework.later(service, days=29)
    assert now_is(service, track, claim) == ("conditioned", "disputed")
    casework.later(service, days=3)

    assert now_is(service, track, claim) == ("released", "released")
    assert claiming.types(service, dispute.id) == [
        "dispute.opened",
        "dispute.with_claimant",
        "dispute.expired",
    ]
    with service.database.reading() as session:
        decision = session.get_one(PolicyDecision, casework.track_of(service, track.id).decision_id)
        assert session.get_one(Claim, claim.id).ground == "silence"
    assert (decision.ruled_by, decision.explanation["ground"]) == ("law", ["dispute", dispute.id])
    assert {each["rule"] for each in decision.explanation["exempted"]} == {"excluded-part"}
    told = [letter.template for letter in casework.letters(service)]
    assert told == [
        "statement-of-reasons",
        "claim-made",
        "dispute-forwarded",
        "claim-released",
        "dispute-lapsed",
    ]


def test_a_dispute_reaches_the_holder_with_its_last_day(service, caller, label, claimed) -> None:
    filed(service, caller, claimed[1])

    (letter,) = casework.letters(service, recipient_kind="holder")
    assert (letter.recipient_id, letter.address) == (label.id, "label@example.org")
    assert WORDS in letter.body
    assert "Answer until" in letter.body


def test_the_holder_releases_and_the_track_is_free(service, caller, label, claimed) -> None:
    track, claim = claimed
    dispute = filed(service, caller, claim)

    disputes.answer(service, claiming.of(caller, label), dispute.id, Answered("release"))

    assert now_is(service, track, claim) == ("released", "released")


def test_what_is_upheld_stands_and_can_be_appealed(service, caller, label, claimed) -> None:
    track, claim = claimed
    dispute = filed(service, caller, claim)
    given = Answered("uphold", "It is our master of 1999.")

    dispute = disputes.answer(service, claiming.of(caller, label), dispute.id, given)

    assert now_is(service, track, claim) == ("conditioned", "upheld")
    assert (dispute.state, dispute.answer) == ("upheld", "It is our master of 1999.")
    assert "appeal" in appeals.MACHINES["dispute"].allowed(dispute.state)
    (letter,) = casework.letters(service, template="dispute-upheld")
    assert "our master of 1999" in letter.body


def test_who_upholds_must_say_why(service, caller, label, claimed) -> None:
    dispute = filed(service, caller, claimed[1])

    with pytest.raises(DeclarationError, match="why"):
        disputes.answer(service, claiming.of(caller, label), dispute.id, Answered("uphold"))


def test_nobody_answers_twice_or_too_late(service, caller, label, claimed) -> None:
    dispute = filed(service, caller, claimed[1])
    given = Answered("uphold", "It is ours.")
    holder = claiming.of(caller, label)
    disputes.answer(service, holder, dispute.id, given)

    with pytest.raises(appeals.IllegalTransitionError):
        disputes.answer(service, holder, dispute.id, Answered("release"))


# Partial outcomes


def test_a_part_is_released_and_the_rest_stays_claimed(service, caller, label, claimed) -> None:
    track, claim = claimed
    dispute = filed(service, caller, claim, grounds=["only_this_segment"], segments=[(60.0, 120.0)])

    given = Answered("release", segments=[(60.0, 120.0)])
    disputes.answer(service, claiming.of(caller, label), dispute.id, given)
    inline.drive(service, track.id)

    (left,) = claiming.claims(service, track.id)
    assert left.state == "upheld"
    with service.database.reading() as session:
        analysis = session.get_one(Analysis, track.analysis_id)
        facts = judgements.facts_about(service, session, track, analysis)
    assert [each.matched_seconds for each in facts.matches] == [30.0]
    assert [(each["query_start"], each["query_end"]) for each in left.segments] == [(0, 30)]


def test_the_claim_stays_in_some_territories_only(service, caller, label, claimed) -> None:
    track, claim = claimed
    dispute = filed(service, caller, claim)
    given = Answered("uphold", "We hold it in Germany.", remedy="territory", territories=["DE"])

    disputes.answer(service, claiming.of(caller, label), dispute.id, given)
    inline.drive(service, track.id)

    decision = _decision(service, track)
    assert decision.outcomes == {"*": "clear", "DE": "restrict"}
    assert claiming.claims(service, track.id)[0].territories == ["DE"]


def test_an_answer_does_not_widen_a_claim(service, caller, label, claimed) -> None:
    with service.database.transaction() as session:
        session.get_one(Claim, claimed[1].id).territories = ["DE"]
    dispute = filed(service, caller, claimed[1])
    given = Answered("uphold", "Here too.", remedy="territory", territories=["DE", "US"])

    with pytest.raises(DeclarationError):
        disputes.answer(service, claiming.of(caller, label), dispute.id, given)

    assert claiming.claims(service, claimed[0].id)[0].territories == ["DE"]


def test_a_claim_goes_to_a_notice_which_says_what_it_lacks(service, caller, label, claimed) -> None:
    track, claim = claimed
    dispute = filed(service, caller, claim)
    given = Answered("escalate", "We insist.", elements={"signature": "Lea Bell"})

    disputes.answer(service, claiming.of(caller, label), dispute.id, given)

    assert now_is(service, track, claim) == ("conditioned", "escalated")
    with service.database.reading() as session:
        (notice,) = session.exec(select(Notice)).all()
    assert (notice.state, notice.holder_id) == ("incomplete", label.id)
    assert sorted(notice.missing) == ["accuracy", "good_faith"]
    assert notice.elements["location"] == [track.id]


@pytest.mark.parametrize("end", ["lapse", "retract"])
def test_a_claim_ends_with_the_notice_that_it_became(
    service, caller, label, claimed, end: str
) -> None:
    """DSM-17-9: a notice that comes to nothing keeps nobody's track claimed."""
    dispute = filed(service, caller, claimed[1])
    given = Answered("escalate", "We insist.", elements={"signature": "Lea Bell"})
    holder = claiming.of(caller, label)
    disputes.answer(service, holder, dispute.id, given)
    assert now_is(service, *claimed) == ("conditioned", "escalated")

    if end == "lapse":
        casework.later(service, days=15)
    else:
        with service.database.reading() as session:
            (notice,) = session.exec(select(Notice)).all()
        notices.retract(service, notice, holder, None)
    with service.database.reading() as session:
        (notice,) = session.exec(select(Notice)).all()
    claim_escalations.on_notice_over(service, event_of(casework.events(service, notice.id)[-1]))

    assert now_is(service, *claimed) == ("released", "released")
    last = event_of(casework.events(service, claimed[1].id)[-1])
    assert last.data["detail"]["money_to"] == "creator"
    with service.database.reading() as session:
        assert claim_precision.of(session, label.id) == (0.0, 1)


def test_a_claim_goes_to_a_whole_notice_which_a_person_decides(
    service, caller, label, claimed
) -> None:
    """DMCA-N, DSM-17-9."""
    dispute = filed(service, caller, claimed[1])
    sworn = {"signature": "Lea Bell", "good_faith": "good-faith-1", "accuracy": "accuracy-1"}

    disputes.answer(
        service,
        claiming.of(caller, label),
        dispute.id,
        Answered("escalate", "We insist.", elements=sworn),
    )

    with service.database.reading() as session:
        (notice,) = session.exec(select(Notice)).all()
        shown = notice_views.describe(session, notice)
    assert [each.matter_id for each in noticed.cases(service, "notice")] == [notice.id]
    NoticeAnswer.model_validate(shown)
    assert [(each["track_id"], each["state"]) for each in shown["tracks"]] == [
        (claimed[0].id, "named")
    ]
    told = [each.template for each in casework.letters(service, recipient_id=label.id)]
    assert told == ["dispute-forwarded", "notice-received"]


def test_a_holder_whose_notices_are_suspended_takes_no_claim_to_one(
    service, caller, label, claimed
) -> None:
    """DSA-23: by whatever way it comes; it is written down."""
    dispute = filed(service, caller, claimed[1])
    olga, otto = (casework.person(service, caller, n, "appeals_officer") for n in ("olga", "otto"))
    sent = Submissions(8, 6, "serious", True)
    given = SanctionAsked("holder", label.id, "notices", "warning", "Unfounded.", sent)
    sanctions.propose(service, olga, given)
    row = sanctions.propose(service, olga, replace(given, kind="suspension", days=30))
    sanctions.sign(service, otto, row.id, True, "I agree.")

    with pytest.raises(SenderSuspendedError, match="Unfounded"):
        disputes.answer(
            service, claiming.of(caller, label), dispute.id, Answered("escalate", "We insist.")
        )

    with service.database.reading() as session:
        assert session.exec(select(Notice)).all() == []
        turned = JournalRow.type == "clearance.notice.turned_away"
        assert len(session.exec(select(JournalRow).where(turned)).all()) == 1


# Money


@pytest.mark.parametrize(("days", "from_the_claim"), [(4, True), (6, False)])
def test_money_is_held_from_the_claim_where_the_dispute_came_at_once(
    service, caller, claimed, days: int, from_the_claim: bool
) -> None:
    claim = claimed[1]
    casework.later(service, days=days)

    filed(service, caller, claim)

    held = service.now() if not from_the_claim else claim.created_at
    event = casework.events(service, claim.id)[-1]
    assert event.data["detail"]["money_held_from"] == held.isoformat()
    casework.later(service, days=40)
    assert casework.events(service, claim.id)[-1].data["detail"]["money_to"] == "creator"


# Who may what


def test_a_dispute_says_everything_that_is_wrong_with_it(service, caller, claimed) -> None:
    wrong = {"grounds": ["because"], "text": "no", "attestation": {}, "segments": [(500.0, 2.0)]}

    with pytest.raises(DeclarationError) as caught:
        filed(service, caller, claimed[1], **wrong)

    assert [each["field"] for each in caught.value.errors] == [
        "grounds",
        "text",
        "attestation.name",
        "attestation.text_version",
        "segments",
    ]


def test_blocks_go_straight_to_appeal(service, caller, label) -> None:
    song = claiming.reference(service, caller, label, "block")
    _, claim = claiming.claimed(service, caller, song)

    with pytest.raises(IllegalTransitionError, match="appeal"):
        filed(service, caller, claim)


def test_another_holder_knows_nothing_of_it_and_a_holder_files_none(
    service, caller, label, claimed
) -> None:
    dispute = filed(service, caller, claimed[1])
    other = claiming.of(caller, claiming.holder(service, caller, "Other"))

    with pytest.raises(NotFoundError):
        disputes.answer(service, other, dispute.id, Answered("release"))
    with service.database.reading() as session:
        assert disputes.listed(session, other, limit=9, before=None, state=None) == []
    with pytest.raises(ForbiddenError):
        filed(service, claiming.of(caller, label), claimed[1])


def test_a_withdrawn_dispute_lets_the_claim_act_as_before(service, caller, claimed) -> None:
    dispute = filed(service, caller, claimed[1])

    disputes.withdraw(service, caller, dispute.id)

    assert now_is(service, *claimed) == ("conditioned", "active")


def test_what_a_holder_says_of_their_own_claim_makes_them_no_more_precise(
    service, caller, label, claimed
) -> None:
    """What others find counts, and what a holder lets go: not that they call themselves right."""
    dispute = filed(service, caller, claimed[1])
    holder, officer = (
        claiming.of(caller, label),
        casework.person(service, caller, "o", "appeals_officer"),
    )
    disputes.answer(service, holder, dispute.id, Answered("uphold", "It is ours."))
    song = claiming.reference(service, caller, label, title="Second")
    _, second = claiming.claimed(service, caller, song)
    filed(service, caller, second)
    casework.later(service, days=40)
    with service.database.reading() as session:
        assert claim_precision.of(session, label.id) == (0.0, 1)

    row = appealing.file(service, caller, AppealAsked("dispute", dispute.id, "It is not."))
    appealing.say(service, holder, row.id, "It is the whole chorus.")
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("deny", "It is theirs."))

    with service.database.reading() as session:
        assert claim_precision.of(session, label.id) == (0.5, 2)


def test_a_claim_that_is_lost_on_appeal_counts_against_its_holder_and_frees_the_money(
    service, caller, label, claimed
) -> None:
    dispute = filed(service, caller, claimed[1])
    holder, officer = (
        claiming.of(caller, label),
        casework.person(service, caller, "o", "appeals_officer"),
    )
    disputes.answer(service, holder, dispute.id, Answered("uphold", "It is ours."))
    row = appealing.file(service, caller, AppealAsked("dispute", dispute.id, "It is not."))
    appealing.say(service, holder, row.id, "It is the whole chorus.")
    appealing.assign(service, officer, row.id)

    appeal_outcomes.decide(service, officer, row.id, AppealDecision("grant", "A quotation."))

    assert now_is(service, *claimed) == ("released", "released")
    last = event_of(casework.events(service, claimed[1].id)[-1])
    assert last.data["detail"]["money_to"] == "creator"
    with service.database.reading() as session:
        assert claim_precision.of(session, label.id) == (0.0, 1)


def test_rules_made_anew_never_loosen_what_a_person_decided(
    service, caller, label, claimed
) -> None:
    track, claim = claimed
    dispute = filed(service, caller, claim)
    claiming.ruled(service, caller, track.id, "block")

    disputes.answer(service, claiming.of(caller, label), dispute.id, Answered("release"))

    assert now_is(service, track, claim) == ("blocked", "released")
    assert [row.data["kind"] for row in rollouts.journal(service, "clearance.case.opened")] == [
        "claim"
    ]


def _decision(service: Service, track: Track) -> PolicyDecision:
    with service.database.reading() as session:
        now = session.get_one(Track, track.id)
        return session.get_one(PolicyDecision, now.decision_id)
