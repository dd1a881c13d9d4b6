"""A backtest replays stored facts through another pack, writes nothing, and names what would be otherwise."""

from datetime import timedelta

import pytest
from sqlmodel import func, select

import policy
from policy import Confusion
from scanner import backtests, policies
from scanner.backtests import Backtest
from scanner.clock import new_id
from scanner.tables import JournalRow, PolicyDecision
from tests.rollouts import decided, pack_text
from tests.running import add_tenant

PATIENT = policy.read_pack(pack_text(30))


def replayed(service, caller, since=None, **more) -> dict:
    backtest = Backtest(
        service,
        caller.tenant_id,
        PATIENT,
        since or service.now() - timedelta(days=1),
        **more,
    )
    list(backtest.run())
    return backtest.to_json()


def superseded(service, decision: PolicyDecision, outcome: str, automation: str) -> PolicyDecision:
    """Write down that somebody, or the rules, decided the track again."""
    later = PolicyDecision(
        **decision.model_dump()
        | {
            "id": new_id(),
            "decision": outcome,
            "outcomes": {"*": outcome},
            "automation": automation,
            "ruled_by": "person" if automation == "none" and outcome != "indeterminate" else None,
            "supersedes": decision.id,
            "created_at": service.now(),
        }
    )
    with service.database.transaction() as session:
        session.add(later)
    return later


def test_the_table_has_every_decided_track_and_names_the_flipped(service, caller) -> None:
    short = [decided(service, caller, 10) for _ in range(3)]
    long_ = [decided(service, caller, 60) for _ in range(2)]

    told = replayed(service, caller)

    assert told["table"] == {
        "clear": {"clear": 3, "review": 2},
        "review": {"clear": 0, "review": 0},
    }
    assert (told["compared"], told["differing"], told["unreadable"]) == (5, 2, 0)
    flipped = {each["track_id"] for each in told["examples"]}
    assert flipped == {each.track_id for each in long_}
    assert not flipped & {each.track_id for each in short}
    assert told["examples"][0]["only_candidate"] == ["long-track: review"]
    assert told["tracks_per_second"] > 0


def test_the_pack_that_decided_flips_nothing_and_nothing_is_written(service, caller) -> None:
    decided(service, caller, 60)
    with service.database.reading() as session:
        before = session.exec(select(func.count()).select_from(JournalRow)).one()

    backtest = Backtest(
        service, caller.tenant_id, policy.default_pack(), service.now() - timedelta(days=1)
    )
    list(backtest.run())

    assert (backtest.confusion.compared, backtest.confusion.differing) == (1, 0)
    with service.database.reading() as session:
        assert session.exec(select(func.count()).select_from(JournalRow)).one() == before


def test_what_a_person_overturned_is_shown_beside_what_the_rules_said(service, caller) -> None:
    overturned, kept = decided(service, caller, 60), decided(service, caller, 60)
    superseded(service, overturned, "block", "none")

    told = replayed(service, caller)

    assert told["compared"] == 2
    assert told["overturned"]["differing"] == 1
    (example,) = told["overturned"]["examples"]
    assert (example["track_id"], example["live"], example["candidate"], example["human"]) == (
        overturned.track_id, "clear", "review", "block",
    )  # fmt: skip
    humans = {each["track_id"]: each["human"] for each in told["examples"]}
    assert humans[kept.track_id] is None


def test_of_a_track_decided_twice_by_rules_the_last_decision_counts(service, caller) -> None:
    first = decided(service, caller, 10)
    superseded(service, first, "restrict", "fully")

    told = replayed(service, caller)

    assert (told["compared"], told["table"]["restrict"]["clear"]) == (1, 1)


def test_only_the_platforms_own_tracks_since_the_date_are_replayed(service, caller) -> None:
    decided(service, caller, 60)
    decided(service, add_tenant(service, "two"), 60)

    assert replayed(service, caller)["compared"] == 1
    assert replayed(service, caller, service.now() + timedelta(seconds=1))["compared"] == 0


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_chunks_leave_out_no_track_and_repeat_none(service, caller, monkeypatch, chunk) -> None:
    monkeypatch.setattr(backtests, "CHUNK", chunk)
    tracks = {decided(service, caller, 60).track_id for _ in range(7)}

    told = replayed(service, caller, confusion=Confusion(100))

    assert sorted(each["track_id"] for each in told["examples"]) == sorted(tracks)
    assert replayed(service, caller, limit=4)["compared"] == 4


def test_facts_of_another_age_are_counted_as_unreadable(service, caller) -> None:
    decision = decided(service, caller, 60)
    with service.database.transaction() as session:
        row = session.get_one(PolicyDecision, decision.id)
        row.facts = row.facts | {"duration": "long"}

    told = replayed(service, caller)

    assert (told["compared"], told["unreadable"]) == (0, 1)


def test_a_backtest_says_what_a_shadow_would_have_seen(service, caller) -> None:
    pack = policies.add(service, caller, pack_text(30))
    decisions = [decided(service, caller, seconds) for seconds in (5, 29, 31, 500)]

    told = replayed(service, caller)

    assert pack.content_hash == PATIENT.content_hash
    assert told["differing"] == 2
    assert {each["track_id"] for each in told["examples"]} == {
        decision.track_id for decision in decisions[2:]
    }


def test_a_backtest_in_processes_of_its_own_comes_to_the_same(service, caller, monkeypatch) -> None:
    for seconds in (10, 60, 61):
        decided(service, caller, seconds)
    monkeypatch.setattr(backtests, "PART", 2)
    since = service.now() - timedelta(days=1)
    apart = Backtest(service, caller.tenant_id, PATIENT, since)
    assert apart.run_apart(pack_text(30), 60) == 3
    own = replayed(service, caller)
    assert apart.confusion.to_json() == {name: own[name] for name in apart.confusion.to_json()}
    assert not apart.stopped


def test_a_backtest_whose_time_is_over_ends_with_what_it_has(service, caller) -> None:
    for _ in range(3):
        decided(service, caller)
    since = service.now() - timedelta(days=1)
    backtest = Backtest(service, caller.tenant_id, PATIENT, since)

    assert backtest.run_apart(pack_text(30), 0.001) == backtest.confusion.compared == 0
    assert backtest.stopped
    assert backtest.all() == 3
