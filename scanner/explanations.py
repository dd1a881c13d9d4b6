"""Why a track was judged so: the sentences, the replay at another threshold, what a picture shows.

Nothing here is written down: a replay searches the fingerprint that the analysis kept against the
index as it is now.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import col, select

import fingerprint
from scanner import analysis, banks, sentences, track_views
from scanner.audio import AudioError
from scanner.errors import NotFoundError, TransientError
from scanner.match_picture import MatchPicture, NothingToDrawError
from scanner.privacy.erasure import refuse_erased
from scanner.store import BlobNotFoundError, StoreError
from scanner.tables import Analysis, Reference, Track
from scanner.track_states import State
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

SHOWN: Final = 100
"""Matches that a replay shows at most, best first."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Replay:
    """What a search finds today at a threshold.

    Parameters
    ----------
    matches : tuple of dict
        As the API shows matches, with ``sentence`` and ``recorded``: whether the analysis found
        this reference too.
    more : int
        Matches beyond those.
    """

    threshold: float
    index_version: str
    index_epoch: int
    matches: tuple[dict[str, Any], ...]
    more: int

    def to_json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "threshold": self.threshold,
            "index_version": self.index_version,
            "index_epoch": self.index_epoch,
            "matches": list(self.matches),
            "more": self.more,
        }


def explain(
    service: "Service", track: Track, *, threshold: float | None = None, patience: float = math.inf
) -> dict[str, Any]:
    """Say in plain words what was found in a track, beside what a search finds today.

    Parameters
    ----------
    threshold : float, optional
        Search again with this least score, 0 to 1; without one there is no replay.

    Raises
    ------
    NotFoundError
        If there is no analysis yet, or nothing was kept of it that could be searched again.
    BusyError, TransientError
        As :meth:`scanner.catalogue.Catalogue.search`.
    """
    row = analysis_of(service, track)
    with service.database.reading() as session:
        if threshold is not None:
            refuse_erased(session, track.id)
        view = track_views.describe(session, [track])[0]
    recorded = [_told(match) for match in view["matches"]]
    known = {match["reference_id"] for match in recorded}
    return {
        "id": row.id,
        "track_id": track.id,
        "state": view["state"],
        "decision": view["decision"],
        "reasons": view["reasons"],
        "sentences": [match["sentence"] for match in recorded],
        "recorded": {
            "index_version": row.index_version,
            "index_epoch": row.index_epoch,
            "analysed_at": row.ended_at.isoformat(),
            "matches": recorded,
        },
        "replay": None
        if threshold is None
        else replay(service, track, row, known, threshold, patience).to_json(),
    }


def replay(
    service: "Service",
    track: Track,
    row: Analysis,
    known: set[str],
    threshold: float,
    patience: float = math.inf,
) -> Replay:
    """Search a track's stored fingerprint again, with another least score, in today's index.

    Parameters
    ----------
    known : set of str
        References that the analysis found.

    Raises
    ------
    NotFoundError
        If the analysis kept no fingerprint.
    """
    print_ = own_fingerprint(service, track, row)
    with service.database.reading() as session:
        left_out = banks.left_out(session, track.tenant_id, track.id)
    found = service.catalogue.search(
        track.tenant_id, print_, patience, min_score=threshold, without_banks=left_out
    )
    shown = found.matches[:SHOWN]
    ids = [match.reference_id for match in shown]
    with service.database.reading() as session:
        rows = session.exec(select(Reference).where(col(Reference.id).in_(ids))).all()
    references = {each.id: each for each in rows if each.tenant_id == track.tenant_id}
    described = [
        track_views.describe_match(
            analysis.match_columns(match), references.get(match.reference_id)
        )
        for match in shown
    ]
    return Replay(
        threshold=threshold,
        index_version=found.index_version,
        index_epoch=found.index_epoch,
        matches=tuple(
            _told(match) | {"recorded": match["reference_id"] in known} for match in described
        ),
        more=len(found.matches) - len(shown),
    )


def picture(
    service: "Service",
    track: Track,
    *,
    reference_id: str | None = None,
    threshold: float | None = None,
    patience: float = math.inf,
) -> MatchPicture:
    """Gather what a picture of one match shows.

    Parameters
    ----------
    reference_id : str, optional
        Of the match to draw; the surest one, if it is not said.
    threshold : float, optional
        Draw what a search with this least score finds today, not what was recorded.
    patience : float, optional
        Seconds for the decode and to wait for the index.

    Raises
    ------
    NotFoundError
        If there is no analysis yet, or nothing was kept of it.
    NothingToDrawError
        If there is no match (of that reference).
    AudioError
        If the audio can't be decoded for want of time.
    TransientError
        If the reference's fingerprint can't be read.
    """
    row = analysis_of(service, track)
    print_ = own_fingerprint(service, track, row)
    match = _match(service, track, row, reference_id, threshold, patience)
    segments = tuple(
        fingerprint.Segment(**{name: segment[name] for name in _SEGMENT})
        for segment in match["segments"]
    )
    decoded = _decoded(service, track, patience)
    return MatchPicture(
        kind=match["kind"],
        sentence=sentences.sentence(match),
        score=match["score"],
        segments=segments,
        track=print_,
        reference=reference_fingerprint(service, track, match["reference_id"]),
        track_name=track.file_name or track.external_id or f"track {track.id}",
        reference_name=match["title"] or "a reference no longer on record",
        samples=None if decoded is None else decoded[0],
        sample_rate=None if decoded is None else decoded[1],
    )


