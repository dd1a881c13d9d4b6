"""What rules tighten for a person, and what of other decisions counts in that."""

from dataclasses import replace

import pytest
from sqlmodel import select

import policy
from scanner import (
    ages,
    appeal_outcomes,
    appealing,
    claim_releases,
    consents,
    consumer_groups,
    decision_replays,
    effects,
    events,
    inline,
    notices,
    pipeline,
    presumed_uses,
    rulings,
    statements,
    tracks,
)
from scanner.ages import AgeSaid
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.consents import ConsentAsked
from scanner.journal import Actor, Event, event_of
from scanner.packs_in_force import KEEPS, WITHOUT
from scanner.presumed_uses import Attested
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import (
    Account,
    Case,
    Consent,
    MatchExemption,
    PolicyDecision,
    PresumedUse,
    Reference,
    Submission,
    Track,
)
from scanner.tracks import locked
from tests import casework, claiming, noticed
from tests.scanner.test_presumed_uses import (
    GRANTED,
    appealed,
    decided,
    outcomes,
    settled,
    uses,
)

PARENT = Actor("parent", "parent")
CLAIMS, PEOPLE = (
    next(each for each in consumer_groups.GROUPS if each.name == name)
    for name in ("claims", "people")
)


def agreed(service: Service, caller: Caller, scope: str) -> Consent:
    words = ConsentAsked(
        "mother", (scope,), "May your child?", "2026-11", "en", None, "signed-form"
    )
    row = consents.request(service, caller, "kid", words).consent
    return consents.grant(service, row.id, PARENT).consent


def taken_back(service: Service, caller: Caller, consent: Consent) -> None:
    """Withdraw a consent, and let what follows follow."""
    consents.withdraw(service, consent.id, PARENT)
    inline.drive_group(service, PEOPLE, caller.tenant_id)


def kids(service: Service, caller: Caller, *found: Reference, seconds: int) -> Event:
    """An analysed track of a child's with a match for each reference, that nothing was decided on yet."""
    ages.assure(service, caller, "kid", AgeSaid("parent", "child", country="US"))
    with service.database.reading() as session:
        account = session.exec(select(Account)).one()
    parts = ((0, seconds),)
    event = claiming.analysed(service, caller, *found, parts=parts, account_id=account.id)
    with service.database.transaction() as session:
        row = session.exec(select(Submission)).one()
        row.declaration = row.declaration | {"account": "kid"}
    return event


@pytest.fixture
def earning(service, caller) -> Consent:
    """Consent that a child's tracks earn money; that they are published is agreed to as well."""
    agreed(service, caller, "publish")
    return agreed(service, caller, "monetise")


@pytest.fixture
def label(service, caller):
    return claiming.holder(service, caller)


@pytest.fixture
def analysed(service, caller, earning, label) -> Event:
    """A child's track with a song that its holder earns from in the US."""
    song = claiming.reference(service, caller, label)
    with service.database.transaction() as session:
        session.get_one(Reference, song.id).territories = ["US"]
    return kids(service, caller, song, seconds=90)


@pytest.fixture
def track(service, analysed) -> Track:
    return settled(service, analysed.subject)


def ruled(service: Service, track: Track, ruling: Ruling) -> None:
    """Let a person decide on a track, with its effect."""
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        rulings.rule(service, session, row, ruling, Actor("rita", "reviewer"))
    settled(service, track.id)


def standing(service: Service, track: Track) -> PolicyDecision:
    with service.database.reading() as session:
        return session.get_one(PolicyDecision, casework.track_of(service, track.id).decision_id)


def test_a_track_that_rules_tighten_before_its_release_is_claimed(
    service, caller, earning, analysed
) -> None:
    """DSM-17: who earns from a track has a claim on it, which its creator can dispute."""
    pipeline.decide(service, analysed)
    consents.withdraw(service, earning.id, PARENT)
    decided = casework.events(service, analysed.subject)[-1]

    pipeline.release(service, event_of(decided))
    inline.drive_group(service, CLAIMS, caller.tenant_id)

    (claim,) = claiming.claims(service, analysed.subject)
    assert claim.state == "active"
    assert claim.decision_id == casework.track_of(service, analysed.subject).decision_id


