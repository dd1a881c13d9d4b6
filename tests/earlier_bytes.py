"""Fingerprints as the version before stored them."""

import struct
import zlib
from dataclasses import replace
from typing import Final

from fingerprint import Fingerprint
from scanner.catalogue import next_epoch
from scanner.service import Service
from scanner.tables import Reference

_BEFORE: Final = struct.Struct("<4sBdII" + 3 * "i")
_TODAY: Final = struct.Struct("<4sBdII" + 4 * "i")


def stored_before(print_: Fingerprint) -> bytes:
    """Return bytes of version 4: they hold no waveform, and vectors and tones of other networks."""
    body = replace(print_, waveform=None).to_bytes()[:-4]
    magic, _, *fields = _BEFORE.unpack_from(body)
    old = _BEFORE.pack(magic, 4, *fields) + body[_TODAY.size :]
    return old + struct.pack("<I", zlib.crc32(old))


def age(service: Service, reference: Reference) -> None:
    """Have a reference be as an upgrade that changed the networks leaves it."""
    content = stored_before(service.catalogue.print_of(reference))
    with service.database.transaction() as session:
        row = session.get_one(Reference, reference.id)
        row.epoch = next_epoch(session, row.tenant_id)
        row.fingerprint_sha256 = service.store.put_bytes(row.tenant_id, content).sha256
