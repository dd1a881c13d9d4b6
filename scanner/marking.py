"""Marks generated tracks: the master with its take's mark, read back, before anything is analysed.

The payload is 96 random bits, signed with the key, and means nothing without the registry: no person,
account or platform can be read from a mark. Stems carry the take's payload too, since others would mask
each other when stems are summed; which stem one is, its fingerprint tells.
"""

import secrets
import tempfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

import fingerprint
import watermark
from scanner import licensees, mark_reading, watermark_keys
from scanner.audio import AudioError, Decoded, encoding
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import NotFoundError
from scanner.events import TrackMarked
from scanner.journal import record
from scanner.tables import Submission, Track, TrackStem, Watermark
from scanner.track_states import GENERATED
from scanner.tracks import locked, person_of
from scanner.watermark_keys import KeyRing, WatermarkKeyError
from scanner.wording import Told
from watermark import Key, Payload

if TYPE_CHECKING:
    from scanner.service import Service

Samples = NDArray[np.float32]

ID_BYTES: Final = mark_reading.ID_DIGITS // 2


class MarkState(StrEnum):
    ISSUED = "issued"
    """The payload is reserved, and nothing is marked yet."""
    MARKED = "marked"
    """The mark is in the master and was read back from it."""
    UNMARKABLE = "unmarkable"
    """The mark could not be read back; the measurement says how far it was from that."""


@dataclass
class _Marked:
    """What marking made of one sound."""

    state: MarkState
    measurement: dict[str, Any]
    sha256: str
    duration: float
    warnings: list[dict[str, str]] = field(default_factory=list)
    fingerprint_sha256: str | None = None


def mark(service: "Service", track: Track) -> Watermark:
    """Give a generated track its marked master and stems, unless it has them.

    Repeated, it takes the payload that was issued first. A master whose key was revoked meanwhile is
    made anew from what was submitted, with the key that is written with now.

    Raises
    ------
    WatermarkKeyError
        If there is no key to write with.
    AudioError, StoreError
        If the sound can't be read or kept.
    """
    row = _issued(service, track)
    if row.state != MarkState.ISSUED:
        return row
    key = watermark_keys.key_of(service, row.key_id)
    payload = Payload(row.payload)
    with service.database.reading() as session:
        stems = stems_of(session, track.id)
    mix = _marked(service, track.tenant_id, track.sha256 or "", payload, key)
    parts = {
        stem.id: _marked(service, track.tenant_id, stem.sha256, payload, key, is_stem=True)
        for stem in stems
    }
    return _store(service, track, row, mix, parts)


def mark_of(session: Session, track_id: str) -> Watermark | None:
    """Return what a track's mark stands for; None if it has none."""
    return session.exec(select(Watermark).where(Watermark.track_id == track_id)).first()


def stems_of(session: Session, track_id: str) -> list[TrackStem]:
    """Return a track's stems, by name."""
    query = select(TrackStem).where(TrackStem.track_id == track_id)
    return list(session.exec(query.order_by(col(TrackStem.name))))


def describe_stem(stem: TrackStem) -> dict[str, Any]:
    """Return a stem as JSON."""
    kept = ("id", "name", "sha256", "state", "measurement", "duration")
    return {name: getattr(stem, name) for name in kept}


def read_back(
    service: "Service", payload: str, key: Key, decoded: Decoded
) -> tuple[bool, dict[str, Any]]:
    """Say whether a sound's mark is found, and what was measured of it.

    Returns
    -------
    bool, dict
        The dictionary holds ``quality``, ``error`` and ``false_alarm`` of the clearest reading of this
        payload, or ``reason`` where there is none.
    """
    ring = KeyRing((key,), None, {key.name: None})
    try:
        engine = mark_reading.within(service.watermarker, 0)  # nothing was altered here
        marks = mark_reading.read(engine, ring, decoded.samples, decoded.sample_rate)
    except (watermark.TooShortError, watermark.UnusableAudioError) as error:
        return False, {"reason": str(error)}
    own = [each for each in marks if each.found and each.mark.payload.digits == payload]
    if not own:
        return False, {"reason": "the mark can't be read back"}
    best = max(own, key=lambda each: each.mark.quality).to_json()
    kept = ("score", "error", "false_alarm", "kind", "start", "end")
    return True, {name: best[name] for name in kept}


def _issued(service: "Service", track: Track) -> Watermark:
    """Return the track's row, with a payload under a live key."""
    ring = watermark_keys.ring(service, track.tenant_id)
    live = {key.name: key for key in ring.own}
    with service.database.transaction() as session:
        row = mark_of(session, track.id)
        if row is not None and row.key_id in live:
            return row
        if ring.writing is None:
            raise WatermarkKeyError(
                "there is no key to mark with: make one with `clearance watermark keys rotate`"
            )
        if row is not None:
            payload = watermark.signed_payload(row.payload_id, ring.writing)
            row.payload, row.key_id, row.state = payload.digits, ring.writing.name, MarkState.ISSUED
            return row
        row = _new_row(service, session, track, ring.writing)
        Database.insert_if_absent(session, row)
        return session.exec(select(Watermark).where(Watermark.track_id == track.id)).one()


