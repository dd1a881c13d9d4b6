"""The audio store: one contract on a folder and on S3, then what only one of them can suffer."""

import hashlib
import itertools
import json
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.store import (
    CHUNK,
    PART,
    Blob,
    BlobNotFoundError,
    BlobStore,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
)
from tests.loopback import Listener, reply, running_s3
from tests.servers import free_port

SONG = b"RIFF" + bytes(range(256)) * 5000  # 1.28 MB: more than one chunk
SHA256 = hashlib.sha256(SONG).hexdigest()
NEVER = "0" * 64
_names = itertools.count()


@pytest.fixture(scope="module")
def s3() -> Iterator[dict]:
    with running_s3("audio", "whole") as options:
        yield options


class Place:
    """Where a store lives, seen from outside of it."""

    def __init__(self, url: str, options: dict) -> None:
        self.url = url
        self.options = options
        self.fs, self.root = fsspec.core.url_to_fs(url, **options, use_listings_cache=False)

    def files(self) -> list[str]:
        if not self.fs.exists(self.root):
            return []
        return sorted(path.removeprefix(f"{self.root}/") for path in self.fs.find(self.root))

    def store(self) -> BlobStore:
        return BlobStore(self.url, **self.options)

    def store_of_another_process(self) -> BlobStore:
        """A store that shares no connection and nothing remembered with any other."""
        return BlobStore(self.url, **self.options, skip_instance_cache=True)


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path) -> Place:
    if request.param == "folder":
        return Place(str(tmp_path / "store"), {})
    options = request.getfixturevalue("s3")
    return Place(f"s3://audio/{next(_names)}", options)


@pytest.fixture
def store(place) -> BlobStore:
    return place.store()


def whole(store: BlobStore, tenant: str, sha256: str) -> bytes:
    return b"".join(store.read_range(tenant, sha256, 0, None))


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


WRITER = textwrap.dedent(
    """
    import json, sys, time
    from scanner.store import BlobStore
    store = BlobStore(sys.argv[1], **json.loads(sys.argv[2]))
    writer = store.open_writer("anna")
    writer.write(bytes(int(sys.argv[3])))
    print("written", flush=True)
    time.sleep(600)
    """
)


def killed_writer(place: Place, size: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, place.url, json.dumps(place.options), str(size)],
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)


def test_a_killed_writer_leaves_nothing_visible_and_its_remains_are_swept(store, place):
    killed_writer(place, len(SONG))

    assert [path for path in place.files() if "/partial/" not in path] == []
    assert not store.exists("anna", hashlib.sha256(bytes(len(SONG))).hexdigest())
    store.sweep(60, datetime.now(UTC) + timedelta(hours=1))
    assert place.files() == []


# --- a folder


@pytest.fixture
def folder(tmp_path) -> BlobStore:
    return BlobStore(str(tmp_path / "store"))


def test_a_file_url_is_a_folder(tmp_path):
    store = BlobStore(f"file://{tmp_path}/store/")
    store.put_bytes("anna", SONG)

    assert store.is_local
    assert (tmp_path / "store" / "anna" / SHA256[:2] / SHA256).read_bytes() == SONG


@pytest.mark.parametrize("name", ["st*re", "[store]", "st?re", "störe {a,b}", "s:tore"])
def test_a_folder_may_have_any_name(tmp_path, name):
    store = BlobStore(str(tmp_path / name))
    store.put_bytes("anna", SONG)
    left = store.open_writer("anna")
    left.write(b"half")

    assert store.sweep(60, datetime.now(UTC) + timedelta(hours=1)) == 1
    assert whole(store, "anna", SHA256) == SONG
    store.check()
    left.abort()


@pytest.mark.parametrize("url", ["memory://audio", "http://127.0.0.1/audio", "simplecache::file:///tmp/x", "zip://a::/tmp/b.zip"])  # fmt: skip
def test_a_store_is_a_folder_or_s3_and_nothing_else(url):
    with pytest.raises(ValueError, match="s3://"):
        BlobStore(url)


def test_a_local_path_is_the_file_itself(folder):
    folder.put_bytes("anna", SONG)

    with folder.path_or_copy("anna", SHA256) as path:
        assert path.name == SHA256
    assert path.exists()


def test_an_error_of_the_reader_is_not_one_of_the_store(folder):
    folder.put_bytes("anna", SONG)

    with pytest.raises(FileNotFoundError), folder.path_or_copy("anna", SHA256):
        Path("/nowhere/at/all").read_bytes()


def test_remains_that_vanish_during_a_sweep_are_no_error(folder, tmp_path):
    """Two sweeps at once, and writers that commit meanwhile."""
    partial = tmp_path / "store" / "anna" / "partial"
    partial.mkdir(parents=True)
    for number in range(400):
        (partial / f"left{number}").write_bytes(b"x")
    later = datetime.now(UTC) + timedelta(hours=1)
    swept: list[int] = []
    failed: list[BaseException] = []
    start = threading.Barrier(4)

    def sweep() -> None:
        start.wait()
        try:
            swept.append(BlobStore(str(tmp_path / "store")).sweep(60, later))
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert sum(swept) == 400


def test_a_strange_file_in_the_folder_does_not_stop_a_sweep(folder, tmp_path):
    folder.put_bytes("anna", SONG)
    (tmp_path / "store" / "lost+found").mkdir()
    (tmp_path / "store" / "README").write_text("of the operator")
    (tmp_path / "store" / "anna" / "partial" / "old").write_text("x")

    assert folder.sweep(60, datetime.now(UTC) + timedelta(hours=1)) == 1
    assert (tmp_path / "store" / "README").exists()


def test_a_folder_that_cannot_be_made_is_an_unavailable_store(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = BlobStore(str(tmp_path / "file" / "store"))

    for asked in (store.check, lambda: store.put_bytes("anna", b"x")):
        with pytest.raises(StoreUnavailableError) as caught:
            asked()
        assert caught.value.transient
        assert str(tmp_path) not in str(caught.value)


FILLER = textwrap.dedent(
    """
    import resource, signal, sys
    from pathlib import Path
    from scanner.store import BlobStore, StoreFullError
    kind, root = sys.argv[1:]
    store = BlobStore(root)
    small = store.put_bytes("anna", b"small")
    if kind == "limit":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    for size in (1 << 12, 1 << 18):
        try:
            with store.open_writer("anna") as writer:
                for _ in range((8 << 20) // size):
                    writer.write(bytes(size))
                writer.commit()
        except StoreFullError as error:
            print(error.problem, error.transient)
    print(b"".join(store.read_range("anna", small.sha256, 0, None)).decode())
    print(sorted(path.name for path in Path(root).rglob("*") if path.is_file()) == [small.sha256])
    """
)
FULL = "store-full True\nstore-full True\nsmall\nTrue\n"


def test_a_file_beyond_the_limit_is_a_full_store_that_keeps_what_it_has(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", FILLER, "limit", str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.stderr) == (FULL, "")


def test_a_full_disk_is_a_full_store_that_keeps_what_it_has(tmp_path):
    """On a file system of 1 MiB, mounted where nobody else sees it."""
    mount = 'mount -t tmpfs -o size=1m none "$1" || exit 77; exec "$2" -c "$3" disk "$1/store"'
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", str(tmp_path), sys.executable, FILLER],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode == 77 or "unshare failed" in run.stderr:
        pytest.skip("this user may mount nothing")

    assert (run.stdout, run.stderr) == (FULL, "")


# --- S3


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
