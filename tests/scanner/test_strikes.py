"""Strikes and standing: given for notices that were acted on, counted after a week, gone with them (DMCA-RI)."""

from datetime import timedelta

import pytest
from sqlmodel import select

import appeals
from appeals import Role, strike_policy
from appeals.standing import Submissions
from appeals.strike_policy import BadStrikePolicyError
from scanner import (
    account_standing,
    appeal_outcomes,
    appealing,
    inline,
    matters,
    people,
    sanctions,
)
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.sanctions import SanctionAsked
from scanner.service import Service
from scanner.tables import Account, Notice, NoticeTrack, Strike
from tests import casework, noticed
from tests.running import add_tenant

SENDER = appeals.Actor(Role.NOTIFIER, "sender")
(STRIKES,) = (each for each in GROUPS if each.name == "strikes")


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def caller(service) -> Caller:
    made = add_tenant(service)
    casework.at(service, service.now())
    return made


def actioned(service: Service, caller: Caller, account: Account, form: str = "dmca") -> Notice:
    """A notice that a reviewer acted on, against a track of the account."""
    track = casework.decided_track(service, caller, account_id=account.id)
    row = matters.new(
        Notice, caller.tenant_id, service.now(), form=form, elements={"work": "a song"}
    )
    with service.database.transaction() as session:
        matters.opened(service, session, row, SENDER)
        session.add(
            NoticeTrack(
                notice_id=row.id,
                track_id=track.id,
                tenant_id=caller.tenant_id,
                origin="named",
                state="actioned",
                created_at=service.now(),
            )
        )
        matters.move(service, session, row, "validate", matters.CLOCK)
        reviewer = appeals.Actor(Role.REVIEWER, "rita")
        matters.move(service, session, row, "action", reviewer, parts={"reason": "a copy"})
    inline.drive_group(service, STRIKES, caller.tenant_id)
    return row


def retracted(service: Service, caller: Caller, notice: Notice) -> None:
    with service.database.transaction() as session:
        row = matters.locked(session, Notice, caller.tenant_id, notice.id)
        matters.move(service, session, row, "retract", SENDER)
    inline.drive_group(service, STRIKES, caller.tenant_id)


def strikes(service: Service) -> list[Strike]:
    with service.database.reading() as session:
        return list(session.exec(select(Strike).order_by(Strike.id)))


def standing(service: Service, account: Account) -> dict:
    with service.database.reading() as session:
        return account_standing.describe(service, session, account)


def test_a_strike_counts_after_a_week_and_for_ninety_days(service, caller) -> None:
    account = casework.account(service, caller)
    actioned(service, caller, account)
    (strike,) = strikes(service)
    assert (strike.state, standing(service, account)["standing"]) == ("pending", "good")
    assert strike.policy_version == strike_policy.in_force().version

    casework.later(service, days=9)
    (strike,) = strikes(service)
    assert (strike.state, standing(service, account)["standing"]) == ("active", "warned")

    casework.later(service, days=91)
    (strike,) = strikes(service)
    assert (strike.state, standing(service, account)["standing"]) == ("expired", "good")


def test_a_strike_that_is_over_is_appealed_for_six_months(service, caller) -> None:
    """DSA-20(1): what limited an account, and weighs on, is not out of reach when its 90 days are over."""
    account = casework.account(service, caller)
    actioned(service, caller, account)
    casework.later(service, days=9)
    casework.later(service, days=91)
    (strike,) = strikes(service)
    assert strike.state == "expired"
    olga = casework.person(service, caller, "olga", "appeals_officer")
    row = appealing.file(service, caller, AppealAsked("strike", strike.id, "It was mine."))
    appealing.assign(service, olga, row.id)
    appeal_outcomes.decide(service, olga, row.id, AppealDecision("grant", "It was."))
    (strike,) = strikes(service)
    assert strike.state == "reversed"
    assert casework.letters(service, template="strike-reversed")


def test_three_strikes_suspend_and_a_pack_knows_of_them(service, caller) -> None:
    account = casework.account(service, caller)
    for _ in range(3):
        actioned(service, caller, account)
    casework.later(service, days=9)

    with service.database.reading() as session:
        declared = {"account": account.external_id}
        fact = people.facts(session, caller.tenant_id, declared, service.now())["account"]
    assert (fact.strikes, fact.standing) == (3, "suspended")


def test_only_copyright_notices_give_strikes_and_each_gives_one(service, caller) -> None:
    account = casework.account(service, caller)
    actioned(service, caller, account, form="dsa")
    assert strikes(service) == []
    notice = actioned(service, caller, account)
    inline.drive_group(service, STRIKES, caller.tenant_id)
    assert [each.ground_id for each in strikes(service)] == [notice.id]


