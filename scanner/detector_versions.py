"""With which version each detector looks now: what an analysis writes down, and what later ones are held against."""

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import fingerprint
from scanner import words

if TYPE_CHECKING:
    from scanner.service import Service


def present(service: "Service") -> dict[str, str]:
    """Return the version of every detector, by the name that an analysis' ``versions`` has it under."""
    return {
        "fingerprint": fingerprint.ALGORITHM,
        "embedding": fingerprint.EMBEDDING_MODEL,
        "composition": fingerprint.COMPOSITION_MODEL,
        "watermark": service.settings.watermark_engine,
        "provenance": provenance(),
        "lyrics": words.VERSION,
    }


@cache
def provenance() -> str:
    """Return the version of what reads manifests."""
    return f"c2pa-{version('c2pa-python')}"
