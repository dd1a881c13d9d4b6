"""A new reference is compared with those that are there before it is found."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from sqlmodel import select

from scanner import banks, reference_checks, references, upkeep
from scanner.errors import IllegalTransitionError
from scanner.service import Service
from scanner.tables import Case, JournalRow, Reference
from tests.running import add_tenant
from tests.songs import RATE, song, write

SONG = song(1, 20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "song.wav", SONG)


def cases(service: Service, **of: str) -> list[Case]:
    with service.database.reading() as session:
        return list(session.exec(select(Case).filter_by(**of)))


def history(service: Service, subject: str) -> list[str]:
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow.type)
            .where(JournalRow.subject == subject)
            .order_by(JournalRow.version)
        )
        return [each.removeprefix("clearance.") for each in rows]


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url)


def test_what_another_holder_has_is_quarantined_until_a_person_decides(both, path) -> None:
    caller = add_tenant(both)
    first = references.add(both, caller, path=path, holder="One label", title="Song")
    second = references.add(both, caller, path=path, holder="Another label")

    assert (first.status, second.status) == ("active", "quarantined")
    (conflict,) = second.conflicts
    assert (conflict["kind"], conflict["reference_id"]) == ("other-holder", first.id)
    assert both.catalogue.compare(caller.tenant_id) == 1
    (case,) = cases(both, reference_id=second.id)
    assert (case.kind, case.state, case.track_id) == ("reference_conflict", "queued", None)
    assert "One label" in case.reasons[0]["text"]

    settled = upkeep.settle(both, caller, second.id, "active", "they share it")

    assert settled.status == "active"
    assert both.catalogue.compare(caller.tenant_id) == 2
    (case,) = cases(both, reference_id=second.id)
    assert case.state == "closed"
    assert history(both, second.id) == ["reference.quarantined", "reference.reinstated"]
    assert history(both, case.id) == ["case.opened", "case.closed"]
    with pytest.raises(IllegalTransitionError, match="active"):
        upkeep.settle(both, caller, second.id, "active", "again")


def test_a_person_may_retire_what_is_quarantined(service, caller, path) -> None:
    references.add(service, caller, path=path, holder="One label")
    second = references.add(service, caller, path=path, holder="Another label")
    upkeep.settle(service, caller, second.id, "retired", "they never held it")
    with service.database.reading() as session:
        assert session.get_one(Reference, second.id).status == "retired"
    assert [case.state for case in cases(service)] == ["closed"]


def test_what_the_same_holder_has_is_no_conflict(service, caller, path, tmp_path) -> None:
    references.add(service, caller, path=path, holder="Label")
    excerpt = write(tmp_path / "excerpt.wav", SONG[4 * RATE : 16 * RATE])
    assert references.add(service, caller, path=excerpt, holder="Label").status == "active"
    assert cases(service) == []


def test_an_operator_who_knows_adds_it_despite_its_conflicts(service, caller, path) -> None:
    references.add(service, caller, path=path, holder="One label")
    added = references.add(
        service, caller, path=path, holder="Another label", despite_conflicts=True
    )
    assert added.status == "active"
    assert [each["kind"] for each in added.conflicts] == ["other-holder"]
    assert cases(service) == []


def test_who_adds_it_again_despite_its_conflicts_lets_it_out(service, caller, path) -> None:
    references.add(service, caller, path=path, holder="One label", audio_sha256="a" * 64)

    def add(**more: bool) -> Reference:
        return references.add(
            service, caller, path=path, holder="Another", audio_sha256="a" * 64, **more
        )

    first, again, out = add(), add(), add(despite_conflicts=True)
    assert first.id == again.id == out.id
    assert (again.status, out.status) == ("quarantined", "active")
    assert [case.state for case in cases(service)] == ["closed"]


def test_what_nobody_can_claim_is_not_anybodys(service, caller, path) -> None:
    banks.create(service, caller, "loops", kind="negative")
    banks.create(service, caller, "old", kind="public_domain")
    loop = references.add(service, caller, path=path, bank="loops", audio_sha256="a" * 64)
    old = references.add(service, caller, path=path, bank="old", audio_sha256="a" * 64)
    claim = references.add(service, caller, path=path, holder="Label")
    assert (loop.status, old.status, loop.policy) == ("active", "active", "track")
    assert claim.status == "quarantined"
    assert {each["kind"] for each in claim.conflicts} == {"negative-bank", "public-domain"}


def test_nobody_makes_a_claimed_work_harmless_unseen(service, caller, path, tmp_path) -> None:
    references.add(service, caller, path=path, holder="Label")
    banks.create(service, caller, "loops", kind="negative")
    most = write(tmp_path / "most.wav", SONG[2 * RATE : 18 * RATE])
    little = write(tmp_path / "little.wav", SONG[2 * RATE : 9 * RATE])
    refused = references.add(service, caller, path=most, bank="loops")
    taken = references.add(service, caller, path=little, bank="loops")
    assert [each["kind"] for each in refused.conflicts] == ["claimed"]
    assert (refused.status, taken.status) == ("quarantined", "active")


def test_of_two_who_claim_the_same_at_once_one_is_first(both, path) -> None:
    caller = add_tenant(both)

    def claim(n: int) -> str:
        return references.add(both, caller, path=path, holder=f"Label {n}").status

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(claim, range(4)))
    assert statuses == ["active", *["quarantined"] * 3]


def test_what_cannot_be_checked_yet_is_not_found_and_checked_later(
    service, caller, path, tmp_path
) -> None:
    references.add(service, caller, path=path, holder="One label")
    folder = service.settings.index_folder / caller.tenant_id
    shutil.rmtree(folder)  # so that the index must be built, by somebody who is at it already
    folder.mkdir()
    with FileLock(folder / "catch-up.lock"):
        clean = write(tmp_path / "clean.wav", song(2, 15))
        waiting = [
            references.add(service, caller, path=each, holder="Another", patience=0.1)
            for each in (path, clean)
        ]
    assert [each.status for each in waiting] == ["checking"] * 2

    assert reference_checks.finish_checks(service) == 2

    with service.database.reading() as session:
        after = [session.get_one(Reference, each.id).status for each in waiting]
    assert after == ["quarantined", "active"]
    assert [history(service, each.id)[-1] for each in waiting] == [
        "reference.quarantined",
        "reference.added",
    ]
    assert service.catalogue.compare(caller.tenant_id) == 2
