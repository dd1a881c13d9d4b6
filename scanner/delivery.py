"""Files that go out: made from the marked master, and only if the mark is read back from each.

What is delivered of a generated track is rendered, marked, read back and scanned already; here it is
written in a form, finished (tags, then the provenance manifest) and decoded again. Unless its mark is
found in it and it sounds as the master that was scanned, it does not go out.
"""

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlmodel import Session, col, select

import fingerprint
from scanner import marking, provenance, take_credits, take_extras, take_nodes, watermark_keys
from scanner.audio import Decoded, encoding
from scanner.clock import new_id
from scanner.database import Database
from scanner.declared import declared
from scanner.errors import IllegalTransitionError, NotFoundError, ScannerError
from scanner.events import TrackFileMade
from scanner.journal import record
from scanner.marking import MarkState
from scanner.privacy import blobs
from scanner.tables import Provenance, ReleasedFile, Track, TrackStem, Watermark
from scanner.track_states import State
from scanner.tracks import locked, person_of
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

MIX: Final = "mix"
STEM: Final = "stem:"
BUNDLE: Final = "bundle"
OUT: Final = frozenset({State.RELEASED, State.CONDITIONED})
"""States in which files of a track may go out."""
ZIP: Final = encoding.Form("zip", "application/zip", lossless=True)
LIKE: Final = 0.8
"""Share of equal bits of two fingerprints from which one is the other, coded; unrelated ones share half."""
_SHIFTS: Final = range(-3, 4)
"""Sub-fingerprints by which an encoder's delay may shift a file."""
_DURATION_SECONDS: Final = 0.5
_FIRST_MOMENT: Final = (1980, 1, 1, 0, 0, 0)


class UnreadableMarkError(ScannerError):
    """The mark can't be read back from a file, so the file does not go out."""


class UnmarkableStemError(ScannerError):
    """The stem can't carry a readable mark: it leaves only inside its bundle."""


class AlteredFileError(ScannerError):
    """A file does not sound as the master that was scanned."""


@dataclass(frozen=True)
class DeliveryFacts:
    """What is known of a file that is about to go out.

    Attributes
    ----------
    track : Track
    watermark : Watermark
        The payload in the file, its key's id, the take, the model.
    declaration : mapping
        What was declared with the track; ``generated`` holds the model and the prompt's digest.
    part : str
        ``mix``, ``stem:NAME`` or ``bundle``.
    form : Form
    stems : tuple of TrackStem
        All stems of the track, each with the SHA-256 of its marked master.
    """

    track: Track
    watermark: Watermark
    declaration: Mapping[str, Any]
    part: str
    form: encoding.Form
    stems: tuple[TrackStem, ...]


def deliver(
    service: "Service", track: Track, form: encoding.Form, bit_rate: int, part: str = MIX
) -> ReleasedFile:
    """Return a file of a released generated track in a form, made when it is asked for first.

    Raises
    ------
    IllegalTransitionError
        If the track is not released.
    NotFoundError
        If the track has no such stem.
    UnmarkableStemError, UnreadableMarkError, AlteredFileError
        If the file must not go out.
    AudioError
        If the form can't hold the sound.
    """
    if track.state not in OUT:
        raise IllegalTransitionError(
            Told(
                "a generated track's files go out once it is released, and it is %(state)s",
                state=track.state,
            )
        )
    return prepared(service, track, form, bit_rate, part)


def prepared(
    service: "Service", track: Track, form: encoding.Form, bit_rate: int, part: str = MIX
) -> ReleasedFile:
    """Make a file that is about to go out, whatever state the track is in; raises as `deliver`.

    It is made again if somebody whom it credits was erased meanwhile.
    """
    while True:
        made = _prepared(service, track, form, bit_rate, part)
        if made is not None:
            return made


