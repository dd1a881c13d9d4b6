"""ZIPs of a catalogue: the file that describes it, and recordings by their path inside."""

import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from scanner import uploads
from scanner.catalogue_rows import MOST_ROWS, CatalogueFileError
from scanner.wording import Told
from scanner.zip_directories import directory_bytes

if TYPE_CHECKING:
    from scanner.settings import Settings

CHUNK: Final = 1 << 20
SHARE: Final = 16
"""A ZIP may be so many times as large as one upload of audio."""
MOST_DIRECTORY_BYTES: Final = 2 * MOST_ROWS * 512
"""Of a ZIP's directory, which is read whole: names and paths have about a hundred bytes each."""
DESCRIBING: Final = (".csv", ".xml")


@dataclass(frozen=True)
class Taken:
    """A recording out of a ZIP: a file that is gone once it was looked at."""

    path: Path
    sha256: str


def most_bytes(settings: "Settings") -> int:
    """Return how large a catalogue's file may be."""
    return SHARE * settings.max_upload_bytes


class Archive:
    """An open ZIP; nothing in it is trusted: not names, not sizes.

    Raises
    ------
    CatalogueFileError
        If it is damaged, encrypted, or holds too many files.
    """

    def __init__(self, path: Path) -> None:
        if (directory_bytes(path) or 0) > MOST_DIRECTORY_BYTES:
            raise CatalogueFileError(
                Told("a ZIP holds at most %(most_rows)s files", most_rows=2 * MOST_ROWS)
            )
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise CatalogueFileError(
                "the ZIP can't be read: make it anew, without a password"
            ) from None
        listed = [each for each in self._zip.infolist() if each.filename and not each.is_dir()]
        if len(listed) > 2 * MOST_ROWS:
            raise CatalogueFileError(
                Told("a ZIP holds at most %(most_rows)s files", most_rows=2 * MOST_ROWS)
            )
        self._members = {each.filename: each for each in listed}

    def close(self) -> None:
        """Let the file go."""
        self._zip.close()

    def describing(self, most: int) -> tuple[str, bytes]:
        """Return the name and the bytes of the one CSV or XML file."""
        found = [
            name
            for name in self._members
            if name.lower().endswith(DESCRIBING) and not name.startswith("__MACOSX/")
        ]
        if len(found) != 1:
            raise CatalogueFileError(
                Told(
                    "a ZIP holds one file that ends in .csv or .xml and describes the rest; "
                    "this has %(found)s",
                    found=len(found),
                )
            )
        content = b"".join(self._chunks(found[0], most))
        return found[0], content

    def has(self, name: str) -> bool:
        """Tell whether a file is inside."""
        return name in self._members

    @contextmanager
    def taken(self, name: str, settings: "Settings") -> Iterator[Taken]:
        """Give a recording as a file of its own, as large as an upload may be."""
        digest = hashlib.sha256()
        with uploads.spooled(settings) as spool:
            for chunk in self._chunks(name, settings.max_upload_bytes):
                digest.update(chunk)
                spool.write(chunk)
            yield Taken(spool.finish(), digest.hexdigest())

    def _chunks(self, name: str, most: int) -> Iterator[bytes]:
        """Yield a file's bytes, counted as they come: the size that a ZIP names may be a lie."""
        size = 0
        try:
            with self._opened(name) as file:
                while chunk := file.read(CHUNK):
                    size += len(chunk)
                    if size > most:
                        raise CatalogueFileError(
                            Told(
                                "%(name)s: a file in a ZIP has at most %(most)s bytes",
                                name=name[:200],
                                most=most,
                            )
                        )
                    yield chunk
        except (
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as wrong:
            if isinstance(wrong, CatalogueFileError):
                raise
            raise CatalogueFileError(
                Told("%(name)s: it can't be unpacked: make the ZIP anew", name=name[:200])
            ) from None

    def _opened(self, name: str) -> IO[bytes]:
        return self._zip.open(self._members[name])
