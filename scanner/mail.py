"""Mails letters that wait: at least once, each under a Message-ID that stays.

A worker leases a letter before it speaks to the mail server, so that two workers do not send the same one.
One that dies between the server's yes and the commit leaves a lease that runs out; the letter is sent again
then, under the same Message-ID, by which mail programs recognise the repeat.
"""

import random
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Final

import structlog
from sqlmodel import col, or_, select

from scanner import login_links
from scanner.journal import record
from scanner.letters import UNSENT_DOMAIN
from scanner.matter_events import LetterSent
from scanner.metrics import LETTERS
from scanner.privacy.personal import ERASED
from scanner.tables import Letter

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.settings import Settings

WAITING: Final = "waiting"
SENT: Final = "sent"
FAILED: Final = "failed"
TRIES: Final = 14
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=6)
LEASE: Final = timedelta(minutes=15)
ERROR_LENGTH: Final = 300
_PERMANENT: Final = 500
"""Least SMTP reply code that says not to come again (RFC 5321, 4.2.1)."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Tried:
    """What came of one try: no error, or why not, and whether another try may do better."""

    error: str | None = None
    again: bool = False


def send_due(service: "Service", limit: int = 20) -> int:
    """Mail letters whose time has come; return how many were tried. Safe to run in many workers."""
    tried = 0
    while service.settings.smtp_host and tried < limit and (letter := _claim(service)) is not None:
        result = deliver(service.settings, login_links.filled(service, letter), service.now())
        _settle(service, letter, result)
        tried += 1
    return tried


def deliver(settings: "Settings", letter: Letter, now: datetime) -> Tried:
    """Give one letter to the mail server; whatever happens is told by the result."""
    try:
        message = message_of(settings, letter, now)
    except (ValueError, IndexError, MessageError) as error:
        return Tried(f"can't be written as a mail: {error}")
    try:
        server = _connected(settings)
        try:
            server.send_message(message)
        finally:
            _leave(server)
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        return Tried(_answered(code, answer), again=code < _PERMANENT)
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        return Tried(_answered(error.smtp_code, error.smtp_error), error.smtp_code < _PERMANENT)
    except smtplib.SMTPNotSupportedError as error:
        return Tried(f"the mail server can't do it: {error}")
    except smtplib.SMTPResponseException as error:  # a login or a greeting: the operator's to mend
        return Tried(_answered(error.smtp_code, error.smtp_error), again=True)
    except (smtplib.SMTPException, OSError) as error:
        return Tried(f"{type(error).__name__}: {error}", again=True)
    return Tried()


def message_of(settings: "Settings", letter: Letter, now: datetime) -> EmailMessage:
    """Return a letter as a mail (RFC 5322): plain text in UTF-8, of which no answer by a machine is wanted.

    Raises
    ------
    ValueError
        If a header would have a line of its own in it, or an address is none.
    """
    if letter.address is None:
        raise ValueError("the address is gone")
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(addr_spec=settings.mail_from)
    message["To"] = Address(addr_spec=letter.address)
    if settings.mail_reply_to:
        message["Reply-To"] = Address(addr_spec=settings.mail_reply_to)
    message["Subject"] = letter.subject
    message["Date"] = now
    message["Message-ID"] = letter.message_id
    message["Content-Language"] = letter.language
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    message.set_content(letter.body, charset="utf-8")
    return message


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after so many tries: doubled each time, with up to a quarter more."""
    wait: timedelta = min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT)
    return wait * (1 + random.random() / 4)  # noqa: S311 - spreads tries, keeps no secret


def _connected(settings: "Settings") -> smtplib.SMTP:
    host, seconds = settings.smtp_host or "", settings.smtp_seconds
    if settings.smtp_tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, settings.smtp_port, timeout=seconds, context=_context(settings)
        )
    else:
        server = smtplib.SMTP(host, settings.smtp_port, timeout=seconds)
    try:
        if settings.smtp_tls == "starttls":
            server.starttls(context=_context(settings))
        if settings.smtp_user is not None and settings.smtp_password is not None:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; a letter that was taken is taken, however the server answers to that."""
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


def _context(settings: "Settings") -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(settings.smtp_ca) if settings.smtp_ca else None)


def _answered(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"the mail server answered {code}: {text}".replace("\0", "\ufffd")


def _claim(service: "Service") -> Letter | None:
    """Take the oldest letter whose time has come and that nobody sends just now."""
    now = service.now()
    due = (
        select(Letter)
        .where(
            Letter.state == WAITING,
            col(Letter.not_before) <= now,
            or_(col(Letter.leased_until).is_(None), col(Letter.leased_until) <= now),
        )
        .order_by(col(Letter.not_before), col(Letter.id))
        .limit(1)
    )
    with service.database.reading() as session:  # an idle worker takes no write lock
        if session.exec(due).first() is None:
            return None
    with service.database.transaction() as session:
        if not service.database.is_sqlite:
            due = due.with_for_update(skip_locked=True)
        letter = session.exec(due).first()
        if letter is None:
            return None
        letter.attempts += 1
        letter.leased_until = now + LEASE
        # written down before it goes out: another sender's address must not change it
        domain = service.settings.mail_from.rpartition("@")[2]
        letter.message_id = letter.message_id.replace(f"@{UNSENT_DOMAIN}>", f"@{domain}>")
        return letter


def _settle(service: "Service", sent: Letter, result: Tried) -> None:
    """Write down what a try came to, unless another worker has taken the letter over."""
    now = service.now()
    with service.database.transaction() as session:
        letter = session.get(Letter, sent.id, with_for_update=True, populate_existing=True)
        if letter is None or letter.leased_until != sent.leased_until or letter.state != WAITING:
            return
        letter.leased_until = None
        letter.error = result.error[:ERROR_LENGTH] if result.error else None
        if result.error is None:
            letter.state, letter.sent_at = SENT, now
        elif result.again and letter.attempts < TRIES:
            letter.not_before = now + wait_after(letter.attempts)
            LETTERS.labels("retried").inc()
            return
        else:
            letter.state = FAILED
            log.warning("letter_not_sent", letter=letter.id, attempts=letter.attempts)
        if letter.erased_at is not None:
            letter.subject = letter.body = ERASED
            letter.address = letter.error = None
        LETTERS.labels(letter.state).inc()
        record(
            session,
            tenant_id=letter.tenant_id,
            subject=letter.id,
            version=2,
            data=LetterSent(state=letter.state, attempts=letter.attempts),
            now=now,
        )
