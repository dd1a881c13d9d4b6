"""Whoever alters, cuts off or writes anew what was signed is found, on both databases."""

import contextlib
import json
import shutil
import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import make_url, text
from sqlmodel import select

from scanner import audit, audit_blocks, checkpoint_book, checkpoints, merkle
from scanner.audit_blocks import Blocks
from scanner.bus.chores import Chores
from scanner.bus.relay import seal_batch
from scanner.metrics import CHECKPOINTS_REFUSED
from scanner.service import Service
from scanner.tables import AuditBlock
from tests import casework
from tests.journalling import note


@pytest.fixture
def service(make_service, database_url) -> Service:
    return make_service(database_url=database_url)


@pytest.fixture
def signed(service: Service) -> Service:
    """Two chains of which three rounds were signed."""
    for version in range(1, 6):
        note(service.database, "a", version, "tenant", sealed=True)
        note(service.database, "c", version, None, sealed=True)
        if version % 2:
            casework.at(service, service.now() + timedelta(hours=1))
            assert checkpoints.write(service)
    return service


def verified(service: Service, tenant: str | None = None, url: str | None = None):
    folder = checkpoints.folder_of(service, url)
    book = checkpoint_book.read(folder, checkpoints.public_key(service), tenant)
    with service.database.reading() as session:
        return audit.verify(session, tenant, book, service.pseudonyms)


def tamper(service: Service, *statements: str) -> None:
    """Change rows as somebody with the database's password could."""
    if service.database.is_sqlite:  # whose foreign keys are checked only for who asks for it
        path = make_url(service.settings.database).database
        with contextlib.closing(sqlite3.connect(str(path), isolation_level=None)) as raw:
            for table in ("journal", "journal_seals"):
                for verb in ("update", "delete"):
                    raw.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
            for statement in statements:
                raw.execute(statement)
        return
    with service.database.transaction() as session:
        session.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            session.execute(text(statement))


LAST = "(SELECT journal_id FROM journal_seals WHERE chain = 'tenant' AND sequence >= 4)"


def test_an_untouched_trail_fits_its_checkpoints(signed: Service) -> None:
    report = verified(signed)

    assert report.whole
    assert (report.chains, report.sealed, report.checkpoints) == (2, 10, 6)


def test_a_tail_that_was_cut_off_is_missed(signed: Service) -> None:
    tamper(
        signed,
        "DELETE FROM journal_pending",
        f"DELETE FROM journal WHERE id IN {LAST}",
        "DELETE FROM journal_seals WHERE chain = 'tenant' AND sequence >= 4",
    )

    with signed.database.reading() as session:
        assert audit.verify(session).whole  # the chain alone does not tell
    (found,) = verified(signed).breaks
    assert (found.chain, found.kind, found.sequence) == ("tenant", "missing", 4)


def test_a_chain_that_is_gone_whole_is_missed(signed: Service) -> None:
    tamper(
        signed,
        "DELETE FROM journal_seals WHERE chain = 'tenant'",
        "DELETE FROM journal WHERE tenant_id = 'tenant'",
    )

    (found,) = verified(signed).breaks

    assert (found.chain, found.kind, found.sequence) == ("tenant", "missing", 1)


def test_a_chain_that_was_written_anew_with_right_hashes_is_found(signed: Service) -> None:
    tamper(
        signed,
        "UPDATE journal SET actor = 'nobody' WHERE subject = 'a' AND version = 2",
        "DELETE FROM journal_seals WHERE chain = 'tenant'",
        "INSERT INTO journal_pending SELECT id FROM journal WHERE tenant_id = 'tenant'",
    )
    seal_batch(signed.database)

    with signed.database.reading() as session:
        assert audit.verify(session).whole
    (found,) = verified(signed).breaks
    assert (found.chain, found.kind, found.sequence) == ("tenant", "rewritten", 3)


@pytest.mark.parametrize(
    ("statement", "kind", "sequence"),
    [
        ("UPDATE journal SET data = '{}' WHERE subject = 'a' AND version = 2", "altered", 2),
        ("DELETE FROM journal WHERE subject = 'a' AND version = 3", "missing", 3),
        (
            "DELETE FROM journal_seals WHERE chain = 'tenant' AND sequence = 3; "
            "DELETE FROM journal WHERE subject = 'a' AND version = 3",
            "missing",
            3,
        ),
        (
            "UPDATE journal_seals SET sequence = 99 WHERE chain = 'tenant' AND sequence = 4; "
            "UPDATE journal_seals SET sequence = 4 WHERE chain = 'tenant' AND sequence = 5; "
            "UPDATE journal_seals SET sequence = 5 WHERE chain = 'tenant' AND sequence = 99",
            "reordered",
            4,
        ),
    ],
)
def test_what_was_altered_taken_out_or_swapped_is_named(signed, statement, kind, sequence) -> None:
    tamper(signed, *statement.split("; "))

    (found,) = verified(signed).breaks

    assert (found.chain, found.kind, found.sequence) == ("tenant", kind, sequence)


def test_what_was_tampered_with_is_not_signed_anew(signed: Service) -> None:
    tamper(
        signed,
        f"DELETE FROM journal WHERE id IN {LAST}",
        "DELETE FROM journal_seals WHERE chain = 'tenant' AND sequence >= 4",
    )
    note(signed.database, "b", 1, "tenant", sealed=True)
    note(signed.database, "c", 6, None, sealed=True)
    casework.at(signed, signed.now() + timedelta(hours=1))

    made = checkpoints.write(signed)

    assert made is not None
    assert {each.chain: each.size for each in made} == {"tenant": 5, "system": 6}
    assert [found.chain for found in verified(signed).breaks] == ["tenant"]