def _prepared(
    service: "Service", track: Track, form: encoding.Form, bit_rate: int, part: str
) -> ReleasedFile | None:
    rate = 0 if form.lossless else bit_rate
    with service.database.reading() as session:
        facts = _facts_of(session, track, part, form)
        credits_ = take_credits.told(session, track.id)
        known = _file_of(session, track.id, part, form, rate, facts.watermark.payload)
    _check_key(service, facts.watermark)
    if known is not None:
        return known
    folder = service.settings.temporary_folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="delivery-", dir=folder) as place:
        measured: dict[str, Any] = {}
        likeness = None
        if part == BUNDLE:
            path, signed = _bundled(service, facts, Path(place))
        else:
            path, signed, measured, likeness = _rendered(service, facts, bit_rate, Path(place))
        blob = service.store.put_file(track.tenant_id, path)
    return _registered(
        service,
        ReleasedFile(
            id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            part=part,
            form=form.name,
            bit_rate=rate,
            payload=facts.watermark.payload,
            sha256=blob.sha256,
            size_bytes=blob.size,
            mark=measured,
            likeness=likeness,
            created_at=service.now(),
        ),
        signed,
        credits_,
    )


def finished(service: "Service", path: Path, facts: DeliveryFacts) -> tuple[Path, Provenance]:
    """Give a file what goes into it last, tags and then the manifest; its samples stay as they are.

    Returns
    -------
    Path
        The file to deliver, beside the given one.
    Provenance
        What its manifest says, to be kept once the file goes out.

    Raises
    ------
    CertificateError, ProvenanceError, UnsignedFileError, UnverifiableError
        If no manifest reads back from it.
    """
    stems = {stem.name: stem for stem in facts.stems}
    stem = stems.get(facts.part.removeprefix(STEM))
    carries = facts.part == MIX or (stem is not None and stem.state == MarkState.MARKED)
    return provenance.finished(
        service,
        path,
        provenance.FileFacts(
            track=facts.track,
            declared=facts.declaration,
            form=facts.form.name,
            take_id=facts.watermark.take_id,
            made_at=facts.watermark.issued_at,
            payload=facts.watermark.payload if carries else None,
            part=facts.part,
            stems=[(each.name, each.master_sha256) for each in facts.stems if each.master_sha256],
            stem_sha256=None if stem is None else stem.sha256,
        ),
    )


def first_form(service: "Service", track: Track) -> encoding.Form:
    """Return the form that a track is released in, which its mark must survive."""
    form = encoding.FORMS[service.settings.delivery_format]
    with service.database.reading() as session:
        row = marking.mark_of(session, track.id)
    if row is None or row.master_sha256 is None:
        raise NotFoundError("master", Told("of track %(id)s", id=track.id))
    with service.store.path_or_copy(track.tenant_id, row.master_sha256) as master:
        return form if encoding.holds(form, master) else encoding.FLAC


def files_of(session: Session, track_id: str) -> list[ReleasedFile]:
    """Return the files of a track that went, or may go, out."""
    query = select(ReleasedFile).where(ReleasedFile.track_id == track_id)
    return list(session.exec(query.order_by(col(ReleasedFile.created_at), col(ReleasedFile.id))))


def describe(row: ReleasedFile) -> dict[str, Any]:
    """Return a file as JSON."""
    return {
        "id": row.id,
        "part": row.part,
        "format": row.form,
        "bit_rate": row.bit_rate or None,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "mark": row.mark,
        "likeness": row.likeness,
        "created_at": row.created_at.isoformat(),
    }


def _file_of(
    session: Session, track_id: str, part: str, form: encoding.Form, bit_rate: int, payload: str
) -> ReleasedFile | None:
    query = select(ReleasedFile).where(
        ReleasedFile.track_id == track_id,
        ReleasedFile.part == part,
        ReleasedFile.form == form.name,
        ReleasedFile.bit_rate == bit_rate,
        ReleasedFile.payload == payload,
    )
    return session.exec(query).first()


def _check_key(service: "Service", watermark: Watermark) -> None:
    """Nothing goes out whose mark we ourselves would no longer find."""
    live = {key.name for key in watermark_keys.ring(service, watermark.tenant_id).own}
    if watermark.key_id not in live:
        raise UnreadableMarkError(
            "the key that this track was marked with is revoked: submit the track again, "
            "and it is marked with the key of today"
        )


def _facts_of(session: Session, track: Track, part: str, form: encoding.Form) -> DeliveryFacts:
    row = marking.mark_of(session, track.id)
    if row is None or row.state != MarkState.MARKED:
        raise UnreadableMarkError("the track's mark was never read back from its master")
    declaration = declared(session, track.id)
    stems = tuple(marking.stems_of(session, track.id))
    return DeliveryFacts(track, row, declaration, part, form, stems)


