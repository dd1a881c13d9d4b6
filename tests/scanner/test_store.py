"""The audio store: one contract on a folder and on S3, then what only one of them can suffer."""

import hashlib
import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.store import (
    CHUNK,
    Blob,
    BlobNotFoundError,
    BlobStore,
)
from tests.loopback import running_s3
from tests.store_places import NEVER, SHA256, SONG, Place, killed_writer, whole

_names = itertools.count()


@pytest.fixture(scope="module")
def s3() -> Iterator[dict]:
    with running_s3("audio", "whole") as options:
        yield options


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path) -> Place:
    if request.param == "folder":
        return Place(str(tmp_path / "store"), {})
    options = request.getfixturevalue("s3")
    return Place(f"s3://audio/{next(_names)}", options)


@pytest.fixture
def store(place) -> BlobStore:
    return place.store()


# --- the contract


def test_what_is_put_is_read_back_in_every_way(store, tmp_path):
    (tmp_path / "song").write_bytes(SONG)

    assert store.put_bytes("anna", SONG) == store.put_file("anna", tmp_path / "song")
    assert store.put_bytes("anna", SONG) == Blob(SHA256, len(SONG))

    assert store.exists("anna", SHA256)
    assert store.size("anna", SHA256) == len(SONG)
    assert whole(store, "anna", SHA256) == SONG
    with store.open("anna", SHA256) as file:
        assert file.read() == SONG
    with store.path_or_copy("anna", SHA256) as path:
        assert path.read_bytes() == SONG


def test_the_same_bytes_are_kept_once_and_nothing_else_is(store, place):
    for _ in range(3):
        store.put_bytes("anna", SONG)

    assert place.files() == [f"anna/{SHA256[:2]}/{SHA256}"]


def test_an_empty_blob_is_a_blob(store):
    blob = store.put_bytes("anna", b"")

    assert blob == Blob(hashlib.sha256().hexdigest(), 0)
    assert whole(store, "anna", blob.sha256) == b""
    assert store.size("anna", blob.sha256) == 0


def test_a_range_is_exactly_its_bytes(store):
    store.put_bytes("anna", SONG)
    edges = [0, 1, 5, CHUNK - 1, CHUNK, CHUNK + 1, len(SONG) - 1, len(SONG), len(SONG) + 9]

    for start, end in itertools.combinations_with_replacement(edges, 2):
        assert b"".join(store.read_range("anna", SHA256, start, end)) == SONG[start:end]
    for start in edges:
        assert b"".join(store.read_range("anna", SHA256, start, None)) == SONG[start:]


def test_a_range_that_nobody_reads_to_its_end_is_let_go(store):
    store.put_bytes("anna", SONG)
    reading = store.read_range("anna", SHA256, 0, None)

    assert next(reading) == SONG[:CHUNK]
    reading.close()


def test_two_tenants_see_nothing_of_each_other(store, place):
    store.put_bytes("anna", SONG)

    assert not store.exists("bert", SHA256)
    for asked in (
        lambda: store.size("bert", SHA256),
        lambda: whole(store, "bert", SHA256),
        lambda: store.open("bert", SHA256).__enter__(),
        lambda: store.path_or_copy("bert", SHA256).__enter__(),
    ):
        with pytest.raises(BlobNotFoundError):
            asked()

    store.put_bytes("bert", SONG)
    store.delete("anna", SHA256)
    assert place.files() == [f"bert/{SHA256[:2]}/{SHA256}"]
    assert whole(store, "bert", SHA256) == SONG


def test_a_tenant_is_no_path(store):
    store.put_bytes("anna", SONG)

    for tenant in ("..", ".", "", "a/b", "../anna", "a" * 65, "anna\n", "ä", "*"):
        with pytest.raises(BlobNotFoundError):
            store.size(tenant, SHA256)
        with pytest.raises(ValueError, match="tenant"):
            store.put_bytes(tenant, b"x")


def test_a_digest_is_no_path(store):
    store.put_bytes("anna", SONG)

    for sha256 in ("", "../" + SHA256, SHA256.upper(), SHA256[:-1], SHA256 + "\n", "*", "partial"):
        for asked in (store.size, store.exists, store.delete):
            with pytest.raises(BlobNotFoundError):
                asked("anna", sha256)


def test_a_missing_blob_is_told_in_every_way(store):
    store.put_bytes("anna", SONG)

    assert not store.exists("anna", NEVER)
    for asked in (
        lambda: store.size("anna", NEVER),
        lambda: whole(store, "anna", NEVER),
        lambda: store.open("anna", NEVER).__enter__(),
        lambda: store.path_or_copy("anna", NEVER).__enter__(),
    ):
        with pytest.raises(BlobNotFoundError) as caught:
            asked()
        assert not caught.value.transient
        assert caught.value.problem == "audio-missing"
        assert "store" not in str(caught.value), "the message shows where blobs are kept"


def test_deleting_is_final_and_may_be_repeated(store, place):
    store.put_bytes("anna", SONG)

    store.delete("anna", SHA256)
    store.delete("anna", SHA256)

    assert not store.exists("anna", SHA256)
    assert place.files() == []


