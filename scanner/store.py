"""The audio store: blobs by SHA-256, one prefix a tenant, in a folder or in S3 (fsspec).

A blob is visible from the moment it is whole. On a folder that is a rename after fsync; on S3 a
copy inside the bucket, which S3 makes visible at once. Bytes are kept once for each tenant; two
tenants never see each other's.
"""

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import fsspec
from botocore.exceptions import BotoCoreError, ClientError

from scanner.clock import new_id
from scanner.errors import ScannerError

CHUNK: Final = 1 << 20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TENANT: Final = re.compile(r"[0-9a-zA-Z-]{1,64}")
_SCHEMES: Final = ("file", "s3")


class StoreError(ScannerError):
    """Base of what can go wrong with the store."""

    problem = "store-unavailable"
    transient = True


class StoreUnavailableError(StoreError):
    """The store does not answer; it may later."""


class StoreFullError(StoreError):
    """No room is left; it may be made."""

    problem = "store-full"


class BlobNotFoundError(StoreError):
    """The tenant has no such blob."""

    problem = "audio-missing"
    transient = False


class StoreCorruptError(StoreError):
    """The bytes are not those that were stored."""

    problem = "audio-corrupt"
    transient = False


@dataclass(frozen=True)
class Blob:
    """What a write came to.

    Parameters
    ----------
    sha256 : str
        64 hex digits.
    size : int
        Bytes.
    """

    sha256: str
    size: int


