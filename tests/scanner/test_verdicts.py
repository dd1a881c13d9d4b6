"""A verdict takes effect when it can't be taken back any more, with its statement, and once."""

import pytest
from sqlmodel import select

import appeals
from scanner import case_effects, case_matters, cases, dispositions, inline, tracks, verdicts
from scanner.callers import Caller
from scanner.errors import ForbiddenError, IllegalTransitionError
from scanner.reasons import BadVerdictError
from scanner.service import Service
from scanner.tables import CaseVerdict, PolicyDecision, StatementOfReasons, TrackMatch
from scanner.verdicts import Verdict
from tests import casework, reviewing
from tests.reviewing import COPY, FINE, decided
from tests.running import add_tenant


@pytest.fixture
def service(make_service, database_url) -> Service:
    return make_service(database_url=database_url, second_review_share=0)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


@pytest.fixture
def ann(service, caller) -> Caller:
    return casework.person(service, caller, "ann")


@pytest.fixture
def olga(service, caller) -> Caller:
    return casework.person(service, caller, "olga", "appeals_officer")


def state_of(service: Service, case: appeals.Case) -> str:
    inline.drive(service, str(case.track_id))
    return casework.track_of(service, str(case.track_id)).state


def test_a_verdict_waits_until_it_can_not_be_taken_back(service, caller, ann) -> None:
    """DSA-17: the effect comes with its statement, by a person."""
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)

    reviewing.later(service, minutes=9)
    assert state_of(service, case) == "released"
    reviewing.later(service, minutes=1)

    assert state_of(service, case) == "blocked"
    assert reviewing.case_of(service, case).state == "closed"
    with service.database.reading() as session:
        track = casework.track_of(service, str(case.track_id))
        decision = session.get_one(PolicyDecision, track.decision_id)
        query = select(StatementOfReasons).where(StatementOfReasons.decision_id == decision.id)
        statement = session.exec(query).one()
    assert decision.explanation["ground"] == ["case", case.id]
    assert "A person compared" in statement.text
    assert "DSM-17-4" in statement.legal_basis
    assert not statement.automated_decision


def test_who_takes_a_verdict_back_holds_the_case_and_decides_anew(service, caller, ann) -> None:
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)

    assert verdicts.undo(service, ann, case.id).holder == ann.user_id
    verdicts.decide(service, ann, case.id, FINE)
    reviewing.later(service, minutes=10)

    assert state_of(service, case) == "released"
    with service.database.reading() as session:
        query = select(CaseVerdict.verdict, CaseVerdict.state).order_by(CaseVerdict.id)
        assert list(session.exec(query)) == [("block", "undone"), ("release", "applied")]
    with pytest.raises(appeals.IllegalTransitionError):
        verdicts.undo(service, ann, case.id)


def test_without_a_window_a_verdict_takes_effect_at_once(make_service, database_url) -> None:
    service = make_service(database_url=database_url, undo_seconds=0, second_review_share=0)
    caller = add_tenant(service)
    case = reviewing.about_track(service, caller)

    closed = decided(service, casework.person(service, caller, "ann"), case)

    assert closed.state == "closed"
    assert state_of(service, case) == "blocked"


def test_a_case_is_decided_by_who_holds_it_only(service, caller, ann) -> None:
    case = reviewing.about_track(service, caller)
    ben = casework.person(service, caller, "ben")
    cases.lease(service, ann, case.id)

    with pytest.raises(appeals.IllegalTransitionError, match="somebody else"):
        verdicts.decide(service, ben, case.id, COPY)
    with pytest.raises(ForbiddenError):
        verdicts.decide(service, caller, case.id, COPY)


def _restrict(limit: dict) -> Verdict:
    return Verdict("restrict", "human.copy-confirmed", restrictions=(limit,))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Verdict("terminate", "human.copy-confirmed"), "give one of release, restrict, block"),
        (Verdict("block", "human.licence-shown"), "human.copy-confirmed"),
        (Verdict("block", "nonsense"), "does not go with block"),
        (Verdict("restrict", "human.copy-confirmed"), "name the restrictions"),
        (Verdict("block", "human.copy-confirmed", territories=("Germany",)), "ISO 3166"),
        (Verdict("release", "human.nothing-wrong", territories=("DE",)), "everywhere"),
        (Verdict("block", "human.copy-confirmed", matches={"x": "false"}), "no match"),
        (_restrict({"kind": "age", "min_age": True}), "1 to 99"),
        (_restrict({"kind": "age", "min_age": -5}), "1 to 99"),
        (_restrict({"kind": "territory", "territories": "DE"}), "a list of"),
        (_restrict({"kind": "territory", "territories": ["Germany"]}), "ISO 3166"),
        (_restrict({"kind": ["age"]}), "one of age"),
        (_restrict({"kind": "monetise", "note": "x"}), "no note"),
        (Verdict("block", "human.copy-confirmed", remedy="block:DE"), "notice alone"),
    ],
)
def test_a_verdict_that_can_not_be_says_what_to_give(
    make_service, wanted: Verdict, says: str
) -> None:
    service = make_service()
    caller = add_tenant(service)
    case = reviewing.about_track(service, caller)
    ann = casework.person(service, caller, "ann")
    cases.lease(service, ann, case.id)

    with pytest.raises(BadVerdictError, match=says):
        verdicts.decide(service, ann, case.id, wanted)

    assert reviewing.case_of(service, case).state == "leased"