def test_a_retracted_notice_takes_its_strike_back(service, caller) -> None:
    account = casework.account(service, caller)
    notice = actioned(service, caller, account)
    casework.later(service, days=9)
    retracted(service, caller, notice)

    (strike,) = strikes(service)
    assert (strike.state, strike.ended_for) == ("reversed", "notice retracted")
    assert standing(service, account)["standing"] == "good"
    assert casework.letters(service, template="strike-reversed")


def test_a_strike_is_appealed_by_itself(service, caller) -> None:
    account = casework.account(service, caller)
    actioned(service, caller, account)
    (strike,) = strikes(service)
    row = appealing.file(service, caller, AppealAsked("strike", strike.id, "It is mine."))
    officer = casework.person(service, caller, "olga", "appeals_officer")
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("grant", "Not a copy."))
    assert [each.state for each in strikes(service)] == ["reversed"]


def test_the_strike_of_a_newer_notice_outlives_an_appeal_of_the_older_decision(
    service, caller
) -> None:
    """DMCA-RI: what stands on the track keeps its strike."""
    account = casework.account(service, caller)
    track = casework.decided_track(service, caller, account_id=account.id)
    olga = casework.person(service, caller, "olga", "appeals_officer")
    notices = [noticed.sent(service, caller, track.id) for _ in range(2)]
    older = None
    for notice in notices:
        noticed.decided(service, notice.id)
        inline.drive_group(service, STRIKES, caller.tenant_id)
        older = older or casework.track_of(service, track.id).decision_id
    assert [each.state for each in strikes(service)] == ["pending", "pending"]

    asked = AppealAsked("decision", str(older), "It is mine.")
    row = appealing.file(service, caller, asked)
    appealing.assign(service, olga, row.id)
    appeal_outcomes.decide(service, olga, row.id, AppealDecision("grant", "Not a copy."))

    states = {each.ground_id: each.state for each in strikes(service)}
    assert states == {notices[0].id: "reversed", notices[1].id: "pending"}
    assert casework.track_of(service, track.id).state == "blocked"


@pytest.mark.parametrize("kind", ["strike", "sanction"])
def test_what_stands_or_falls_in_whole_is_not_granted_in_part(service, caller, kind) -> None:
    account = casework.account(service, caller)
    olga, otto = (
        casework.person(service, caller, name, "appeals_officer") for name in ("olga", "otto")
    )
    if kind == "strike":
        actioned(service, caller, account)
        subject_id = strikes(service)[0].id
    else:
        sent = Submissions(8, 6, "serious", False)
        warning = SanctionAsked("account", account.id, "uploads", "warning", "Copies.", sent)
        subject_id = sanctions.propose(service, otto, warning).id
    row = appealing.file(service, caller, AppealAsked(kind, subject_id, "It is mine."))
    appealing.assign(service, olga, row.id)

    with pytest.raises(BadAppealError, match="falls in whole"):
        partly = AppealDecision("grant_partly", "Half.", "block", ("DE",))
        appeal_outcomes.decide(service, olga, row.id, partly)


def test_badges_and_reputation_follow_from_records(make_service, database_url) -> None:
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    now = service.now()
    clean = account_standing.History(10, 0, 3, 5, 0, 0, None, suspended=False)
    assert clean.badges(now) == ["clean-record", "verified-creator", "signed-provenance"]
    struck = account_standing.History(10, 2, 3, 0, 0, 0, now - timedelta(days=100), suspended=False)
    assert (struck.badges(now), struck.reputation) == ([], 0.8333)
    account = casework.account(service, caller)
    casework.decided_track(service, caller, account_id=account.id)
    view = standing(service, account)
    assert (view["history"]["released"], view["reputation"], view["badges"]) == (1, 1.0, [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("decay_days: 400", "at most 90"),
        ("window_days: 0", "from 1 to"),
        ("steps: [{weight: 2, standing: warned}, {weight: 1, standing: suspended}]", "rise"),
        ("steps: [{weight: 1, standing: banned}]", "banned"),
        ("extra: 1", "exactly"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(change, says) -> None:
    import yaml

    said = yaml.safe_load((strike_policy.DATA / "strikes.yaml").read_text(encoding="utf-8"))
    with pytest.raises(BadStrikePolicyError, match=says):
        strike_policy.read(yaml.safe_dump(said | yaml.safe_load(change)))
