"""What is measured on a track: decoded once, then every detector from the same samples."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import exists, or_
from sqlmodel import col, select

import fingerprint
import watermark
from scanner import (
    banks,
    detector_versions,
    harmless,
    listening,
    mark_reading,
    stored_manifests,
    watermark_keys,
)
from scanner.audio import SNIFF_BYTES, sniff
from scanner.audio_facts import audio_facts
from scanner.certificates import CertificateError
from scanner.manifests import UnverifiableError
from scanner.metrics import MANIFESTS, MARKS_FAILED, STAGE_SECONDS
from scanner.sentences import LEFT_OUT
from scanner.tables import Bank, Holder, Licence, Reference, ReferenceExclusion
from watermark.provenance import ManifestState, manifest_to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scanner.audio import Decoded
    from scanner.service import Service
    from scanner.speech import Heard

OK: Final = "ok"
FAILED: Final = "failed"
NOT_RUN: Final = "not_run"
DETECTORS: Final = ("fingerprint", "embedding", "composition", "watermark", "provenance", "lyrics")
_DETECTOR_OF: Final = {
    "embedding": "embedding",
    "constellation": "embedding",
    "tones": "composition",
}
"""What looks with which part of a fingerprint."""

SURE: Final = 0.5
AS_MUCH: Final = 0.9
"""What covers so much of what it covers beside the average is found there already."""

log = structlog.get_logger()
_LISTEN_APART: Final = (
    "a reference was found where the channels differ, and not in their average: listen to one channel "
    "minus the other"
)
_SEND_AGAIN: Final = (
    "the fingerprint was made by an earlier version, and its vectors and tones can no longer be "
    "compared: make it again with `clearance fingerprint` and send it again, or send the audio"
)


@dataclass
class Evidence:
    """Evidence only, no judgement; becomes a row of ``analysis`` and its matches.

    Parameters
    ----------
    detectors : dict of name to "ok", "failed" or "not_run"
    provenance : dict, optional
        What the file's manifest says, of which ``state`` may be ``absent``; None if nobody looked.
    lyrics : str
        Those in the file's tags, not kept; ``lyrics_cut`` if there are more than can be read.
    hearing : Heard, optional
        What is sung, not kept; None if nobody listened, or not to the end.
    words : dict, optional
        What was found in lyrics and titles (`scanner/words.py`), and whether anybody listened.
    explained : dict of reference id to what harmless material explains of its match
    stems : dict of name to the evidence on that stem of a generated track
    seconds : dict of step to wall-clock seconds
    """

    detectors: dict[str, str] = field(default_factory=lambda: dict.fromkeys(DETECTORS, NOT_RUN))
    versions: dict[str, str] = field(default_factory=dict)
    audio: dict[str, Any] = field(default_factory=dict)
    warnings: list[dict[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    matches: "Sequence[fingerprint.Match]" = ()
    duration: float | None = None
    print: fingerprint.Fingerprint | None = None
    index_version: str | None = None
    index_epoch: int | None = None
    index_age_seconds: float | None = None
    banks_left_out: list[str] = field(default_factory=list)
    explained: dict[str, harmless.Explained] = field(default_factory=dict)
    provenance: dict[str, Any] | None = None
    watermarks: list[dict[str, Any]] = field(default_factory=list)
    lyrics: str = ""
    lyrics_cut: bool = False
    words: dict[str, Any] | None = None
    hearing: "Heard | None" = None
    stems: "dict[str, Evidence]" = field(default_factory=dict)

    def count_matches(self) -> int:
        """Return how many matches there are, those of stems with them."""
        return len(self.matches) + sum(len(each.matches) for each in self.stems.values())

    def with_stem(self, name: str, stem: "Evidence") -> None:
        """Take in what was found in a stem and in its stems: nothing is clear of which a part was not looked at."""
        self.stems[name] = stem
        self.stems |= {f"{name} {inner}": each for inner, each in stem.stems.items()}
        for detector, state in stem.detectors.items():
            if state == FAILED:
                self.detectors[detector] = FAILED
        known = {mark["payload"] for mark in self.watermarks}
        self.watermarks += [
            mark | {"stem": name} for mark in stem.watermarks if mark["payload"] not in known
        ]
        seconds = self.seconds.get("stems", 0.0) + stem.seconds["total"]
        self.seconds["stems"] = round(seconds, 4)


def analyse_audio(
    service: "Service", tenant_id: str, path: Path, seed: str, patience: float = math.inf
) -> Evidence:
    """Decode a file and run every detector on its samples.

    Parameters
    ----------
    seed : str
        By which banks that are rolled out in part choose: the track's id, or the SHA-256 of what
        is no track.
    patience : float, optional
        Seconds for the decode, where that is less than its own limit, and to wait for an index
        that is being brought up to date.

    Raises
    ------
    AudioError
        If the file can't be decoded; its ``problem`` names why.
    """
    evidence = Evidence()
    with _timed(evidence, "total"):
        with _timed(evidence, "decode"):
            decoded = service.decoder.decode(path, patience)
        evidence.duration = decoded.duration
        evidence.audio = {
            "container": decoded.container,
            "codec": decoded.codec,
            "sample_rate": decoded.sample_rate,
            "channels": decoded.channels,
            "bit_rate": decoded.bit_rate,
            "tags": decoded.tags,
        }
        evidence.lyrics, evidence.lyrics_cut = decoded.lyrics, decoded.lyrics_cut
        _check_provenance(service, evidence, path, decoded.container)
        evidence.warnings = [
            {"type": warning.type, "detail": warning.detail} for warning in decoded.warnings
        ]
        spectra = cache(lambda: fingerprint.facts.spectrum(decoded.samples, decoded.sample_rate))
        _search_sound(service, tenant_id, evidence, decoded, spectra, seed, patience)
        _search_left_out(service, tenant_id, evidence, decoded, seed, patience)
        _read_marks(service, tenant_id, evidence, decoded)
        _recover_manifest(service, tenant_id, evidence)
        with _timed(evidence, "facts"):
            evidence.audio |= audio_facts(decoded.samples, decoded.sample_rate, spectra)
        if patience == math.inf:  # nobody waits for the answer
            with _timed(evidence, "hearing"):
                listening.listen(service, tenant_id, decoded, evidence)
    return evidence


def analyse_stem(service: "Service", tenant_id: str, path: Path, seed: str) -> Evidence:
    """Search a stem for references and marks as its mix is: it goes out by itself too.

    Raises
    ------
    AudioError
        If the file can't be decoded; its ``problem`` names why.
    """
    evidence = Evidence()
    with _timed(evidence, "total"):
        decoded = service.decoder.decode(path)
        evidence.duration = decoded.duration
        spectra = cache(lambda: fingerprint.facts.spectrum(decoded.samples, decoded.sample_rate))
        _search_sound(service, tenant_id, evidence, decoded, spectra, seed, math.inf)
        _search_left_out(service, tenant_id, evidence, decoded, seed, math.inf)
        _read_marks(service, tenant_id, evidence, decoded)
    return evidence


def analyse_fingerprint(
    service: "Service",
    tenant_id: str,
    print_: fingerprint.Fingerprint,
    seed: str,
    patience: float = math.inf,
) -> Evidence:
    """Analyse what a client sent instead of audio: no detector but the search can run.

    What an earlier version made of the audio for networks that are no longer used counts as failed:
    nobody looked for what it would have found.
    """
    evidence = Evidence(duration=print_.duration)
    with _timed(evidence, "total"):
        _search(service, tenant_id, evidence, print_, seed, patience)
    lost = {_DETECTOR_OF[part] for part in print_.left_out if part in _DETECTOR_OF}
    if lost:
        evidence.detectors |= dict.fromkeys(lost, FAILED)
        evidence.warnings.append({"type": "earlier-networks", "detail": _SEND_AGAIN})
    return evidence


def _is_settled(service: "Service", evidence: Evidence) -> bool:
    """Whether one reference that blocks accounts for nearly all of the track.

    Whatever else were found in it could not make the outcome stricter. A reference that merely
    tracks, or takes its share, must not hide another under it; nor one whose match may be exempt, or
    that blocks nothing without a person.
    """
    matches = [each for each in evidence.matches if each.reference_id not in evidence.explained]
    if not fingerprint.explained(matches):
        return False
    ids = [match.reference_id for match in matches]
    with service.database.reading() as session:
        found = session.exec(
            select(Reference)
            .join(Bank, col(Bank.id) == col(Reference.bank_id))
            .join(Holder, col(Holder.id) == col(Reference.holder_id))
            .where(
                col(Reference.id).in_(ids),
                Bank.kind == banks.RIGHTS,
                or_(col(Reference.operator_added), col(Holder.verified)),
                ~exists().where(
                    col(Licence.tenant_id) == col(Reference.tenant_id),
                    col(Licence.holder_id) == col(Reference.holder_id),
                ),
                ~exists().where(col(ReferenceExclusion.reference_id) == col(Reference.id)),
            )
        ).all()
    blocking = {each.id for each in found if each.policy == "block" and not each.territories}
    return fingerprint.explained([match for match in matches if match.reference_id in blocking])


def check_submitted(service: "Service", evidence: Evidence, path: Path) -> None:
    """Verify the manifest of a generated track's submitted file: its master, which we wrote, has none."""
    with path.open("rb") as file:
        container = sniff(file.read(SNIFF_BYTES))
    evidence.provenance = None
    evidence.detectors["provenance"] = NOT_RUN
    _check_provenance(service, evidence, path, container)


