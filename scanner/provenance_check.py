"""The check for anybody: where does a file come from, as far as its manifest says."""

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scanner import mark_reading, stored_manifests, watermark_keys
from scanner.audio import SNIFF_BYTES, sniff
from scanner.badges import public_track
from scanner.errors import NotFoundError
from watermark import TooShortError, UnusableAudioError
from watermark.provenance import ManifestState, manifest_to_json

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.tables import Provenance

NOT_CHECKED: Final = "not_checked"
_WORDS: Final = {
    ManifestState.VALID: "The manifest fits the file, and its signer is known here.",
    ManifestState.UNTRUSTED: "The manifest fits the file; nobody here knows its signer.",
    ManifestState.INVALID: "The manifest does not fit the file, or is broken: the file was changed "
    "after it was signed. Nothing that the manifest says counts.",
    ManifestState.ABSENT: "The file has no manifest. This proves nothing: most files never had "
    "one, and copying often strips it.",
    NOT_CHECKED: "Manifests of this format are not read here. This proves nothing.",
}
_ALWAYS: Final = (
    "Whether what a manifest says is true: a signature proves who said it, and that it was not "
    "changed since."
)


def check(
    service: "Service", path: Path, patience: float = math.inf, tenant_id: str | None = None
) -> dict[str, Any]:
    """Verify a file's manifest; where it has none, look for the mark that leads back to one.

    Parameters
    ----------
    patience : float, optional
        Seconds for the decode, where that is less than its own limit.
    tenant_id : str, optional
        Who asks: of its own tracks it need not have published any.

    Returns
    -------
    dict
        ``state``, ``words``, the ``manifest``, what this service ``signed`` into this very file, the
        manifests that are ``recovered`` by a mark of the service, and what is ``not_known``.

    Raises
    ------
    AudioError
        If it can't be read.
    UnverifiableError
        If the manifest can't be looked at.
    """
    with path.open("rb") as file:
        container = sniff(file.read(SNIFF_BYTES))
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = service.manifests.read(path, container)
    state = NOT_CHECKED if manifest is None else manifest.state
    signed = _signed_here(service, sha256, tenant_id)
    lost = state in {ManifestState.ABSENT, NOT_CHECKED}
    return {
        "state": str(state),
        "words": _WORDS[state],
        "manifest": None if manifest is None else manifest_to_json(manifest),
        "signed": None if signed is None else stored_manifests.describe(signed),
        "recovered": _recovered(service, path, patience, tenant_id)
        if lost and signed is None
        else [],
        "not_known": [_ALWAYS],
    }


def _recovered(
    service: "Service", path: Path, patience: float, tenant_id: str | None
) -> list[dict[str, Any]]:
    """Read the marks of the service's own keys; what can carry none leads nowhere."""
    ring = watermark_keys.ring(service, None)
    decoded = service.decoder.decode(path, patience)
    try:
        marks = mark_reading.read(service.watermarker, ring, decoded.samples, decoded.sample_rate)
    except (TooShortError, UnusableAudioError):
        return []
    with service.database.reading() as session:
        return stored_manifests.recovered_by(session, [mark.to_json() for mark in marks], tenant_id)


def _signed_here(service: "Service", sha256: str, tenant_id: str | None) -> "Provenance | None":
    """Return what was signed into a file, if its track is released and may be told of."""
    with service.database.reading() as session:
        row = stored_manifests.of_file(session, sha256)
        if row is None:
            return None
        try:
            track = public_track(session, row.track_id)
        except NotFoundError:
            return None
        return row if stored_manifests.tells_all(session, track, tenant_id) else None
