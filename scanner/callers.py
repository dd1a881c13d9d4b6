"""Who asks: the tenant, the actor for the journal and what it may do."""

from dataclasses import dataclass
from typing import Final

from scanner.errors import ForbiddenError
from scanner.journal import Actor

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
    "audit:read",
    "operations",
    "policies:write",
    "policies:approve",
)


@dataclass(frozen=True)
class Caller:
    """An authenticated client. ``sandbox`` callers act on their tenant's sandbox twin."""

    tenant_id: str
    actor: Actor
    scopes: frozenset[str]
    sandbox: bool = False

    def require(self, scope: str) -> None:
        """Raise ``ForbiddenError`` unless the key has the scope."""
        if scope not in self.scopes:
            raise ForbiddenError(
                f"this key lacks the scope {scope}; it has: "
                f"{', '.join(sorted(self.scopes)) or 'none'}"
            )
