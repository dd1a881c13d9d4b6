"""Certificate files: who signs manifests here, and whom this service trusts."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanner.errors import ScannerError
from watermark.provenance import (
    BadCertificateError,
    SigningIdentity,
    SigningKey,
    development_chain,
    signing_identity,
)

if TYPE_CHECKING:
    from scanner.settings import Settings

CHAIN: Final = "chain.pem"
KEY: Final = "key.pem"
ANCHORS: Final = "anchors.pem"
ORGANISATION: Final = "Clearance"


class CertificateError(ScannerError):
    """There is no certificate to sign manifests with, or it can't be used."""


@dataclass(frozen=True)
class Signatory:
    """Who signs, and the key that does; the key is shown nowhere."""

    identity: SigningIdentity
    key: SigningKey


def make_development_chain(folder: Path, now: datetime, organisation: str = ORGANISATION) -> None:
    """Write a chain for development into a folder: chain, key (mode 0600) and trust anchor.

    Raises
    ------
    CertificateError
        If one of the files is there already, or no certificate can hold the organisation's name;
        nothing is changed then.
    """
    there = [name for name in (CHAIN, KEY, ANCHORS) if (folder / name).exists()]
    if there:
        raise CertificateError(f"{', '.join(there)} is in the folder already: take another folder")
    try:
        made = development_chain(organisation, now)
    except BadCertificateError as error:
        raise CertificateError(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / KEY, made.key, 0o600)
    _write(folder / CHAIN, made.chain.encode(), 0o644)
    _write(folder / ANCHORS, made.root.encode(), 0o644)


def signatory(settings: "Settings") -> Signatory:
    """Return who signs manifests.

    Raises
    ------
    CertificateError
        If there is nobody, others may read the key, or chain and key can't be used.
    """
    chain, key = settings.certificate_chain_file, settings.certificate_key_file
    try:
        if key.stat().st_mode & 0o077:
            raise CertificateError(f"{key.name} can be read by others: chmod 600 it")
        identity, private = signing_identity(
            chain.read_bytes(), key.read_bytes(), trust_anchors(settings)
        )
    except FileNotFoundError:
        raise CertificateError(
            "there is no certificate to sign manifests with: set CLEARANCE_CERTIFICATE_CHAIN and "
            "CLEARANCE_CERTIFICATE_KEY, or make a chain for development with `clearance watermark "
            "certificate DIR`"
        ) from None
    except (BadCertificateError, OSError) as error:
        raise CertificateError(f"the certificate can't be used: {error}") from error
    return Signatory(identity, private)


def trust_anchors(settings: "Settings") -> str:
    """Return the certificates, PEM, under which a signer is known; empty: nobody is.

    Raises
    ------
    CertificateError
        If a file that was named can't be read.
    """
    path = settings.trust_anchors_file
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        if settings.trust_anchors is None:
            return ""
        raise CertificateError(f"{path.name}, the trust anchors, is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateError(f"{path.name}, the trust anchors, can't be read") from error


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
