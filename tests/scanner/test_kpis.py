"""What a pilot is judged by, of groups that are large enough."""

import math
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel import SQLModel

from scanner import kpis
from scanner.callers import Caller
from scanner.cli import reports
from scanner.clock import new_id
from scanner.service import Service
from scanner.tables import (
    Account,
    Appeal,
    Case,
    CaseVerdict,
    Generation,
    PolicyDecision,
    Take,
    TakeProject,
    Track,
)
from scanner.transparency.report import BadPeriodError
from tests import casework, rollouts
from tests.running import add_tenant

MARCH = kpis.Period(date(2026, 3, 1), date(2026, 3, 31))
FEBRUARY = kpis.Period(date(2026, 2, 1), date(2026, 2, 28))
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url, kpi_minimum=2)


def told(service: Service, caller: Caller) -> dict[str, tuple]:
    with service.database.reading() as session:
        report = kpis.report(service, session, caller.tenant_id, MARCH)
    return {each["name"]: (each["value"], each["p95"], each["n"]) for each in report["kpis"]}


def put(service: Service, *rows: SQLModel) -> None:
    with service.database.transaction() as session:
        for row in rows:
            session.add(row)
            session.flush()


def decided(service: Service, caller: Caller, seconds: float) -> PolicyDecision:
    """A track that was decided so long after it came, and once more a day later."""
    casework.at(service, START)
    made = rollouts.decided(service, caller)
    with service.database.transaction() as session:
        session.get_one(Track, made.track_id).created_at = START - timedelta(seconds=seconds)
        again = made.model_dump() | {"id": new_id(), "created_at": START + timedelta(days=1)}
        session.add(PolicyDecision(**again))
    return made


def judged(service: Service, decision: PolicyDecision, reviewer_id: str, verdict: str) -> None:
    own = {"tenant_id": decision.tenant_id}
    case = Case(
        id=new_id(), track_id=decision.track_id, kind="review", state="closed", priority=0,
        decision_id=decision.id, reasons=[], opened_at=START, closed_at=START, **own,
    )  # fmt: skip
    given = CaseVerdict(
        id=new_id(), case_id=case.id, reviewer_id=reviewer_id, role="reviewer", verdict=verdict,
        reason="other", text="", state="applied", created_at=START, **own,
    )  # fmt: skip
    put(service, case, given)


def appealed(service: Service, caller: Caller, outcome: str | None, when: datetime) -> None:
    appeal = Appeal(
        id=new_id(), tenant_id=caller.tenant_id, state=outcome or "filed", since=when, created_at=when,
        subject_kind="decision", subject_id=new_id(), filed_by="somebody", filed_as="creator", reason="No.",
        outcome_kind=outcome,
    )  # fmt: skip
    put(service, appeal)


def asked(
    service: Service, caller: Caller, account_id: str, when: datetime, *, seconds: float = 30, **take: Any
) -> Take:  # fmt: skip
    """A request for music, and its take so many seconds later."""
    own = {"tenant_id": caller.tenant_id, "account_id": account_id}
    made = when + timedelta(seconds=seconds)
    track = Track(id=new_id(), state="released", created_at=made, updated_at=made, **own)
    generation = Generation(
        id=new_id(), state="made", prompt="jazz", parameters={}, reasons=[], track_id=track.id, created_at=when,
        updated_at=made, **own,
    )  # fmt: skip
    node = Take(
        id=new_id(), generation_id=generation.id, track_id=track.id, digest="0" * 64, engine="clearance",
        engine_version="2", locked=[], locked_bars=[], amount=1.0, seed=3, bars=8, bar_seconds=2.0, credits=[],
        document_sha256="0" * 64, created_at=made, **({"project_id": new_id()} | own | take),
    )  # fmt: skip
    put(service, track, generation, node)
    return node


def account(service: Service, caller: Caller, name: str) -> str:
    row = Account(
        id=new_id(), tenant_id=caller.tenant_id, external_id=name, created_at=START - timedelta(days=30)
    )  # fmt: skip
    put(service, row)
    return row.id


def test_decisions_are_timed_to_the_first_and_judged_by_people_and_appeals(both) -> None:
    caller = add_tenant(both)
    rita = str(casework.person(both, caller, "rita").user_id)
    made = [decided(both, caller, seconds) for seconds in (10, 20, 90)]
    with both.database.transaction() as session:
        for each in made:
            session.get_one(PolicyDecision, each.id).decision = "block"
    for each, verdict in zip(made, ("release", "block", "restrict"), strict=True):
        judged(both, each, rita, verdict)
    for outcome in ("granted", "denied", "partly", "denied", None):
        appealed(both, caller, outcome, START)
    appealed(both, caller, "granted", START - timedelta(days=40))

    found = told(both, caller)
    assert found["time_to_decision"] == (20.0, 90.0, 3)
    assert found["false_positive_rate"] == (round(1 / 3, 4), None, 3)
    assert found["overturn_rate"] == (0.5, None, 4)