def test_a_store_is_empty_until_a_blob_is_there_and_once_it_is_gone(store):
    assert store.is_empty()
    with store.open_writer("anna") as writer:
        writer.write(SONG)
        assert store.is_empty()
        writer.commit()
    assert not store.is_empty()

    store.delete("anna", SHA256)
    assert store.is_empty()


def test_nothing_is_visible_before_the_commit_and_all_after_it(store, place):
    with store.open_writer("anna") as writer:
        writer.write(SONG[:1000])
        writer.write(b"")
        writer.write(SONG[1000:])
        assert writer.size == len(SONG)
        assert not store.exists("anna", SHA256)
        blob = writer.commit()
        assert whole(place.store_of_another_process(), "anna", blob.sha256) == SONG

    assert place.files() == [f"anna/{SHA256[:2]}/{SHA256}"]


def test_a_writer_that_is_given_up_leaves_nothing(store, place):
    with store.open_writer("anna") as left:
        left.write(SONG)
    with pytest.raises(RuntimeError, match="decoder"), store.open_writer("anna") as failed:
        failed.write(SONG)
        raise RuntimeError("the decoder broke")
    aborted = store.open_writer("anna")
    aborted.write(SONG)
    aborted.abort()
    aborted.abort()

    assert place.files() == []


def test_a_writer_commits_once(store):
    with store.open_writer("anna") as writer:
        writer.write(SONG)
        writer.commit()
        with pytest.raises(RuntimeError, match="committed"):
            writer.commit()
    assert whole(store, "anna", SHA256) == SONG


def test_giving_up_a_twin_does_not_touch_what_is_committed(store):
    with store.open_writer("anna") as first, store.open_writer("anna") as second:
        first.write(SONG)
        second.write(SONG)
        first.commit()
    assert whole(store, "anna", SHA256) == SONG


def test_many_writers_of_the_same_bytes_agree(place):
    stores = [place.store_of_another_process() for _ in range(4)]
    blobs: list[Blob] = []

    def write(each: BlobStore) -> None:
        blobs.extend(each.put_bytes("anna", SONG) for _ in range(3))

    threads = [threading.Thread(target=write, args=(each,)) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert blobs == [Blob(SHA256, len(SONG))] * 12
    assert place.files() == [f"anna/{SHA256[:2]}/{SHA256}"]


def test_another_process_sees_every_change_at_once(place):
    one, other = place.store(), place.store_of_another_process()
    assert not other.exists("anna", SHA256)
    assert other.sweep(0, datetime.now(UTC)) == 0

    one.put_bytes("anna", SONG)
    assert other.size("anna", SHA256) == len(SONG)
    assert whole(other, "anna", SHA256) == SONG

    one.delete("anna", SHA256)
    assert not other.exists("anna", SHA256)
    with pytest.raises(BlobNotFoundError):
        other.size("anna", SHA256)
    with pytest.raises(BlobNotFoundError):
        whole(other, "anna", SHA256)


def test_a_check_writes_reads_and_leaves_nothing(store, place):
    store.check()
    store.check()

    assert place.files() == []


def test_sweeping_removes_old_remains_and_nothing_else(store, place):
    store.put_bytes("anna", SONG)
    for tenant in ("anna", "bert"):
        place.fs.makedirs(f"{place.root}/{tenant}/partial", exist_ok=True)
        place.fs.pipe_file(f"{place.root}/{tenant}/partial/left", b"half a so")
    place.fs.pipe_file(f"{place.root}/check-of-one-that-was-killed", b"ok")
    now = datetime.now(UTC)

    assert store.sweep(3600, now) == 0
    assert len(place.files()) == 4
    assert store.sweep(3600, now + timedelta(hours=2)) == 3
    assert place.files() == [f"anna/{SHA256[:2]}/{SHA256}"]
    assert store.sweep(3600, now + timedelta(hours=2)) == 0


def test_a_sweep_sees_what_others_left_since_the_last_one(place):
    store, later = place.store(), datetime.now(UTC) + timedelta(hours=2)
    other = place.store_of_another_process()
    other.put_bytes("anna", SONG)
    for tenant in ("anna", "bert", "carl"):
        assert store.sweep(3600, later) == 0
        other._fs.makedirs(f"{place.root}/{tenant}/partial", exist_ok=True)
        other._fs.pipe_file(f"{place.root}/{tenant}/partial/left", b"half a so")
        assert store.sweep(3600, later) == 1


def test_a_sweep_of_nothing_removes_nothing(store):
    assert store.sweep(0, datetime.now(UTC)) == 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 100), st.integers(0, 100))
def test_however_bytes_come_they_are_kept_and_cut_right(store, pieces, start, length):
    with store.open_writer("anna") as writer:
        for piece in pieces:
            writer.write(piece)
        blob = writer.commit()

    song = b"".join(pieces)
    assert blob == Blob(hashlib.sha256(song).hexdigest(), len(song))
    cut = store.read_range("anna", blob.sha256, start, start + length)
    assert b"".join(cut) == song[start : start + length]


def test_a_killed_writer_leaves_nothing_visible_and_its_remains_are_swept(store, place):
    killed_writer(place, len(SONG))

    assert [path for path in place.files() if "/partial/" not in path] == []
    assert not store.exists("anna", hashlib.sha256(bytes(len(SONG))).hexdigest())
    store.sweep(60, datetime.now(UTC) + timedelta(hours=1))
    assert place.files() == []
