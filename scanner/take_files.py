"""The files of a cleared take: its sound, its stems, MIDI, score, DAWproject, all in one archive.

What is no sound lies in the archive, which is made when the first of its files is asked for.
"""

import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from fastapi import Response

from scanner import blob_answers, delivery, tracks
from scanner.audio import encoding
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.tables import Take, Track
from scanner.take_variations import is_cleared

if TYPE_CHECKING:
    from scanner.service import Service

ARCHIVE: Final = "take.zip"
_MEDIA: Final = {
    ".mid": "audio/midi",
    ".musicxml": "application/vnd.recordare.musicxml+xml",
    ".dawproject": "application/zip",
}


def answer(service: "Service", take: Take, name: str, wanted: blob_answers.Wanted) -> Response:
    """Answer with a file of a take.

    Raises
    ------
    IllegalTransitionError
        If the take is not cleared: nothing of it goes out.
    NotFoundError
        If it has no such file.
    UnmarkableStemError, UnreadableMarkError, AlteredFileError
        If the file must not go out.
    """
    if is_beside(name):
        content, media_type = beside(service, take, name)
        named = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=media_type, headers=named)
    sha256, media_type = sound(service, take, name)
    return blob_answers.answer(service, take.tenant_id, sha256, media_type, wanted, name)


def is_beside(name: str) -> bool:
    """Whether a file is no sound and lies in the archive."""
    return PurePosixPath(name).suffix in _MEDIA


def sound(service: "Service", take: Take, name: str) -> tuple[str, str]:
    """Return SHA-256 and media type of the archive, the mix or a stem; raises as `answer`."""
    track = _cleared(service, take)
    if name == ARCHIVE:
        file = _archive(service, track)
        return file, delivery.ZIP.media_type
    stem, _, form = name.rpartition(".")
    if form not in encoding.FORMS or not stem:
        raise NotFoundError("file", "of this name")
    part = delivery.MIX if stem == delivery.MIX else delivery.STEM + stem
    chosen = encoding.FORMS[form]
    with service.precheck_slots:
        made = delivery.deliver(service, track, chosen, service.settings.delivery_bit_rate, part)
    return made.sha256, chosen.media_type


def beside(service: "Service", take: Take, name: str) -> tuple[bytes, str]:
    """Return a file of the archive that is no sound, and its media type; raises as `answer`."""
    sha256 = _archive(service, _cleared(service, take))
    suffix = PurePosixPath(name).suffix
    inside = f"midi/{name}" if suffix == ".mid" else name
    with (
        service.store.path_or_copy(take.tenant_id, sha256) as path,
        zipfile.ZipFile(path) as archive,
    ):
        if inside not in archive.namelist():
            raise NotFoundError("file", "of this name")
        return archive.read(inside), _MEDIA[suffix]


def _archive(service: "Service", track: Track) -> str:
    with service.precheck_slots:
        return delivery.deliver(service, track, delivery.ZIP, 0, delivery.BUNDLE).sha256


def _cleared(service: "Service", take: Take) -> Track:
    with service.database.reading() as session:
        track = tracks.find(session, take.tenant_id, take.track_id)
    if not is_cleared(track):
        raise IllegalTransitionError(
            f"a take's files go out once it is cleared, and its track is {track.state}"
        )
    return track
