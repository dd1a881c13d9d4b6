"""Takes as a tree: varied, rolled back, shared, forked with credit, handed out once cleared."""

import asyncio
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlmodel import select

from scanner import (
    delivery,
    generations,
    inline,
    keys,
    remade_files,
    stored_manifests,
    take_credits,
    take_files,
    take_nodes,
    take_projects,
    take_variations,
    take_views,
    watermark_keys,
)
from scanner.ages import AgeSaid, assure
from scanner.audio import encoding
from scanner.blob_answers import Wanted
from scanner.callers import Caller
from scanner.errors import ForbiddenError, IllegalTransitionError
from scanner.generations import GenerationAsked
from scanner.privacy import erasure
from scanner.service import Service
from scanner.store import Blob
from scanner.tables import Account, Provenance, Submission, Take, Track
from scanner.take_credits import ERASED_CREATOR
from scanner.take_variations import VariationAsked
from tests.running import add_tenant

SUNG = "Hold the harbour, hold the light"
PROMPT = "calm, 120 bpm, G major, 4 bars, piano and cello"


@pytest.fixture
def caller(service) -> Caller:
    watermark_keys.rotate(service, keys.OPERATOR)
    return add_tenant(service)


def made(service: Service, view: dict) -> Take:
    """Make what was asked for; its track is yet to be cleared."""
    inline.drive_generation(service, view["id"])
    with service.database.reading() as session:
        take = take_nodes.of_generation(session, view["id"])
    assert take is not None
    return take


def root(service: Service, caller: Caller, account: str = "ana") -> Take:
    asked = GenerationAsked(PROMPT, account, {"seed": 3, "stems": True, "lyrics": SUNG})
    return made(service, generations.request(service, caller, asked))


def seen(service: Service, take: Take) -> dict:
    with service.database.reading() as session:
        return take_views.describe(service, session, session.get_one(Take, take.id))


def sounds(service: Service, take: Take) -> dict[str, np.ndarray]:
    """Samples of a take's stems before mastering and marking."""
    with service.database.reading() as session:
        stems = take_nodes.stems_of(session, take.id)
    found = {}
    for stem in stems:
        with service.store.path_or_copy(take.tenant_id, stem.sound_sha256) as path:
            found[stem.name] = soundfile.read(path, dtype="int32")[0]
    return found


def archive_of(service: Service, take: Take) -> zipfile.ZipFile:
    sha256, _ = take_files.sound(service, take, take_files.ARCHIVE)
    with service.store.path_or_copy(take.tenant_id, sha256) as path:
        return zipfile.ZipFile(io.BytesIO(path.read_bytes()))


def adult(service: Service, caller: Caller, account: str) -> None:
    assure(service, caller, account, AgeSaid(method="document", band="adult"))


def test_a_variation_keeps_locked_stems_to_the_sample_and_says_who_made_which_bars(
    service, caller
) -> None:
    adult(service, caller, "ana")
    first = root(service, caller)
    (asked,) = take_variations.vary(service, caller, first.id, VariationAsked(locked=("piano",)))

    second = made(service, asked)

    before, after = sounds(service, first), sounds(service, second)
    assert np.array_equal(before["piano"], after["piano"])
    assert not np.array_equal(before["cello"], after["cello"])
    stems = {stem["name"]: stem for stem in seen(service, second)["stems"]}
    assert [each["take_id"] for each in stems["piano"]["segments"]] == [first.id]
    assert second.id in {each["take_id"] for each in stems["cello"]["segments"]}
    assert second.track_id != first.track_id  # each is cleared by itself
    with service.database.reading() as session:
        tree = take_views.tree(session, caller, second)
    assert [node["parent_id"] for node in tree["nodes"]] == [None, first.id]
    assert tree["current"] == first.id
    assert take_projects.go_on_from(service, caller, second.id).current_take_id == second.id
    assert take_projects.go_on_from(service, caller, first.id).current_take_id == first.id


