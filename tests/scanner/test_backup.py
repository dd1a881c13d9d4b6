"""An installation goes into a backup while it runs, and comes back whole, without whom was erased."""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from sqlalchemy import create_engine, text
from sqlmodel import select

from scanner import audit, backup, checkpoints, keys, references, tracks, watermark_keys
from scanner.backup import dumps
from scanner.backup.manifest import NAME
from scanner.bus.relay import seal_batch
from scanner.callers import Caller
from scanner.checkpoint_book import read as checkpoint_book
from scanner.clock import new_id, utc_now
from scanner.declarations import Declaration
from scanner.privacy import erasure
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Account, Track
from tests.loopback import running_s3
from tests.program import answer, clearance, initialised
from tests.running import add_tenant
from tests.songs import song, write

PASSPHRASE = "a long enough passphrase"
SOUND = b"RIFF....WAVE of "
_names = itertools.count()


@pytest.fixture
def live(make_service: Callable[..., Service], database_url: str) -> Service:
    return make_service(database_url=database_url)


@pytest.fixture
def caller(live: Service) -> Caller:
    return add_tenant(live)


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A database of the same kind with nothing in it."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'elsewhere' / 'clearance.db'}"
        return
    name = f"empty{os.getpid()}_{next(_names)}"
    server = database_url.rpartition("/")[0]
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    yield f"{server}/{name}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def elsewhere(live: Service, empty_url: str, tmp_path: Path) -> Iterator[Service]:
    """An installation with nothing in it but the folder of persons' keys."""
    settings = Settings(
        home=tmp_path / "elsewhere",
        database_url=empty_url,
        person_keys=live.settings.person_key_folder,
    )
    with Service(settings) as service:
        yield service


def submitted(service: Service, caller: Caller, account: str) -> str:
    blob = service.store.put_bytes(caller.tenant_id, SOUND + account.encode())
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name="a.wav")
    declaration = Declaration.parse({"account": account, "lyrics": f"words of {account}"})
    return tracks.submit(service, caller, source, declaration, entrance="test", key=new_id())


def later(service: Service) -> None:
    service.now = lambda: utc_now() + timedelta(hours=1)


def accounts(service: Service) -> set[str]:
    with service.database.reading() as session:
        return {each.external_id for each in session.exec(select(Account))}


def whole(service: Service) -> bool:
    folder = checkpoints.folder_of(service, None)
    book = checkpoint_book(folder, checkpoints.public_key(service), None)
    with service.database.reading() as session:
        report = audit.verify(session, None, book, service.pseudonyms)
    return report.whole and report.sealed > 0


def test_what_was_kept_comes_back_and_the_audit_trail_holds(
    live: Service, caller: Caller, elsewhere: Service, tmp_path: Path
) -> None:
    track_id = submitted(live, caller, "alice")
    watermark_keys.rotate(live, caller.actor)
    seal_batch(live.database)
    checkpoints.write(live)
    taken = backup.take(live, tmp_path / "kept", PASSPHRASE)
    submitted(live, caller, "late")  # after the moment of the backup

    done = backup.restore(elsewhere, taken.folder, lambda: PASSPHRASE)

    assert (done.audio, done.erased, done.wanted) == (1, 0, ())
    assert accounts(elsewhere) == {"alice"}
    assert whole(elsewhere)
    with elsewhere.database.reading() as session:
        sha256 = session.get_one(Track, track_id).sha256
    with elsewhere.store.open(caller.tenant_id, sha256) as file:
        assert file.read() == SOUND + b"alice"
    assert elsewhere.secrets.open(live.secrets.seal("a webhook's secret")) == "a webhook's secret"
    ring = watermark_keys.ring(elsewhere, caller.tenant_id)
    assert ring.writing == watermark_keys.ring(live, caller.tenant_id).writing is not None


def test_nobody_who_was_erased_comes_back_not_even_their_bytes(
    live: Service, caller: Caller, elsewhere: Service, tmp_path: Path
) -> None:
    for name in ("alice", "bob"):
        submitted(live, caller, name)
    seal_batch(live.database)
    taken = backup.take(live, tmp_path / "kept")
    later(live)
    erasure.erase_account(live, caller, "alice")
    shutil.copytree(live.settings.home, tmp_path / "lost", dirs_exist_ok=True)

    done = backup.restore(elsewhere, taken.folder)

    assert (done.erased, done.audio, done.left_out) == (1, 1, 1)
    assert "alice" not in accounts(elsewhere)
    assert "bob" in accounts(elsewhere)
    stored = [path for path in Path(elsewhere.settings.store).rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in stored] == [SOUND + b"bob"]
    seal_batch(elsewhere.database)
    with elsewhere.database.reading() as session:
        assert audit.verify(session).whole
        dump = "\n".join(str(row) for row in session.execute(text("SELECT * FROM submission")))
    assert "words of bob" in dump
    assert "words of alice" not in dump
    assert erasure.reapply(elsewhere) == 0


