"""The creator of the console's tests, and tracks of hers that holders claim."""

from typing import TYPE_CHECKING

from sqlmodel import select

from scanner.tables import Account, Holder
from tests import claiming

if TYPE_CHECKING:
    from tests.console.conftest import World


def ana_of(world: "World") -> Account:
    with world.service.database.reading() as session:
        return session.exec(select(Account).where(Account.external_id == "ana")).one()


def held(world: "World", title: str) -> tuple[Holder, str, str]:
    """A track of ana's that a holder claims: the holder, and ids of the track and the claim."""
    service, caller = world.service, world.caller
    label = claiming.holder(service, caller, f"Label of {title}")
    song = claiming.reference(service, caller, label, title=title)
    track, claim = claiming.claimed(
        service, caller, song, account_id=ana_of(world).id, file_name=f"{title}.wav"
    )
    return label, track.id, claim.id
