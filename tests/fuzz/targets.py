"""Readers of bytes that strangers wrote, each with the errors that it may raise: its module's own."""

import asyncio
import io
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fingerprint import Fingerprint, FingerprintError
from generator import lyrics
from generator.errors import InvalidRequestError
from generator.given_melody import given_melody
from generator.kept_takes import take_of
from generator.request import request_of
from policy.errors import PackError
from policy.packs import read_pack
from policy.prompts import screen_prompt
from scanner import audit_proofs, byte_ranges, cursors, ddex, signed_lines, words
from scanner.audio import AudioError, sniff
from scanner.audio.decoded import DecodeLimits
from scanner.audio.decoding import decode
from scanner.audio.ogg import read_pages
from scanner.audio.sylt import read as read_sylt
from scanner.audit_proofs import BadProofError
from scanner.bus import intake
from scanner.catalogue_archives import Archive
from scanner.catalogue_csv import read_csv
from scanner.catalogue_ern import read_ern
from scanner.catalogue_rows import CatalogueFileError
from scanner.errors import PoisonError
from scanner.problems import HttpError
from scanner.signed_lines import BadBundleError
from scanner.strict_json import strict_json
from scanner.uploads import Form, _Reader
from scanner.url_guard import UrlGuard, UrlRefusedError
from watermark.errors import BadKeyError
from watermark.keys import parse_key_file
from watermark.provenance import MEDIA_TYPES, read_manifest

MEMORY = Path("/dev/shm")
LONGEST = 4096
LIMITS = DecodeLimits(max_duration=60.0, output_bytes=1 << 24)


@dataclass(frozen=True)
class Target:
    """A reader of at most ``longest`` bytes; ``errors`` are those that say that they are no good."""

    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = ()
    longest: int = LONGEST

    def __call__(self, data: bytes) -> None:
        """Read; anything else that is raised is a fault."""
        try:
            self.read(data)
        except self.errors:
            return


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


def _json(read: Callable[[Any], object]) -> Callable[[bytes], object]:
    """Read what came through the reader of JSON; what did not is not the target's."""

    def parsed(data: bytes) -> object:
        try:
            value = strict_json(data)
        except ValueError:
            return None
        return read(value)

    return parsed


def _file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def written(data: bytes) -> object:
        folder = MEMORY if MEMORY.is_dir() else None
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(data)
            file.flush()
            return read(Path(file.name))

    return written


def _zip(path: Path) -> None:
    archive = Archive(path)
    try:
        archive.describing(1 << 20)
    finally:
        archive.close()


def _bundle(path: Path) -> None:
    list(signed_lines.read(path, "clearance-bank/1", "00" * 32))


def _decode(data: bytes) -> None:
    output = os.memfd_create("samples")
    try:
        decode(io.BytesIO(data), output, LIMITS)
    finally:
        os.close(output)


def _form(data: bytes) -> None:
    async def received() -> None:
        reader = _Reader(b"edge", Form(), 2000, 500, 3000, lambda _: io.BytesIO(), lambda _: None)
        for start in range(0, len(data), 100):
            for act in reader.feed(data[start : start + 100]):
                await act()
        reader.finish()

    asyncio.run(received())


def _words(text: str) -> None:
    words.without_times(text)
    lyrics.lines(text)


def _request(value: Any) -> None:
    if isinstance(value, dict):
        request_of(value)


TARGETS = {
    "audit-proof": Target(_json(audit_proofs.check), (BadProofError,)),
    "bus-message": Target(intake._parse, (PoisonError,)),
    "byte-range": Target(_text(lambda text: byte_ranges.requested(text, 1000)), (HttpError,)),
    "catalogue-csv": Target(read_csv, (CatalogueFileError,)),
    "catalogue-ern": Target(read_ern, (CatalogueFileError,)),
    "catalogue-zip": Target(_file(_zip), (CatalogueFileError,)),
    "cursor": Target(_text(lambda text: cursors.decode("t", text, datetime, str)), (HttpError,)),
    "decoder": Target(_decode, (AudioError, MemoryError)),  # its process has little
    "declared-ern": Target(_text(ddex.parse_ern), (ValueError,)),
    "fingerprint-bytes": Target(Fingerprint.from_bytes, (FingerprintError,)),
    "fingerprint-json": Target(_json(Fingerprint.from_json), (FingerprintError,)),
    "first-bytes": Target(sniff, (AudioError,)),
    "key-file": Target(_text(lambda text: parse_key_file(text, "name")), (BadKeyError,)),
    "kept-take": Target(lambda data: take_of(data, {}), (InvalidRequestError,)),
    "manifest": Target(
        lambda data: read_manifest(io.BytesIO(data), MEDIA_TYPES["wav"]), (), 20_000
    ),
    "melody": Target(given_melody, (InvalidRequestError,)),
    "ogg-pages": Target(lambda data: read_pages(io.BytesIO(data), len(data))),
    "policy-pack": Target(_text(read_pack), (PackError,)),
    "prompt": Target(_text(screen_prompt)),
    "signed-lines": Target(_file(_bundle), (BadBundleError,)),
    "strict-json": Target(lambda data: json.dumps(strict_json(data)), (ValueError,)),
    "synchronised-words": Target(lambda data: read_sylt(io.BytesIO(data))),
    "take-request": Target(_json(_request), (InvalidRequestError,)),
    "upload-form": Target(_form, (HttpError, AudioError)),
    "url": Target(_text(UrlGuard().check_form), (UrlRefusedError,)),
    "words": Target(_text(_words)),
}
