"""Who asks: the tenant, the actor for the journal and what it may do."""

from dataclasses import dataclass
from typing import Final

from scanner.errors import ForbiddenError
from scanner.journal import Actor
from scanner.wording import Told

SCOPES: Final = (
    "tracks:write",
    "tracks:read",
    "references:write",
    "references:read",
    "references:settle",
    "accounts:write",
    "accounts:read",
    "webhooks",
    "cases:read",
    "cases:decide",
    "contest:read",
    "contest:write",
    "notices:read",
    "notices:write",
    "rights:read",
    "rights:write",
    "audit:read",
    "operations",
    "policies:write",
    "policies:approve",
)


@dataclass(frozen=True)
class Caller:
    """An authenticated client. ``sandbox`` callers act on their tenant's sandbox twin.

    A key of a person acts as that person, in the role of their login: ``user_id``. One of a rights holder
    acts for the holder alone: ``holder_id``; one of a trusted flagger for the flagger: ``flagger_id``. A
    creator who followed a link acts for their account alone: ``account_id``. All others are the platform.
    """

    tenant_id: str
    actor: Actor
    scopes: frozenset[str]
    sandbox: bool = False
    user_id: str | None = None
    holder_id: str | None = None
    flagger_id: str | None = None
    account_id: str | None = None

    def require(self, scope: str) -> None:
        """Raise ``ForbiddenError`` unless the key has the scope."""
        if scope not in self.scopes:
            raise ForbiddenError(
                Told(
                    "this key lacks the scope %(scope)s; it has: %(scopes)s",
                    scope=scope,
                    scopes=", ".join(sorted(self.scopes)) or "none",
                )
            )