def test_who_makes_music_is_timed_returns_and_keeps_variations(both) -> None:
    caller = add_tenant(both)
    ann, bob, cy = (account(both, caller, name) for name in ("ann", "bob", "cy"))
    first = asked(both, caller, ann, START, seconds=40)
    asked(both, caller, ann, START + timedelta(days=3), parent_id=first.id, shared_at=START)
    asked(both, caller, bob, START, seconds=60)
    left = asked(both, caller, bob, START + timedelta(hours=5), parent_id=first.id)  # the same day
    gone_on = asked(both, caller, cy, START, seconds=80, parent_id=left.id)
    asked(
        both, caller, cy, START + timedelta(days=9), parent_id=gone_on.id
    )  # after more than seven days
    current = asked(
        both, caller, account(both, caller, "di"), START + timedelta(days=28), parent_id=first.id
    )
    put(both, TakeProject(
        id=new_id(), tenant_id=caller.tenant_id, current_take_id=current.id, created_at=START, updated_at=START,
    ))  # fmt: skip

    found = told(both, caller)
    assert found["time_to_first_track"] == (50.0, 80.0, 4)
    assert found["retention_after_generation"] == (round(1 / 3, 4), None, 3)
    # Of the variations one is shared, two are gone on from, one is current, and the last of cy's is none of it.
    assert found["creative_lift"] == (0.8, None, 5)


def test_where_there_are_more_than_are_counted_the_newest_are(both, monkeypatch) -> None:
    monkeypatch.setattr(kpis, "MOST", 2)
    caller = add_tenant(both)
    for outcome, days in (("granted", 0), ("denied", 1), ("denied", 2)):
        appealed(both, caller, outcome, START + timedelta(days=days))
    ann, bob, cy = (account(both, caller, name) for name in ("ann", "bob", "cy"))
    for n, (who, days) in enumerate([(ann, (0, 1)), (bob, (1, 3, 4)), (cy, (2,))]):
        for day in days:
            asked(both, caller, who, START + timedelta(days=day, minutes=n))

    found = told(both, caller)
    assert found["overturn_rate"] == (0.0, None, 2)
    assert found["retention_after_generation"] == (0.5, None, 2)  # without ann, who was first


def waiting(service: Service, caller: Caller, state: str, seconds: float, at: datetime) -> None:
    """A track without a decision that came so long before ``at``, when it was last changed."""
    put(service, Track(
        id=new_id(), tenant_id=caller.tenant_id, state=state, created_at=at - timedelta(seconds=seconds),
        updated_at=at,
    ))  # fmt: skip


def test_tracks_that_wait_for_their_decision_count_with_their_age(both) -> None:
    caller = add_tenant(both)
    for seconds in (10, 20, 30):
        decided(both, caller, seconds)
    assert told(both, caller)["time_to_decision"] == (20.0, 30.0, 3)

    both.now = lambda: START
    for state in ("received", "analysing", "quarantined"):
        waiting(both, caller, state, 5000, START)
    with both.database.reading() as session:
        figure = kpis.report(both, session, caller.tenant_id, MARCH)["kpis"][0]
    assert (figure["n"], figure["undecided"], figure["undecided_age"]) == (6, 3, 5000.0)
    assert (figure["value"], figure["p95"]) == (30.0, None)  # half had theirs after the third

    waiting(both, caller, "received", 4000, START)
    assert told(both, caller)["time_to_decision"] == (None, None, 7)  # and now fewer than half


def test_a_track_that_was_withdrawn_or_could_not_be_read_waits_no_more(both) -> None:
    caller = add_tenant(both)
    for seconds in (10, 30):
        decided(both, caller, seconds)
    for state in ("withdrawn", "held"):
        waiting(both, caller, state, 20, START)
    both.now = lambda: START + timedelta(days=20)
    with both.database.reading() as session:
        figure = kpis.report(both, session, caller.tenant_id, MARCH)["kpis"][0]
    assert (figure["n"], figure["undecided"], figure["undecided_age"]) == (4, 0, None)
    assert (
        figure["value"] == 30.0
    )  # of four waits one was over after 10 s, two were given up at 20 s


