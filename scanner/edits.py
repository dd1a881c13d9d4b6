"""Fixes: a creator cuts, mutes or replaces what is claimed, and the new version is looked at at once.

The new version is a track of its own with the same name and account. When it goes out, the old one is
withdrawn; until then, and if it does not, everything stays as it was.
"""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rfc8785
from sqlmodel import Session, col, select

from scanner import edit_donors, edit_fills, parties
from scanner.audio import encoding
from scanner.audio.mending import Part, mended
from scanner.bus.dispatch import once
from scanner.claims import GROUP
from scanner.clock import new_id
from scanner.declarations import Declaration, DeclarationError
from scanner.declared import declared
from scanner.errors import IllegalTransitionError
from scanner.events import TrackBlocked, TrackWithdrawn
from scanner.journal import PIPELINE, Event
from scanner.rights_events import TrackMended
from scanner.tables import NoticeTrack, Track, TrackEdit
from scanner.track_states import GENERATED, State
from scanner.tracks import Source, end, find, locked, note, submit
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service
    from scanner.store import Blob

ENTRANCE: Final = "edit"
SHORTEST: Final = 1.0
"""Seconds that must be left."""


def mend(service: "Service", caller: "Caller", track_id: str, parts: Sequence[Part]) -> TrackEdit:
    """Render a track without some seconds, or with others in their place, and submit it as its new version.

    The same parts of the same track give the same new version: a repeat makes no other.

    Raises
    ------
    NotFoundError
        If it is not a track of the caller's.
    IllegalTransitionError
        If it has no stored audio, was made by a model, or was withdrawn.
    DeclarationError
        If the parts make no sense for it.
    AudioError, StoreError
        If its sound can't be read or written.
    """
    with service.database.reading() as session:
        track = find(session, caller.tenant_id, track_id)
        parties.affected(session, caller, track)
        _can_be_mended(session, track)
        donors = edit_fills.donors(session, caller, track, parts)
        told = edit_fills.told_with(
            declared(session, track.id), edit_fills.declared_of(session, donors)
        )
    blob, removed = _rendered(service, track, parts, donors)
    changed = [_described(part) for part in parts]
    digest = hashlib.sha256(rfc8785.dumps([track.id, changed])).hexdigest()
    source = Source(sha256=blob.sha256, size_bytes=blob.size, file_name=track.file_name)

    def noted(session: Session, new: Track) -> None:
        edit_fills.donors(session, caller, track, parts)  # they may have been taken down meanwhile
        _note(service, session, caller, track, new, changed, removed)

    new_track_id = submit(
        service,
        caller,
        source,
        Declaration.parse(told),
        entrance=ENTRANCE,
        key=f"edit-{digest}",
        also=noted,
    )
    with service.database.reading() as session:
        return session.exec(select(TrackEdit).where(TrackEdit.new_track_id == new_track_id)).one()


def on_out(service: "Service", event: Event) -> None:
    """Withdraw older versions when a new one went out; note where it did not, and look at what has its sound."""
    with once(service, GROUP, event) as session:
        query = select(TrackEdit).where(
            TrackEdit.new_track_id == event.subject, TrackEdit.state == "submitted"
        )
        edit = session.exec(query.with_for_update()).first()
        if event.type == TrackBlocked.type:
            donor = session.get_one(Track, event.subject)
            edit_donors.look_again(service, session, donor, event)
            if edit is not None:
                edit.ended_at, edit.state = service.now(), "failed"
            return
        if edit is not None:
            edit.ended_at, edit.state = service.now(), "replaced"
            old = locked(session, edit.tenant_id, edit.track_id)
            _replaced(service, session, old, edit.new_track_id)
            _keep_newest(service, session, edit)
        edit_donors.look_at(service, session, event)


def _keep_newest(service: "Service", session: Session, edit: TrackEdit) -> None:
    """Withdraw all but the newest version of a locked track that is out: of two fixes, the one made last stays."""
    session.flush()
    query = (
        select(TrackEdit)
        .join(Track, col(Track.id) == col(TrackEdit.new_track_id))
        .where(
            TrackEdit.track_id == edit.track_id,
            TrackEdit.state == "replaced",
            col(Track.state).in_([State.RELEASED, State.CONDITIONED]),
        )
    )
    out = session.exec(query.order_by(col(TrackEdit.new_track_id))).all()
    for each in out[:-1]:
        version = locked(session, each.tenant_id, each.new_track_id)
        _replaced(service, session, version, out[-1].new_track_id)


