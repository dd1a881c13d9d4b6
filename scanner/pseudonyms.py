"""Names for people that tell them apart without telling who they are: `R-1f0c9a2e`."""

import hashlib
import hmac
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from scanner.service import Service

Kind = Literal["R", "U"]
"""R: staff; U: uploaders."""
LENGTH: Final = 8
"""Hexadecimal digits of the keyed hash that are shown."""


def pseudonym(service: "Service", tenant_id: str, kind: Kind, person_id: str) -> str:
    """Return a person's name towards others: the same within a platform, another one elsewhere.

    Without the installation's key nobody can find out whose it is by trying ids.
    """
    message = f"{tenant_id}\n{kind}\n{person_id}".encode()
    digest = hmac.new(service.secrets.derived(b"pseudonyms"), message, hashlib.sha256)
    return f"{kind}-{digest.hexdigest()[:LENGTH]}"
