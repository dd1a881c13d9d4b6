"""The tenants' indexes and the database that they are derived from."""

import contextlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from sqlmodel import col, select

import fingerprint
from scanner import catalogue, references
from scanner.callers import Caller
from scanner.catalogue import next_epoch
from scanner.errors import BusyError, NotFoundError, TransientError
from scanner.service import Service
from scanner.tables import Case, CatalogueChange, CatalogueEpoch, JournalRow, Reference
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
@pytest.mark.parametrize("removed", [False, True])
def test_what_changes_while_an_index_catches_up_is_not_left_out(
    service: Service,
    make_service,
    caller: Caller,
    tune: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: int,
    removed: bool,
) -> None:
    """The newest epoch is read, a reference comes or goes on another machine, changes are read."""
    elsewhere = make_service(home=tmp_path / "elsewhere", store_url=service.settings.store)
    added = references.add(service, caller, path=tune)
    other = write(tmp_path / "other.wav", song(2, 15))
    newest = service.catalogue._newest_epoch
    moments = iter(range(1, 100))

    def and_then_it_changes(tenant_id: str) -> int:
        seen = newest(tenant_id)
        if next(moments) == moment:
            if removed:
                references.remove(elsewhere, caller, added.id)
            else:
                references.add(elsewhere, caller, path=other)
        return seen

    monkeypatch.setattr(service.catalogue, "_newest_epoch", and_then_it_changes)
    for _ in range(2):
        found(service, caller, 1)
    assert found(service, caller, 1) == ([] if removed else [added.id])
    assert len(found(service, caller, 2)) == (0 if removed else 1)


def test_what_the_index_does_not_hold_can_change_without_it(
    service: Service, caller: Caller, tune: Path
) -> None:
    added = references.add(service, caller, path=tune)
    version = service.catalogue.caught_up(caller.tenant_id).version
    references.change(service, caller, added.id, {"title": "Another", "policy": "track"})
    assert service.catalogue.caught_up(caller.tenant_id).version == version
    assert found(service, caller, 1) == [added.id]


def test_who_adds_and_who_removes_do_not_wait_for_each_other_for_ever(
    make_service, database_url: str, tune: Path
) -> None:
    service = make_service(database_url=database_url)
    caller = add_tenant(service, "one")
    known = references.add(service, caller, path=tune, audio_sha256="c" * 64, holder="C")

    def add(_: int) -> None:
        references.add(service, caller, path=tune, audio_sha256="c" * 64, holder="C", operator=True)

    def remove(_: int) -> None:
        with contextlib.suppress(NotFoundError):
            references.remove(service, caller, known.id)

    with ThreadPoolExecutor(4) as pool:
        both = [pool.submit(each, n) for n in range(4) for each in (add, remove)]
        for each in both:
            each.result()


def test_a_holder_that_nobody_named_is_nobody_elses(
    service: Service, caller: Caller, tune: Path, tmp_path: Path
) -> None:
    own = references.add(service, caller, path=tune, title="Song", audio_sha256="1" * 64)
    other = write(tmp_path / "other.wav", song(2, 15))
    named = references.add(
        service, caller, path=other, holder="Holder of Song", audio_sha256="2" * 64
    )
    assert own.holder_id != named.holder_id


def test_hot_queries_walk_an_index(service: Service) -> None:
    audio = select(Reference).where(Reference.tenant_id == "t", Reference.audio_sha256 == "a")
    cases = (
        select(Case)
        .where(Case.tenant_id == "t")
        .order_by(col(Case.opened_at).desc(), col(Case.id).desc())
        .limit(50)
    )
    with service.database.engine.connect() as connection:
        for query, index in (
            (audio, "ix_reference_tenant_audio"),
            (cases, "ix_appeal_case_opened"),
        ):
            text = query.compile(connection, compile_kwargs={"literal_binds": True})
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())
            assert index in plan
            assert "TEMP B-TREE" not in plan


def restore(service: Service, caller: Caller, lost: list[str]) -> None:
    """Bring the database back to before some references, as a backup would."""
    with service.database.transaction() as session:
        oldest = min(session.get_one(Reference, reference_id).epoch for reference_id in lost)
        for reference_id in lost:
            session.delete(session.get_one(Reference, reference_id))
        later = session.exec(select(CatalogueChange).where(CatalogueChange.epoch >= oldest)).all()
        for change in later:
            session.delete(change)
        kept = session.exec(select(CatalogueChange.epoch)).all()
        session.get_one(CatalogueEpoch, caller.tenant_id).value = max(kept)


@pytest.mark.parametrize("refilled", [0, 1, 2])
def test_an_index_of_a_database_that_was_restored_is_built_anew(
    service: Service, caller: Caller, tune: Path, tmp_path: Path, refilled: int
) -> None:
    """Whether or not as many references are added as were lost before anybody searches."""
    kept = references.add(service, caller, path=tune)
    lost = references.add(service, caller, path=write(tmp_path / "lost.wav", song(2, 15)))
    assert found(service, caller, 2) == [lost.id]
    restore(service, caller, [lost.id])
    seeds = range(3, 3 + refilled)
    added = [
        references.add(service, caller, path=write(tmp_path / f"{seed}.wav", song(seed, 15))).id
        for seed in seeds
    ]
    assert found(service, caller, 2) == []
    assert found(service, caller, 1) == [kept.id]
    assert [found(service, caller, seed) for seed in seeds] == [[each] for each in added]


