"""What a checkpoint commits to of each journal row: its seal, and what may be told of it.

The seal covers a row with the id of the member of staff who acted. The leaf covers the seal and the row as it may
be shown: with a pseudonym, and with the SHA-256 of its data. So a row can be proved without telling who of the
staff it was, and without its data where those are not for the reader.
"""

import hashlib
from typing import Any

import rfc8785

from scanner.journal import content_of
from scanner.merkle import leaf_hash
from scanner.pseudonyms import Pseudonyms
from scanner.tables import JournalRow, JournalSeal


def view_of(row: JournalRow, seal: JournalSeal, pseudonyms: Pseudonyms) -> dict[str, Any]:
    """Return a row as anybody may see it who may see the row at all."""
    content = content_of(row)
    data = content.pop("data")
    return content | {
        "actor": pseudonyms.sealed(row, seal).actor(row.actor, row.role),
        "data_sha256": data_digest(data),
    }


def data_digest(data: dict[str, Any]) -> str:
    """Return the SHA-256 of data as canonical JSON (RFC 8785), hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(data)).hexdigest()


def leaf_of(seal_hash: str, view: dict[str, Any]) -> bytes:
    """Return the hash of a row's leaf, from its seal's hash and its view."""
    return leaf_hash(bytes.fromhex(seal_hash) + hashlib.sha256(rfc8785.dumps(view)).digest())
