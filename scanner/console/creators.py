"""Who a creator's and a parent's pages are for."""

from typing import Annotated, Final

from fastapi import Depends

from scanner.console.access import Allowed
from scanner.console.identities import Identity
from scanner.console.navigation import CREATORS, PARENTS
from scanner.errors import ForbiddenError

_BY_LINK: Final = "this page is for who entered by the link that their platform gives them"


def creator(identity: Annotated[Identity, Depends(Allowed(CREATORS))]) -> Identity:
    """Return a creator who came by their link; a login alone is of no account."""
    if identity.caller.account_id is None:
        raise ForbiddenError(_BY_LINK)
    return identity


def parent(identity: Annotated[Identity, Depends(Allowed(PARENTS))]) -> Identity:
    """Return a parent who came by the link of a consent."""
    if identity.child_id is None:
        raise ForbiddenError(_BY_LINK)
    return identity


Creator = Annotated[Identity, Depends(creator)]
Parent = Annotated[Identity, Depends(parent)]
