"""Sends one webhook message: signed (Standard Webhooks), guarded, following no redirect."""

import base64
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpcore
from standardwebhooks import Webhook

from scanner.guarded_http import request
from scanner.url_guard import UnresolvedError, UrlGuard, UrlRefusedError

RETRY_SCHEDULE: Final = (60.0, 600.0, 3600.0, 21600.0)
"""Seconds to wait before each repeat: with the first try, which is made at once, five tries."""
EXCERPT: Final = 500
SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Delivery:
    """What came of one try.

    Parameters
    ----------
    status : int or None
        HTTP status; None if there was no answer.
    duration : float
        Seconds.
    error : str or None
        Why it failed; None if it did not.
    body_excerpt : str
        The first characters of the answer, to find out what a receiver disliked; none of a host that only the
        installation's list lets be reached, since whoever names an address would read there what is not theirs.
    """

    status: int | None
    duration: float
    error: str | None
    body_excerpt: str = ""

    @property
    def ok(self) -> bool:
        """Whether the receiver took the message."""
        return self.error is None


def new_secret() -> str:
    """Return a new signing secret, ``whsec_`` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def send(
    url: str,
    signing: Sequence[str],
    *,
    message_id: str,
    timestamp: datetime,
    payload: dict[str, Any],
    guard: UrlGuard,
    timeout: float,
) -> Delivery:
    """Post ``payload`` once, signed with each of the secrets; whatever happens is told by the result."""
    timestamp = timestamp.astimezone(UTC)  # the library signs the wall clock's reading as UTC
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "clearance",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(timestamp.timestamp())),
        "webhook-signature": " ".join(
            Webhook(secret).sign(message_id, timestamp, body) for secret in signing
        ),
    }
    started = time.monotonic()
    status: int | None = None
    excerpt = b""
    error: str | None = None
    try:
        target = guard.target(url)
        headers["Host"] = target.authority
        with request(
            target, "POST", headers=headers, content=body.encode(), deadline=started + timeout
        ) as response:
            status = response.status
            for chunk in response.iter_stream() if not target.by_setting else ():
                excerpt += chunk
                if len(excerpt) >= EXCERPT:
                    break
    except (UrlRefusedError, UnresolvedError):
        error = "the address is refused"
    except httpcore.TimeoutException:
        error = f"no answer in {timeout:.0f} s"
    except (httpcore.NetworkError, httpcore.ProtocolError):
        error = "the connection failed"
    if status is not None:  # the receiver has spoken, whatever became of the rest of its answer
        error = None if 200 <= status < 300 else f"answered {status}"
    return Delivery(
        status=status,
        duration=time.monotonic() - started,
        error=error,
        body_excerpt=_text(excerpt[:EXCERPT]),
    )


def _text(excerpt: bytes) -> str:
    """Return an excerpt as text that every database takes."""
    return excerpt.decode("utf-8", "replace").replace("\0", "\ufffd")
