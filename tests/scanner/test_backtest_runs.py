"""A backtest that workers run a part at a time comes to what one in one go comes to, whoever dies meanwhile."""

from datetime import timedelta

import pytest

import policy
from policy import Confusion, Difference
from scanner import backtest_runs, policies
from scanner.backtests import Backtest
from scanner.errors import ConflictError, NotFoundError
from scanner.tables import BacktestRun
from tests.casework import at
from tests.rollouts import decided, pack_text
from tests.running import add_tenant


@pytest.fixture
def pack(service, caller):
    return policies.add(service, caller, pack_text(30))


@pytest.fixture
def since(service):
    return service.now() - timedelta(days=1)


def read(service, caller, run: BacktestRun) -> BacktestRun:
    with service.database.reading() as session:
        return backtest_runs.find(session, caller.tenant_id, run.id)


def test_parts_come_to_what_one_go_comes_to(service, caller, pack, since, monkeypatch) -> None:
    for seconds in (10, 60, 10, 61, 62):
        decided(service, caller, seconds)
    monkeypatch.setattr(backtest_runs, "PART", 2)
    run = backtest_runs.ask(service, caller, pack, since)
    assert (run.total, run.replayed, run.state) == (5, 0, "waiting")

    assert backtest_runs.work(service)
    half = read(service, caller, run)
    assert (half.replayed, half.state, half.result["compared"]) == (2, "running", 2)
    while backtest_runs.work(service):
        pass

    whole = Backtest(service, caller.tenant_id, policy.read_pack(pack.text), since)
    list(whole.run())
    done = read(service, caller, run)
    assert (done.state, done.replayed) == ("done", 5)
    assert done.result == whole.confusion.to_json() | {"unreadable": 0}
    assert done.result["differing"] == 3


def test_the_part_of_a_worker_that_died_is_done_again_and_counted_once(
    service, caller, pack, since
) -> None:
    decided(service, caller, 60)
    run = backtest_runs.ask(service, caller, pack, since)
    lost = backtest_runs._leased(service)
    assert lost is not None
    assert not backtest_runs.work(service)  # another worker is at it
    at(service, service.now() + backtest_runs.LEASE)
    assert backtest_runs.work(service)
    backtest_runs._count(service, lost, [], [])  # the first was only slow: its part is not taken
    assert read(service, caller, run).replayed == 1


def test_a_pack_that_takes_too_long_fails_and_the_worker_goes_on(
    service, caller, pack, since
) -> None:
    decided(service, caller, 60)
    service.settings = service.settings.model_copy(update={"pack_seconds": 0.001})
    run = backtest_runs.ask(service, caller, pack, since)
    assert backtest_runs.work(service)
    failed = read(service, caller, run)
    assert (failed.state, failed.replayed) == ("failed", 0)
    assert "make it simpler" in str(failed.problem)
    assert not backtest_runs.work(service)
    backtest_runs.ask(service, caller, pack, since)


def test_a_platform_has_one_at_a_time_and_sees_its_own(service, caller, pack, since) -> None:
    run = backtest_runs.ask(service, caller, pack, since)
    with pytest.raises(ConflictError, match="not done yet"):
        backtest_runs.ask(service, caller, pack, since)
    other = add_tenant(service, "two")
    with pytest.raises(NotFoundError):
        read(service, other, run)


def test_a_table_is_taken_up_where_it_was_left() -> None:
    table = Confusion()
    for number in range(9):
        cell = Difference(
            "clear", "block" if number % 2 else "clear", number % 2 == 1, (), ("r: block",)
        )
        table.add(f"track-{number}", cell, "block" if number == 3 else None)
    assert Confusion.of_json(table.to_json()).to_json() == table.to_json()
    assert Confusion.of_json({}).to_json() == Confusion().to_json()
