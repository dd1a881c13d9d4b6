"""The C2PA manifest of a file, verified offline."""

import json
from typing import IO, Any, Final

from watermark.provenance.manifest import (
    ABSENT,
    NO_FAULT,
    Manifest,
    ManifestState,
    manifest_of_report,
)

MALFORMED: Final = "manifest.malformed"
"""Our word beside C2PA's codes: there is a manifest, and it can't be read."""
_BOX: Final = b"jumdc2pa\x00\x11\x00\x10"
"""Inside of every manifest store: the description box with C2PA's type."""
_CHUNK: Final = 1 << 20


def read_manifest(file: IO[bytes], media_type: str, trust_anchors: str = "") -> Manifest:
    """Verify the manifest of a file; nothing is fetched from anywhere.

    A manifest that can't be read is ``invalid``; a file that can't, and holds none, has none.

    Parameters
    ----------
    file : binary file, seekable
    media_type : str
        One of the values of `READABLE`.
    trust_anchors : str, optional
        Certificates in PEM under which a signer is known; with none, every signer is unknown.
    """
    import c2pa  # 23 MB of native code, which little of this package needs

    with c2pa.Context.from_dict(settings(trust_anchors)) as context:
        try:
            reader = c2pa.Reader.try_create(media_type, file, context=context)
        except c2pa.C2paError:
            return (
                Manifest(ManifestState.INVALID, failures=(MALFORMED,)) if _holds(file) else ABSENT
            )
        if reader is None:
            return ABSENT
        with reader:
            return _manifest(json.loads(reader.json()))


def settings(trust_anchors: str = "") -> dict[str, Any]:
    """Return c2pa's settings: all trust is what is given, and no network is used."""
    trust = {"trust": {"trust_anchors": trust_anchors}} if trust_anchors else {}
    return trust | {
        "verify": {"verify_trust": True, "ocsp_fetch": False, "remote_manifest_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }


def _manifest(report: dict[str, Any]) -> Manifest:
    active = (report.get("validation_results") or {}).get("activeManifest") or {}
    failures = sorted({str(each.get("code")) for each in active.get("failure") or ()})
    return manifest_of_report(
        report, _state(str(report.get("validation_state")), failures), failures
    )


def _state(validation: str, failures: list[str]) -> ManifestState:
    if validation == "Trusted":
        return ManifestState.VALID
    if validation == "Valid" or (failures and NO_FAULT.issuperset(failures)):
        return ManifestState.UNTRUSTED
    return ManifestState.INVALID


def _holds(file: IO[bytes]) -> bool:
    """Tell whether a file holds something of a manifest, whatever else it is."""
    file.seek(0)
    tail = b""
    while chunk := file.read(_CHUNK):
        if _BOX in tail + chunk:
            return True
        tail = chunk[-len(_BOX) :]
    return False
