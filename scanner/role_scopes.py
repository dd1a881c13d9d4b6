"""Which scopes a key may have: by the role of whose key it is."""

from collections.abc import Collection
from typing import Final

from scanner.callers import SCOPES
from scanner.errors import BadKeyRequestError
from scanner.wording import Told

_RUNNING: Final = frozenset({"operations", "webhooks"})
_RULES: Final = frozenset({"policies:write", "policies:approve"})
_OTHERS: Final = frozenset({"accounts:write", "references:write", "rights:write"})
_TRACKS: Final = frozenset({"tracks:read", "tracks:write", "accounts:read"})
_NOTICES: Final = frozenset({"notices:read", "notices:write"})
BEYOND: Final = {
    "admin": _RULES | {"cases:decide"},
    "reviewer": _RUNNING | _RULES | _OTHERS | {"tracks:write", "accounts:read"},
    "appeals_officer": _RUNNING | _RULES | _OTHERS,
    "policy_lead": _RUNNING | _OTHERS | _TRACKS | _NOTICES | {"cases:decide", "references:settle"},
    "auditor": frozenset(scope for scope in SCOPES if not scope.endswith(":read")),
    "creator": frozenset(SCOPES),
    "parent": frozenset(SCOPES),
}
"""Scopes that no key of somebody in a role has, whoever made it and whatever it names: what a role may do is the ceiling."""
HOLDER_SCOPES: Final = (
    "contest:read",
    "contest:write",
    "notices:read",
    "notices:write",
    "rights:read",
    "rights:write",
)
"""All that a rights holder's key may have: what it is for sees only what is the holder's."""


def scopes_for_holders(scopes: Collection[str]) -> Collection[str]:
    """Return what of some scopes a holder's key gets: all it can have, or what was named."""
    if set(scopes) == set(SCOPES):
        return HOLDER_SCOPES
    if beyond := sorted(set(scopes) - set(HOLDER_SCOPES)):
        raise BadKeyRequestError(
            Told(
                "a rights holder's key has no scope %(beyond)s; it may have: %(holder_scopes)s",
                beyond=", ".join(beyond),
                holder_scopes=", ".join(HOLDER_SCOPES),
            )
        )
    return scopes


def scopes_for_role(scopes: Collection[str], role: str) -> Collection[str]:
    """Return what of some scopes a key of somebody in a role gets: all it can have, or what was named."""
    beyond = BEYOND.get(role, frozenset())
    if beyond == set(SCOPES):
        raise BadKeyRequestError(
            "creators and parents enter by links: a login of theirs has no key"
        )
    if set(scopes) == set(SCOPES):
        return set(SCOPES) - beyond
    if refused := sorted(set(scopes) & beyond):
        raise BadKeyRequestError(
            Told(
                "a key of the role %(role)s has no scope %(refused)s; it may have: %(may_have)s",
                role=role,
                refused=", ".join(refused),
                may_have=", ".join(sorted(set(SCOPES) - beyond)),
            )
        )
    return scopes


def scopes_now(scopes: Collection[str], role: str | None) -> frozenset[str]:
    """Return what of a key's scopes it has now: its owner's role may be another than when it was made.

    Parameters
    ----------
    role : str, optional
        Of the person whose key it is; a key of a platform, holder or flagger has none.
    """
    return frozenset(scopes) - BEYOND.get(role or "", frozenset())