def test_a_block_in_some_territories_leaves_the_others(service, caller, ann) -> None:
    case = reviewing.about_track(service, caller)
    wanted = Verdict("block", "human.copy-confirmed", territories=("DE", "FR"))
    decided(service, ann, case, wanted)

    reviewing.later(service, minutes=10)

    assert state_of(service, case) == "conditioned"


def test_what_rules_restricted_stands_by_a_persons_word(service, caller, ann) -> None:
    """GDPR-22."""
    first = reviewing.about_track(service, caller)
    decided(service, ann, first)
    reviewing.later(service, minutes=10)
    assert state_of(service, first) == "blocked"
    ben = casework.person(service, caller, "ben")
    case = reviewing.opened(service, caller, "human_review", track_id=first.track_id)

    decided(service, ben, case, Verdict("uphold", "human.decision-stands"))
    reviewing.later(service, minutes=10)

    assert state_of(service, case) == "blocked"
    with service.database.reading() as session:
        track = casework.track_of(service, str(case.track_id))
        decision = session.get_one(PolicyDecision, track.decision_id)
    assert decision.reasons[0]["rule"] == "human.decision-stands"
    assert "GDPR-22" in decision.reasons[0]["legal_basis"]


def test_a_track_that_is_gone_takes_its_verdict_with_it(service, caller, ann) -> None:
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    tracks.withdraw(service, caller, str(case.track_id))

    reviewing.later(service, minutes=10)

    assert reviewing.case_of(service, case).state == "closed"
    assert state_of(service, case) == "withdrawn"


def test_what_can_not_take_effect_comes_back_with_the_reason(
    service, caller, ann, monkeypatch
) -> None:
    case = reviewing.opened(service, caller, matter=("sanction", "of nobody"))
    monkeypatch.setattr(case_matters, "ACTS", {"sanction": _refuse})
    decided(service, ann, case)
    reviewing.later(service, minutes=10)

    assert reviewing.case_of(service, case).state == "queued"
    with service.database.reading() as session:
        (note,) = cases.notes(session, case)
    assert "it was lifted" in note.text


def _refuse(*_: object) -> None:
    raise appeals.IllegalTransitionError("it was lifted")


def test_a_matter_that_nothing_acts_on_is_not_decided(service, caller, ann, monkeypatch) -> None:
    monkeypatch.setattr(case_matters, "ACTS", {})
    case = reviewing.opened(service, caller, matter=("sanction", "x"))
    cases.lease(service, ann, case.id)

    with pytest.raises(IllegalTransitionError, match="nothing acts on"):
        verdicts.decide(service, ann, case.id, COPY)


def test_a_verdict_says_what_matches_are_and_a_reference_is_judged_by_that(
    service, caller, ann
) -> None:
    case = reviewing.about_track(service, caller)
    ids = reviewing.matched(service, case, "ref", count=4)
    unlikely = reviewing.matched(service, case, "ref", score=0.2)
    wanted = Verdict("block", "human.copy-confirmed", matches={ids[0]: "false"})
    decided(service, ann, case, wanted)

    reviewing.later(service, minutes=10)

    with service.database.reading() as session:
        query = select(TrackMatch.id, TrackMatch.disposition)
        found = dict(session.exec(query).all())
        measured = dispositions.precision(session, caller.tenant_id, ["ref"], service.now())
        foreign = dispositions.precision(session, "other", ["ref"], service.now())
    assert found[ids[0]] == "false"
    assert {found[each] for each in ids[1:]} == {"confirmed"}
    assert found[unlikely[0]] == "open"
    assert measured == {"ref": (0.75, 4)}
    assert foreign == {}


def test_a_preview_tells_what_the_creator_would_read_and_decides_nothing(
    service, caller, ann
) -> None:
    case = reviewing.about_track(service, caller)
    cases.lease(service, ann, case.id)

    told = case_effects.previewed(service, ann, case.id, COPY)

    assert told["effect"] == "blocked"
    assert set(told["reasons"]) == {"en", "de", "fr", "es"}
    assert told["reasons"]["en"] in told["statement"]["text"]
    assert reviewing.case_of(service, case).state == "leased"


def test_a_closed_case_is_opened_on_new_facts_for_somebody_else(service, caller, ann, olga) -> None:
    case = reviewing.about_track(service, caller)
    decided(service, ann, case)
    reviewing.later(service, minutes=10)
    assert state_of(service, case) == "blocked"

    with pytest.raises(appeals.NotAllowedError):
        cases.reopen(service, ann, case.id, "A licence came by post.")
    assert cases.reopen(service, olga, case.id, "A licence came by post.").state == "queued"
    assert cases.lease_next(service, ann) is None
    decided(service, olga, case, Verdict("release", "human.licence-shown"))
    reviewing.later(service, minutes=10)

    assert state_of(service, case) == "released"


def test_what_nothing_can_be_decided_on_is_not_opened_again(service, caller, ann, olga) -> None:
    """A verdict on it could never take effect, so it would lie in the queue for ever."""
    about_track = reviewing.about_track(service, caller)
    decided(service, ann, about_track)
    about_notice = reviewing.opened(service, caller, "notice", matter=("notice", "n"))
    reviewing.later(service, minutes=10)
    tracks.withdraw(service, caller, str(about_track.track_id))
    with service.database.transaction() as session:
        row = session.get_one(appeals.Case, about_notice.id)
        row.state, row.closed_at = "closed", service.now()

    for case, why in ((about_track, "withdrawn"), (about_notice, "life of its own")):
        with pytest.raises(IllegalTransitionError, match=why):
            cases.reopen(service, olga, case.id, "A licence came by post.")