def test_a_notice_that_came_to_nothing_makes_no_decision_of_rules_a_persons(
    service, caller, earning, track
) -> None:
    """Claims on such a track end by themselves, with what they limit."""
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block"))
    settled(service, track.id)
    notices.retract(service, notice, caller)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert KEEPS not in standing(service, track).explanation

    (claim,) = claiming.claims(service, track.id)
    claim_releases.release(service, caller, claim.id)
    settled(service, track.id)

    (limit,) = standing(service, track).restrictions
    assert limit["holders"] == []
    with service.database.reading() as session:
        assert "claim" not in session.exec(select(Case.kind)).all()


def test_an_appeal_of_a_complaint_that_rules_tightened_ends_the_complaint(
    service, caller, earning, label
) -> None:
    """DSA-20: the block falls, and its case and the held match with it."""
    song = claiming.reference(service, caller, label)
    event = kids(service, caller, song, seconds=12)
    track = settled(service, event.subject)
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    presumed_uses.complain(service, claiming.of(caller, label), use.id, "It is the hook.", word)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "block"

    appealed(service, caller, track)

    assert outcomes(service, track).get("DE") != "block"
    with service.database.reading() as session:
        assert session.exec(select(PresumedUse)).one().state == "reversed"
        assert session.exec(select(Case)).one().closed_at is not None
    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("released", "appeal")


def test_an_appeal_of_what_rules_and_a_person_decided_frees_the_match(
    service, caller, earning, track
) -> None:
    """DSA-20: all that was contested falls, the claim too, and the match is held against nobody again."""
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert KEEPS in standing(service, track).explanation

    appealed(service, caller, track)

    (claim,) = claiming.claims(service, track.id)
    assert (claim.state, claim.ground) == ("released", "appeal")
    with service.database.reading() as session:
        freed = session.exec(select(MatchExemption)).one()
    assert freed.reference_id == claim.reference_id


def test_an_appeal_reaches_no_other_decision_that_has_the_same_words(
    service, caller, earning, track
) -> None:
    """DSA-20: a template's words are no matter; what a person limits elsewhere stays until it is appealed itself."""
    officer = casework.person(service, caller, "olga", "appeals_officer")
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    contested = standing(service, track).id
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("DE",)))
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "block"

    row = appealing.file(service, caller, AppealAsked("decision", contested, "No."))
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, GRANTED)
    settled(service, track.id)

    assert outcomes(service, track)["DE"] == "block"


def test_an_appeal_reaches_what_rules_tightened_twice(service, caller, earning, track) -> None:
    """DSA-20: what a person limited is in both, and falls with the first."""
    officer = casework.person(service, caller, "olga", "appeals_officer")
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    taken_back(service, caller, earning)
    contested = settled(service, track.id).decision_id
    with service.database.reading() as session:
        publishing = session.exec(select(Consent).where(Consent.id != earning.id)).one()
    taken_back(service, caller, publishing)
    twice = settled(service, track.id).decision_id
    with service.database.reading() as session:
        kept = [
            session.get_one(PolicyDecision, each).explanation[KEEPS] for each in (contested, twice)
        ]
    assert twice != contested
    assert kept[0] == kept[1]

    row = appealing.file(service, caller, AppealAsked("decision", contested, "No."))
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, GRANTED)
    settled(service, track.id)

    assert outcomes(service, track).get("FR") != "block"


def test_a_body_out_of_court_reaches_the_part_that_rules_tightened(
    service, caller, earning, track
) -> None:
    """DSA-21: the part has other words than what was contested, and falls with it all the same."""
    officer = casework.person(service, caller, "olga", "appeals_officer")
    ruled(service, track, Ruling("block", "human.looked", "It is hate."))
    row = appealing.file(service, caller, AppealAsked("track", track.id, "No."))
    appealing.assign(service, officer, row.id)
    part = AppealDecision("grant_partly", "In France.", "block", ("FR",))
    appeal_outcomes.decide(service, officer, row.id, part)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["FR"] == "block"

    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")
    appeal_outcomes.record_outcome(service, officer, row.id, "It is a joke.", reverses=True)
    settled(service, track.id)

    assert outcomes(service, track).get("FR") != "block"


def test_the_statement_of_what_rules_tightened_names_the_notice_that_it_rests_on(
    service, caller, earning, track
) -> None:
    """DSA-17: whether a restriction follows a notice."""
    notice = noticed.sent(service, caller, track.id)
    ground = ("notice", notice.id)
    ruling = Ruling("block", "notice.actioned", "-", territories=("FR",), ground=ground)
    ruled(service, track, ruling)
    taken_back(service, caller, earning)
    settled(service, track.id)
    decision = standing(service, track)
    assert KEEPS in decision.explanation
    assert decision.ruled_by is None
    with service.database.reading() as session:
        source = statements.source_of(session, decision)
    assert (source.kind, source.id) == ("notice", notice.id)


