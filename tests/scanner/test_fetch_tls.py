"""Fetching a claim check over TLS: whose certificate is accepted, and for which name."""

import contextlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scanner.url_guard import UrlGuard
from tests.fetching import SONG
from tests.loopback import reply


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for song.example.com."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "song.example.com")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("song.example.com")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "song.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_server(listen, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names = []
    context.sni_callback = lambda _, name, __: names.append(name)
    server = listen(reply(SONG))
    plain = server._talk
    server._talk = lambda connection: _over_tls(context, connection, plain)
    server.names = names
    return server


def _over_tls(context, connection, talk):
    with contextlib.suppress(OSError):
        talk(context.wrap_socket(connection, server_side=True))


def test_tls_checks_the_name_of_the_address_not_its_number(
    fetcher, tls_server, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    hosts = [f"{name}.example.com:{tls_server.port}" for name in ("song", "other")]
    guard = UrlGuard(frozenset(hosts), resolve=lambda host, port: ["127.0.0.1"])

    _, blob = fetcher(f"https://{hosts[0]}/a.flac", guard)
    error = fetcher.fails(f"https://{hosts[1]}/a.flac", guard)

    assert blob.size == len(SONG)
    assert tls_server.names == ["song.example.com", "other.example.com"]
    assert error.problem == "url-unreachable"
    assert len(tls_server.requests) == 1


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(fetcher, tls_server):
    host = f"song.example.com:{tls_server.port}"
    guard = UrlGuard(frozenset({host}), resolve=lambda host, port: ["127.0.0.1"])

    assert fetcher.fails(f"https://{host}/a.flac", guard).problem == "url-unreachable"
    assert tls_server.requests == []
