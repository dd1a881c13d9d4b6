"""The files of a cleared take: its sound, its stems, MIDI, score, DAWproject, all in one archive.

What is no sound lies in the archive, which is made when the first of its files is asked for.
"""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from fastapi import Response
from fastapi.responses import StreamingResponse

from scanner import blob_answers, delivery, tracks
from scanner.audio import encoding
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.tables import Take, Track
from scanner.take_variations import is_cleared
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

_BLOCK: Final = 1 << 16
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
        return _streamed(service, take, name)
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


@contextmanager
def beside(service: "Service", take: Take, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file of the archive that is no sound; give it and its length in bytes; raises as `answer`."""
    sha256 = _archive(service, _cleared(service, take))
    inside = f"midi/{name}" if name.endswith(".mid") else name
    with (
        service.store.path_or_copy(take.tenant_id, sha256) as path,
        zipfile.ZipFile(path) as archive,
    ):
        if inside not in archive.namelist():
            raise NotFoundError("file", "of this name")
        with archive.open(inside) as file:
            yield file, archive.getinfo(inside).file_size


def _streamed(service: "Service", take: Take, name: str) -> Response:
    """Answer with a file of the archive, block by block: a DAWproject holds every stem."""
    opened = ExitStack()
    file, size = opened.enter_context(beside(service, take, name))

    def blocks() -> Iterator[bytes]:
        with opened:
            while block := file.read(_BLOCK):
                yield block

    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(size),
    }
    media_type = _MEDIA[PurePosixPath(name).suffix]
    return StreamingResponse(blocks(), headers=headers, media_type=media_type)


def _archive(service: "Service", track: Track) -> str:
    with service.precheck_slots:
        return delivery.deliver(service, track, delivery.ZIP, 0, delivery.BUNDLE).sha256


def _cleared(service: "Service", take: Take) -> Track:
    with service.database.reading() as session:
        track = tracks.find(session, take.tenant_id, take.track_id)
    if not is_cleared(track):
        raise IllegalTransitionError(
            Told(
                "a take's files go out once it is cleared, and its track is %(state)s",
                state=track.state,
            )
        )
    return track
