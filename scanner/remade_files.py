"""Files of released forks that named somebody who was erased: what the fork is released as is made anew by itself.

That a file was signed here, and its manifest taken away, is kept (`scanner/take_credits.py`); as long as no newer one
of the track is signed, it is due.
"""

from typing import TYPE_CHECKING, Final

from sqlalchemy import exists
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from scanner import delivery, setbacks
from scanner.tables import Provenance, Track
from scanner.tables.provenance import NO_MANIFEST

if TYPE_CHECKING:
    from scanner.service import Service

CHORE: Final = "remade-files"
BATCH: Final = 5


def make_due(service: "Service") -> int:
    """Make anew what is due; return how many files that were."""
    newer = aliased(Provenance)
    signed = exists().where(
        col(newer.track_id) == Provenance.track_id,
        col(newer.part) == delivery.MIX,
        col(newer.manifest_sha256) != NO_MANIFEST,
    )
    taken = select(Provenance.track_id).where(
        Provenance.part == delivery.MIX, Provenance.manifest_sha256 == NO_MANIFEST, ~signed
    )
    query = select(Track.id).where(
        col(Track.id).in_(taken),
        col(Track.state).in_(sorted(delivery.OUT)),
        setbacks.ready(CHORE, col(Track.id), service.now()),
    )
    with service.database.reading() as session:
        due = session.exec(query.order_by(col(Track.id)).limit(BATCH)).all()
    return setbacks.each(service, CHORE, due, lambda each: _make(service, each))


def _make(service: "Service", track_id: str) -> None:
    with service.database.reading() as session:
        track = session.get_one(Track, track_id)
    form = delivery.first_form(service, track)
    delivery.prepared(service, track, form, service.settings.delivery_bit_rate)
