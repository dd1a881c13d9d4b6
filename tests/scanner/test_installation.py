"""What an installation is made of: keys that are lost are told, and none is made in their place."""

from pathlib import Path

import pytest

from scanner import checkpoints, tracks
from scanner.bus.relay import seal_batch
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.installation import AlreadyInitialisedError, examine, initialise, require_keys
from scanner.secrets import SecretKeyError
from scanner.service import Service
from scanner.settings import Settings

SIGNED_WITH = ("pseudonyms.key", "checkpoint.key")


def test_no_key_is_made_in_place_of_one_that_was_lost(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with Service(settings) as service:
        initialise(service, "admin@example.com")
        assert all(each.well for each in examine(service))
        seal_batch(service.database)
        checkpoints.write(service)
    for name in (*SIGNED_WITH, "secret.key"):
        (tmp_path / name).unlink()
    with Service(settings) as service:
        unwell = [each.part for each in examine(service) if not each.well]
        assert unwell == ["secret key", "pseudonyms' key", "checkpoints' key"]
        for work in (require_keys, checkpoints.write, checkpoints.public_key):
            with pytest.raises(SecretKeyError, match="put it back"):
                work(service)
        with pytest.raises(AlreadyInitialisedError):
            initialise(service, "admin@example.com")
    assert list(tmp_path.glob("*.key")) == []


def test_a_checkpoints_key_that_did_not_sign_the_last_round_is_told(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with Service(settings) as service:
        initialise(service, "admin@example.com")
        seal_batch(service.database)
        checkpoints.write(service)
        (tmp_path / "checkpoint.key").unlink()
        checkpoints.own_key(tmp_path)
        unwell = [each.part for each in examine(service) if not each.well]
    assert unwell == ["checkpoints' key"]


def test_a_store_and_a_folder_of_keys_that_are_not_those_of_before_are_told(
    make_service, caller, service
) -> None:
    blob = service.store.put_bytes(caller.tenant_id, b"sound")
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name="a.wav")
    declaration = Declaration.parse({"account": "alice", "lyrics": "words"})
    tracks.submit(service, caller, source, declaration, entrance="test", key=new_id())
    checked = ("store", "persons' keys")

    def well(service: Service) -> list[bool]:
        return [each.well for each in examine(service) if each.part in checked]

    assert well(service) == [True, True]
    elsewhere = service.settings.home / "elsewhere"
    assert well(make_service(store_url=str(elsewhere))) == [False, True]
    assert well(make_service(person_keys=elsewhere)) == [True, False]
