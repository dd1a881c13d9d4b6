"""The tenants' indexes and the database that they are derived from."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import select

import fingerprint
from scanner import catalogue, references
from scanner.callers import Caller
from scanner.catalogue import next_epoch
from scanner.errors import NotFoundError
from scanner.service import Service
from scanner.tables import CatalogueEpoch, JournalRow, Reference
from tests.running import add_tenant
from tests.songs import RATE, song, write


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    return write(tmp_path / "tune.wav", song(1, 15))


def query(seed: int) -> fingerprint.Fingerprint:
    return fingerprint.fingerprint(song(seed, 15)[None], RATE)


def found(service: Service, caller: Caller, seed: int) -> list[str]:
    matches = service.catalogue.search(caller.tenant_id, query(seed)).matches
    return [match.reference_id for match in matches]


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_reference_that_changes_while_an_index_catches_up_is_not_left_out(
    service: Service, caller: Caller, tune: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """The newest epoch is read, the reference changes, the changes are read."""
    added = references.add(service, caller, path=tune)
    newest = service.catalogue._newest_epoch
    moments = iter(range(1, 100))

    def and_then_it_changes(tenant_id: str) -> int:
        seen = newest(tenant_id)
        if next(moments) == moment:
            references.change(service, caller, added.id, {"title": "Another"})
        return seen

    monkeypatch.setattr(service.catalogue, "_newest_epoch", and_then_it_changes)
    assert found(service, caller, 1) == [added.id]


def test_an_index_of_a_database_that_was_restored_is_built_anew(
    service: Service, caller: Caller, tune: Path, tmp_path: Path
) -> None:
    kept = references.add(service, caller, path=tune)
    lost = references.add(service, caller, path=write(tmp_path / "lost.wav", song(2, 15)))
    assert found(service, caller, 2) == [lost.id]
    with service.database.transaction() as session:
        session.delete(session.get_one(Reference, lost.id))
        session.get_one(CatalogueEpoch, caller.tenant_id).value = 1

    assert found(service, caller, 2) == []
    assert found(service, caller, 1) == [kept.id]


def test_first_changes_at_once_get_numbers_of_their_own(service: Service) -> None:
    tenants = [add_tenant(service, f"tenant-{number}").tenant_id for number in range(4)]

    def number(tenant_id: str) -> int:
        with service.database.transaction() as session:
            return next_epoch(session, tenant_id)

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(number, tenants * 5))
    assert sorted(numbers) == sorted([1, 2, 3, 4, 5] * 4)


def test_an_operator_who_adds_what_is_there_vouches_for_it(
    service: Service, caller: Caller, tune: Path
) -> None:
    added = references.add(service, caller, path=tune, audio_sha256="a" * 64, holder="A label")
    again = references.add(
        service, caller, path=tune, audio_sha256="a" * 64, holder="A label", operator=True
    )
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow).where(JournalRow.subject == added.id).order_by(JournalRow.version)
        ).all()
        row = session.get_one(Reference, added.id)
    assert again.id == added.id
    assert row.operator_added
    assert [each.version for each in rows] == [1, 2]
    assert rows[1].data["changed"] == ["operator_added"]


def test_territories_are_a_set(service: Service, caller: Caller, tune: Path) -> None:
    first, second = (
        references.add(
            service, caller, path=tune, audio_sha256="b" * 64, holder="B", territories=given
        )
        for given in (("DE", "FR"), ("FR", "DE"))
    )
    assert first.id == second.id


def test_what_is_retired_while_one_waits_is_gone(
    service: Service, caller: Caller, tune: Path
) -> None:
    added = references.add(service, caller, path=tune)

    def retire(_: int) -> str:
        try:
            references.remove(service, caller, added.id)
        except NotFoundError:
            return "gone"
        return "removed"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(retire, range(4))) == ["gone"] * 3 + ["removed"]


def test_policy_sees_every_match_however_many_there_are(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    added = {
        references.add(service, caller, path=write(tmp_path / f"{n}.wav", song(n, 10))).id
        for n in range(24)
    }
    medley = np.concatenate([song(n, 10) for n in range(24)])
    query = fingerprint.fingerprint(medley[None], RATE)
    matches = service.catalogue.search(caller.tenant_id, query).matches
    assert {match.reference_id for match in matches} == added


def test_only_so_many_indexes_stay_open(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalogue, "OPEN", 2)
    callers = [add_tenant(service, f"tenant-{number}") for number in range(4)]
    for number, each in enumerate(callers):
        path = write(tmp_path / f"{number}.wav", song(number, 15))
        references.add(service, each, path=path)
    for number, each in enumerate(callers * 2):
        assert len(found(service, each, number % 4)) == 1
        assert len(service.catalogue._indexes) <= 2


def test_a_fingerprint_with_nothing_in_it_finds_nothing(service: Service, caller: Caller) -> None:
    empty = fingerprint.Fingerprint(np.empty(0, np.uint32), 1.0)
    assert service.catalogue.search(caller.tenant_id, empty).matches == []
