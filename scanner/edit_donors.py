"""What becomes of a fix whose donor is gone: seconds of a track that was blocked or withdrawn are in another one still.

Its creator may have withdrawn it because it was not theirs to give, and what was found in it is in the fix as well, perhaps
in too few seconds to be found. A person looks at each track that is out with such seconds, or goes out later.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import retro_cases
from scanner.delivery import OUT
from scanner.journal import Event
from scanner.tables import Case, Track, TrackEdit
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service

RULE: Final = "edit.donor-gone"


def look_again(service: "Service", session: Session, donor: Track, event: Event) -> None:
    """Put the tracks that are out with sound of a track that is not any more before a person."""
    if donor.account_id is None or donor.state in OUT:
        return
    for track_id, part in _filled_from(session, donor):
        track = locked(session, donor.tenant_id, track_id)
        if track.state in OUT:
            retro_cases.put_before_a_person(service, session, track, [_reason(donor, part)], event)


def look_at(service: "Service", session: Session, event: Event) -> None:
    """Put a track that went out before a person if sound in it is of a track that is not out any more.

    Its donor may have gone while the fix was analysed, or was blocked itself; what was asked is not asked again.
    """
    gone = [each for each in _donors(session, event.subject) if each[0].state not in OUT]
    if not gone:
        return
    track = locked(session, event.tenant or "", event.subject)
    asked = session.exec(select(Case.reasons).where(Case.track_id == track.id)).all()
    known = [reason for reasons in asked for reason in reasons]
    reasons = [reason for each in gone if (reason := _reason(*each)) not in known]
    if reasons and track.state in OUT:
        retro_cases.put_before_a_person(service, session, track, reasons, event)


def _donors(session: Session, track_id: str) -> Iterator[tuple[Track, dict[str, Any]]]:
    """Yield the tracks whose sound is in a fix, or in what it mends, and which part it is."""
    fixes = select(TrackEdit)
    while edit := session.exec(fixes.where(TrackEdit.new_track_id == track_id)).first():
        for part in edit.parts:
            donor = session.get(Track, part.get("with_track", ""))
            if donor is not None:
                yield donor, part
        track_id = edit.track_id


def _filled_from(session: Session, donor: Track) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield tracks with sound of a donor, by id, and which part it is: fixes, and fixes of those."""
    query = (
        select(TrackEdit)
        .join(Track, col(Track.id) == col(TrackEdit.track_id))
        .where(Track.account_id == donor.account_id)
        .order_by(col(TrackEdit.new_track_id))
    )
    edits = session.exec(query).all()
    found: dict[str, dict[str, Any]] = {}
    for edit in edits:  # a fix is newer than what it mends
        parts = (part for part in edit.parts if part.get("with_track") == donor.id)
        part = next(parts, found.get(edit.track_id))
        if part is not None:
            found[edit.new_track_id] = part
    yield from sorted(found.items(), key=lambda each: each[0])


def _reason(donor: Track, part: dict[str, Any]) -> dict[str, Any]:
    place = f"{part['start']:.1f} to {part['end']:.1f} s"
    text = (
        f"A fix put sound of the track {donor.id} into this one (at {place} of what was mended then); "
        f"that track is {donor.state} now."
    )
    return {"rule": RULE, "text": text}
