"""What a micro or small enterprise leaves out: no appeal is told of nor taken, save where somebody was told (DSA-19)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from appeals.standing import Submissions
from scanner import (
    account_standing,
    appealing,
    case_effects,
    contestable,
    counter_notices,
    flaggers,
    human_review,
    inline,
    keys,
    notice_verdicts,
    policies,
    rulings,
    sanctions,
    statements,
    tenant_sizes,
)
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.errors import ConflictError
from scanner.redress import NotOfferedError, offered
from scanner.rulings import Ruling
from scanner.sanctions import SanctionAsked
from scanner.service import Service
from scanner.tables import Account, Case, PolicyDecision, StatementOfReasons, Strike, Track
from scanner.tracks import locked
from scanner.verdicts import Verdict
from tests import casework, claiming, noticed, reviewing, rollouts
from tests.running import add_tenant

(STRIKES,) = (each for each in GROUPS if each.name == "strikes")
COURT = {
    "en": "You can turn to a court.",
    "de": "Sie können sich an ein Gericht wenden.",
    "fr": "Vous pouvez vous adresser à un tribunal.",
    "es": "Puede acudir a un tribunal.",
}


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def caller(service) -> Caller:
    """A micro or small enterprise that left the means of section 3 out."""
    made = add_tenant(service)
    casework.at(service, datetime(2026, 3, 2, 9, tzinfo=UTC))
    tenant_sizes.resize(service, made.tenant_id, True, keys.OPERATOR)
    tenant_sizes.choose(service, made.tenant_id, False, keys.OPERATOR)
    return made


@pytest.fixture
def account(service, caller) -> Account:
    return casework.account(service, caller)


def are_offered(service: Service, caller: Caller) -> bool:
    with service.database.reading() as session:
        return offered(service, session, caller.tenant_id)


def blocked(service, caller, account, basis=("DSA-15",), **more) -> Track:
    """A track that somebody blocked."""
    track = casework.decided_track(service, caller, account_id=account.id)
    ruling = Ruling("block", "human.illegal", "It is illegal.", legal_basis=basis, **more)
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        rulings.rule(service, session, row, ruling, keys.OPERATOR)
    inline.drive(service, track.id)
    return casework.track_of(service, track.id)


def statement(service: Service, track: Track) -> StatementOfReasons:
    with service.database.reading() as session:
        query = select(StatementOfReasons).where(
            StatementOfReasons.decision_id == track.decision_id
        )
        return session.exec(query).one()


def can_contest(service: Service, track: Track) -> list[str]:
    with service.database.reading() as session:
        found = contestable.of_tracks(session, [track], service.now())[track.id]
        return [each.what for each in found]


def appealed(service: Service, caller: Caller, kind: str, subject_id: str):
    return appealing.file(service, caller, AppealAsked(kind, subject_id, "No."))


def test_nothing_is_left_out_unless_an_exempt_platform_says_so(make_service) -> None:
    """A size that nobody said is no exemption; the choice is on record, by whom it was made."""
    service = make_service()
    caller = add_tenant(service)
    with pytest.raises(ConflictError, match="micro-or-small"):
        tenant_sizes.choose(service, caller.tenant_id, False, keys.OPERATOR)

    tenant_sizes.resize(service, caller.tenant_id, True, keys.OPERATOR)
    assert are_offered(service, caller)
    for choice in (False, False, True):
        tenant_sizes.choose(service, caller.tenant_id, choice, keys.OPERATOR)
        assert are_offered(service, caller) is choice

    told = [
        each for each in casework.events(service, caller.tenant_id) if "means" in str(each.data)
    ]
    assert [each.data["detail"] for each in told] == [{"offered": False}, {"offered": True}]
    assert {each.actor for each in told} == {keys.OPERATOR.id}


def test_the_exemption_goes_on_for_twelve_months_after_the_size_is_lost(service, caller) -> None:
    """DSA-19: Art. 19(1), second sentence."""
    tenant_sizes.resize(service, caller.tenant_id, False, keys.OPERATOR)
    casework.at(service, datetime(2027, 3, 2, 21, tzinfo=UTC))
    assert not are_offered(service, caller)
    casework.at(service, datetime(2027, 3, 3, 9, tzinfo=UTC))
    assert are_offered(service, caller)


@pytest.mark.parametrize("size", [None, False])
def test_a_size_that_is_not_known_any_more_or_never_was_is_no_exemption(
    service, caller, size
) -> None:
    """Fail safe: nobody knows when the twelve months would begin."""
    tenant_sizes.resize(service, caller.tenant_id, None, keys.OPERATOR)
    tenant_sizes.resize(service, caller.tenant_id, size, keys.OPERATOR)
    assert are_offered(service, caller)


def test_a_decision_tells_of_a_court_alone_and_an_appeal_says_what_remains(
    service, caller, account
) -> None:
    track = blocked(service, caller, account)
    found = statement(service, track)
    with pytest.raises(NotOfferedError, match=r"DSA-19.*You can turn to a court$"):
        appealed(service, caller, "track", track.id)
    assert can_contest(service, track) == []
    for language, court in COURT.items():
        told = statements.describe(service, found, language)
        assert told["redress"] == {"ways": ["court"], "until": None}
        assert told["text"].endswith(court)
        assert "DSA-2" not in told["text"]
    (letter,) = casework.letters(service, template="statement-of-reasons")
    assert COURT["en"] in letter.body
    assert "DSA-20" not in letter.body


def test_what_somebody_was_told_stays_whatever_the_platform_is_by_now(
    service, caller, account
) -> None:
    tenant_sizes.choose(service, caller.tenant_id, True, keys.OPERATOR)
    told = blocked(service, caller, account)
    tenant_sizes.choose(service, caller.tenant_id, False, keys.OPERATOR)
    untold = blocked(service, caller, account)
    tenant_sizes.resize(service, caller.tenant_id, None, keys.OPERATOR)  # offered again

    assert (can_contest(service, told), can_contest(service, untold)) == (["appeal"], [])
    assert appealed(service, caller, "track", told.id).state == "filed"
    with pytest.raises(NotOfferedError):
        appealed(service, caller, "track", untold.id)


def test_what_restores_a_decision_that_could_be_appealed_can_be_too(
    service, caller, account
) -> None:
    tenant_sizes.choose(service, caller.tenant_id, True, keys.OPERATOR)
    track = blocked(service, caller, account)
    tenant_sizes.choose(service, caller.tenant_id, False, keys.OPERATOR)
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        before = session.get_one(PolicyDecision, row.decision_id)
        ruling = Ruling("block", "human.uphold", "It stays.", legal_basis=("DSA-17",))
        rulings.restore(service, session, row, before, ruling, keys.OPERATOR)
    inline.drive(service, track.id)
    assert statement(service, casework.track_of(service, track.id)).open_to_appeal


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_goes_on_for_a_reason_that_could_be_appealed_can_be_too(
    service, caller, account, goes_on
) -> None:
    """Whoever decides anew on top of it takes no way from who was told of it."""
    tenant_sizes.choose(service, caller.tenant_id, True, keys.OPERATOR)
    track = blocked(service, caller, account)
    tenant_sizes.choose(service, caller.tenant_id, False, keys.OPERATOR)
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        before = session.get_one(PolicyDecision, row.decision_id)
        ruling = Ruling("block", "human.more", "And this.", on_top_of=before if goes_on else None)
        rulings.rule(service, session, row, ruling, keys.OPERATOR)
    inline.drive(service, track.id)
    assert statement(service, casework.track_of(service, track.id)).open_to_appeal is goes_on


def test_a_letter_and_the_statement_that_comes_after_it_say_the_same(
    service, caller, account
) -> None:
    track = casework.decided_track(service, caller, account_id=account.id)
    tenant_sizes.choose(service, caller.tenant_id, True, keys.OPERATOR)
    noticed.sent(service, caller, track.id, form="likeness")
    act = replace(noticed.ACTION, remedy="block")
    (case,) = noticed.cases(service, "notice")
    with service.database.transaction() as session:
        notice_verdicts.apply(service, session, session.get_one(Case, case.id), act, noticed.RITA)
    (letter,) = casework.letters(service, template="notice-taken-down")
    assert "six months" in letter.body
    tenant_sizes.choose(service, caller.tenant_id, False, keys.OPERATOR)
    inline.drive(service, track.id)
    assert statement(service, casework.track_of(service, track.id)).open_to_appeal


def test_a_sandbox_offers_what_its_platform_does(service, caller) -> None:
    key, _ = keys.create_key(service, caller.tenant_id, "test", sandbox=True)
    sandbox = replace(caller, tenant_id=key.tenant_id)
    assert not are_offered(service, sandbox)
    tenant_sizes.choose(service, caller.tenant_id, True, keys.OPERATOR)
    assert are_offered(service, sandbox)


@pytest.mark.parametrize("at_issue", ["rule", "match"])
def test_where_copyright_is_at_issue_the_way_stays(service, caller, account, at_issue) -> None:
    """DSM-17-9: also where a person decides without a word of copyright on a track with a match."""
    basis = ("DSM-17-9",) if at_issue == "rule" else ("DSA-17",)
    case = reviewing.about_track(service, caller, account_id=account.id)
    track = casework.track_of(service, case.track_id)
    if at_issue == "match":
        reviewing.matched(service, case, noticed.referenced(service, caller))
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        ruling = Ruling("block", "human.copy", "No.", legal_basis=basis)
        rulings.rule(service, session, row, ruling, keys.OPERATOR)
    inline.drive(service, track.id)
    track = casework.track_of(service, track.id)

    assert can_contest(service, track) == ["appeal"]
    assert "Digital Services Act, Article 20" in statement(service, track).text


def test_a_person_still_decides_on_what_rules_alone_decided(service, caller, account) -> None:
    """GDPR-22 asks for no size."""
    text = rollouts.pack_text().replace("decision: review", "decision: restrict")
    limit = "outcome: restrict\n    restriction: {kind: age, min_age: 18}"
    pack = rollouts.approved(service, caller, text.replace("outcome: review", limit))
    policies.activate(service, caller, pack)
    track = casework.decided_track(service, caller, 40, account_id=account.id)

    assert "You can ask that a person decides" in statement(service, track).text
    with pytest.raises(NotOfferedError, match=r"human-review \(GDPR-22\)$"):
        appealed(service, caller, "decision", track.decision_id)
    assert human_review.ask(service, caller, track.id, "I made it.").kind == "human_review"


def test_a_preview_of_a_verdict_tells_what_its_statement_will(service, caller, account) -> None:
    case = reviewing.about_track(service, caller, account_id=account.id)
    with service.database.transaction() as session:
        case = session.get_one(Case, case.id)
        case.reasons = [{"rule": "hate", "text": "It is hate.", "legal_basis": ["DSA-17"]}]
    verdict = Verdict("block", "human.rules-broken")
    with service.database.reading() as session:
        told = case_effects.preview(service, session, case, verdict)["statement"]
    assert told["redress"].endswith(COURT["en"])
    reviewing.decided(service, casework.person(service, caller, "rita"), case, verdict)
    reviewing.later(service, hours=2)
    inline.drive(service, case.track_id)
    found = statement(service, casework.track_of(service, case.track_id))
    assert found.redress == told["redress"]


def test_a_notice_that_is_refused_and_one_that_is_acted_on_tell_of_a_court(
    service, caller, account
) -> None:
    kept, gone = (casework.decided_track(service, caller, account_id=account.id) for _ in range(2))
    refused = noticed.sent(service, caller, kept.id, form="likeness")
    noticed.decided(service, refused.id, noticed.REFUSE)
    acted = noticed.sent(service, caller, gone.id, form="likeness")
    noticed.decided(service, acted.id, replace(noticed.ACTION, remedy="block"))

    with pytest.raises(NotOfferedError, match="refusal"):
        appealed(service, caller, "notice", refused.id)
    with pytest.raises(NotOfferedError, match="decision"):
        appealed(service, caller, "track", gone.id)
    for template in ("notice-refused", "notice-actioned", "notice-taken-down"):
        (letter,) = casework.letters(service, template=template)
        assert COURT["en"] in letter.body
        assert "out-of-court" not in letter.body


def test_a_copyright_notice_leaves_the_counter_notice_and_the_appeal_but_not_that_of_its_strike(
    service, caller, account
) -> None:
    """DMCA-CN, DSM-17-9."""
    track = casework.decided_track(service, caller, account_id=account.id)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id)
    inline.drive_group(service, STRIKES, caller.tenant_id)

    (letter,) = casework.letters(service, template="notice-taken-down")
    assert "six months" in letter.body
    (letter,) = casework.letters(service, template="strike-given")
    assert "counter-notice" in letter.body
    assert "appeal" not in letter.body
    with service.database.reading() as session:
        strike = session.exec(select(Strike)).one()
        (told,) = account_standing.describe(service, session, account)["strikes"]
        assert not told["open_to_appeal"]
    with pytest.raises(NotOfferedError, match="strike"):
        appealed(service, caller, "strike", strike.id)
    assert can_contest(service, casework.track_of(service, track.id)) == ["appeal"]
    elements = noticed.COUNTER | {"location": [track.id]}
    counter = counter_notices.file(service, caller, notice, track.id, elements)
    assert counter.state == "waiting"


def test_a_suspension_tells_of_a_court_and_its_refusals_name_no_appeal(
    service, caller, account
) -> None:
    olga, otto = (
        casework.person(service, caller, each, "appeals_officer") for each in ("olga", "otto")
    )
    sent = Submissions(total=8, unfounded=6, gravity="serious", intent=True)
    asked = SanctionAsked("account", account.id, "uploads", "warning", "Again.", sent)
    sanctions.propose(service, olga, asked)
    row = sanctions.propose(service, olga, replace(asked, kind="suspension", days=30))
    sanctions.sign(service, otto, row.id, True, "I agree.")

    warned, suspended = casework.letters(service, template="sanction")
    for letter in (warned, suspended):
        assert COURT["en"] in letter.body
        assert "six months" not in letter.body
    with pytest.raises(NotOfferedError, match="sanction"):
        appealed(service, caller, "sanction", row.id)
    with service.database.reading() as session, pytest.raises(sanctions.SuspendedError) as refused:
        sanctions.require(
            session, caller.tenant_id, "account", account.id, "uploads", service.now()
        )
    assert "appeal" not in str(refused.value)


@pytest.mark.parametrize("means", [True, False])
def test_a_trusted_flagger_comes_first_where_that_is_offered(service, caller, means) -> None:
    """DSA-22."""
    tenant_sizes.choose(service, caller.tenant_id, means, keys.OPERATOR)
    track = casework.decided_track(service, caller)
    flagger, _ = flaggers.add(service, caller, "Watch", "watch@example.org")
    theirs = replace(caller, flagger_id=flagger.id)
    noticed.sent(service, caller, track.id, form="likeness")
    noticed.sent(service, theirs, track.id, form="likeness")

    others, trusted = noticed.cases(service, "notice")
    assert (trusted.priority > others.priority) is means
    assert (trusted.legal_due_at < others.legal_due_at) is means


def test_a_claim_is_disputed_as_before(service, caller) -> None:
    """DSM-17-9."""
    holder = claiming.holder(service, caller)
    track, _ = claiming.claimed(service, caller, claiming.reference(service, caller, holder))
    assert "dispute" in can_contest(service, track)