def failed_evidence() -> Evidence:
    """Return the evidence of an analysis that never came to an end."""
    evidence = Evidence()
    evidence.detectors["fingerprint"] = FAILED
    return evidence


def match_columns(match: fingerprint.Match, stem: str | None = None) -> dict[str, Any]:
    """Return a match as the columns of ``track_match``; its segments name the stem they are of."""
    where = {} if stem is None else {"stem": stem}
    return {
        "reference_id": match.reference_id,
        "kind": match.kind,
        "score": match.score,
        "coverage_query": match.coverage_query,
        "coverage_reference": match.coverage_reference,
        "longest_seconds": max(
            segment.query_end - segment.query_start for segment in match.segments
        ),
        "segments": [asdict(segment) | where for segment in match.segments],
    }


def _search_sound(
    service: "Service",
    tenant_id: str,
    evidence: Evidence,
    decoded: "Decoded",
    spectra: "Callable[[], Any]",
    seed: str,
    patience: float,
) -> None:
    with _timed(evidence, "fingerprint"):
        try:
            print_ = fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
        except fingerprint.TooShortError as error:
            print_ = None
            evidence.warnings.append({"type": "too-short", "detail": str(error)})
    _search(service, tenant_id, evidence, print_, seed, patience)
    # The costly look is for what the cheap one leaves in doubt.
    if print_ is not None and not _is_settled(service, evidence):
        with _timed(evidence, "embedding"):
            print_ = fingerprint.completed_from(print_, spectra())
        _search(service, tenant_id, evidence, print_, seed, patience)


