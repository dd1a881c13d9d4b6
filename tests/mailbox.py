"""A mail server on the loopback that takes letters, or refuses them as it is told."""

import contextlib
import datetime
import ssl
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scanner.callers import Caller
from scanner.clock import new_id
from scanner.service import Service
from scanner.tables import Letter
from tests.servers import free_port


class Mailbox:
    """What came in; ``answers`` are given, one a message, before messages are taken."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.answers: list[str] = []
        self.recipient_answers: list[str] = []
        self.port = free_port()

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(each, policy=SMTP) for each in self.raw]  # type: ignore[misc]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.recipient_answers:
            return self.recipient_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answers:
            return self.answers.pop(0)
        self.raw.append(envelope.content)
        return "250 taken"


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Mailbox]:
    """Run a mail server; ``options`` are those of aiosmtpd's controller."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def throwaway_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context for 127.0.0.1, and the PEM file of who vouches for it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "mail.pem", folder / "mail.key"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, secret)
    return context, chain


def letter(service: Service, caller: Caller, **columns: Any) -> Letter:
    """Write a letter as `letters.write` leaves it."""
    letter_id, now = new_id(), service.now()
    row = Letter(
        **{
            "id": letter_id,
            "tenant_id": caller.tenant_id,
            "recipient_kind": "account",
            "recipient_id": "ana",
            "address": "ana@example.org",
            "template": "test",
            "language": "en",
            "subject": "Your track is back",
            "body": "Dear Ana,\nyour track is back — für immer.\n",
            "message_id": f"<{letter_id}@clearance>",
            "state": "waiting" if columns.get("address", "a") else "inbox",
            "not_before": now,
            "created_at": now,
        }
        | columns
    )
    with service.database.transaction() as session:
        session.add(row)
    return row
