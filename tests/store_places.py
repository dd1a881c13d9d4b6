"""Where a store of audio lives, seen from outside of it."""

import hashlib
import json
import signal
import subprocess
import sys
import textwrap

import fsspec

from scanner.store import BlobStore

SONG = b"RIFF" + bytes(range(256)) * 5000  # 1.28 MB: more than one chunk
SHA256 = hashlib.sha256(SONG).hexdigest()
NEVER = "0" * 64


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


def whole(store: BlobStore, tenant: str, sha256: str) -> bytes:
    return b"".join(store.read_range(tenant, sha256, 0, None))


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
