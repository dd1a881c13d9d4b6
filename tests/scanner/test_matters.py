"""Matters in the database: moved by their machines, with events and clocks, on both databases."""

import pytest
from sqlmodel import select

import appeals
from appeals import Role
from scanner import audit, matters
from scanner.bus.relay import seal_batch
from scanner.callers import Caller
from scanner.metrics import DEADLINES_MISSED, count_what_waits
from scanner.service import Service
from scanner.tables import Deadline, Notice
from tests import casework
from tests.running import add_tenant

SENDER = appeals.Actor(Role.NOTIFIER, "sender")
REVIEWER = appeals.Actor(Role.REVIEWER, "rita")


@pytest.fixture
def service(make_service, database_url) -> Service:
    return make_service(database_url=database_url)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def noticed(service: Service, caller: Caller) -> Notice:
    row = matters.new(
        Notice, caller.tenant_id, service.now(), form="dmca", elements={"work": "a song"}
    )
    with service.database.transaction() as session:
        matters.opened(service, session, row, SENDER)
    return row


def moved(
    service: Service, row: Notice, action: str, actor: appeals.Actor, **parts: object
) -> Notice:
    with service.database.transaction() as session:
        found = matters.locked(session, Notice, row.tenant_id, row.id)
        matters.move(service, session, found, action, actor, parts=parts)
        return found


def clocks(service: Service, row: Notice) -> list[Deadline]:
    with service.database.reading() as session:
        query = select(Deadline).where(Deadline.matter_id == row.id)
        return list(session.exec(query.order_by(Deadline.id)))


def test_a_move_writes_row_event_and_clock(service, caller) -> None:
    row = moved(service, noticed(service, caller), "validate", matters.CLOCK)

    assert (row.state, row.version) == ("valid", 2)
    (clock,) = clocks(service, row)
    assert (clock.rule, clock.state) == ("notice-target", "open")
    assert clock.due_at == row.due_at
    first, second = casework.events(service, row.id)
    assert (first.type, second.type) == ("clearance.notice.received", "clearance.notice.valid")
    assert "DMCA-N" in second.data["legal_basis"]


def test_a_clock_tells_when_it_is_near_and_missed(service, caller) -> None:
    row = moved(service, noticed(service, caller), "validate", matters.CLOCK)
    (clock,) = clocks(service, row)

    casework.later(service, days=10)

    assert [each.type.rpartition(".")[2] for each in casework.events(service, clock.id)] == [
        "opened",
        "due",
        "missed",
    ]
    assert clocks(service, row)[0].state == "missed"
    count_what_waits(service)
    assert DEADLINES_MISSED._value.get() == 1
    casework.later(service, days=2)
    count_what_waits(service)
    assert DEADLINES_MISSED._value.get() == 0


def test_what_is_done_in_time_meets_its_clock_and_starts_the_next(service, caller) -> None:
    row = moved(service, noticed(service, caller), "validate", matters.CLOCK)
    row = moved(service, row, "refuse", REVIEWER, reason="not yours")

    met, window = clocks(service, row)
    assert (met.state, window.rule, window.state) == ("met", "complaint-window", "open")
    assert row.deciders == ["rita"]


def test_an_illegal_move_changes_nothing(service, caller) -> None:
    row = noticed(service, caller)

    with pytest.raises(appeals.IllegalTransitionError, match="allowed"):
        moved(service, row, "refuse", REVIEWER, reason="no")

    assert len(casework.events(service, row.id)) == 1


def test_every_move_is_sealed_into_the_chain(service, caller) -> None:
    moved(service, noticed(service, caller), "validate", matters.CLOCK)

    assert seal_batch(service.database) == 3
    with service.database.reading() as session:
        assert audit.verify(session, caller.tenant_id).whole
