"""Certificates that sign manifests: what of a chain is needed, and chains for development."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from watermark.provenance.errors import BadCertificateError

LEAF_DAYS: Final = 365
ROOT_DAYS: Final = 10 * 365
FOR_DEVELOPMENT: Final = "for development only"
"""In the names of certificates that this program made: nobody vouches for them."""
_LONGEST_ORGANISATION: Final = 64 - len(f" ({FOR_DEVELOPMENT})")
"""Bytes of an organisation's name beside those words, of the 64 that `cryptography` takes."""
_ALGORITHMS: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
    "ES512": hashes.SHA512(),
}

PrivateKey = ec.EllipticCurvePrivateKey | Ed25519PrivateKey


@dataclass(frozen=True)
class DevelopmentChain:
    """A root and the certificate that it vouches for, all PEM.

    Parameters
    ----------
    root : str
        The trust anchor; its key was thrown away, so it vouches for nothing else.
    chain : str
        The signing certificate and then the root.
    key : bytes
        Private key of the signing certificate (PKCS #8, not encrypted).
    """

    root: str
    chain: str
    key: bytes


@dataclass(frozen=True)
class SigningIdentity:
    """Who signs, without the key.

    Parameters
    ----------
    certificates : str
        Chain in PEM, the signing certificate first.
    algorithm : str
        COSE's name: ES256, ES384, ES512 or ED25519.
    anchors : str
        Certificates in PEM under which the new manifest is checked; may be empty.
    """

    certificates: str
    algorithm: str
    anchors: str = ""

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificates.encode())

    @property
    def not_after(self) -> datetime:
        """When the certificate runs out."""
        return self.leaf.not_valid_after_utc

    @property
    def issuer(self) -> str:
        """Organisation, else name, as manifests show it."""
        subject = self.leaf.subject
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            if found := subject.get_attributes_for_oid(kind):
                return str(found[0].value)
        return subject.rfc4514_string()

    @property
    def is_for_development(self) -> bool:
        """Whether this program made the certificate itself."""
        return FOR_DEVELOPMENT in self.leaf.subject.rfc4514_string()


def development_chain(organisation: str, now: datetime) -> DevelopmentChain:
    """Make a root and a certificate that may sign manifests for a year.

    As C2PA's certificate profile asks: ES256, version 3, key usage *digital signature*, extended
    key usage *e-mail protection*, the identifiers of both keys.

    Parameters
    ----------
    organisation : str
        Shown as the issuer of manifests, with the words `FOR_DEVELOPMENT` in it: 1 to 41
        bytes of UTF-8.
    now : datetime

    Raises
    ------
    BadCertificateError
        If a certificate can't hold the organisation's name.
    """
    root_name = _name(organisation, f"{organisation} root")
    leaf_name = _name(organisation, f"{organisation} manifests")
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = (
        _certificate(root_name, root_name, root_key.public_key(), now, ROOT_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    by_email = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    by_root = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    leaf = (
        _certificate(leaf_name, root_name, leaf_key.public_key(), now, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(by_email, critical=False)
        .add_extension(by_root, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return DevelopmentChain(
        root=_pem(root),
        chain=_pem(leaf) + _pem(root),
        key=leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def signing_identity(
    chain: bytes, key: bytes, anchors: str = ""
) -> tuple[SigningIdentity, "SigningKey"]:
    """Return who signs with a chain, and the key, checked to belong together.

    Parameters
    ----------
    chain : bytes
        PEM, the signing certificate first.
    key : bytes
        PEM, not encrypted: an elliptic curve's, or Ed25519's.

    Raises
    ------
    BadCertificateError
        If one of them can't be read or used, or the key is another certificate's.
    """
    try:
        certificates = chain.decode()
        leaf = x509.load_pem_x509_certificates(chain)[0]
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, IndexError) as error:
        raise BadCertificateError(
            "chain and key must be PEM in UTF-8, the key not encrypted"
        ) from error
    algorithm = _algorithm(private)
    if not isinstance(private, PrivateKey) or algorithm is None:
        raise BadCertificateError("the key must be of P-256, P-384, P-521 or Ed25519")
    public = leaf.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey | Ed25519PublicKey) or (
        private.public_key() != public
    ):
        raise BadCertificateError("the key is not that of the chain's first certificate")
    return SigningIdentity(certificates, algorithm, anchors), SigningKey(private, algorithm)


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs as COSE wants it; shows nothing of itself."""

    _private: PrivateKey
    _algorithm: str

    def __repr__(self) -> str:
        return f"SigningKey({self._algorithm})"

    def sign(self, data: bytes) -> bytes:
        """Return the signature; of an elliptic curve r and s, one after the other (RFC 9053)."""
        if isinstance(self._private, Ed25519PrivateKey):
            return self._private.sign(data)
        der = self._private.sign(data, ec.ECDSA(_HASHES[self._algorithm]))
        size = (self._private.key_size + 7) // 8
        return b"".join(part.to_bytes(size, "big") for part in utils.decode_dss_signature(der))


def _algorithm(key: object) -> str | None:
    if isinstance(key, Ed25519PrivateKey):
        return "ED25519"
    return _ALGORITHMS.get(key.curve.name) if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(organisation: str, common_name: str) -> x509.Name:
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in organisation):
        raise BadCertificateError("an organisation's name holds no control characters")
    if not organisation.strip() or len(organisation.encode()) > _LONGEST_ORGANISATION:
        raise BadCertificateError(
            f"an organisation's name has 1 to {_LONGEST_ORGANISATION} bytes of UTF-8"
        )
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{organisation} ({FOR_DEVELOPMENT})"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(**given: bool) -> x509.KeyUsage:
    none = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**none | given)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