def test_a_tenant_is_told_of_its_own_chain_only(signed: Service) -> None:
    tamper(signed, "UPDATE journal SET actor = 'nobody' WHERE subject = 'c'")

    report = verified(signed, "tenant")

    assert report.whole
    assert (report.sealed, report.checkpoints) == (5, 3)


def test_a_tenant_is_told_of_checkpoints_of_another_key(signed: Service) -> None:
    (signed.settings.home / "checkpoint.key").unlink()
    checkpoints.own_key(signed.settings.home)

    report = audit.verify_signed(signed, "tenant")

    assert not report.whole
    assert {each.kind for each in report.breaks} == {"checkpoint"}


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_changed_line_or_a_missing_one_is_told(service: Service) -> None:
    for version in (1, 2, 3):
        note(service.database, "a", version, "tenant", sealed=True)
        note(service.database, "c", version, None, sealed=True)
        casework.at(service, service.now() + timedelta(hours=1))
        checkpoints.write(service)
    folder = service.settings.home / "checkpoints"
    copy = service.settings.home / "copy"
    shutil.copytree(folder, copy)
    first, second, last = sorted(folder.iterdir())

    first.unlink()
    assert {each.kind for each in verified(service).breaks} == {"checkpoint"}
    assert verified(service, url=str(copy)).whole

    shutil.copy(copy / first.name, first)
    last.write_text(json.dumps(lines(last)[0]) + "\n")
    assert "has 1 lines and was signed with others" in verified(service).breaks[0].detail

    shutil.copy(copy / last.name, last)
    forged = lines(second)
    forged[0]["statement"]["size"] = 7
    second.write_text("".join(json.dumps(each) + "\n" for each in forged))
    assert any("signature does not fit" in each.detail for each in verified(service).breaks)


def test_another_key_is_not_taken(signed: Service) -> None:
    book = checkpoint_book.read(checkpoints.folder_of(signed), "ab" * 32)

    assert book.count() == 0
    assert all("another key" in detail for _, _, detail in book.wrong)


def test_a_worker_signs_once_an_hour_and_only_what_grew(service: Service) -> None:
    note(service.database, "a", 1, "tenant", sealed=True)
    folder = service.settings.home / "checkpoints"

    Chores(service).run_due()
    assert len(list(folder.iterdir())) == 1
    note(service.database, "a", 2, "tenant", sealed=True)
    assert not checkpoints.write_due(service)
    casework.at(service, service.now() + timedelta(hours=1))
    assert checkpoints.write_due(service)
    casework.at(service, service.now() + timedelta(hours=1))
    assert not checkpoints.write_due(service)  # nothing new

    assert len(list(folder.iterdir())) == 2
    assert (service.settings.home / "checkpoint.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", [0, 1])
def test_nothing_is_signed_on_top_of_a_round_that_is_not_whole(signed: Service, left: int) -> None:
    folder = signed.settings.home / "checkpoints"
    last = sorted(folder.iterdir())[-1]
    whole = last.read_bytes()
    last.write_bytes(b"".join(whole.splitlines(keepends=True)[:left]))
    note(signed.database, "a", 6, "tenant", sealed=True)
    casework.at(signed, signed.now() + timedelta(hours=1))

    with pytest.raises(checkpoints.BadCheckpointError, match=f"the round {last.name} is"):
        checkpoints.write_due(signed)
    assert CHECKPOINTS_REFUSED._value.get() == 1
    assert len(list(folder.iterdir())) == 3
    assert not verified(signed).whole

    last.write_bytes(whole)
    assert checkpoints.write_due(signed)
    assert CHECKPOINTS_REFUSED._value.get() == 0
    assert verified(signed).whole


def test_a_round_that_another_worker_wrote_once_it_was_mended_ends_the_alarm(
    signed: Service,
) -> None:
    last = sorted((signed.settings.home / "checkpoints").iterdir())[-1]
    whole = last.read_bytes()
    last.write_bytes(b"")
    note(signed.database, "a", 6, "tenant", sealed=True)
    casework.at(signed, signed.now() + timedelta(hours=1))
    with pytest.raises(checkpoints.BadCheckpointError):
        checkpoints.write_due(signed)

    last.write_bytes(whole)
    assert checkpoints.write(signed)
    assert not checkpoints.write_due(signed)
    assert CHECKPOINTS_REFUSED._value.get() == 0


def test_a_proof_reads_blocks_instead_of_the_whole_chain(service, monkeypatch) -> None:
    monkeypatch.setattr(audit_blocks, "BLOCK", 4)
    for version in range(1, 12):
        note(service.database, "a", version, "tenant", sealed=True)
    (made,) = checkpoints.write(service)
    root = str(made.statement["root"])
    with service.database.reading() as session:
        found = [leaf for *_, leaf in audit_blocks.leaves(session, "tenant", service.pseudonyms)]
        kept = session.exec(select(AuditBlock)).all()
    assert [each.number for each in kept] == [0, 1]

    blocks = Blocks(service, "tenant", made.size, root)
    for index, leaf in enumerate(found):
        assert blocks.path(index) == merkle.path(found, index)
        assert merkle.root_of(leaf, index, made.size, blocks.path(index)).hex() == root

    with service.database.transaction() as session:  # somebody changed what is kept
        session.get_one(AuditBlock, ("tenant", 1)).hash = "0" * 64
    again = Blocks(service, "tenant", made.size, root)
    assert again.path(0) == merkle.path(found, 0)