def test_a_backup_is_refused_without_the_list_of_erasures_or_with_an_older_one(
    live: Service, caller: Caller, elsewhere: Service, tmp_path: Path
) -> None:
    submitted(live, caller, "alice")
    later(live)
    erasure.erase_account(live, caller, "alice")
    taken = backup.take(live, tmp_path / "kept")
    listed = live.settings.person_key_folder / "erasures.jsonl"
    kept = listed.read_bytes()
    listed.unlink()
    with pytest.raises(backup.BackupError, match="no list of erasures"):
        backup.restore(elsewhere, taken.folder)
    listed.touch()
    with pytest.raises(backup.BackupError, match="lacks 1"):
        backup.restore(elsewhere, taken.folder)
    listed.write_bytes(kept)
    assert backup.restore(elsewhere, taken.folder).erased == 0


def test_nothing_is_restored_over_something(live: Service, caller: Caller, tmp_path: Path) -> None:
    submitted(live, caller, "alice")
    taken = backup.take(live, tmp_path / "kept")
    with pytest.raises(backup.BackupError, match=r"there already|has \d+ tables"):
        backup.restore(live, taken.folder)
    with pytest.raises(backup.BackupError, match="not empty"):
        backup.take(live, taken.folder)
    assert accounts(live) == {"alice"}


def elsewhere_of(live: Service, database_url: str, folder: Path, **places: Any) -> Settings:
    """Settings of an installation to restore into, with the keys of persons of the one that runs."""
    return Settings(
        home=folder / "elsewhere",
        database_url=database_url,
        person_keys=live.settings.person_key_folder,
        **places,
    )


def test_nothing_is_restored_into_a_bucket_with_something_in_it(
    live: Service, caller: Caller, empty_url: str, tmp_path: Path
) -> None:
    """Bytes of somebody who was erased since may lie there, and nobody would take them away."""
    submitted(live, caller, "alice")
    taken = backup.take(live, tmp_path / "kept")
    with running_s3("audio") as options:
        settings = elsewhere_of(
            live, empty_url, tmp_path, store_url="s3://audio/kept", store_options=options
        )
        with Service(settings) as elsewhere:
            left = elsewhere.store.put_bytes(caller.tenant_id, SOUND)
            with pytest.raises(backup.BackupError, match="the store s3://audio/kept is not empty"):
                backup.restore(elsewhere, taken.folder)
            elsewhere.store.delete(caller.tenant_id, left.sha256)

            assert backup.restore(elsewhere, taken.folder).audio == 1


def test_nothing_is_restored_under_checkpoints_that_are_newer(
    live: Service, caller: Caller, elsewhere: Service, tmp_path: Path
) -> None:
    """Else no checkpoint would ever follow: the chain does not reach the last one."""
    submitted(live, caller, "alice")
    taken = backup.take(live, tmp_path / "kept")
    seal_batch(live.database)
    checkpoints.write(live)
    place = Path(elsewhere.settings.checkpoint_url)
    shutil.copytree(live.settings.checkpoint_url, place)

    with pytest.raises(backup.BackupError, match="1 rounds of checkpoints"):
        backup.restore(elsewhere, taken.folder)
    shutil.rmtree(place)
    backup.restore(elsewhere, taken.folder)
    assert accounts(elsewhere) == {"alice"}


def test_a_changed_file_is_found_before_anything_is_written(
    live: Service, caller: Caller, elsewhere: Service, tmp_path: Path
) -> None:
    submitted(live, caller, "alice")
    taken = backup.take(live, tmp_path / "kept")
    (blob,) = (path for path in (taken.folder / "store").rglob("*") if path.is_file())
    blob.write_bytes(b"other sound")
    with pytest.raises(backup.BackupError, match="was changed"):
        backup.restore(elsewhere, taken.folder)
    dumps.refuse_filled(elsewhere.database)
    assert not Path(elsewhere.settings.store).exists()


def test_a_manifest_names_no_file_outside_of_the_backup(service: Service, tmp_path: Path) -> None:
    add_tenant(service)
    taken = backup.take(service, tmp_path / "kept")
    manifest = json.loads((taken.folder / NAME).read_text())
    manifest["dump"]["path"] = "../clearance.db"
    (taken.folder / NAME).write_text(json.dumps(manifest))
    other = Settings(home=tmp_path / "other", person_keys=service.settings.person_key_folder)
    with Service(other) as target, pytest.raises(backup.BackupError, match="outside"):
        backup.restore(target, taken.folder)