class BlobStore:
    """Blobs under ``url``.

    Parameters
    ----------
    url : str
        A folder, or ``s3://bucket/prefix``.
    **options
        For fsspec's file system, for instance ``endpoint_url`` and credentials of S3.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._fs, root = fsspec.core.url_to_fs(url, **options)
        self._root = str(root).rstrip("/")
        protocol = self._fs.protocol
        self.is_local = "file" in (protocol if isinstance(protocol, tuple) else (protocol,))

    def open_writer(self, tenant: str) -> "BlobWriter":
        """Start a blob of a tenant; nothing is visible before ``commit``."""
        with _mapped():
            return BlobWriter(self, tenant)

    def put_bytes(self, tenant: str, content: bytes) -> Blob:
        """Store a small blob whole."""
        with self.open_writer(tenant) as writer:
            writer.write(content)
            return writer.commit()

    def put_file(self, tenant: str, path: Path) -> Blob:
        """Store a file's content, in constant memory."""
        with path.open("rb") as file, self.open_writer(tenant) as writer:
            while chunk := file.read(CHUNK):
                writer.write(chunk)
            return writer.commit()

    @contextmanager
    def path_or_copy(self, tenant: str, sha256: str) -> Iterator[Path]:
        """Give a local path to a blob: the file itself, or a checked temporary copy from S3."""
        key = self._key(tenant, sha256)
        if self.is_local:
            if not Path(key).is_file():
                raise BlobNotFoundError(f"no blob {sha256}")
            yield Path(key)
            return
        with tempfile.TemporaryDirectory(prefix="clearance-") as folder:
            copy = Path(folder) / "audio"
            digest = hashlib.sha256()
            with copy.open("wb") as file:
                for chunk in self.read_range(tenant, sha256, 0, None):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != sha256:
                raise StoreCorruptError(f"blob {sha256} has other bytes than were stored")
            yield copy

    def open(self, tenant: str, sha256: str) -> IO[bytes]:
        """Open a blob for reading."""
        with _mapped(sha256):
            return self._fs.open(self._key(tenant, sha256), "rb")  # type: ignore[no-any-return]

    def read_range(self, tenant: str, sha256: str, start: int, end: int | None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``end`` (exclusive; None: to the last)."""
        with _mapped(sha256), self._fs.open(self._key(tenant, sha256), "rb") as file:
            file.seek(start)
            left = None if end is None else end - start
            while left is None or left > 0:
                chunk = file.read(CHUNK if left is None else min(CHUNK, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    def size(self, tenant: str, sha256: str) -> int:
        """Return a blob's size in bytes."""
        with _mapped(sha256):
            return int(self._fs.info(self._key(tenant, sha256))["size"])

    def exists(self, tenant: str, sha256: str) -> bool:
        """Tell whether the tenant has the blob."""
        with _mapped(sha256):
            return bool(self._fs.exists(self._key(tenant, sha256)))

    def delete(self, tenant: str, sha256: str) -> None:
        """Remove a blob; one that is not there is no error."""
        with _mapped(sha256):
            if self.exists(tenant, sha256):
                self._fs.rm_file(self._key(tenant, sha256))

    def sweep(self, older_than_seconds: float, now: datetime) -> int:
        """Remove what killed writers left behind; return how many files that were."""
        removed = 0
        with _mapped():
            if not self._fs.exists(self._root):
                return 0
            for path in self._fs.glob(f"{self._root}/*/partial/*"):
                made = self._fs.modified(path)
                made = made if made.tzinfo else made.replace(tzinfo=UTC)
                if (now - made).total_seconds() > older_than_seconds:
                    self._fs.rm_file(path)
                    removed += 1
        return removed

    def check(self) -> None:
        """Raise ``StoreError`` unless a blob can be written, read and removed."""
        probe = f"{self._root}/check-{new_id()}"
        with _mapped():
            if self.is_local:
                self._fs.makedirs(self._root, exist_ok=True)
            self._fs.pipe_file(probe, b"ok")
            self._fs.rm_file(probe)

    def _key(self, tenant: str, sha256: str) -> str:
        if not _DIGEST.fullmatch(sha256) or not _TENANT.fullmatch(tenant):
            raise BlobNotFoundError(f"no blob {sha256[:64]!r}")
        return f"{self._root}/{tenant}/{sha256[:2]}/{sha256}"

    def _partial(self, tenant: str) -> str:
        if not _TENANT.fullmatch(tenant):
            raise ValueError(f"bad tenant {tenant!r}")
        return f"{self._root}/{tenant}/partial/{new_id()}"


class BlobWriter:
    """Takes bytes as they come, in constant memory, and digests them on the way."""

    def __init__(self, store: BlobStore, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        self._digest = hashlib.sha256()
        self.size = 0
        self._partial: str | None = store._partial(tenant)
        if store.is_local:
            Path(self._partial).parent.mkdir(parents=True, exist_ok=True)
        self._file = store._fs.open(self._partial, "wb")

    def write(self, chunk: bytes) -> None:
        """Add bytes to the blob."""
        with _mapped():
            self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def commit(self) -> Blob:
        """Make the blob durable and visible."""
        blob = Blob(self._digest.hexdigest(), self.size)
        key = self._store._key(self._tenant, blob.sha256)
        partial = self._partial
        if partial is None:
            raise RuntimeError("the blob was committed or given up already")
        with _mapped():
            if self._store.is_local:
                self._commit_local(Path(partial), Path(key))
            else:
                self._file.close()
                self._store._fs.mv(partial, key)
        self._partial = None
        return blob

    def abort(self) -> None:
        """Give the blob up; nothing is left of it."""
        if self._partial is None:
            return
        partial, self._partial = self._partial, None
        with _mapped():
            if not self._store.is_local and not self._file.closed:
                self._file.discard() if hasattr(self._file, "discard") else self._file.close()
            else:
                self._file.close()
            if self._store._fs.exists(partial):
                self._store._fs.rm_file(partial)

    def __enter__(self) -> "BlobWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def _commit_local(self, partial: Path, target: Path) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
        for folder in (target.parent, target.parent.parent):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _mapped(what: str = "") -> Iterator[None]:
    """Turn the file systems' errors into the store's."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobNotFoundError(f"no blob {what}") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StoreFullError("the store is full: make room and try again") from error
        raise StoreUnavailableError("the store does not answer") from error
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailableError("the store does not answer") from error
