"""What counts as declared with a track: its submission, and what its creator changed in it since.

The submission stays as it came, word for word; amendments are laid over it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlmodel import Session, col, select

from scanner.tables import Submission, TrackAmendment

CREDIT: Final = "credit"
TERRITORIES: Final = "territories"
LICENCE: Final = "licence"
_LISTS: Final[Mapping[str, str]] = {CREDIT: "sources", LICENCE: "licences"}
"""Into which list of a declaration the content of a kind goes."""


def declared(session: Session, track_id: str) -> dict[str, Any]:
    """Return the declaration of a track with the amendments that count."""
    submitted = session.exec(
        select(Submission.declaration).where(Submission.track_id == track_id)
    ).one()
    query = select(TrackAmendment).where(
        TrackAmendment.track_id == track_id, TrackAmendment.state == "applied"
    )
    order = (col(TrackAmendment.applied_at), col(TrackAmendment.id))
    return amended(submitted, session.exec(query.order_by(*order)))


def amended(declaration: Mapping[str, Any], amendments: Iterable[TrackAmendment]) -> dict[str, Any]:
    """Lay amendments over a declaration, in their order."""
    told = dict(declaration)
    for each in amendments:
        if each.kind == TERRITORIES:
            told["territories"] = list(each.content["territories"])
        else:
            name = _LISTS[each.kind]
            told[name] = [*(told.get(name) or ()), dict(each.content)]
    return told
