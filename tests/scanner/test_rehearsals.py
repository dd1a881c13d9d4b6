"""A candidate beside the live pack changes nothing and is counted; a canary that strays stops itself; a rule that jumps raises the alarm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select

import policy
from scanner import backtests, pipeline, policies, rehearsals, webhooks
from scanner.bus.dispatch import AlreadyHandledError
from scanner.journal import event_of
from scanner.metrics import POLICY_ALARMS, count_what_waits
from scanner.packs_in_force import WITHOUT
from scanner.rollouts import id_of
from scanner.tables import (
    JournalRow,
    PolicyComparison,
    PolicyDecision,
    PolicyPack,
    RuleTally,
    WebhookDelivery,
)
from tests.rollouts import analysed, approved, decided, journal, pack_text, running, state_of
from tests.running import add_tenant


def seen(service, activation) -> dict[str, int]:
    with service.database.reading() as session:
        return rehearsals.counts(session, activation.id)


def kept(service) -> list[PolicyComparison]:
    with service.database.reading() as session:
        return list(session.exec(select(PolicyComparison)))


def tallied(service, caller, rule: str, fired: int, decided_: int, hours_ago: int = 24) -> None:
    """Write down a past of the pack in force."""
    active, _ = running(service, caller)
    hour = service.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    with service.database.transaction() as session:
        for name, count in ((rule, fired), ("*", decided_)):
            session.add(
                RuleTally(
                    tenant_id=caller.tenant_id,
                    pack_id=active.pack_id,
                    rule=name,
                    hour=hour,
                    fired=count,
                )
            )


def alarms(service) -> list[dict]:
    return [row.data for row in journal(service, "clearance.policy.alarm")]


# --- shadow


def test_a_shadow_has_no_effect_and_its_differences_are_counted_and_kept(service, caller) -> None:
    pack = approved(service, caller)
    policies.shadow(service, caller, pack)

    short, long_ = decided(service, caller, 10), decided(service, caller, 60)

    _, candidate = running(service, caller)
    assert {short.decision, long_.decision} == {"clear"}
    assert {short.pack, long_.pack} == {policy.default_pack().id}
    assert seen(service, candidate) == {"compared": 2, "differing": 1, "failed": 0}
    (row,) = kept(service)
    assert (row.track_id, row.live, row.candidate) == (long_.track_id, "clear", "review")
    assert row.only_candidate == ["long-track: review"]


def test_a_rule_that_fell_on_appeal_is_no_difference_between_packs(service, caller) -> None:
    pack = approved(service, caller)
    policies.shadow(service, caller, pack)
    made = decided(service, caller, 60)
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, made.id)
        assert rehearsals.in_shadow(service, session, row).difference.differs
        row.explanation = row.explanation | {WITHOUT: ["long-track"]}
    with service.database.reading() as session:
        row = session.get_one(PolicyDecision, made.id)
        assert not rehearsals.in_shadow(service, session, row).difference.differs
    text = pack_text()
    told = backtests.compared_apart(text, [(row, None)], 60)
    assert not policy.Difference(**told["differences"][0]).differs


def test_a_decision_that_is_delivered_twice_is_counted_once(service, caller) -> None:
    pack = approved(service, caller)
    policies.shadow(service, caller, pack)
    decision = decided(service, caller, 60)
    with service.database.reading() as session:
        row = session.exec(
            select(JournalRow).where(
                JournalRow.subject == decision.track_id,
                JournalRow.type == "clearance.track.decided",
            )
        ).one()

    with pytest.raises(AlreadyHandledError):
        rehearsals.watch(service, event_of(row))

    _, candidate = running(service, caller)
    assert seen(service, candidate)["compared"] == 1


def test_a_candidate_that_fails_is_counted_and_harms_nothing(service, caller) -> None:
    pack = approved(service, caller)
    policies.shadow(service, caller, pack)
    with service.database.transaction() as session:
        session.get_one(PolicyPack, pack.id).text = "rules: ["
    del service.packs  # as in a process that starts now

    decision = decided(service, caller, 60)

    _, candidate = running(service, caller)
    assert decision.decision == "clear"
    assert seen(service, candidate) == {"compared": 0, "differing": 0, "failed": 1}
    (row,) = kept(service)
    assert row.candidate is None
    assert "PackError" in (row.error or "")


def test_a_canary_that_can_not_be_read_leaves_its_tracks_to_the_live_pack(service, caller) -> None:
    pack = approved(service, caller)
    policies.activate(service, caller, pack, 0.99)
    with service.database.transaction() as session:
        session.get_one(PolicyPack, pack.id).text = "rules: ["
    del service.packs

    assert {decided(service, caller, 60).pack for _ in range(5)} == {policy.default_pack().id}


def test_workers_that_count_at_once_lose_nothing(make_service, database_url) -> None:
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    pack = approved(service, caller)
    policies.shadow(service, caller, pack)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: decided(service, caller, 60 if n % 3 else 10), range(24)))

    _, candidate = running(service, caller)
    assert seen(service, candidate) == {"compared": 24, "differing": 16, "failed": 0}
    with service.database.reading() as session:
        total = session.exec(select(RuleTally.fired).where(RuleTally.rule == "*")).all()
    assert sum(total) == 24


# --- canary


def test_a_canary_that_strays_goes_into_the_shadow_by_itself(make_service, database_url) -> None:
    service = make_service(database_url=database_url, canary_stop_rate=0.2, canary_minimum=10)
    caller = add_tenant(service)
    webhooks.create(service, caller, "https://hooks.example.com/", ["clearance.policy.alarm"])
    pack = approved(service, caller)
    policies.activate(service, caller, pack, 0.99)
    _, canary = running(service, caller)

    for _ in range(9):
        decided(service, caller, 60)
        assert state_of(service, pack) == "canary"
    while state_of(service, pack) == "canary":
        decided(service, caller, 60)

    active, candidate = running(service, caller)
    assert seen(service, canary) == {"compared": 10, "differing": 10, "failed": 0}
    assert (candidate.mode, candidate.pack_id) == ("shadow", pack.id)
    assert active.pack_id != pack.id
    (alarm,) = alarms(service)
    assert (alarm["kind"], alarm["seen"], alarm["of"]) == ("canary", 10, 10)
    assert alarm["taken_back"]
    moves = [row.data for row in journal(service, "clearance.policy.moved")]
    assert (moves[-1]["move"], moves[-1]["state"]) == ("shadow", "shadow")
    assert "10 of 10 tracks" in moves[-1]["reason"]
    with service.database.reading() as session:
        (delivery,) = session.exec(select(WebhookDelivery)).all()
    assert delivery.event_type == "clearance.policy.alarm"
    count_what_waits(service)
    assert POLICY_ALARMS.labels("canary")._value.get() == 1
    assert decided(service, caller, 60).decision == "clear"


def test_a_canary_that_agrees_goes_on(make_service) -> None:
    service = make_service(canary_stop_rate=0.2, canary_minimum=5)
    caller = add_tenant(service)
    pack = approved(service, caller)
    policies.activate(service, caller, pack, 0.99)

    for _ in range(12):
        decided(service, caller, 10)

    assert state_of(service, pack) == "canary"
    assert alarms(service) == []


# --- rules that jump


def live_long_tracks(make_service, **settings: object):
    service = make_service(**({"rule_alarm_minimum": 10} | settings))
    caller = add_tenant(service)
    decided(service, caller)
    pack = approved(service, caller)
    policies.activate(service, caller, pack)
    return service, caller, pack


def test_a_rule_that_fires_far_more_often_than_in_the_week_before_raises_one_alarm(
    make_service,
) -> None:
    service, caller, pack = live_long_tracks(make_service)
    tallied(service, caller, "long-track", 50, 1000)

    for _ in range(15):
        decided(service, caller, 60)

    (alarm,) = alarms(service)
    assert (alarm["kind"], alarm["rule"], alarm["pack"]) == (
        "rule", "long-track", id_of(pack),
    )  # fmt: skip
    assert (alarm["seen"], alarm["of"], alarm["usual_seen"], alarm["usual_of"]) == (
        10, 10, 50, 1000,
    )  # fmt: skip
    assert not alarm["taken_back"]
    assert state_of(service, pack) == "active"
    count_what_waits(service)
    assert POLICY_ALARMS.labels("rule")._value.get() == 1


@pytest.mark.parametrize(
    ("fired", "of", "hours_ago"),
    [
        (900, 1000, 24),  # it always did
        (0, 3, 24),  # hardly a past
        (50, 1000, 9 * 24),  # a past beyond the baseline
    ],
)
def test_no_alarm_is_raised_for_a_usual_rate_or_without_a_past(
    make_service, fired, of, hours_ago
) -> None:
    service, caller, _ = live_long_tracks(make_service)
    tallied(service, caller, "long-track", fired, of, hours_ago)

    for _ in range(12):
        decided(service, caller, 60)

    assert alarms(service) == []


def test_a_rule_that_the_pack_before_did_not_have_has_no_past(make_service) -> None:
    service = make_service(rule_alarm_minimum=10)
    caller = add_tenant(service)
    decided(service, caller)
    tallied(service, caller, "own-work", 0, 5000)  # of the packaged pack
    policies.activate(service, caller, approved(service, caller))

    for _ in range(12):
        decided(service, caller, 60)

    assert alarms(service) == []


def test_an_alarm_puts_the_pack_before_back_in_force_if_that_is_set(make_service) -> None:
    service, caller, pack = live_long_tracks(make_service, rule_alarm_action="revert")
    tallied(service, caller, "long-track", 50, 1000)

    outcomes = [decided(service, caller, 60).decision for _ in range(12)]

    assert outcomes == ["review"] * 10 + ["clear"] * 2
    active, candidate = running(service, caller)
    assert (state_of(service, pack), candidate.pack_id) == ("shadow", pack.id)
    with service.database.reading() as session:
        assert session.get_one(PolicyPack, active.pack_id).name == "default"
    (alarm,) = alarms(service)
    assert alarm["taken_back"]


def test_a_revert_without_a_pack_before_leaves_the_live_one(make_service) -> None:
    service = make_service(rule_alarm_minimum=10, rule_alarm_action="revert")
    caller = add_tenant(service)
    decision = decided(service, caller)
    rule = decision.reasons[0]["rule"]
    tallied(service, caller, rule, 5, 1000)

    for _ in range(12):
        decided(service, caller)

    (alarm,) = alarms(service)
    assert (alarm["rule"], alarm["taken_back"]) == (rule, False)
    assert running(service, caller)[0].id == decision.activation_id


def test_old_tallies_and_comparisons_are_forgotten(make_service) -> None:
    service, caller, _ = live_long_tracks(make_service)
    policies.shadow(service, caller, approved(service, caller, pack_text(5)))
    decision = decided(service, caller, 10)
    tallied(service, caller, "long-track", 5, 1000, 24 * 12)
    with service.database.transaction() as session:
        (row,) = session.exec(select(PolicyComparison)).all()
        row.at -= timedelta(days=200)

    rehearsals.forget_old(service)

    with service.database.reading() as session:
        assert 1000 not in session.exec(select(RuleTally.fired)).all()
        assert session.exec(select(PolicyComparison)).all() == []
        assert session.get_one(PolicyDecision, decision.id).decision == "clear"


def test_a_track_that_is_still_to_be_decided_meets_the_pack_of_that_moment(service, caller) -> None:
    event = analysed(service, caller, 60)
    pack = approved(service, caller)
    policies.activate(service, caller, pack)

    pipeline.decide(service, event)

    with service.database.reading() as session:
        made = session.exec(
            select(PolicyDecision).where(PolicyDecision.track_id == event.subject)
        ).one()
    assert made.pack == id_of(pack)
