"""Warned first, then suspended for a time, by two people; what is suspended is refused (DSA-23)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from appeals.errors import NotAllowedError
from appeals.standing import Submissions
from scanner import (
    appeal_outcomes,
    appealing,
    counter_notices,
    disputes,
    flaggers,
    lawful_uses,
    matters,
    notice_appeals,
    sanctions,
    tracks,
)
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Attestation, Declaration
from scanner.disputes import Filed
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.journal import Actor
from scanner.problems import name_of
from scanner.sanctions import SanctionAsked, SuspendedError
from scanner.service import Service
from scanner.tables import Account, Case, Holder, Sanction
from tests import casework, claiming, noticed
from tests.running import add_tenant

SENT = Submissions(total=8, unfounded=6, gravity="serious", intent=True)


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def caller(service) -> Caller:
    made = add_tenant(service)
    casework.at(service, service.now())
    return made


@pytest.fixture
def olga(service, caller) -> Caller:
    return casework.person(service, caller, "olga", "appeals_officer")


@pytest.fixture
def otto(service, caller) -> Caller:
    return casework.person(service, caller, "otto", "appeals_officer")


def asked(account: Account, kind: str, what: str = "uploads", days: int | None = None):
    return SanctionAsked("account", account.id, what, kind, "Copies, again.", SENT, days)


def suspended(service, account, olga, otto, what: str = "uploads") -> Sanction:
    sanctions.propose(service, olga, asked(account, "warning", what))
    row = sanctions.propose(service, olga, asked(account, "suspension", what, 30))
    return sanctions.sign(service, otto, row.id, True, "I agree.")


def submit(service: Service, caller: Caller, account: Account, entrance: str = "api") -> str:
    source = tracks.Source(url="https://example.org/a.wav")
    declaration = Declaration.parse({"account": account.external_id})
    key = f"key-{service.now().isoformat()}"
    return tracks.submit(service, caller, source, declaration, entrance=entrance, key=key)


def test_who_was_not_warned_is_not_suspended(service, caller, olga, otto) -> None:
    account = casework.account(service, caller)
    with pytest.raises(IllegalTransitionError, match="warning first"):
        sanctions.propose(service, olga, asked(account, "suspension", days=30))
    sanctions.propose(service, olga, asked(account, "warning"))
    with pytest.raises(IllegalTransitionError, match="send days"):
        sanctions.propose(service, olga, asked(account, "suspension"))
    row = sanctions.propose(service, olga, asked(account, "suspension", days=30))
    assert row.factors == {
        "count": 6,
        "total": 8,
        "share": 0.75,
        "gravity": "serious",
        "intent": True,
        "suggests": "suspension",
        "because": ["6 of 8 were manifestly illegal", "they were meant"],
        "days": 30,
    }


def test_a_warning_counts_no_longer_than_what_was_sent_and_a_suspension_from_its_end(
    service, caller, olga, otto
) -> None:
    account = casework.account(service, caller)
    sanctions.propose(service, olga, asked(account, "warning"))
    casework.later(service, days=366)
    with pytest.raises(IllegalTransitionError, match="in the last 365 days: give a warning first"):
        sanctions.propose(service, olga, asked(account, "suspension", days=30))

    suspended(service, account, olga, otto)
    casework.later(service, days=31)
    sanctions.expire_due(service)
    casework.later(service, days=360)
    assert sanctions.propose(service, olga, asked(account, "suspension", days=30))
    casework.later(service, days=10)
    with pytest.raises(IllegalTransitionError, match="warning first"):
        sanctions.propose(service, olga, asked(account, "suspension", days=30))


def test_a_suspension_takes_a_second_officer_and_ends_by_itself(
    service, caller, olga, otto
) -> None:
    account = casework.account(service, caller)
    sanctions.propose(service, olga, asked(account, "warning"))
    submit(service, caller, account)
    row = sanctions.propose(service, olga, asked(account, "suspension", days=30))
    with pytest.raises(IllegalTransitionError, match="another officer"):
        sanctions.sign(service, olga, row.id, True, "I agree with myself.")
    reviewer = casework.person(service, caller, "rita")
    with pytest.raises(ForbiddenError):
        sanctions.sign(service, reviewer, row.id, True, "Me too.")
    sanctions.sign(service, otto, row.id, True, "I agree.")
    (_, letter) = casework.letters(service, template="sanction")
    assert row.id in letter.body
    assert "six months" in letter.body

    casework.later(service, days=31)
    submit(service, caller, account)
    assert sanctions.expire_due(service) == 1
    assert [each.type.rpartition(".")[2] for each in casework.events(service, row.id)] == [
        "proposed",
        "in_force",
        "expired",
    ]


@pytest.mark.parametrize("entrance", ["http", "cli", "kafka"])
def test_uploads_of_a_suspended_account_are_refused_and_recorded(
    service, caller, olga, otto, entrance
) -> None:
    account = casework.account(service, caller)
    row = suspended(service, account, olga, otto)
    with pytest.raises(SuspendedError, match=row.id) as refused:
        submit(service, caller, account, entrance)
    assert name_of(refused.value) == "account-suspended"
    kept = casework.events(service, row.id)[-1]
    assert (kept.type, kept.data["entrance"]) == ("clearance.sanction.kept", entrance)
    submit(service, caller, casework.account(service, caller, "other"), entrance)


def test_complaints_of_a_suspended_account_are_refused_but_those_about_it(
    service, caller, olga, otto
) -> None:
    account = casework.account(service, caller)
    row = suspended(service, account, olga, otto, "complaints")
    submit(service, caller, account)
    third = casework.person(service, caller, "oona", "appeals_officer")
    appeal = appealing.file(service, caller, AppealAsked("sanction", row.id, "I was right."))
    for prior in (olga, otto):
        with pytest.raises(Exception, match="decided on it before"):
            appealing.assign(service, prior, appeal.id)
    appealing.assign(service, third, appeal.id)
    appeal_outcomes.decide(service, third, appeal.id, AppealDecision("grant", "They were."))
    with service.database.reading() as session:
        assert session.get_one(Sanction, row.id).state == "lifted"


def test_a_suspension_that_is_over_is_appealed_for_six_months_and_then_counts_no_more(
    service, caller, olga, otto
) -> None:
    """DSA-20(1): at least six months from the decision, however short the suspension."""
    account = casework.account(service, caller)
    row = suspended(service, account, olga, otto)
    began = service.now()
    casework.later(service, days=31)
    assert sanctions.expire_due(service) == 1
    with service.database.reading() as session:
        over = session.get_one(Sanction, row.id)
        assert notice_appeals.of_sanction(service, session, over).until is not None
    third = casework.person(service, caller, "oona", "appeals_officer")
    appeal = appealing.file(service, caller, AppealAsked("sanction", row.id, "They were mine."))
    appealing.assign(service, third, appeal.id)
    appeal_outcomes.decide(service, third, appeal.id, AppealDecision("grant", "They were."))

    with service.database.reading() as session:
        lifted = session.get_one(Sanction, row.id)
    assert lifted.state == "lifted"
    assert lifted.ends_at == began + timedelta(days=30)  # what stood still meanwhile is as it was
    assert casework.letters(service, template="sanction-lifted")
    with pytest.raises(IllegalTransitionError, match="only one that took force"):
        sanctions.lift(service, olga, row.id, "Again.")


def test_a_suspension_that_is_over_is_not_appealed_after_six_months(
    service, caller, olga, otto
) -> None:
    row = suspended(service, casework.account(service, caller), olga, otto)
    casework.later(service, days=190)
    sanctions.expire_due(service)
    with pytest.raises(IllegalTransitionError, match="too late"):
        appealing.file(service, caller, AppealAsked("sanction", row.id, "They were mine."))


@pytest.mark.parametrize("what", ["uploads", "notices", "complaints", "account"])
def test_whoever_is_suspended_contests_as_the_law_has_it(service, caller, olga, otto, what) -> None:
    """DSA-20, DSM-17-9, DMCA-CN, DE-URHDAG: only misused complaints are refused (DSA-23)."""
    label = claiming.holder(service, caller)
    songs = [claiming.reference(service, caller, label, title=each) for each in ("One", "Two")]
    account = casework.account(service, caller)
    track, claim = claiming.claimed(service, caller, songs[0], account_id=account.id)
    other, _ = claiming.claimed(service, caller, songs[1], account_id=account.id)
    notice = noticed.sent(service, caller, other.id)
    noticed.decided(service, notice.id)
    suspended(service, account, olga, otto, what)
    own = replace(caller, actor=Actor(account.id, "creator"), account_id=account.id)

    filed = Filed(claim.id, ["misidentified"], claiming.WORDS, claiming.ATTESTED)
    assert disputes.file(service, own, filed).state == "with_claimant"
    parody = Attestation(
        lawful_use="parody", signer="Ana Ruiz", text_version="use-1", at=service.now()
    )
    assert lawful_uses.flag(service, own, track.id, parody).id == track.id
    elements = noticed.COUNTER | {"location": [other.id]}
    counter = counter_notices.file(service, own, notice, other.id, elements)
    assert counter.state == "waiting"
    appeal = AppealAsked("track", other.id, "It is mine.")
    if what == "complaints":
        with pytest.raises(SuspendedError):
            appealing.file(service, own, appeal)
    else:
        assert appealing.file(service, own, appeal).state == "filed"


def test_the_verdict_on_its_case_is_the_second_signature(service, caller, olga, otto) -> None:
    account = casework.account(service, caller)
    sanctions.propose(service, olga, asked(account, "warning", "account"))
    row = sanctions.propose(service, olga, asked(account, "termination", "account"))
    with service.database.reading() as session:
        case = session.exec(select(Case).where(Case.matter_id == row.id)).one()
    assert (case.kind, case.deciders) == ("termination", [olga.user_id])

    for signer, role, why in (
        (olga, "appeals_officer", "another officer"),
        (otto, "reviewer", "only an appeals officer"),
    ):
        with (
            pytest.raises((IllegalTransitionError, NotAllowedError), match=why),
            service.database.transaction() as session,
        ):
            _apply(service, session, case, "terminate", Actor(str(signer.user_id), role))
    with service.database.transaction() as session:
        _apply(service, session, case, "terminate", otto.actor)
    with service.database.reading() as session:
        ended = session.get_one(Sanction, row.id)
    assert (ended.state, ended.ends_at, ended.second_signer) == ("in_force", None, otto.user_id)
    with pytest.raises(SuspendedError, match="for good"):
        submit(service, caller, account)


def _apply(service, session, case: Case, verdict: str, actor: Actor) -> None:
    from types import SimpleNamespace

    found = matters.locked(session, Case, case.tenant_id, case.id)
    words = SimpleNamespace(verdict=verdict, text="So be it.")
    sanctions.apply(service, session, found, words, actor)


def test_a_tenant_sees_and_sanctions_its_own_only(service, caller, olga, otto) -> None:
    account = casework.account(service, caller)
    row = suspended(service, account, olga, otto)
    other = replace(add_tenant(service, "two"), user_id=olga.user_id, actor=olga.actor)
    for act in (
        lambda: sanctions.lift(service, other, row.id, "why not"),
        lambda: sanctions.propose(service, other, asked(account, "warning")),
    ):
        with pytest.raises(Exception, match=r"no (sanction|account)"):
            act()


@pytest.mark.parametrize("kind", ["holder", "flagger"])
def test_nobody_sanctions_a_holder_or_flagger_of_another_platform(
    service, caller, olga, kind
) -> None:
    other = add_tenant(service, "two")
    if kind == "holder":
        party_id = new_id()
        columns = {"tenant_id": other.tenant_id, "name": "x", "created_at": service.now()}
        with service.database.transaction() as session:
            session.add(Holder(id=party_id, **columns))
    else:
        party_id = flaggers.add(service, other, "Music Watch", "desk@watch.example")[0].id

    with pytest.raises(NotFoundError, match=kind):
        wanted = SanctionAsked(kind, party_id, "notices", "warning", "Unfounded.", SENT)
        sanctions.propose(service, olga, wanted)