def test_a_block_that_came_back_after_a_notice_is_still_the_complaints_when_rules_tighten(
    service, caller, earning, label
) -> None:
    song = claiming.reference(service, caller, label)
    track = settled(service, kids(service, caller, song, seconds=12).subject)
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    holder = claiming.of(caller, label)
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    presumed_uses.complain(service, holder, use.id, "It is the hook.", word)
    settled(service, track.id)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block"))
    settled(service, track.id)
    notices.retract(service, notice, caller)
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert outcomes(service, track)["DE"] == "block"

    presumed_uses.withdraw(service, holder, use.id)
    settled(service, track.id)

    assert outcomes(service, track).get("DE") != "block"


def test_rules_tighten_a_track_whose_complaint_falls_back_to_its_own_block(
    service, caller, earning, label
) -> None:
    """Earlier versions wrote such, where one complaint had been laid over another and fell."""
    song = claiming.reference(service, caller, label)
    track = settled(service, kids(service, caller, song, seconds=12).subject)
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    presumed_uses.complain(service, claiming.of(caller, label), use.id, "It is the hook.", word)
    settled(service, track.id)
    with service.database.transaction() as session:
        row = session.get_one(PresumedUse, use.id)
        row.prior_decision_id = row.decision_id

    taken_back(service, caller, earning)
    settled(service, track.id)

    assert outcomes(service, track)["DE"] == "block"
    assert "child-monetising" in rules(service, track)


@pytest.fixture
def laid_over(service, caller, earning, label) -> Track:
    """A child's track with two complaints, of which the first was laid anew over the second when it was upheld."""
    songs = [claiming.reference(service, caller, label, title=each) for each in ("Song", "Tune")]
    track = settled(service, kids(service, caller, *songs, seconds=12).subject)
    holder = claiming.of(caller, label)
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    first, second = uses(service)
    presumed_uses.complain(service, holder, first.id, "It is the hook.", word)
    settled(service, track.id)
    presumed_uses.complain(service, holder, second.id, "It is the hook.")
    decided(service, track, second)
    decided(service, track, first)
    return track


@pytest.mark.parametrize("again", [False, True])
def test_rules_tighten_a_track_whose_complaints_were_laid_over_each_other(
    service, caller, earning, laid_over, again
) -> None:
    """DE-URHDAG: each block ends with its own complaint, also where rules decide anew; a child's protection does not."""
    track = laid_over
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert "child-monetising" in rules(service, track)
    if again:
        analysed_again(service, track)

    assert outcomes(service, track)["DE"] == "block"
    appealed(service, caller, track, officer="olga")
    assert outcomes(service, track)["DE"] == "block"
    appealed(service, caller, track, officer="otto")

    assert [each.state for each in uses(service)] == ["reversed", "reversed"]
    assert outcomes(service, track).get("DE") in {None, "restrict"}
    assert "child-monetising" in rules(service, track)


def granted(service: Service, caller: Caller, track: Track) -> None:
    """Appeal what stands on a track, have that granted, and look that nothing limits it."""
    appealed(service, caller, track)
    assert standing(service, track).decision == "clear"


def test_a_match_that_fell_on_appeal_stays_so_when_rules_tighten(
    service, caller, earning, track
) -> None:
    """DSA-20: nobody earns again from what an officer set free."""
    granted(service, caller, track)

    taken_back(service, caller, earning)
    settled(service, track.id)
    inline.drive_group(service, CLAIMS, caller.tenant_id)

    (limit,) = standing(service, track).restrictions
    assert (limit["kind"], limit["holders"]) == ("monetise", [])
    assert [each.state for each in claiming.claims(service, track.id)] == ["released"]


def declaring(service: Service, track: Track, **told: object) -> None:
    """Let something else be declared of a track, and rules decide on it anew."""
    with service.database.transaction() as session:
        row = session.exec(select(Submission)).one()
        row.declaration = row.declaration | told
    analysed_again(service, track)


def analysed_again(service: Service, track: Track) -> None:
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        row.state = "analysing"
        data = events.TrackAnalysed(
            analysis_id=row.analysis_id, sha256=None, detectors={}, index_version=None, matches=0
        )
        again = tracks.note(session, row, data, service.now())
    pipeline.decide(service, again)
    settled(service, track.id)