def _new_row(service: "Service", session: Session, track: Track, key: Key) -> Watermark:
    declared = session.exec(
        select(Submission.declaration).where(Submission.track_id == track.id)
    ).one()
    made = declared.get(GENERATED)
    if made is None:
        raise NotFoundError("generated take", Told("of track %(id)s", id=track.id))
    payload_id = secrets.token_hex(ID_BYTES)
    return Watermark(
        id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        account_id=track.account_id,
        licensee_id=licensees.entitled(
            session, track.tenant_id, made.get("licensee"), service.now()
        ),
        take_id=made.get("take_id") or track.id,
        model=made["model"],
        model_version=made.get("model_version"),
        scheme=mark_reading.SCHEME,
        payload_id=payload_id,
        payload=watermark.signed_payload(payload_id, key).digits,
        key_id=key.name,
        state=MarkState.ISSUED,
        issued_at=service.now(),
    )


def _marked(
    service: "Service",
    tenant_id: str,
    sha256: str,
    payload: Payload,
    key: Key,
    *,
    is_stem: bool = False,
) -> _Marked:
    """Mark one stored sound, keep what came of it, and read the mark back from what was kept.

    A stem must keep its mark in the delivery codec too: what lies outside the marked bands carries it
    in a lossless file only. Whether the mix does is seen when it is released.
    """
    with service.store.path_or_copy(tenant_id, sha256) as path:
        decoded = service.decoder.decode(path)
    samples, refused = decoded.samples, None
    try:
        samples = service.watermarker.embed(samples, decoded.sample_rate, payload, key)
    except (watermark.TooShortError, watermark.UnusableAudioError) as error:
        refused = str(error)
    folder = service.settings.temporary_folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="master-", dir=folder) as place:
        master = Path(place) / "master"
        form = _lossless(decoded)
        encoding.encode(samples, decoded.sample_rate, master, form)
        kept = service.decoder.decode(master)
        readable, measurement = (
            (False, {"reason": refused})
            if refused is not None
            else read_back(service, payload.digits, key, kept)
        )
        if is_stem and readable:
            readable, measurement = _read_back_coded(service, payload.digits, key, kept, place)
        print_ = _print_of(kept) if is_stem else None
        blob = service.store.put_file(tenant_id, master)
        print_blob = service.store.put_bytes(tenant_id, print_.to_bytes()) if print_ else None
    return _Marked(
        state=MarkState.MARKED if readable else MarkState.UNMARKABLE,
        measurement=measurement,
        sha256=blob.sha256,
        duration=kept.duration,
        warnings=[{"type": each.type, "detail": each.detail} for each in decoded.warnings],
        fingerprint_sha256=print_blob.sha256 if print_blob else None,
    )


def _read_back_coded(
    service: "Service", payload: str, key: Key, kept: Decoded, place: str
) -> tuple[bool, dict[str, Any]]:
    """Read the mark back after the delivery codec; what that can't hold is delivered lossless."""
    settings = service.settings
    form = encoding.FORMS[settings.delivery_format]
    coded = Path(place) / "coded"
    try:
        encoding.encode(kept.samples, kept.sample_rate, coded, form, settings.delivery_bit_rate)
    except AudioError:
        return read_back(service, payload, key, kept)
    readable, measured = read_back(service, payload, key, service.decoder.decode(coded))
    return readable, measured | {"format": form.name}


def _lossless(decoded: Decoded) -> encoding.Form:
    """FLAC, or WAV for what FLAC can't hold."""
    fits = decoded.channels <= encoding.MAX_FLAC_CHANNELS
    return encoding.FLAC if fits and decoded.sample_rate <= encoding.MAX_FLAC_RATE else encoding.WAV


def _print_of(decoded: Decoded) -> fingerprint.Fingerprint | None:
    try:
        return fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
    except fingerprint.TooShortError:
        return None


def _store(
    service: "Service", track: Track, row: Watermark, mix: _Marked, parts: dict[str, _Marked]
) -> Watermark:
    """Write down what was marked, once, whoever else did the same meanwhile."""
    now = service.now()
    with service.database.transaction() as session:
        track = locked(session, track.tenant_id, track.id)
        row = session.get_one(Watermark, row.id, with_for_update=True, populate_existing=True)
        if row.state != MarkState.ISSUED:
            return row
        row.state, row.measurement, row.master_sha256 = mix.state, mix.measurement, mix.sha256
        row.warnings = mix.warnings
        row.verified_at = now if mix.state is MarkState.MARKED else None
        stems = {}
        for stem_id, part in parts.items():
            stem = session.get_one(TrackStem, stem_id)
            stem.state, stem.measurement = part.state, part.measurement
            stem.master_sha256, stem.duration = part.sha256, part.duration
            stem.fingerprint_sha256 = part.fingerprint_sha256
            stems[stem.name] = str(part.state)
        track.version += 1
        track.updated_at = now
        record(
            session,
            tenant_id=track.tenant_id,
            subject=track.id,
            version=track.version,
            data=TrackMarked(
                watermark_id=row.id,
                take_id=row.take_id,
                key_id=row.key_id,
                state=row.state,
                master_sha256=mix.sha256,
                stems=stems,
            ),
            now=now,
            person=person_of(track),
        )
        return row