def _rendered(
    service: "Service", facts: DeliveryFacts, bit_rate: int, place: Path
) -> tuple[Path, list[Provenance], dict[str, Any], float]:
    """Write the mix or a stem down, finish it, and look at what came of it."""
    tenant_id = facts.track.tenant_id
    with service.store.path_or_copy(tenant_id, _master_of(facts)) as master:
        decoded = service.decoder.decode(master)
        path = place / f"file.{facts.form.name}"
        encoding.encode(decoded.samples, decoded.sample_rate, path, facts.form, bit_rate)
        path, signed = finished(service, path, facts)
        delivered = service.decoder.decode(path)
        key = watermark_keys.key_of(service, facts.watermark.key_id)
        readable, measured = marking.read_back(service, facts.watermark.payload, key, delivered)
        if not readable:
            raise UnreadableMarkError(
                Told(
                    "the mark can't be read back from the %(part)s as %(name)s: %(measured)s",
                    part=facts.part,
                    name=facts.form.name,
                    measured=measured["reason"],
                )
            )
        likeness = _likeness(decoded, delivered)
    if likeness < LIKE:
        raise AlteredFileError(
            Told(
                "the %(part)s as %(name)s does not sound as what was scanned (likeness "
                "%(likeness)s)",
                part=facts.part,
                name=facts.form.name,
                likeness=f"{likeness:.2f}",
            )
        )
    return path, [signed], measured, round(likeness, 4)


def _master_of(facts: DeliveryFacts) -> str:
    """The sound of a part that may go out alone."""
    stem = _stem_of(facts)
    if stem is not None and stem.state != MarkState.MARKED:
        raise UnmarkableStemError(
            Told(
                "the stem %(name)s can't carry a readable mark: it leaves only inside its bundle",
                name=repr(stem.name),
            )
        )
    return _sound_of(facts)


def _sound_of(facts: DeliveryFacts) -> str:
    stem = _stem_of(facts)
    return str(facts.watermark.master_sha256 if stem is None else stem.master_sha256)


def _stem_of(facts: DeliveryFacts) -> TrackStem | None:
    if facts.part == MIX:
        return None
    name = facts.part.removeprefix(STEM)
    for each in facts.stems:
        if each.name == name and each.master_sha256 is not None:
            return each
    raise NotFoundError("stem", Told("of the name %(name)s", name=repr(name)))


def _likeness(scanned: Decoded, delivered: Decoded) -> float:
    """Share of equal bits of two sounds' fingerprints, at the shift where most are; 0 to 1."""
    if abs(scanned.duration - delivered.duration) > _DURATION_SECONDS:
        return 0.0
    one, other = (
        fingerprint.fingerprint(each.samples, each.sample_rate).sub_fingerprints
        for each in (scanned, delivered)
    )
    return max(_equal_bits(one, other, shift) for shift in _SHIFTS)


def _equal_bits(one: Any, other: Any, shift: int) -> float:
    left, right = (one[shift:], other) if shift >= 0 else (one, other[-shift:])
    count = min(left.size, right.size)
    if count == 0:
        return 0.0
    return 1 - float(np.bitwise_count(left[:count] ^ right[:count]).mean()) / 32


def _bundled(
    service: "Service", facts: DeliveryFacts, place: Path
) -> tuple[Path, list[Provenance]]:
    """Put the mix and all stems into one archive, with what is said of each.

    What carries the mark is the very file that goes out alone; a stem that can't carry it is finished
    here and leaves nowhere else.
    """
    path = place / "bundle.zip"
    parts = [(MIX, facts.watermark.state, facts.watermark.measurement)]
    parts += [(STEM + stem.name, stem.state, stem.measurement) for stem in facts.stems]
    listed, signed = [], []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive, ExitStack() as opened:
        sounds: dict[str, Path] = {}
        for part, state, measurement in parts:
            own = replace(facts, part=part, form=_lossless_form(service, facts, part))
            if state == MarkState.MARKED:
                file = prepared(service, facts.track, own.form, 0, part)
                source: Any = service.store.path_or_copy(facts.track.tenant_id, file.sha256)
            else:
                stem, row = _unmarkable(service, own, place)
                signed.append(row)
                source = nullcontext(stem)
            name = f"{part.removeprefix(STEM)}.{own.form.name}"
            if part != MIX:
                name = f"stems/{name}"
            file_path = opened.enter_context(source)
            if part != MIX:
                sounds[part.removeprefix(STEM)] = file_path
            listed.append(
                {
                    "file": name,
                    "part": part,
                    "sha256": _archived(archive, name, file_path),
                    "mark": state,
                    "measurement": measurement,
                }
            )
        about = {
            "track_id": facts.track.id,
            "take_id": facts.watermark.take_id,
            "model": facts.watermark.model,
            "model_version": facts.watermark.model_version,
            "payload": facts.watermark.payload,
            "parts": listed,
            **_of_take(service, facts, archive, sounds, place),
        }
        archive.writestr(
            zipfile.ZipInfo("manifest.json", _FIRST_MOMENT), json.dumps(about, indent=2)
        )
    return path, signed


