"""An archive holds what was uploaded, stems too."""

import io
import json
import zipfile

from sqlmodel import select

from scanner import generations, tracks
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.generations import GenerationAsked
from scanner.privacy import export
from scanner.tables import Account, TrackStem
from tests import casework
from tests.generator.test_given_melody import midi
from tests.running import add_tenant


def test_uploaded_stems_are_in_the_archive_and_lost_ones_are_named(service) -> None:
    caller = add_tenant(service)
    blobs = {
        name: service.store.put_bytes(caller.tenant_id, name.encode()) for name in ("mix", "bass")
    }
    source = tracks.Source(sha256=blobs["mix"].sha256, size_bytes=3, file_name="mix.wav")
    declared = Declaration.parse({"account": "alice"})
    track_id = tracks.submit(service, caller, source, declared, entrance="test", key=new_id())
    digests = {"bass": blobs["bass"].sha256, "voice": "0" * 64}
    with service.database.transaction() as session:
        for name, sha256 in digests.items():
            stem = TrackStem(
                id=new_id(),
                tenant_id=caller.tenant_id,
                track_id=track_id,
                name=name,
                sha256=sha256,
                size_bytes=4,
                state="waiting",
                created_at=service.now(),
            )
            session.add(stem)
    with service.database.reading() as session:
        account = session.exec(select(Account)).one()

    archive = zipfile.ZipFile(io.BytesIO(b"".join(export.archive(service, account))))

    assert archive.read(f"audio/{track_id}.bin") == b"mix"
    assert archive.read(f"audio/{track_id}/bass.bin") == b"bass"
    index = json.loads(archive.read("index.json"))
    assert index["audio_not_kept"] == [f"{track_id}/voice"]


def test_melodies_that_were_sent_are_in_the_archive(service) -> None:
    caller = add_tenant(service)
    ana = casework.account(service, caller)
    wanted = GenerationAsked("flute and piano", ana.external_id, melody=midi())
    view = generations.request(service, caller, wanted)

    archive = zipfile.ZipFile(io.BytesIO(b"".join(export.archive(service, ana))))

    assert archive.read(f"melodies/{view['id']}.mid") == midi()
