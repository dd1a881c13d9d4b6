"""The audio store on S3: what only a bucket can suffer."""

import hashlib
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from scanner.store import (
    PART,
    Blob,
    BlobStore,
    StoreCorruptError,
    StoreUnavailableError,
)
from tests.loopback import Listener, reply, running_s3
from tests.servers import free_port
from tests.store_places import SHA256, SONG, Place, killed_writer, whole

_names = itertools.count()


@pytest.fixture(scope="module")
def s3() -> Iterator[dict]:
    with running_s3("audio", "whole") as options:
        yield options


@pytest.fixture
def bucket(s3) -> Place:
    return Place(f"s3://audio/only/{next(_names)}", s3)


def test_a_store_may_be_a_whole_bucket(s3):
    store = BlobStore("s3://whole", **s3)

    store.check()
    store.put_bytes("anna", SONG)

    assert not store.is_local
    assert whole(store, "anna", SHA256) == SONG
    assert store.sweep(0, datetime.now(UTC)) == 0


def test_a_copy_from_s3_lies_where_it_should_and_is_gone_after_use(bucket, tmp_path):
    folder = tmp_path / "home" / "tmp"
    store = BlobStore(bucket.url, copies=folder, **bucket.options)
    store.put_bytes("anna", SONG)

    with store.path_or_copy("anna", SHA256) as path:
        assert path.read_bytes() == SONG
        assert folder in path.parents
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("damaged", [SONG[:-1] + b"x", SONG[:-1], SONG + b"x", b""])
def test_a_blob_that_was_changed_in_s3_is_never_handed_out_as_a_file(bucket, damaged):
    store = bucket.store()
    store.put_bytes("anna", SONG)
    bucket.fs.pipe_file(f"{bucket.root}/anna/{SHA256[:2]}/{SHA256}", damaged)

    with pytest.raises(StoreCorruptError) as caught, store.path_or_copy("anna", SHA256):
        pytest.fail("the copy was handed out")
    assert (caught.value.problem, caught.value.transient) == ("audio-corrupt", False)


BIG = 2 * PART + 7  # an upload of three parts


def test_a_blob_of_several_parts_is_kept_whole(bucket):
    store = bucket.store()
    chunk = bytes(range(256)) * 4096
    digest = hashlib.sha256()

    with store.open_writer("anna") as writer:
        for _ in range(16):
            writer.write(chunk)
            digest.update(chunk)
        writer.write(b"the end")
        digest.update(b"the end")
        blob = writer.commit()

    assert blob == Blob(digest.hexdigest(), BIG)
    assert store.size("anna", blob.sha256) == BIG
    assert b"".join(store.read_range("anna", blob.sha256, BIG - 7, None)) == b"the end"
    assert len(bucket.files()) == 1


def uploads(bucket: Place) -> list[str]:
    return [each["Key"] for each in bucket.fs.list_multipart_uploads("audio")]


def test_an_aborted_upload_of_several_parts_leaves_none(bucket):
    store = bucket.store()
    with store.open_writer("anna") as writer:
        writer.write(bytes(BIG))
        assert len(uploads(bucket)) == 1

    assert uploads(bucket) == []
    assert bucket.files() == []


def test_the_parts_of_a_killed_writer_are_swept_and_those_of_others_are_not(bucket):
    store = bucket.store()
    killed_writer(bucket, BIG)
    foreign = bucket.fs.call_s3("create_multipart_upload", Bucket="audio", Key="foreign/partial/x")
    assert len(uploads(bucket)) == 2

    [started] = {each["Initiated"] for each in bucket.fs.list_multipart_uploads("audio")}
    assert store.sweep(3600, started + timedelta(minutes=59)) == 0
    assert len(uploads(bucket)) == 2
    assert store.sweep(3600, started + timedelta(minutes=61)) == 1
    assert uploads(bucket) == ["foreign/partial/x"]
    bucket.fs.abort_mpu("audio", "foreign/partial/x", foreign["UploadId"])


QUICK = {"config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1}}


def test_a_server_that_is_away_is_an_unavailable_store(s3):
    nowhere = {"endpoint_url": f"http://127.0.0.1:{free_port()}"}
    store = BlobStore("s3://audio/away", **s3 | nowhere | QUICK)

    for asked in (
        store.check,
        lambda: store.put_bytes("anna", b"x"),
        lambda: store.exists("anna", SHA256),
        lambda: store.size("anna", SHA256),
        lambda: whole(store, "anna", SHA256),
        lambda: store.sweep(0, datetime.now(UTC)),
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            asked()
        assert caught.value.transient
        assert "127.0.0.1" not in str(caught.value)


def test_a_missing_bucket_is_an_unavailable_store_to_writers(s3):
    store = BlobStore("s3://not-made/prefix", **s3)

    for asked in (store.check, lambda: store.put_bytes("anna", b"x")):
        with pytest.raises(StoreUnavailableError):
            asked()


def test_a_server_that_breaks_off_is_an_unavailable_store():
    """Its answer to HEAD promises more than GET then brings."""

    def answer(connection, request):
        head = request.startswith(b"HEAD")
        connection.sendall(reply(b"" if head else b"half", Content_Length="1000", ETag='"1"'))

    server = Listener(answer)
    options = {"endpoint_url": f"http://{server.host}", "key": "a", "secret": "b"} | QUICK
    try:
        with pytest.raises(StoreUnavailableError):
            whole(BlobStore("s3://audio/broken", **options), "anna", SHA256)
    finally:
        server.close()