def _of_take(
    service: "Service",
    facts: DeliveryFacts,
    archive: zipfile.ZipFile,
    sounds: Mapping[str, Path],
    place: Path,
) -> dict[str, Any]:
    """Put a take's MIDI, score and credits beside its sound; return what the manifest says of it."""
    with service.database.reading() as session:
        take = take_nodes.of_track(session, facts.track.id)
        if take is None:
            return {}
        beside = place / "beside"
        beside.mkdir()
        files = [
            {"file": name, "sha256": _archived(archive, name, path)}
            for name, path in take_extras.written(service, session, take, sounds, beside)
        ]
        return take_extras.about(session, take) | {"files": files}


def _unmarkable(service: "Service", facts: DeliveryFacts, place: Path) -> tuple[Path, Provenance]:
    """Finish a stem that can't carry the mark, and see that it sounds as it was scanned."""
    with service.store.path_or_copy(facts.track.tenant_id, _sound_of(facts)) as master:
        own = Path(tempfile.mkdtemp(dir=place))  # each stays until the archive is whole
        copy = own / f"file.{facts.form.name}"
        shutil.copyfile(master, copy)
        path, signed = finished(service, copy, facts)
        scanned, delivered = service.decoder.decode(master), service.decoder.decode(path)
    if not np.array_equal(scanned.samples, delivered.samples):
        raise AlteredFileError(
            Told("the %(part)s in its bundle is not what was scanned", part=facts.part)
        )
    return path, signed


def _archived(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    """Put a file into an archive; return its SHA-256."""
    digest = hashlib.sha256()
    info = zipfile.ZipInfo(name, _FIRST_MOMENT)
    with path.open("rb") as file, archive.open(info, "w", force_zip64=True) as entry:
        while chunk := file.read(1 << 20):
            entry.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def _lossless_form(service: "Service", facts: DeliveryFacts, part: str) -> encoding.Form:
    sha256 = _sound_of(replace(facts, part=part))
    with service.store.path_or_copy(facts.track.tenant_id, sha256) as master:
        return encoding.lossless_form_of(master)


def _registered(
    service: "Service",
    row: ReleasedFile,
    signed: Sequence[Provenance],
    credits_: tuple[list[str], list[str]],
) -> ReleasedFile | None:
    """Write a file down and what was signed in it, unless another request made the same meanwhile.

    None, and its bytes go, if the names that it holds are not those of now.
    """
    with service.database.transaction() as session:
        track = locked(session, row.tenant_id, row.track_id)
        form = encoding.FORMS.get(row.form, ZIP)
        known = _file_of(session, row.track_id, row.part, form, row.bit_rate, row.payload)
        if known is not None:
            return known
        if take_credits.told(session, row.track_id) != credits_:
            stale = [row.sha256, *(each.manifest_sha256 for each in signed)]
            blobs.due(session, row.tenant_id, stale, service.now())
            return None
        session.add(row)
        for each in signed:
            Database.insert_if_absent(session, each)
        track.version += 1
        track.updated_at = service.now()
        record(
            session,
            tenant_id=track.tenant_id,
            subject=track.id,
            version=track.version,
            data=TrackFileMade(file_id=row.id, part=row.part, form=row.form, sha256=row.sha256),
            now=service.now(),
            person=person_of(track),
        )
        return row
