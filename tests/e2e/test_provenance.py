"""A generated track's manifest goes out with it, is stripped by a copy, and is found by the mark."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scanner import delivery, publication, watermark_keys
from scanner.audio import encoding
from scanner.callers import Caller
from scanner.inline import drive
from scanner.keys import OPERATOR
from scanner.service import Service
from scanner.tables import Track
from tests.marked import bass, copied, voice, write
from tests.running import add_tenant
from tests.scanner.test_marking import driven, submit
from tests.watermark.provenance.signing import read, remuxed
from watermark.provenance import ManifestState, read_tags


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    service = make_service(delivery_bit_rate=128_000)
    watermark_keys.rotate(service, OPERATOR)
    return service


@pytest.fixture
def caller(service: Service) -> Caller:
    return add_tenant(service)


def delivered(service: Service, track_id: str, form: encoding.Form, folder: Path) -> Path:
    with service.database.reading() as session:
        track = session.get_one(Track, track_id)
    file = delivery.deliver(service, track, form, 128_000)
    path = folder / f"delivered.{form.name}"
    with service.store.path_or_copy(track.tenant_id, file.sha256) as kept:
        shutil.copy(kept, path)
    return path


def test_a_stripped_manifest_is_recovered_by_the_mark(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    take = write(tmp_path / "take.wav", voice(4))
    track = driven(
        service,
        caller,
        submit(service, caller, take, {"bass": write(tmp_path / "bass.wav", bass())}),
    )
    assert track["state"] == "released"
    path = delivered(service, track["id"], encoding.MP3, tmp_path)
    manifest = read(path, service.settings.trust_anchors_file.read_text())
    assert manifest.state is ManifestState.VALID
    assert manifest.synthetic is True
    assert [each.title for each in manifest.ingredients] == ["bass"]
    with path.open("rb") as file:
        assert read_tags(file).disclosure == "AI-generated"
    publication.publish(service, caller, track["id"])

    for copy in (remuxed(path), copied(path, tmp_path / "copy.mp3", start=15, seconds=20)):
        told = _uploaded(service, caller, copy)
        assert told["state"] == "absent"
        (found,) = told["recovered"]
        assert found["track_id"] == track["id"]
        assert found["model"] == "composer"
        assert found["soft_binding"]["value"] == manifest.soft_bindings[0].value
    told = _uploaded(service, add_tenant(service, "another"), remuxed(path))
    assert [each["track_id"] for each in told["recovered"]] == [track["id"]]
    publication.unpublish(service, caller, track["id"])
    told = _uploaded(service, add_tenant(service, "a third"), remuxed(path))
    assert told["recovered"] == []


def test_without_a_certificate_no_generated_track_is_released(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    shutil.rmtree(service.settings.certificate_folder)
    track = driven(service, caller, submit(service, caller, write(tmp_path / "take.wav", voice(5))))
    assert track["state"] == "quarantined"
    assert track["problem"]["type"] == "manifest-unreadable"
    assert "core.manifest-not-read-back" in [each["rule"] for each in track["reasons"]]


def _uploaded(service: Service, caller: Caller, path: Path) -> dict[str, Any]:
    from scanner import track_views, tracks
    from scanner.clock import new_id
    from scanner.declarations import Declaration

    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    track_id = tracks.submit(
        service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
    )
    drive(service, track_id, 60)
    with service.database.reading() as session:
        track = tracks.find(session, caller.tenant_id, track_id)
        told: dict[str, Any] = track_views.describe(session, [track])[0]["provenance"]
    return told