def rules(service: Service, track: Track) -> set[str]:
    """Return what rules limit a track by."""
    return {each["rule"] for each in standing(service, track).reasons if "evidence" in each}


def test_a_rule_that_fell_on_appeal_counts_no_more_when_its_track_is_analysed_again(
    service, caller, earning, track
) -> None:
    """DSA-20: it was struck down for the track, whatever was decided on it since."""
    declaring(service, track, attestation_refused=True)
    assert "rights-not-attested" in rules(service, track)
    granted(service, caller, track)

    analysed_again(service, track)

    assert standing(service, track).decision == "clear"
    assert "rights-not-attested" in standing(service, track).explanation[WITHOUT]


@pytest.mark.parametrize("newer", ["clear", "block"])
def test_a_rule_that_fell_on_appeal_does_not_come_back_with_what_was_newer(
    service, caller, earning, track, newer
) -> None:
    """DSA-20: also where the appeal left something newer in place."""
    declaring(service, track, attestation_refused=True)
    contested = standing(service, track).id
    ruled(service, track, Ruling(newer, "human.looked", "A person looked."))
    stands = standing(service, track)

    who = casework.person(service, caller, "olga", "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("decision", contested, "It is mine."))
    appealing.assign(service, who, row.id)
    appeal_outcomes.decide(service, who, row.id, GRANTED)
    settled(service, track.id)
    assert standing(service, track).id == stands.id

    analysed_again(service, track)

    assert "rights-not-attested" not in rules(service, track)


def test_a_rule_about_the_person_counts_again_once_their_consent_is_another(
    service, caller, earning, track
) -> None:
    """COPPA: what a parent takes back after an appeal has its effect."""
    declaring(service, track, ern={"parental_warning": "Explicit"})
    assert "minor-explicit" in rules(service, track)
    granted(service, caller, track)

    given = agreed(service, caller, "explicit")
    settled(service, track.id)
    taken_back(service, caller, given)
    settled(service, track.id)

    assert "minor-explicit" in rules(service, track)
    assert casework.track_of(service, track.id).state == "quarantined"


def test_no_appeal_stands_in_for_the_consent_of_a_parent(service, caller, earning, track) -> None:
    """COPPA, GDPR-8: what the facts say of a child stays; all else that was contested falls."""
    with service.database.reading() as session:
        publishing = session.exec(select(Consent).where(Consent.id != earning.id)).one()
    declaring(service, track, attestation_refused=True)
    taken_back(service, caller, publishing)
    declaring(service, track)
    assert {"child-publishing", "rights-not-attested"} < rules(service, track)

    appealed(service, caller, track)

    assert rules(service, track) == {"child-publishing"}
    assert casework.track_of(service, track.id).state == "quarantined"
    (letter,) = casework.letters(service, template="appeal-decided")
    assert "no parent's consent to publishing is on record" in letter.body


@pytest.mark.parametrize("part", [False, True])
def test_an_appeal_of_what_keeps_a_persons_limits_leaves_what_protects_a_child(
    service, caller, earning, track, part
) -> None:
    """COPPA: a person's block falls, or a part of it, and no consent to earn is there by that."""
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert KEEPS in standing(service, track).explanation

    left = {"kind": "age", "min_age": 16, "territories": ["FR"]}
    partly = AppealDecision("grant_partly", "Not for children.", "restrict", ("FR",), (left,))
    appealed(service, caller, track, partly if part else GRANTED)

    limits = standing(service, track).restrictions
    assert [each["kind"] for each in limits if each["kind"] != "age"] == ["monetise"]
    assert any(each.get("holders") == [] for each in limits)
    assert outcomes(service, track)["*"] == "restrict"
    assert outcomes(service, track).get("FR") != "block"


def test_a_track_that_is_kept_back_is_judged_without_what_fell_on_appeal(
    service, caller, earning, track
) -> None:
    declaring(service, track, attestation_refused=True)
    granted(service, caller, track)
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        row.state = "decided"
        before = session.get_one(PolicyDecision, row.decision_id)
        event = event_of(casework.events(service, track.id)[-1])
        effects.keep_back(service, session, row, before, ("watermark", "unreadable"), event)

    found = {each["rule"] for each in standing(service, track).reasons}
    assert "core.mark-not-read-back" in found
    assert "rights-not-attested" not in found


def test_a_decision_without_a_rule_that_fell_is_replayed_without_it(
    service, caller, earning, track
) -> None:
    """What it says of itself has to come out of what it was made of."""
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, track.decision_id)
        (fell,) = {each["rule"] for each in row.reasons if "evidence" in each}
        row.explanation = row.explanation | {WITHOUT: [fell]}
    taken_back(service, caller, earning)
    settled(service, track.id)

    replayed = decision_replays.replay(service, casework.track_of(service, track.id))

    stands = standing(service, track)
    assert replayed.same
    assert {each["rule"] for each in stands.reasons if "evidence" in each} == {"child-monetising"}
    with service.database.reading() as session:
        flips = decision_replays.flips_of(service, session, stands)
    assert "match" not in {each["fact"].split(".")[0] for each in flips}


