"""The check for anybody: where does a file come from, as far as its manifest says."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scanner import stored_manifests
from scanner.audio import SNIFF_BYTES, sniff
from scanner.badges import public_track
from scanner.errors import NotFoundError
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


def check(service: "Service", path: Path) -> dict[str, Any]:
    """Verify a file's manifest.

    Returns
    -------
    dict
        ``state``, ``words``, the ``manifest``, what this service ``signed`` into this very file, and
        what is ``not_known``.

    Raises
    ------
    AudioError
        If it is no audio by its first bytes.
    UnverifiableError
        If the manifest can't be looked at.
    """
    with path.open("rb") as file:
        container = sniff(file.read(SNIFF_BYTES))
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = service.manifests.read(path, container)
    state = NOT_CHECKED if manifest is None else manifest.state
    signed = _signed_here(service, sha256)
    return {
        "state": str(state),
        "words": _WORDS[state],
        "manifest": None if manifest is None else manifest_to_json(manifest),
        "signed": None if signed is None else stored_manifests.describe(signed),
        "not_known": [_ALWAYS],
    }


def _signed_here(service: "Service", sha256: str) -> "Provenance | None":
    """Return what was signed into a file, if its track is released."""
    with service.database.reading() as session:
        row = stored_manifests.of_file(session, sha256)
        if row is None:
            return None
        try:
            public_track(session, row.track_id)
        except NotFoundError:
            return None
        return row
