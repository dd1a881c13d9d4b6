"""The audio store: blobs by SHA-256, one prefix a tenant, in a folder or in S3 (fsspec).

A blob is visible from the moment it is whole. On a folder that is a rename after fsync; on S3 a
copy inside the bucket, which S3 makes visible at once. Bytes are kept once for each tenant; two
tenants never see each other's.
"""

import errno
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import fsspec
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from scanner.clock import new_id
from scanner.errors import ScannerError
from scanner.wording import Told

CHUNK: Final = 1 << 20
PART: Final = 8 << 20
"""Bytes of a part of an upload to S3, and of what is read ahead from there."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TENANT: Final = re.compile(r"[0-9a-zA-Z-]{1,64}")
_PROBE: Final = "check-"
_SCHEMES: Final = {"file", "local", "s3"}

log = structlog.get_logger()


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
    copies : Path, optional
        Folder of temporary copies from S3, made when needed; default: the system's.
    **options
        For fsspec's file system, for instance ``endpoint_url`` and credentials of S3.

    Raises
    ------
    ValueError
        If ``url`` is neither.
    """

    def __init__(self, url: str, *, copies: Path | None = None, **options: Any) -> None:
        scheme, separator, _ = url.partition("://")
        if (separator and scheme not in _SCHEMES) or "::" in url:
            raise ValueError("the store must be a folder or s3://bucket/prefix")
        self._copies = copies
        self.is_local = scheme != "s3"
        # Other processes write too: a listing that was kept would hide what they did.
        self._fs, root = fsspec.core.url_to_fs(url, **options | {"use_listings_cache": False})
        self._root = str(root).rstrip("/")

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
                raise BlobNotFoundError(Told("no blob %(sha256)s", sha256=sha256))
            yield Path(key)
            return
        if self._copies is not None:
            self._copies.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="clearance-", dir=self._copies) as folder:
            copy = Path(folder) / "audio"
            digest = hashlib.sha256()
            with _mapped(), copy.open("wb") as file:
                for chunk in self.read_range(tenant, sha256, 0, None):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != sha256:
                raise StoreCorruptError(
                    Told("blob %(sha256)s has other bytes than were stored", sha256=sha256)
                )
            yield copy

    @contextmanager
    def open(self, tenant: str, sha256: str) -> Iterator[IO[bytes]]:
        """Open a blob for reading; what fails while it is open is the store's failure."""
        with _mapped(sha256), self._open(self._key(tenant, sha256), "rb") as file:
            yield file

    def read_range(self, tenant: str, sha256: str, start: int, end: int | None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``end`` (exclusive; None: to the last)."""
        with self.open(tenant, sha256) as file:
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

    def modified_at(self, tenant: str, sha256: str) -> datetime:
        """Return when a blob was last stored, UTC: a repeated write counts."""
        with _mapped(sha256):
            made: datetime = self._fs.modified(self._key(tenant, sha256))
        return made

    def delete(self, tenant: str, sha256: str) -> None:
        """Remove a blob; one that is not there is no error."""
        with _mapped(sha256), suppress(FileNotFoundError):
            self._fs.rm_file(self._key(tenant, sha256))

    def sweep(self, older_than_seconds: float, now: datetime) -> int:
        """Remove what killed writers left behind; return how many files or uploads that were."""
        removed = 0
        with _mapped():
            for entry in self._list(self._root):
                for found in self._remains(entry):
                    with suppress(FileNotFoundError):  # it was committed, or swept by another
                        made = self._fs.modified(found["name"])
                        if (now - made).total_seconds() > older_than_seconds:
                            self._fs.rm_file(found["name"])
                            removed += 1
        if not self.is_local:
            removed += self._sweep_uploads(older_than_seconds, now)
        return removed

    def is_empty(self) -> bool:
        """Tell whether no tenant has a blob here; what killed writers left is none."""
        with _mapped():
            return not any(
                _DIGEST.fullmatch(str(blob["name"]).rpartition("/")[2])
                for tenant in self._folders(self._root)
                for first in self._folders(tenant)
                for blob in self._list(first)
            )

    def check(self) -> None:
        """Raise ``StoreError`` unless a blob can be written, read and removed."""
        probe = f"{self._root}/{_PROBE}{new_id()}"
        with _mapped():
            if self.is_local:
                self._fs.makedirs(self._root, exist_ok=True)
            self._fs.pipe_file(probe, b"ok")
            read = self._fs.cat_file(probe)
            self._fs.rm_file(probe)
        if read != b"ok":
            raise StoreUnavailableError("the store gives back other bytes than it was given")

    def _open(self, path: str, mode: str) -> Any:
        return self._fs.open(path, mode, **{} if self.is_local else {"block_size": PART})

    def _list(self, folder: str) -> list[dict[str, Any]]:
        try:
            return list(self._fs.ls(folder, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _folders(self, folder: str) -> Iterator[str]:
        return (str(each["name"]) for each in self._list(folder) if each["type"] == "directory")

    def _remains(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what writers may have left in an entry of the root: a tenant's, or a probe."""
        if entry["type"] == "directory":
            return self._list(f"{entry['name']}/partial")
        name = str(entry["name"]).rpartition("/")[2]
        return [entry] if name.startswith(_PROBE) else []

    def _sweep_uploads(self, older_than_seconds: float, now: datetime) -> int:
        """End uploads in parts that nobody will: they are invisible, but kept and charged for."""
        bucket, _, prefix = self._root.partition("/")
        start: dict[str, str] = {}
        removed, more = 0, True
        try:
            with _mapped():
                while more:
                    page = self._fs.call_s3(
                        "list_multipart_uploads", Bucket=bucket, Prefix=prefix, **start
                    )
                    for upload in page.get("Uploads", []):
                        tenant, _, rest = upload["Key"].removeprefix(f"{prefix}/").partition("/")
                        if not (_TENANT.fullmatch(tenant) and rest.startswith("partial/")):
                            continue
                        if (now - upload["Initiated"]).total_seconds() > older_than_seconds:
                            self._fs.abort_mpu(bucket, upload["Key"], upload["UploadId"])
                            removed += 1
                    more = bool(page.get("IsTruncated"))
                    start = {
                        "KeyMarker": page.get("NextKeyMarker", ""),
                        "UploadIdMarker": page.get("NextUploadIdMarker", ""),
                    }
        except StoreError:  # not every server knows uploads, nor every account may list them
            log.warning("store.uploads_not_swept")
        return removed

    def _key(self, tenant: str, sha256: str) -> str:
        if not _DIGEST.fullmatch(sha256) or not _TENANT.fullmatch(tenant):
            raise BlobNotFoundError(Told("no blob %(sha256)s", sha256=repr(sha256[:64])))
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
        self._file = store._open(self._partial, "wb")

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
                self._store._fs.cp_file(partial, key)
                self._store._fs.rm_file(partial)
        self._partial = None
        return blob

    def abort(self) -> None:
        """Give the blob up; nothing is left of it, or what is left is swept later."""
        if self._partial is None:
            return
        partial, self._partial = self._partial, None
        try:
            with _mapped():
                try:
                    self._drop_file()
                finally:
                    with suppress(FileNotFoundError):
                        self._store._fs.rm_file(partial)
        except StoreError as error:  # why the blob was given up matters more
            log.warning("store.not_cleaned_up", error=str(error))

    def _drop_file(self) -> None:
        """Close the file without keeping what it holds."""
        if self._store.is_local:
            with suppress(OSError):  # closing writes what is left, and there may be no room
                self._file.close()
        else:
            self._file.closed = True  # else it is uploaded when it is collected
            self._file.discard()

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
        for folder in target.parents[:3]:  # of the digest's start, of the tenant, of the store
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _mapped(sha256: str | None = None) -> Iterator[None]:
    """Turn the file systems' errors into the store's; what is missing is ``sha256``, if given."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and sha256 is not None:
            raise BlobNotFoundError(Told("no blob %(sha256)s", sha256=sha256)) from error
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StoreFullError("the store is full: make room and try again") from error
        raise StoreUnavailableError("the store does not answer") from error
    except (BotoCoreError, ClientError, *connection_errors()) as error:
        raise StoreUnavailableError("the store does not answer") from error


def connection_errors() -> tuple[type[Exception], ...]:
    """Errors of the library below S3's: not imported, for a folder needs none of it."""
    aiohttp = sys.modules.get("aiohttp")
    return () if aiohttp is None else (aiohttp.ClientError,)
