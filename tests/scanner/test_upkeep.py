"""References that are snoozed, settled, retired; and what the table of their states allows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fingerprint
from scanner import references, upkeep
from scanner.clock import utc_now
from scanner.errors import IllegalTransitionError, PreconditionFailedError
from scanner.reference_states import NEXT, Move, Status, advance
from scanner.references import BadReferenceError
from scanner.service import Service
from scanner.tables import Reference
from tests.running import add_tenant
from tests.songs import RATE, song, write

QUERY = fingerprint.fingerprint(song(1, 12)[None], RATE)


@pytest.fixture
def later(make_service, database_url, tmp_path) -> Service:
    """A service whose clock can be moved."""
    return make_service(database_url=database_url)


def found(service: Service, tenant_id: str) -> int:
    return len(service.catalogue.search(tenant_id, QUERY).matches)


def test_a_snoozed_reference_is_not_found_until_its_time(later, tmp_path, monkeypatch) -> None:
    caller = add_tenant(later)
    added = references.add(later, caller, path=write(tmp_path / "song.wav", song(1, 12)))
    until = utc_now() + timedelta(days=7)
    snoozed = upkeep.snooze(later, caller, added.id, until)
    assert (snoozed.status, found(later, caller.tenant_id)) == ("snoozed", 0)
    assert upkeep.wake_due(later) == 0

    monkeypatch.setattr(later, "now", lambda: until + timedelta(seconds=1))

    assert upkeep.wake_due(later) == 1
    assert found(later, caller.tenant_id) == 1
    with later.database.reading() as session:
        row = session.get_one(Reference, added.id)
    assert (row.status, row.snoozed_until) == ("active", None)
    assert later.catalogue.compare(caller.tenant_id) == 1


def test_a_snoozed_reference_is_woken_before_its_time(service, caller, tmp_path) -> None:
    added = references.add(service, caller, path=write(tmp_path / "song.wav", song(1, 12)))
    upkeep.snooze(service, caller, added.id, utc_now() + timedelta(days=7))
    woken = upkeep.wake(service, caller, added.id)
    assert (woken.status, found(service, caller.tenant_id)) == ("active", 1)
    with pytest.raises(IllegalTransitionError, match="wake"):
        upkeep.wake(service, caller, added.id)


@pytest.mark.parametrize("until", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2199, 1, 1)])
def test_nobody_snoozes_into_the_past_or_without_a_zone(service, caller, tmp_path, until) -> None:
    added = references.add(service, caller, path=write(tmp_path / "song.wav", song(1, 12)))
    with pytest.raises(BadReferenceError, match="still to come"):
        upkeep.snooze(service, caller, added.id, until)


def test_who_snoozes_an_older_version_is_told(service, caller, tmp_path) -> None:
    added = references.add(service, caller, path=write(tmp_path / "song.wav", song(1, 12)))
    with pytest.raises(PreconditionFailedError):
        upkeep.snooze(service, caller, added.id, utc_now() + timedelta(days=1), expected_version=9)


def test_only_what_a_peer_shared_is_confirmed(service, caller, tmp_path) -> None:
    added = references.add(service, caller, path=write(tmp_path / "song.wav", song(1, 12)))
    with pytest.raises(BadReferenceError, match="no peer"):
        upkeep.judge(service, caller, added.id, "confirmed")


@given(st.lists(st.sampled_from(list(Move)), max_size=12))
def test_out_of_quarantine_leads_a_persons_word_only(moves: list[Move]) -> None:
    status = Status.CHECKING
    for move in moves:
        try:
            after = advance(status, move)
        except IllegalTransitionError:
            continue
        if status is Status.QUARANTINED:
            assert move in {Move.REINSTATE, Move.RETIRE}
        assert status is not Status.RETIRED
        status = after


def test_every_status_can_be_retired_and_none_comes_back() -> None:
    assert {status for status, move in NEXT if move is Move.RETIRE} == set(Status) - {
        Status.RETIRED
    }