_SEGMENT: Final = (
    "query_start",
    "query_end",
    "reference_start",
    "reference_end",
    "score",
    "pitch_semitones",
    "tempo_ratio",
)


def _told(match: dict[str, Any]) -> dict[str, Any]:
    return match | {"sentence": sentences.sentence(match)}


def analysis_of(service: "Service", track: Track) -> Analysis:
    """Return a track's analysis, or raise ``NotFoundError`` as long as there is none."""
    with service.database.reading() as session:
        row = session.get(Analysis, track.analysis_id) if track.analysis_id else None
    if row is None:
        raise NotFoundError("analysis", "yet: the track is still being looked at, or is held")
    return row


def own_fingerprint(service: "Service", track: Track, row: Analysis) -> fingerprint.Fingerprint:
    """Return the fingerprint that an analysis kept.

    Raises
    ------
    NotFoundError
        If it kept none.
    TransientError
        If it can't be read.
    """
    if row.fingerprint_sha256 is None:
        raise NotFoundError(
            "fingerprint", "of this track: it is too short to search, or its analysis failed"
        )
    try:
        with service.store.open(track.tenant_id, row.fingerprint_sha256) as file:
            return fingerprint.Fingerprint.from_bytes(file.read())
    except (BlobNotFoundError, fingerprint.InvalidFingerprintError) as error:
        log.error("fingerprint_unreadable", track=track.id, error=str(error))
        raise TransientError(
            "the fingerprint of this track can't be read: restore the store, or rescan the track"
        ) from error


def reference_fingerprint(
    service: "Service", track: Track, reference_id: str
) -> fingerprint.Fingerprint:
    """Return a reference's fingerprint.

    Raises
    ------
    NothingToDrawError
        If the reference is no longer on record.
    TransientError
        If it can't be read.
    """
    with service.database.reading() as session:
        reference = session.get(Reference, reference_id)
    if reference is None or reference.tenant_id != track.tenant_id:
        raise NothingToDrawError("the reference of this match is no longer on record")
    try:
        with service.store.open(track.tenant_id, reference.fingerprint_sha256) as file:
            return fingerprint.Fingerprint.from_bytes(file.read())
    except (BlobNotFoundError, fingerprint.InvalidFingerprintError) as error:
        log.error("reference_unreadable", reference=reference_id, error=str(error))
        raise TransientError(
            Told(
                "the fingerprint of reference %(reference_id)s can't be read: restore the store",
                reference_id=reference_id,
            )
        ) from error


def _match(
    service: "Service",
    track: Track,
    row: Analysis,
    reference_id: str | None,
    threshold: float | None,
    patience: float,
) -> dict[str, Any]:
    """Return the match to draw, the surest of those there are."""
    found: Sequence[Mapping[str, Any]] = ()
    if threshold is None:
        with service.database.reading() as session:
            found = track_views.describe(session, [track])[0]["matches"]
        # A stem's matches are not in the sound that is drawn.
        matches = [each for each in found if not any("stem" in part for part in each["segments"])]
    else:
        matches = list(replay(service, track, row, set(), threshold, patience).matches)
    wanted = [each for each in matches if reference_id in {None, each["reference_id"]}]
    if wanted:
        return dict(wanted[0])
    if matches:
        raise NothingToDrawError(
            Told(
                "reference %(reference_id)s was not found in this track; found were: %(found)s",
                reference_id=reference_id,
                found=", ".join(each["reference_id"] for each in matches[:10]),
            )
        )
    if threshold is None and found:
        raise NothingToDrawError(
            "what was found is in stems of this track, or where its channels differ, and only its mix is drawn"
        )
    if threshold is None:
        raise NothingToDrawError(
            "no match was found in this track, so there is nothing to draw: give a threshold "
            "below 0.5 to draw what comes nearest today"
        )
    raise NothingToDrawError(
        Told(
            "nothing in the index reaches a score of %(threshold)s in this track: "
            "give a lower threshold",
            threshold=f"{threshold:g}",
        )
    )


def _decoded(service: "Service", track: Track, patience: float) -> tuple[Any, int] | None:
    """Return the track's samples, or None where there is no audio: its fingerprint is drawn then."""
    if track.sha256 is None or track.state == State.WITHDRAWN:
        return None
    try:
        with service.store.path_or_copy(track.tenant_id, track.sha256) as path:
            decoded = service.decoder.decode(path, patience)
    except (AudioError, StoreError) as error:
        if getattr(error, "transient", False):
            raise
        log.warning("picture_without_audio", track=track.id, error=type(error).__name__)
        return None
    return decoded.samples, decoded.sample_rate
