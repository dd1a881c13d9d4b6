"""Blobs are whole or not there, in a folder and in S3, and each tenant's own."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta

import pytest

from scanner.clock import utc_now
from scanner.store import BlobNotFoundError, BlobStore, StoreCorruptError, StoreFullError
from tests.servers import free_port

# botocore reads the time in a way that newer Pythons will refuse
pytestmark = [
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path) -> BlobStore:
    if request.param == "folder":
        return BlobStore(str(tmp_path / "store"))
    options = {
        "key": "test",
        "secret": "test",
        "client_kwargs": {
            "endpoint_url": request.getfixturevalue("s3_endpoint"),
        },
        "skip_instance_cache": True,
    }
    bucket = f"bucket-{os.urandom(4).hex()}"
    store = BlobStore(f"s3://{bucket}/prefix", **options)
    store._fs.mkdir(bucket)
    return store


def test_bytes_come_back_under_their_digest(store) -> None:
    content = os.urandom(3_000_000)

    blob = store.put_bytes("one", content)

    assert (blob.sha256, blob.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert store.size("one", blob.sha256) == len(content)
    assert b"".join(store.read_range("one", blob.sha256, 0, None)) == content
    assert b"".join(store.read_range("one", blob.sha256, 1000, 2_000_000)) == content[1000:2000000]
    with store.open("one", blob.sha256) as file:
        assert file.read(10) == content[:10]
    with store.path_or_copy("one", blob.sha256) as path:
        assert path.read_bytes() == content


def test_another_tenant_does_not_have_it(store) -> None:
    blob = store.put_bytes("one", b"sound")

    assert not store.exists("two", blob.sha256)
    with pytest.raises(BlobNotFoundError):
        store.size("two", blob.sha256)
    store.put_bytes("two", b"sound")
    store.delete("one", blob.sha256)
    assert store.exists("two", blob.sha256)
    assert not store.exists("one", blob.sha256)


def test_what_is_given_up_was_never_there(store) -> None:
    with store.open_writer("one") as writer:
        writer.write(b"half of it")
    digest = hashlib.sha256(b"half of it").hexdigest()

    assert not store.exists("one", digest)
    assert store.sweep(-3600, utc_now()) == 0


def test_the_same_bytes_twice_are_one_blob(store) -> None:
    first, second = store.put_bytes("one", b"same"), store.put_bytes("one", b"same")

    assert first == second
    assert store.exists("one", first.sha256)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "A" * 64, "0" * 63, ""])
def test_a_digest_that_is_none_finds_nothing(store, digest) -> None:
    with pytest.raises(BlobNotFoundError):
        store.open("one", digest)


def test_a_working_store_passes_its_check(store) -> None:
    store.check()


def test_a_killed_writer_leaves_only_what_the_sweep_takes(tmp_path) -> None:
    script = """
        import sys, time
        from scanner.store import BlobStore
        writer = BlobStore(sys.argv[1]).open_writer("one")
        writer.write(b"x" * 5_000_000)
        print("written", flush=True)
        time.sleep(60)
    """
    folder = tmp_path / "store"
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    store = BlobStore(str(folder))

    assert not store.exists("one", hashlib.sha256(b"x" * 5_000_000).hexdigest())
    assert store.sweep(3600, utc_now()) == 0
    assert store.sweep(3600, utc_now() + timedelta(hours=2)) == 1
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_named(tmp_path) -> None:
    script = """
        import resource, signal, sys
        from scanner.store import BlobStore, StoreError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        import errno, os
        try:
            BlobStore(sys.argv[1]).put_bytes("one", b"x" * 100_000)
        except StoreError as error:
            print(type(error).__name__, error.transient)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "store")],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )

    assert done.stdout.split() == ["StoreFullError", "True"]
    assert not issubclass(StoreFullError, BlobNotFoundError)


def test_a_copy_with_other_bytes_is_refused(s3_endpoint, request, tmp_path) -> None:
    bucket = f"bucket-{os.urandom(4).hex()}"
    store = BlobStore(
        f"s3://{bucket}",
        key="test",
        secret="test",
        client_kwargs={"endpoint_url": s3_endpoint},
        skip_instance_cache=True,
    )
    store._fs.mkdir(bucket)
    blob = store.put_bytes("one", b"true bytes")
    store._fs.pipe_file(store._key("one", blob.sha256), b"other bytes")

    with pytest.raises(StoreCorruptError), store.path_or_copy("one", blob.sha256):
        pass


def test_sweeping_a_store_that_is_not_there_yet_is_nothing_special(tmp_path) -> None:
    assert BlobStore(str(tmp_path / "nowhere")).sweep(0, utc_now()) == 0