def _search_left_out(
    service: "Service",
    tenant_id: str,
    evidence: Evidence,
    decoded: "Decoded",
    seed: str,
    patience: float,
) -> None:
    """Search what averaging the channels leaves out too, where that is about as loud.

    It is kept as a stem of the track, of the name :data:`LEFT_OUT`: no stem that is sent can have it.
    """
    if evidence.print is None or _is_settled(service, evidence):
        return
    samples = fingerprint.left_out(decoded.samples)
    if samples is None:
        return
    beside = replace(decoded, samples=samples)
    found = Evidence(duration=evidence.duration)
    with _timed(found, "total"):
        spectra = cache(lambda: fingerprint.facts.spectrum(samples, beside.sample_rate))
        _search_sound(service, tenant_id, found, beside, spectra, seed, patience)
    told = {
        (each.reference_id, each.kind): each.coverage_query
        for each in evidence.matches
        if each.score >= SURE
    }
    found.matches = [
        each
        for each in found.matches
        if told.get((each.reference_id, each.kind), 0.0) < AS_MUCH * each.coverage_query
    ]
    evidence.with_stem(LEFT_OUT, found)
    if found.matches:
        evidence.warnings.append({"type": "in-difference-of-channels", "detail": _LISTEN_APART})


def _search(
    service: "Service",
    tenant_id: str,
    evidence: Evidence,
    print_: fingerprint.Fingerprint | None,
    seed: str,
    patience: float,
) -> None:
    with _timed(evidence, "search"):
        if print_ is not None:
            with service.database.reading() as session:
                left_out = banks.left_out(session, tenant_id, seed)
            found = service.catalogue.search(tenant_id, print_, patience, without_banks=left_out)
            evidence.banks_left_out = left_out
            evidence.explained = harmless.explanations(service, tenant_id, print_, found.matches)
            evidence.matches = found.matches
            evidence.print = print_
            evidence.versions["fingerprint"] = print_.algorithm
            if print_.embedding is not None:
                evidence.versions["embedding"] = print_.embedding.model
            if print_.tones is not None:
                evidence.versions["composition"] = fingerprint.COMPOSITION_MODEL
            evidence.index_version = found.index_version
            evidence.index_epoch = found.index_epoch
            evidence.index_age_seconds = found.age_seconds
    # Audio too short for one sub-fingerprint was looked at and can match nothing by recording;
    # the warning says so, and rules decide what a too short track means.
    if print_ is not None:
        evidence.detectors["fingerprint"] = OK
        evidence.detectors["embedding"] = NOT_RUN if print_.embedding is None else OK
        evidence.detectors["composition"] = NOT_RUN if print_.tones is None else OK