def test_an_index_is_built_anew_without_a_pause(
    service: Service, make_service, caller: Caller, tune: Path, tmp_path: Path
) -> None:
    searching = make_service()  # as another process: over the same folder
    added = references.add(service, caller, path=tune)
    folder = service.settings.index_folder / caller.tenant_id
    old = found(service, caller, 1) and set(folder.glob("*.*"))
    meanwhile = []

    def told(number: int) -> None:
        answer = searching.catalogue.search(caller.tenant_id, query(1), patience=0)
        meanwhile.append([match.reference_id for match in answer.matches])
        if len(meanwhile) == 1:
            assert number == 1
            with pytest.raises(BusyError, match="already"):
                searching.catalogue.rebuild(caller.tenant_id)
            references.add(service, caller, path=write(tmp_path / "other.wav", song(2, 15)))
            assert len(found(searching, caller, 2)) == 1

    assert service.catalogue.rebuild(caller.tenant_id, told) == 2
    assert meanwhile == [[added.id]] * 2
    assert found(searching, caller, 1) == [added.id]
    assert len(found(searching, caller, 2)) == 1
    assert searching.catalogue.compare(caller.tenant_id) == 2
    assert not (folder / catalogue.BESIDE).exists()
    assert old != set(folder.glob("*.*"))


def test_an_index_of_another_past_is_built_anew_on_request_too(
    service: Service, caller: Caller, tune: Path
) -> None:
    added = references.add(service, caller, path=tune)
    service.catalogue.caught_up(caller.tenant_id).apply([], [], 2**60)
    assert service.catalogue.rebuild(caller.tenant_id) == 1
    assert found(service, caller, 1) == [added.id]
    assert service.catalogue.compare(caller.tenant_id) == 1


@pytest.mark.parametrize("damage", ["manifest", "segment", "folder"])
def test_a_damaged_index_is_built_anew(
    service: Service, caller: Caller, tune: Path, damage: str
) -> None:
    added = references.add(service, caller, path=tune)
    assert found(service, caller, 1) == [added.id]
    (folder,) = (path.parent for path in service.settings.home.glob("**/manifest.json"))
    if damage == "manifest":
        (folder / "manifest.json").write_text("{")
    elif damage == "segment":
        next(folder.glob("*.segment")).unlink()
    else:
        shutil.rmtree(folder)
    other = catalogue.Catalogue(service.database, service.store, folder.parent)
    for searched in (other, service.catalogue):
        matches = searched.search(caller.tenant_id, query(1)).matches
        assert [match.reference_id for match in matches] == [added.id]


def test_a_reference_that_cannot_be_read_is_named_and_nothing_is_clear_without_it(
    service: Service, caller: Caller, tune: Path, tmp_path: Path
) -> None:
    kept = references.add(service, caller, path=tune)
    damaged = references.add(service, caller, path=write(tmp_path / "2.wav", song(2, 15)))
    with service.database.reading() as session:
        blob = session.get_one(Reference, damaged.id).fingerprint_sha256
    service.store.delete(caller.tenant_id, blob)

    with pytest.raises(TransientError, match=damaged.id):
        found(service, caller, 1)
    references.remove(service, caller, damaged.id)
    assert found(service, caller, 1) == [kept.id]


def test_who_cannot_wait_for_another_to_build_the_index_is_told_to_come_back(
    service: Service, caller: Caller, tune: Path
) -> None:
    added = references.add(service, caller, path=tune)
    folder = service.settings.home / "index" / caller.tenant_id
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "catch-up.lock"), pytest.raises(BusyError):
        service.catalogue.search(caller.tenant_id, query(1), patience=0.1)
    assert found(service, caller, 1) == [added.id]


def test_first_changes_at_once_get_numbers_of_their_own(service: Service) -> None:
    tenants = [add_tenant(service, f"tenant-{number}").tenant_id for number in range(4)]

    def number(tenant_id: str) -> int:
        with service.database.transaction() as session:
            return next_epoch(session, tenant_id)

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(number, tenants * 5))
    for tenant in range(4):
        own = numbers[tenant::4]
        assert len(set(own)) == 5


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


def test_an_index_of_an_earlier_version_is_built_anew_by_whoever_comes_first(
    make_service, tune: Path
) -> None:
    service = make_service()
    caller = add_tenant(service)
    added = references.add(service, caller, path=tune)
    folder = service.catalogue.caught_up(caller.tenant_id).folder
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 4}))

    upgraded = make_service()
    assert upgraded.catalogue.compare(caller.tenant_id) == 1  # what doctor asks
    assert set(upgraded.catalogue.caught_up(caller.tenant_id).reference_ids()) == {added.id}
    upgraded.catalogue.check()
