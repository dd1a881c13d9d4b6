"""The audio store in a folder: what only a file system can suffer."""

import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scanner.store import (
    BlobStore,
    StoreError,
    StoreUnavailableError,
)
from tests.store_places import SHA256, SONG, whole


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