def _check_provenance(service: "Service", evidence: Evidence, path: Path, container: str) -> None:
    """Verify the file's manifest; what keeps that from being done makes the detector *failed*.

    Containers whose manifests nobody here can read were not looked at.
    """
    with _timed(evidence, "provenance"):
        try:
            manifest = service.manifests.read(path, container)
        except (UnverifiableError, CertificateError) as error:
            log.error("provenance_failed", detail=str(error))
            evidence.detectors["provenance"] = FAILED
            MANIFESTS.labels(FAILED).inc()
            return
    if manifest is not None:
        MANIFESTS.labels(manifest.state.value).inc()
        evidence.provenance = manifest_to_json(manifest)
        evidence.detectors["provenance"] = OK
        evidence.versions["provenance"] = detector_versions.provenance()


def _read_marks(service: "Service", tenant_id: str, evidence: Evidence, decoded: "Decoded") -> None:
    """Look for the marks of all live keys; what keeps the search from it makes it *failed*.

    Sound that is too short or too dull to carry a mark was not looked at, and neither was any where
    there is no key.
    """
    with _timed(evidence, "watermark"):
        try:
            ring = watermark_keys.ring(service, tenant_id)
            if not ring.keys:
                return
            evidence.watermarks = mark_reading.read_and_described(
                service, tenant_id, ring, decoded.samples, decoded.sample_rate
            )
        except (watermark.TooShortError, watermark.UnusableAudioError):
            return
        except (watermark.WatermarkError, watermark_keys.WatermarkKeyError) as error:
            log.error("watermark_search_failed", detail=str(error))
            MARKS_FAILED.labels("analysis").inc()
            evidence.detectors["watermark"] = FAILED
        else:
            evidence.detectors["watermark"] = OK
            evidence.versions["watermark"] = service.settings.watermark_engine


def _recover_manifest(service: "Service", tenant_id: str, evidence: Evidence) -> None:
    """Find the manifest that a file lost, by a mark of ours in its sound."""
    told = evidence.provenance
    if told is None or told["state"] != ManifestState.ABSENT:
        return
    with service.database.reading() as session:
        found = stored_manifests.recovered_by(session, evidence.watermarks, tenant_id)
    evidence.provenance = told | {"recovered": found}


@contextmanager
def _timed(evidence: Evidence, step: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - started
        evidence.seconds[step] = round(evidence.seconds.get(step, 0.0) + seconds, 4)
        STAGE_SECONDS.labels(step).observe(seconds)