def _replaced(service: "Service", session: Session, track: Track, by_id: str) -> None:
    data = TrackWithdrawn(reason=f"replaced by its new version {by_id}")
    end(session, track, data, service.now(), PIPELINE)


def listed(session: Session, track_id: str) -> list[TrackEdit]:
    """Return the fixes of a track, newest first."""
    query = select(TrackEdit).where(TrackEdit.track_id == track_id)
    return list(session.exec(query.order_by(col(TrackEdit.id).desc())))


def describe(edit: TrackEdit) -> dict[str, Any]:
    """Return a fix as JSON."""
    return {
        "id": edit.id,
        "track_id": edit.track_id,
        "new_track_id": edit.new_track_id,
        "parts": edit.parts,
        "seconds_removed": edit.seconds_removed,
        "state": edit.state,
        "created_at": edit.created_at.isoformat(),
    }


def _described(part: Part) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": part.kind, "start": part.start, "end": part.end}
    if part.kind == "replace":
        told |= {"with_track": part.with_track, "from": part.from_s}
    return told


def _can_be_mended(session: Session, track: Track) -> None:
    if track.origin == GENERATED:
        raise IllegalTransitionError("a track that a model made is made anew, with its own mark")
    if track.sha256 is None:
        raise IllegalTransitionError("there is no stored audio of the track: submit a new version")
    if track.state == State.WITHDRAWN:
        raise IllegalTransitionError("the track was withdrawn: submit a new version")
    edit_fills.refuse_undeclared(session, track)
    if taken_down(session, track):
        raise IllegalTransitionError(
            "a notice took the track down: answer it by a counter-notice or an appeal, or submit "
            "a new version yourself"
        )


def taken_down(session: Session, track: Track) -> bool:
    """Whether a notice keeps a track down: a small change is no way round the law's days (DMCA-R)."""
    query = select(NoticeTrack.notice_id).where(
        NoticeTrack.track_id == track.id, col(NoticeTrack.state).in_(["actioned", "waiting"])
    )
    return session.exec(query.limit(1)).first() is not None


def _rendered(
    service: "Service", track: Track, parts: Sequence[Part], donors: Mapping[str, Track]
) -> "tuple[Blob, float]":
    with service.store.path_or_copy(track.tenant_id, str(track.sha256)) as path:
        decoded = service.decoder.decode(path)
    _check(parts, decoded.duration)
    fills = edit_fills.filled(service, donors, decoded.samples, decoded.sample_rate, parts)
    samples = mended(decoded.samples, decoded.sample_rate, parts, fills)
    left = samples.shape[1] / decoded.sample_rate
    if left < SHORTEST:
        told = Told(
            "less than %(shortest)s s would be left: withdraw the track instead",
            shortest=f"{SHORTEST:.0f}",
        )
        raise DeclarationError([{"field": "parts", "detail": told}])
    folder = service.settings.temporary_folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edit-", dir=folder) as made:
        file = Path(made) / "mended.flac"
        encoding.encode(samples, decoded.sample_rate, file, encoding.FLAC)
        return service.store.put_file(track.tenant_id, file), decoded.duration - left


def _check(parts: Sequence[Part], duration: float) -> None:
    errors = [
        {
            "field": f"parts.{n}",
            "detail": Told(
                "give a start before the end, within %(duration)s s", duration=f"{duration:.1f}"
            ),
        }
        for n, part in enumerate(parts)
        if not 0 <= part.start < part.end <= duration + 0.1
    ]
    replaced = sorted((part.start, part.end) for part in parts if part.kind == "replace")
    if any(after[0] < before[1] for before, after in pairwise(replaced)):
        detail = "parts that are replaced do not overlap"
        errors = errors or [{"field": "parts", "detail": detail}]
    if errors or not parts:
        raise DeclarationError(errors or [{"field": "parts", "detail": "name at least one"}])


def _note(
    service: "Service",
    session: Session,
    caller: "Caller",
    track: Track,
    new: Track,
    parts: list[dict[str, Any]],
    removed: float,
) -> None:
    """Write down which track mends which, with the new one: the two never stand side by side for good."""
    old = locked(session, track.tenant_id, track.id)
    _can_be_mended(session, old)  # while its sound was rendered, much may have come to pass
    edit = TrackEdit(
        id=new_id(),
        tenant_id=old.tenant_id,
        track_id=old.id,
        new_track_id=new.id,
        account_id=old.account_id,
        parts=parts,
        seconds_removed=removed,
        state="submitted",
        created_at=service.now(),
    )
    session.add(edit)
    data = TrackMended(edit_id=edit.id, new_track_id=new.id, parts=parts)
    note(session, old, data, service.now(), actor=caller.actor)
