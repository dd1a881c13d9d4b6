"""Keys to marks: files for their owner only, several live to read with, one to write with."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text
from sqlmodel import SQLModel, select

from scanner import watermark_keys
from scanner.errors import ConflictError, IllegalTransitionError
from scanner.installation import examine
from scanner.keys import OPERATOR
from scanner.service import Service
from scanner.tables import WatermarkKey
from scanner.watermark_keys import WatermarkKeyError
from tests.running import add_tenant


@pytest.fixture
def service(make_service: Callable[..., Service], database_url: str) -> Service:
    """One on each database."""
    return make_service(database_url=database_url)


def file_of(service: Service, key_id: str) -> Path:
    return service.settings.watermark_key_folder / f"{key_id}.key"


def test_a_new_key_is_written_with_and_the_one_before_it_still_read_with(service) -> None:
    assert watermark_keys.ring(service, None).keys == ()
    first = watermark_keys.rotate(service, OPERATOR)
    second = watermark_keys.rotate(service, OPERATOR)

    ring = watermark_keys.ring(service, None)

    assert ring.writing is not None
    assert ring.writing.name == second.id
    assert {key.name for key in ring.own} == {first.id, second.id}
    assert len({key.secret for key in ring.keys}) == 2
    assert file_of(service, first.id).stat().st_mode & 0o777 == 0o600
    assert service.settings.watermark_key_folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("of_a_tenant", [False, True])
def test_of_many_rotations_at_once_one_key_is_written_with_and_no_file_is_left_over(
    service, of_a_tenant
) -> None:
    tenant_id = add_tenant(service, "one").tenant_id if of_a_tenant else None
    watermark_keys.rotate(service, OPERATOR, tenant_id)

    def rotated(_: int) -> int:
        try:
            watermark_keys.rotate(service, OPERATOR, tenant_id)
        except ConflictError:
            return 0
        return 1

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(rotated, range(6)))

    ring = watermark_keys.ring(service, tenant_id)
    assert done >= 1
    assert len(ring.keys) == done + 1
    assert len(list(service.settings.watermark_key_folder.glob("*.key"))) == done + 1
    with service.database.reading() as session:
        states = [row.state for row in session.exec(select(WatermarkKey))]
    assert sorted(states) == ["reading"] * done + ["writing"]


def test_a_tenant_with_a_key_of_its_own_writes_with_that_and_reads_the_services_too(
    service,
) -> None:
    one, two = add_tenant(service, "one"), add_tenant(service, "two")
    shared = watermark_keys.rotate(service, OPERATOR)
    own = watermark_keys.rotate(service, OPERATOR, one.tenant_id)

    assert watermark_keys.ring(service, one.tenant_id).writing.name == own.id
    assert {key.name for key in watermark_keys.ring(service, one.tenant_id).keys} == {
        shared.id,
        own.id,
    }
    assert watermark_keys.ring(service, two.tenant_id).writing.name == shared.id
    assert [key.name for key in watermark_keys.ring(service, two.tenant_id).keys] == [shared.id]


def test_a_revoked_key_is_read_with_no_more_and_the_writing_one_is_not_revoked(service) -> None:
    first = watermark_keys.rotate(service, OPERATOR)
    with pytest.raises(IllegalTransitionError, match="rotate first"):
        watermark_keys.revoke(service, OPERATOR, first.id, "leaked")
    second = watermark_keys.rotate(service, OPERATOR)

    revoked = watermark_keys.revoke(service, OPERATOR, first.id, "leaked")

    assert (revoked.state, revoked.reason) == ("revoked", "leaked")
    assert [key.name for key in watermark_keys.ring(service, None).keys] == [second.id]
    with pytest.raises(WatermarkKeyError, match="revoked"):
        watermark_keys.key_of(service, first.id)


def test_another_services_key_is_read_with_and_never_written_with(service, tmp_path) -> None:
    path = tmp_path / "theirs.key"
    watermark_keys.write_key_file(path, watermark_keys.new_key("theirs"))
    key = watermark_keys.read_key_file(path)

    added = watermark_keys.add(service, OPERATOR, key, owner="Them")

    ring = watermark_keys.ring(service, None)
    assert (ring.writing, ring.own, ring.owners) == (None, (), {added.id: "Them"})
    with pytest.raises(ConflictError, match=added.id):
        watermark_keys.add(service, OPERATOR, key, owner="Them")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_that_others_may_use_is_refused_with_what_to_do(service, mode) -> None:
    key = watermark_keys.rotate(service, OPERATOR)
    file_of(service, key.id).chmod(mode)

    with pytest.raises(WatermarkKeyError, match="chmod 600"):
        watermark_keys.ring(service, None)


def test_a_live_key_whose_file_is_gone_or_another_is_never_passed_over(service) -> None:
    key = watermark_keys.rotate(service, OPERATOR)
    path = file_of(service, key.id)
    content = path.read_text()
    path.unlink()
    with pytest.raises(WatermarkKeyError, match="put it back"):
        watermark_keys.ring(service, None)

    watermark_keys.write_key_file(path, watermark_keys.new_key(key.id))
    with pytest.raises(WatermarkKeyError, match="another key"):
        watermark_keys.ring(service, None)
    path.write_text(content)
    assert watermark_keys.ring(service, None).writing is not None


def test_what_is_no_key_file_is_named_without_its_content(tmp_path) -> None:
    for content in (b"key 00ff", b"\xff\xfe", b"key " + b"0" * 9000, b""):
        path = tmp_path / "bad.key"
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(WatermarkKeyError, match=r"bad\.key") as refused:
            watermark_keys.read_key_file(path)
        assert "00ff" not in str(refused.value)
    os.mkfifo(tmp_path / "pipe.key", 0o600)
    with pytest.raises(WatermarkKeyError, match="no file"):
        watermark_keys.read_key_file(tmp_path / "pipe.key")


def test_a_key_file_that_is_there_is_never_overwritten(tmp_path) -> None:
    path = tmp_path / "mine.key"
    watermark_keys.write_key_file(path, watermark_keys.new_key("mine"))

    with pytest.raises(WatermarkKeyError, match="another name"):
        watermark_keys.write_key_file(path, watermark_keys.new_key("mine"))


def test_a_key_is_neither_in_the_database_nor_in_the_log(service) -> None:
    with structlog.testing.capture_logs() as logs:
        first = watermark_keys.rotate(service, OPERATOR)
        watermark_keys.rotate(service, OPERATOR)
        watermark_keys.revoke(service, OPERATOR, first.id, "old")
        ring = watermark_keys.ring(service, None)
        examine(service)
    secrets = {key.secret for key in ring.keys}
    with service.database.reading() as session:
        rows = [
            str(tuple(row))
            for table in SQLModel.metadata.sorted_tables
            for row in session.execute(text(f'SELECT * FROM "{table.name}"'))
        ]
    everything = "\n".join([*rows, *map(str, logs), repr(ring)])

    assert secrets
    assert first.digest in everything
    for secret in secrets:
        assert secret.hex() not in everything
        assert str(secret) not in everything


def test_doctor_names_the_key_that_is_written_with_and_what_is_wrong_with_a_file(service) -> None:
    def finding():
        return next(each for each in examine(service) if each.part == "watermark keys")

    assert "keys rotate" in finding().detail
    key = watermark_keys.rotate(service, OPERATOR)
    assert finding().detail == f"1 live, {key.id} to write with"
    file_of(service, key.id).chmod(0o644)
    assert (finding().well, "chmod 600" in finding().detail) == (False, True)
