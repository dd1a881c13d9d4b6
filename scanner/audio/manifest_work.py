"""What a limited child does with manifests: c2pa is native code, and files come from strangers.

What is wanted, and what came of it, goes through one file without a name, as JSON: it may be longer
than a message.
"""

import base64
import json
import os
import socket
from typing import IO, Any, Final

from scanner.audio.decoded import MESSAGE
from scanner.audio.errors import AudioError
from watermark.provenance import (
    MEDIA_TYPES,
    ProvenanceError,
    SigningIdentity,
    claim_from_json,
    manifest_to_json,
    read_manifest,
)
from watermark.provenance import sign as sign_file

UNSIGNABLE: Final = "manifest-unsignable"


def read(source: int, exchange: int) -> dict[str, Any]:
    """Verify a file's manifest; ``exchange`` holds its media type and the trust anchors."""
    with os.fdopen(source, "rb") as file, os.fdopen(exchange, "r+b") as talk:
        wanted = json.load(talk)
        manifest = read_manifest(file, wanted["media_type"], wanted["anchors"])
        _write(talk, json.dumps(manifest_to_json(manifest)).encode())
    return {}


def sign(
    answer: socket.socket, source: int, target: int, exchange: int, *ingredients: int
) -> dict[str, Any]:
    """Sign a claim into a copy of a file; the service signs, over the socket of the answer.

    ``exchange`` holds the claim, the identity and for which ingredients there are files; in the end
    it holds the manifest store.
    """
    files = [os.fdopen(each, "rb") for each in ingredients]
    with (
        os.fdopen(source, "rb") as read_,
        os.fdopen(target, "r+b") as written,
        os.fdopen(exchange, "r+b") as talk,
    ):
        wanted = json.load(talk)
        left = iter(files)
        given = [next(left) if has_file else None for has_file in wanted["has_file"]]
        try:
            store = sign_file(
                read_,
                written,
                wanted["media_type"],
                claim_from_json(wanted["claim"]),
                SigningIdentity(**wanted["identity"]),
                lambda data: _signature(answer, data),
                given,
            )
        except ProvenanceError as error:
            raise AudioError(UNSIGNABLE, str(error)) from error
        _write(talk, store)
    return {"bytes": len(store)}


def warm_up(silence: IO[bytes]) -> None:
    """Load the library and what it reads once: a confined child can open no file."""
    read_manifest(silence, MEDIA_TYPES["wav"])


def _signature(answer: socket.socket, data: bytes) -> bytes:
    answer.send(json.dumps({"asks": {"sign": base64.b64encode(data).decode()}}).encode())
    return base64.b64decode(json.loads(answer.recv(MESSAGE))["signature"])


def _write(talk: IO[bytes], content: bytes) -> None:
    talk.seek(0)
    talk.truncate()
    talk.write(content)
    talk.flush()
