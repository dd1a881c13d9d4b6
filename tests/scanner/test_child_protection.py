"""COPPA, GDPR-8: what a reviewer decides stands in for no consent of a parent's."""

import pytest
from sqlmodel import col, select

from scanner import cases, consents, verdicts
from scanner.callers import Caller
from scanner.reasons import BadVerdictError
from scanner.service import Service
from scanner.tables import Case, CaseNote, Consent, Track
from scanner.verdicts import Verdict
from tests import casework, claiming
from tests.casework import settled
from tests.consenting import PARENT, agreed, declaring, kids, rules, standing, taken_back
from tests.reviewing import FINE
from tests.scanner.test_presumed_uses import outcomes

AGE = {"kind": "age", "min_age": 16}


@pytest.fixture
def service(make_service) -> Service:
    return make_service(second_review_share=0)


@pytest.fixture
def publishing(service, caller) -> Consent:
    return agreed(service, caller, "publish")


@pytest.fixture
def earning(service, caller) -> Consent:
    return agreed(service, caller, "monetise")


@pytest.fixture
def track(service, caller, publishing, earning) -> Track:
    """A child's track that is held since its rights were not attested."""
    song = claiming.reference(service, caller, claiming.holder(service, caller))
    track = settled(service, kids(service, caller, song, seconds=90).subject)
    declaring(service, track, attestation_refused=True)
    assert casework.track_of(service, track.id).state == "quarantined"
    return track


@pytest.fixture
def rita(service, caller) -> Caller:
    return casework.person(service, caller, "rita")


def held(service: Service, track: Track) -> Case:
    """The newest case that holds a track."""
    with service.database.reading() as session:
        query = select(Case).where(Case.track_id == track.id, Case.kind == "review")
        return session.exec(
            query.where(col(Case.closed_at).is_(None)).order_by(col(Case.id).desc())
        ).first()


def decided(service: Service, who: Caller, track: Track, verdict: Verdict = FINE) -> Case:
    """Let a reviewer decide on what is held; it takes effect when the time to undo is over."""
    case = held(service, track)
    if case.holder != who.actor.id:
        cases.lease(service, who, case.id)
    return verdicts.decide(service, who, case.id, verdict)


def over(service: Service, track: Track) -> None:
    casework.later(service, seconds=service.settings.undo_seconds + 1)
    verdicts.settle_due(service)
    settled(service, track.id)


@pytest.mark.parametrize(
    "verdict",
    [
        FINE,
        Verdict("restrict", "human.rules-broken", restrictions=(AGE,)),
        Verdict("block", "human.copy-confirmed", territories=("FR",)),
    ],
)
def test_what_waits_for_a_parents_consent_is_let_out_by_no_reviewer(
    service, caller, publishing, rita, track, verdict
) -> None:
    taken_back(service, caller, publishing)
    declaring(service, track)
    assert "child-publishing" in rules(service, track)

    with pytest.raises(BadVerdictError, match="no parent's consent to publishing is on record"):
        decided(service, rita, track, verdict)

    assert casework.track_of(service, track.id).state == "quarantined"
    decided(service, rita, track, Verdict("block", "human.copy-confirmed"))
    over(service, track)
    assert outcomes(service, track)["*"] == "block"


def test_a_consent_that_ends_before_a_verdict_counts_brings_its_case_back(
    service, publishing, rita, track
) -> None:
    case = decided(service, rita, track)
    consents.withdraw(service, publishing.id, PARENT)

    over(service, track)

    assert held(service, track).id == case.id
    assert casework.track_of(service, track.id).state == "quarantined"
    with service.database.reading() as session:
        note = session.exec(select(CaseNote).where(CaseNote.case_id == case.id)).one()
    assert "no parent's consent to publishing is on record" in note.text


@pytest.mark.parametrize(
    ("verdict", "kinds"),
    [
        (FINE, ["monetise"]),
        (Verdict("restrict", "human.rules-broken", restrictions=(AGE,)), ["age", "monetise"]),
    ],
)
def test_what_a_child_may_not_earn_stays_so_when_a_reviewer_lets_it_out(
    service, caller, publishing, earning, rita, track, verdict, kinds
) -> None:
    taken_back(service, caller, earning)
    declaring(service, track)
    assert {"child-monetising", "rights-not-attested"} < rules(service, track)

    decided(service, rita, track, verdict)
    over(service, track)

    assert casework.track_of(service, track.id).state == "conditioned"
    stands = standing(service, track)
    assert [each["kind"] for each in stands.restrictions] == kinds
    assert [each["rule"] for each in stands.reasons] == [verdict.reason, "child-monetising"]


def test_what_a_reviewer_cleared_stays_so_beside_what_protects_a_child(
    service, caller, publishing, earning, rita, track
) -> None:
    taken_back(service, caller, earning)
    declaring(service, track)
    decided(service, rita, track)
    over(service, track)
    assert rules(service, track) == {"child-monetising"}

    taken_back(service, caller, publishing)
    settled(service, track.id)

    assert rules(service, track) == {"child-monetising", "child-publishing"}


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict("restrict", "human.rules-broken", restrictions=(AGE,)),
        Verdict("block", "human.copy-confirmed", territories=("FR",)),
    ],
)
def test_a_consent_that_ends_counts_on_what_a_reviewer_limited(
    service, caller, publishing, rita, track, verdict
) -> None:
    """What they let out in spite of rules does not hide what rules say of a child."""
    decided(service, rita, track, verdict)
    over(service, track)
    assert casework.track_of(service, track.id).state == "conditioned"
    (limit,) = standing(service, track).restrictions

    taken_back(service, caller, publishing)
    settled(service, track.id)

    assert casework.track_of(service, track.id).state == "quarantined"
    assert "child-publishing" in rules(service, track)
    assert "rights-not-attested" not in rules(service, track)
    assert limit in standing(service, track).restrictions
