"""The one file that says which segments are the index.

It is replaced atomically and durably, so a reader sees the index before a change or after it, and
a writer that dies leaves the index before it. What it does not name is rubbish.
"""

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fingerprint.arrays import BoolArray
from fingerprint.errors import IndexCorruptError, IndexOutdatedError

NAME: Final = "manifest.json"
FORMAT: Final = 5


@dataclass(frozen=True)
class SegmentEntry:
    """A segment as the manifest lists it.

    Attributes
    ----------
    name : str
        File name, which is its checksum.
    size : int
        Bytes.
    words, references : int
        Dead ones included.
    dead : bytes
        Tombstones: one bit a reference, packed, or empty when none is dead.
    dead_words, dead_references : int
    seconds : float
        Audio of the live references.
    vectors_name, vectors_size : str, int
        The file of its recordings' vectors; empty where it has none.
    works_name, works_size : str, int
        Likewise of its works' vectors.
    """

    name: str
    size: int
    words: int
    references: int
    dead: bytes
    dead_words: int
    dead_references: int
    seconds: float
    vectors_name: str
    vectors_size: int
    works_name: str
    works_size: int

    def alive(self) -> BoolArray:
        """Which references a search may return, shape (references,)."""
        if not self.dead:
            return np.ones(self.references, np.bool_)
        bits = np.unpackbits(np.frombuffer(self.dead, np.uint8), count=self.references)
        return ~bits.astype(np.bool_)


@dataclass(frozen=True)
class Manifest:
    """The index at one moment.

    Attributes
    ----------
    epoch : int
    segments : tuple of SegmentEntry
    """

    epoch: int = 0
    segments: tuple[SegmentEntry, ...] = ()

    @property
    def version(self) -> str:
        """12 hex digits that change whenever the manifest does."""
        return hashlib.blake2b(_text(self), digest_size=6).hexdigest()

    def files(self) -> set[str]:
        """Names of the files that it needs."""
        named = {entry.name for entry in self.segments}
        named |= {entry.vectors_name for entry in self.segments}
        named |= {entry.works_name for entry in self.segments}
        return named - {""}


def pack_dead(alive: BoolArray) -> bytes:
    """Inverse of :meth:`SegmentEntry.alive`."""
    return b"" if alive.all() else np.packbits(~alive).tobytes()


def read(folder: Path) -> Manifest:
    """Read the manifest; an index never written to is empty.

    Raises
    ------
    IndexOutdatedError
        If it is of an earlier format.
    IndexCorruptError
        If it is of a later one, or not what was written.
    """
    try:
        text = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return Manifest()
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise (IndexOutdatedError if document["format"] < FORMAT else IndexCorruptError)(
                f"{NAME} is of format {document['format']}, not {FORMAT}: "
                "remove the index folder and it is built anew from the references"
            )
        manifest = Manifest(
            epoch=document["epoch"],
            segments=tuple(_entry(entry) for entry in document["segments"]),
        )
        intact = document["version"] == manifest.version
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise IndexCorruptError(f"{NAME} cannot be read: {error}") from error
    if not intact:
        raise IndexCorruptError(f"{NAME} does not have the content it was written with")
    return manifest


def replace_durably(folder: Path, manifest: Manifest) -> None:
    """Make ``manifest`` the index: after this returns it survives a crash of the machine."""
    document = json.loads(_text(manifest)) | {"version": manifest.version, "format": FORMAT}
    temporary = folder / f"{os.getpid()}.{NAME}.tmp"
    with temporary.open("wb") as file:
        file.write(json.dumps(document, indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)  # the segments' names before the manifest that needs them
    temporary.replace(folder / NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_orphans(folder: Path, manifest: Manifest, suffixes: Iterable[str]) -> None:
    """Delete what a dead writer left, or a merge no longer needs. Only under the writer's lock."""
    named = manifest.files()
    for path in folder.iterdir():
        if path.name not in named and path.name.endswith(tuple(suffixes)):
            path.unlink(missing_ok=True)


def _text(manifest: Manifest) -> bytes:
    segments = [
        {
            "name": entry.name,
            "size": entry.size,
            "words": entry.words,
            "references": entry.references,
            "dead": base64.b64encode(zlib.compress(entry.dead)).decode() if entry.dead else "",
            "dead_words": entry.dead_words,
            "dead_references": entry.dead_references,
            "seconds": entry.seconds,
            "vectors_name": entry.vectors_name,
            "vectors_size": entry.vectors_size,
            "works_name": entry.works_name,
            "works_size": entry.works_size,
        }
        for entry in manifest.segments
    ]
    return json.dumps({"epoch": manifest.epoch, "segments": segments}, sort_keys=True).encode()


def _entry(document: dict[str, Any]) -> SegmentEntry:
    dead = zlib.decompress(base64.b64decode(document["dead"])) if document["dead"] else b""
    return SegmentEntry(**(document | {"dead": dead}))