def test_of_a_group_that_is_too_small_nothing_is_told(both) -> None:
    caller = add_tenant(both)
    ann = account(both, caller, "ann")
    first = asked(both, caller, ann, START)
    for _ in range(3):  # three variations, but of one person
        asked(both, caller, ann, START + timedelta(days=1), parent_id=first.id)
    found = told(both, caller)
    assert found["time_to_first_track"] == (None, None, 1)
    assert found["retention_after_generation"] == (None, None, 1)
    assert found["creative_lift"] == (None, None, 3)
    assert set(told(both, add_tenant(both, "two")).values()) == {(None, None, 0)}


def test_days_in_the_wrong_order_are_refused(service, caller) -> None:
    with service.database.reading() as session, pytest.raises(BadPeriodError, match="swap"):
        kpis.report(service, session, caller.tenant_id, kpis.Period(MARCH.last, MARCH.first))
    with pytest.raises(BadPeriodError, match="both ends"):
        kpis.compared_days(MARCH.first, None)


def test_two_periods_are_compared_with_the_interval_of_their_difference(both) -> None:
    caller = add_tenant(both)
    for when, granted, denied in ((START, 2, 2), (START - timedelta(days=20), 1, 3)):
        for outcome in ["granted"] * granted + ["denied"] * denied:
            appealed(both, caller, outcome, when)
    with both.database.reading() as session:
        report = kpis.report(both, session, caller.tenant_id, MARCH, FEBRUARY)

    assert report["against"] == {"from": "2026-02-01", "to": "2026-02-28"}
    found = {each["name"]: each for each in report["kpis"]}
    overturned = found["overturn_rate"]
    assert (overturned["value"], overturned["before"]) == (0.5, {"n": 4, "value": 0.25})
    assert overturned["difference"] == 0.25
    low, high = overturned["interval"]
    assert low < 0 < high  # of four appeals each nothing can be said
    untold = found["time_to_decision"]
    assert (untold["before"], untold["difference"]) == ({"n": 0, "value": None}, None)


def test_the_interval_of_a_difference_is_the_published_one() -> None:
    # Newcombe 1998, table II, example (a): 56 of 70 against 48 of 80, his tenth method.
    shares = (kpis._share("x", hits, n, n, 2) for hits, n in ((56, 70), (48, 80)))
    told = kpis._compared(*shares)

    assert told["difference"] == 0.2
    assert told["interval"] == [0.0524, 0.3339]


def test_the_interval_of_a_median_holds_it_as_often_as_it_says() -> None:
    random = Random(7)
    held = 0
    for _ in range(2_000):
        drawn = sorted(random.expovariate(1) for _ in range(40))
        low, high = kpis.median_interval(drawn)
        held += low <= math.log(2) <= high
    assert 0.94 < held / 2_000 < 0.985
    assert kpis.median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 9.0]) == (1.0, 9.0)  # in 97 of 100
    assert kpis.median_interval([1.0, 2.0, 3.0, 4.0, 9.0]) is None  # in 94 at most


def test_of_two_medians_of_few_the_difference_is_told_and_nothing_of_how_sure_it_is() -> None:
    told = kpis._compared(kpis._times("x", [1, 2, 3], 2), kpis._times("x", [7, 8, 9], 2))
    assert (told["difference"], told["interval"]) == (-6, None)


def test_days_that_are_in_both_periods_are_refused(service, caller) -> None:
    """Two shares of the same cases do not differ by chance as two of others do."""
    for first, last in ((date(2026, 2, 1), MARCH.first), (MARCH.last, date(2026, 4, 30))):
        with (
            service.database.reading() as session,
            pytest.raises(BadPeriodError, match="none of the period's own"),
        ):
            kpis.report(service, session, caller.tenant_id, MARCH, kpis.Period(first, last))


def test_a_group_that_is_large_enough_is_not_said_to_be_too_small(both) -> None:
    """None of its tracks was decided, and none waits any more."""
    caller = add_tenant(both)
    for _ in range(3):
        row = Track(
            id=new_id(), tenant_id=caller.tenant_id, state="withdrawn", created_at=START,
            updated_at=START + timedelta(seconds=3),
        )  # fmt: skip
        put(both, row)
    with both.database.reading() as session:
        given, none = (
            kpis.report(both, session, caller.tenant_id, days)["kpis"][0]
            for days in (MARCH, FEBRUARY)
        )
    assert (given["n"], given["value"], given["undecided"]) == (3, None, 0)
    assert reports._untold(given, "fewer than 2") == "not seen yet"
    assert reports._untold(none, "fewer than 2") == "fewer than 2"