def test_what_keeps_a_persons_limits_says_so_and_names_no_fact_that_flips_it(
    service, caller, earning, track
) -> None:
    ruled(service, track, Ruling("block", "human.looked", "A person looked.", territories=("FR",)))
    kept = standing(service, track)
    taken_back(service, caller, earning)
    settled(service, track.id)

    replayed = decision_replays.replay(service, casework.track_of(service, track.id))

    assert replayed.keeps == kept.id
    with service.database.reading() as session:
        assert decision_replays.flips_of(service, session, standing(service, track)) is None


def reviewed(service: Service, track: Track) -> None:
    """Let a reviewer clear a track."""
    ruled(service, track, Ruling("clear", "human.fine", "A person looked.", ground=("case", "-")))
    assert standing(service, track).decision == "clear"


def test_what_a_reviewer_cleared_does_not_come_back_when_rules_tighten(
    service, caller, earning, track
) -> None:
    """DSM-17-7: what a person decided stays where nothing of it has changed; a new analysis is judged in full."""
    with service.database.reading() as session:
        publishing = session.exec(select(Consent).where(Consent.id != earning.id)).one()
    declaring(service, track, attestation_refused=True)
    assert rules(service, track) == {"recording-monetise", "rights-not-attested"}
    reviewed(service, track)

    taken_back(service, caller, earning)
    settled(service, track.id)

    assert rules(service, track) == {"child-monetising"}
    assert casework.track_of(service, track.id).state == "conditioned"
    assert decision_replays.replay(service, casework.track_of(service, track.id)).same
    taken_back(service, caller, publishing)
    settled(service, track.id)
    assert rules(service, track) == {"child-monetising", "child-publishing"}
    analysed_again(service, track)
    assert {"recording-monetise", "rights-not-attested"} < rules(service, track)


def test_what_a_reviewer_cleared_beneath_a_notice_does_not_come_back_either(
    service, caller, earning, track
) -> None:
    reviewed(service, track)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block:FR"))
    settled(service, track.id)
    taken_back(service, caller, earning)
    settled(service, track.id)
    assert rules(service, track) == {"child-monetising"}

    notices.retract(service, notice, caller)
    settled(service, track.id)

    assert rules(service, track) == {"child-monetising"}


def test_what_a_reviewer_cleared_counts_again_once_the_person_is_another(
    service, caller, earning, track
) -> None:
    """DSA-28: they had cleared it for what was known of the child then."""
    declaring(service, track, ern={"parental_warning": "Explicit"})
    reviewed(service, track)

    given = agreed(service, caller, "explicit")
    settled(service, track.id)
    taken_back(service, caller, given)
    settled(service, track.id)

    assert rules(service, track) == {"minor-explicit"}


def test_a_decision_that_joined_all_who_earn_is_replayed_to_the_same(
    service, caller, earning, track
) -> None:
    """It was made so by the same rules; what they limit now is told by place."""
    taken_back(service, caller, earning)
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, casework.track_of(service, track.id).decision_id)
        assert [each["kind"] for each in row.restrictions] == ["monetise", "monetise"]
        (label,) = row.restrictions[0]["holders"]
        pack = decision_replays.pack_of(service, session, row)
        made = policy.decide(pack, policy.Facts.model_validate(row.facts))
        one = {"kind": "monetise", "territories": [], "except": [], "holders": [label]}
        before = replace(made, restrictions=(one,))
        row.restrictions, row.outcome_hash = [one], before.outcome_hash

    replayed = decision_replays.replay(service, casework.track_of(service, track.id))

    assert replayed.same
    assert replayed.replayed_outcome_hash == replayed.outcome_hash