def test_a_shared_take_is_forked_with_credit_and_handed_out_whole_once_cleared(
    service, caller, monkeypatch
) -> None:
    for account in ("ana", "ben"):
        adult(service, caller, account)
    first = root(service, caller)
    by_ben = VariationAsked(account="ben", locked=("cello",))
    with pytest.raises(ForbiddenError, match="not shared"):
        take_variations.vary(service, caller, first.id, by_ben)
    take_projects.share(service, caller, first.id, shared=True)
    (asked,) = take_variations.vary(service, caller, first.id, by_ben)
    fork = made(service, asked)

    assert fork.project_id != first.project_id
    assert seen(service, fork)["credits"] == ["ana", "ben"]
    with service.database.reading() as session:
        declared = session.exec(
            select(Submission.declaration).where(Submission.track_id == fork.track_id)
        ).one()
    assert declared["lyrics"] == SUNG
    assert declared["generated"]["credits"] == ["ana"]
    assert declared["generated"]["parents"] == [first.digest]

    assert nothing_goes_out(service, fork)
    inline.drive(service, fork.track_id)
    assert seen(service, fork)["clearance"]["cleared"]
    archive = archive_of(service, fork)
    names = set(archive.namelist())
    assert {"mix.flac", "stems/piano.flac", "midi/cello.mid", "score.musicxml"} <= names
    assert "by ana\nby ben" in archive.read("CREDITS.txt").decode()
    assert json.loads(archive.read("manifest.json"))["credits"] == ["ana", "ben"]
    with zipfile.ZipFile(io.BytesIO(archive.read("project.dawproject"))) as project:
        inside, _ = soundfile.read(io.BytesIO(project.read("audio/cello.wav")), dtype="int32")
    outside, _ = soundfile.read(io.BytesIO(archive.read("stems/cello.flac")), dtype="int32")
    assert np.array_equal(inside, outside)  # marked, as what goes out alone
    assert not np.array_equal(inside, sounds(service, fork)["cello"])
    with service.database.reading() as session:
        signed = session.exec(select(Provenance).where(Provenance.track_id == fork.track_id)).all()
    assert {each.part for each in signed} >= {"mix", "stem:piano", "stem:cello"}
    assert {"take.zip", "piano.mid", "cello.wav"} <= {
        each["name"] for each in seen(service, fork)["downloads"]
    }
    assert_streamed(service, fork, archive, "project.dawproject")
    told_of = signed_mix(service, fork)
    made_while_erased = file_made_while(
        service, fork, lambda: erasure.erase_account(service, caller, "ana"), monkeypatch
    )
    assert b"by ana" not in made_while_erased
    with service.database.reading() as session:
        known = stored_manifests.of_file(session, told_of.file_sha256)
        assert known is not None and known.track_id == fork.track_id
        assert stored_manifests.describe(known)["manifest_sha256"] is None
        assert stored_manifests.recovered(session, [told_of.payload], caller.tenant_id)
    with service.database.transaction() as session:
        ana = session.get_one(Account, fork.credits[0])
        take_credits.forget(session, ana, service.now())  # as if it had no file made meanwhile
    assert (remade_files.make_due(service), remade_files.make_due(service)) == (1, 0)
    assert signed_mix(service, fork).manifest_sha256, "released again with its manifest"
    after = archive_of(service, fork)
    assert f"by {ERASED_CREATOR}\nby ben" in after.read("CREDITS.txt").decode()
    assert json.loads(after.read("manifest.json"))["credits"] == [ERASED_CREATOR, "ben"]
    assert b", by ana" in archive.read("mix.flac")
    assert not any(b"by ana" in after.read(name) for name in after.namelist())


def signed_mix(service: Service, take: Take) -> Provenance:
    with service.database.reading() as session:
        row = stored_manifests.of_track(session, take.track_id)
    assert row is not None
    return row


def file_made_while(
    service: Service, take: Take, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> bytes:
    """A file of a take during whose making something happened, between its bytes and its row."""
    put = service.store.put_file

    def put_then_act(tenant_id: str, path: Path) -> Blob:
        monkeypatch.setattr(service.store, "put_file", put)
        blob = put(tenant_id, path)
        act()
        return blob

    monkeypatch.setattr(service.store, "put_file", put_then_act)
    with service.database.reading() as session:
        track = session.get_one(Track, take.track_id)
    made = delivery.deliver(service, track, encoding.FORMS["mp3"], 128)
    with service.store.path_or_copy(take.tenant_id, made.sha256) as path:
        return path.read_bytes()


def assert_streamed(service: Service, take: Take, archive: zipfile.ZipFile, name: str) -> None:
    """A file of the archive goes out as it lies there, in blocks of no more than so many bytes."""
    response = take_files.answer(service, take, name, Wanted(None, None, None))

    async def blocks() -> list[bytes]:
        return [bytes(each) async for each in response.body_iterator]

    sent = asyncio.run(blocks())
    assert max(map(len, sent)) <= 1 << 16
    assert b"".join(sent) == archive.read(name)
    assert response.headers["content-length"] == str(archive.getinfo(name).file_size)


def nothing_goes_out(service: Service, take: Take) -> bool:
    for name in (take_files.ARCHIVE, "mix.flac", "piano.flac"):
        with pytest.raises(IllegalTransitionError, match="cleared"):
            take_files.sound(service, take, name)
    with (
        pytest.raises(IllegalTransitionError, match="cleared"),
        take_files.beside(service, take, "piano.mid"),
    ):
        pass
    return seen(service, take)["downloads"] == []
