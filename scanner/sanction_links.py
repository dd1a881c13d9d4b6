"""The link by which a notifier without a key sees a sanction of theirs and appeals it (DSA-20, DSA-23)."""

import hmac
from typing import TYPE_CHECKING, Final

from scanner.errors import NotFoundError
from scanner.tables import Sanction

if TYPE_CHECKING:
    from scanner.service import Service

KIND: Final = "sanction"
LINKED: Final = "notifier"
"""Kind of party that has no key and no login."""


def link(service: "Service", row: Sanction) -> str:
    """Return the link of a notifier's sanction; nothing for whoever has a login or a key."""
    if row.party_kind != LINKED:
        return ""
    token = service.secrets.link_tokens(KIND, row.id)[0]
    return f"{service.settings.public_url}/public/sanctions/{row.id}?token={token}"


def opens(service: "Service", row: Sanction, token: str) -> bool:
    """Whether a token is that of a sanction's link, by this secret key or an earlier one."""
    tokens = service.secrets.link_tokens(KIND, row.id)
    given = token.encode()
    return row.party_kind == LINKED and any(
        hmac.compare_digest(each.encode(), given) for each in tokens
    )


def find(service: "Service", sanction_id: str, token: str) -> Sanction:
    """Return the sanction of a link, or raise ``NotFoundError``."""
    with service.database.reading() as session:
        row = session.get(Sanction, sanction_id)
    if row is None or not opens(service, row, token):
        raise NotFoundError("sanction", "of this link")
    return row
