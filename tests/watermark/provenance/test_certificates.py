"""Chains for development, and chains and keys that don't go together."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from watermark.provenance import BadCertificateError, development_chain, signing_identity

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_a_development_chain_says_what_it_is() -> None:
    chain = development_chain("Test Records", NOW)
    identity, key = signing_identity(chain.chain.encode(), chain.key, chain.root)
    assert identity.algorithm == "ES256"
    assert identity.issuer == "Test Records (for development only)"
    assert identity.is_for_development
    assert identity.not_after == NOW + timedelta(days=365)
    assert len(key.sign(b"data")) == 64
    assert "PRIVATE" not in repr(key)
    assert chain.root in chain.chain


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_another_certificates_key_is_refused(curve: ec.EllipticCurve) -> None:
    chain = development_chain("Test Records", NOW)
    for private in (ec.generate_private_key(curve), rsa.generate_private_key(65537, 2048)):
        other = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(BadCertificateError):
            signing_identity(chain.chain.encode(), other)


def test_an_encrypted_key_and_nonsense_are_refused() -> None:
    chain = development_chain("Test Records", NOW)
    locked = load_pem_private_key(chain.key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for certificates, key in (
        (chain.chain.encode(), locked),
        (b"", chain.key),
        (b"nonsense", chain.key),
        (chain.chain.encode(), b"nonsense"),
        ("# für uns\n".encode("latin-1") + chain.chain.encode(), chain.key),
    ):
        with pytest.raises(BadCertificateError):
            signing_identity(certificates, key)


@pytest.mark.parametrize("organisation", ["", "  ", "a\0b", "a\nb", "\ud800", "x" * 42, "Ü" * 21])
def test_a_name_that_no_certificate_can_hold_is_refused(organisation: str) -> None:
    with pytest.raises(BadCertificateError, match="an organisation's name"):
        development_chain(organisation, NOW)


@pytest.mark.parametrize("organisation", ["x" * 41, "Ü" * 20, "日" * 13])
def test_a_name_may_be_as_long_as_is_said(organisation: str) -> None:
    chain = development_chain(organisation, NOW)
    identity, _ = signing_identity(chain.chain.encode(), chain.key)
    assert identity.issuer == f"{organisation} (for development only)"