def test_audio_that_the_store_lost_is_named_and_the_rest_is_kept(
    service: Service, tmp_path: Path
) -> None:
    own = add_tenant(service)
    for name in ("alice", "bob"):
        submitted(service, own, name)
    gone = next(path for path in Path(service.settings.store).rglob("*") if path.is_file())
    gone.unlink()
    taken = backup.take(service, tmp_path / "kept")
    assert [each.sha256 for each in taken.manifest.lost] == [gone.name]
    assert len(taken.manifest.audio) == 1


def test_a_references_audio_which_nobody_keeps_is_not_missed(
    service: Service, tmp_path: Path
) -> None:
    own = add_tenant(service)
    sound = write(tmp_path / "song.wav", song(1, 6))
    row = references.add(service, own, path=sound, audio_sha256="a" * 64)
    manifest = backup.take(service, tmp_path / "kept").manifest
    assert manifest.lost == ()
    assert [each.sha256 for each in manifest.audio] == [row.fingerprint_sha256]


def test_the_sealed_keys_open_with_their_passphrase_only(service: Service, tmp_path: Path) -> None:
    add_tenant(service)
    taken = backup.take(service, tmp_path / "kept", PASSPHRASE)
    secret = (service.settings.home / "secret.key").read_bytes()
    persons = list(service.settings.person_key_folder.rglob("*"))
    for path in (path for path in taken.folder.rglob("*") if path.is_file()):
        assert secret not in path.read_bytes()
        assert path.name not in {each.name for each in persons}
    other = Settings(home=tmp_path / "other", person_keys=service.settings.person_key_folder)
    with Service(other) as target, pytest.raises(backup.BackupError, match="passphrase is another"):
        backup.restore(target, taken.folder, lambda: "some other passphrase")
    assert not (tmp_path / "other").exists()


def test_a_newer_servers_dump_needs_newer_programs() -> None:
    with pytest.raises(backup.BackupError, match=r"can't serve a server of PostgreSQL 99"):
        dumps._program("pg_dump", 99)
    with pytest.raises(backup.BackupError, match="no-such-program is missing"):
        dumps._program("no-such-program", 15)


def test_an_operator_backs_up_and_restores_by_two_commands(tmp_path: Path) -> None:
    home, other, kept = tmp_path / "home", tmp_path / "other", tmp_path / "kept"
    initialised(home)
    with Service(Settings(home=home)) as running, running.database.reading() as session:
        known = {each.id for each in keys.tenants(session)}
    sealing = {"CLEARANCE_BACKUP_PASSPHRASE": PASSPHRASE}
    taken = answer(home, "backup", kept, "--with-secrets", **sealing)
    assert taken["lost"] == []
    assert {"secret.key", "checkpoint.key", "certificate/key.pem"} <= set(taken["keys"])
    refused = clearance(other, "restore", kept, status=2)
    assert "--no-erasures" in refused.stderr
    done = answer(other, "restore", kept, "--with-secrets", "--no-erasures", **sealing)
    assert done["keys_wanted"] == []
    assert answer(other, "audit", "verify")["whole"]
    with Service(Settings(home=other)) as back, back.database.reading() as session:
        assert {each.id for each in keys.tenants(session)} == known


def test_checkpoints_in_a_bucket_come_back_and_newer_ones_there_are_told(
    live: Service, caller: Caller, empty_url: str, tmp_path: Path
) -> None:
    submitted(live, caller, "alice")
    seal_batch(live.database)
    checkpoints.write(live)
    taken = backup.take(live, tmp_path / "kept", PASSPHRASE)
    with running_s3("rounds") as options:
        settings = elsewhere_of(
            live, empty_url, tmp_path, checkpoints="s3://rounds/audit", store_options=options
        )
        with Service(settings) as elsewhere:
            place = checkpoints.folder_of(elsewhere)
            bucket = fsspec.filesystem("s3", use_listings_cache=False, **options)
            place.keep("20990101T000000.000000Z.jsonl", b"{}\n")
            with pytest.raises(backup.BackupError, match="1 rounds of checkpoints"):
                backup.restore(elsewhere, taken.folder, lambda: PASSPHRASE)
            bucket.rm("rounds/audit", recursive=True)
            (name,) = checkpoints.folder_of(live).names()
            place.keep(name, b"{}\n")
            with pytest.raises(backup.BackupError, match="is not the one in the backup"):
                backup.restore(elsewhere, taken.folder, lambda: PASSPHRASE)
            place.keep(name, checkpoints.folder_of(live).content(name))
            bucket.rm("rounds/audit", recursive=True)

            backup.restore(elsewhere, taken.folder, lambda: PASSPHRASE)

            assert place.names() == [name]
            assert whole(elsewhere)
