"""From the evidence on a track and the records around it to the facts that a policy pack reads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlmodel import Session, col, or_, select

import fingerprint
import policy
from scanner import dispositions, exemptions, people, words
from scanner.analysis import FAILED, Evidence
from scanner.catalogue import ACTIVE
from scanner.harmless import Standing, standing
from scanner.on_record import OnRecord, on_record
from scanner.quarantine import FLOOD
from scanner.reference_states import Status
from scanner.tables import (
    Account,
    Analysis,
    Licence,
    RetroMatch,
    TrackMatch,
)
from watermark.provenance import ManifestState

SURE: Final = 0.99
LIKELY: Final = 0.5
SAME_SECONDS: Final = 1.0
LAWFUL_USES: Final = frozenset(
    {"quotation", "criticism", "review", "caricature", "parody", "pastiche"}
)


def facts_of(
    session: Session,
    tenant_id: str,
    declared: Mapping[str, Any],
    evidence: Evidence,
    now: datetime,
    track_id: str | None = None,
) -> policy.Facts:
    """Gather the facts about one track.

    Parameters
    ----------
    declared : mapping
        The submission's declaration, as stored.
    evidence : Evidence
        What the analysis found; a failed detector makes its facts *unknown*.
    now : datetime
        The day on which licences must be valid.
    track_id : str, optional
        Whose matches may be exempted; a precheck has none.
    """
    failed = evidence.detectors.get("fingerprint") == FAILED
    matches: Any = (
        policy.Unknown(unknown="the fingerprint search failed")
        if failed
        else _match_facts(session, tenant_id, declared, evidence, now, track_id)
    )
    attestation = declared.get("attestation") or {}
    refused = bool(declared.get("attestation_refused"))
    disclosure = declared.get("ai_disclosure")
    return policy.Facts(
        origin="generated" if declared.get("generated") else "upload",
        territories=tuple(declared.get("territories") or ()),
        **people.facts(session, tenant_id, declared, now),
        duration=evidence.duration,
        detectors=cast(Any, evidence.detectors),  # checked by the model
        matches=matches,
        lawful_use_flag=attestation.get("lawful_use") in LAWFUL_USES,
        declared_licences=tuple(
            str(licence.get("licensor", ""))[:500] for licence in declared.get("licences") or ()
        ),
        rights_attested=True if attestation else (False if refused else None),
        generation=_generation(declared),
        explicit=_explicit(declared),
        ai_disclosure=None
        if disclosure is None
        else any(part == "generated" for part in disclosure.values()),
        provenance=_provenance(evidence),
        watermarks=_watermarks(evidence),
        **words.facts(evidence),
        warnings=tuple(sorted({warning["type"] for warning in evidence.warnings})),
    )


def _generation(declared: Mapping[str, Any]) -> policy.GenerationFact | None:
    """What is said of how a generated track was made; its prompt was screened when it came."""
    made = declared.get("generated")
    if not made:
        return None
    model = " ".join(filter(None, (made["model"], made.get("model_version"))))
    return policy.GenerationFact(
        model=model[:500],
        trained=made.get("method") != "rule_based",
        prompt_signals=tuple(made.get("prompt_signals") or ()),
    )


def evidence_of(analysis: Analysis, duration: float | None, rows: Sequence[TrackMatch]) -> Evidence:
    """Return stored evidence as the value that the analysis gave."""
    by_stem: dict[str | None, list[TrackMatch]] = {None: []}
    for row in rows:
        by_stem.setdefault(stem_of(row), []).append(row)
    own = by_stem.pop(None)
    return Evidence(
        detectors=analysis.detectors,
        versions=analysis.versions,
        audio=analysis.audio,
        warnings=analysis.warnings,
        seconds=analysis.seconds,
        matches=[match_of(row) for row in own],
        duration=duration,
        index_version=analysis.index_version,
        index_epoch=analysis.index_epoch,
        index_age_seconds=analysis.index_age_seconds,
        banks_left_out=analysis.banks_left_out,
        provenance=analysis.provenance,
        watermarks=analysis.watermarks,
        words=analysis.words,
        explained=_explained(own),
        stems={
            str(name): Evidence(
                matches=[match_of(row) for row in found],
                duration=duration,
                explained=_explained(found),
            )
            for name, found in by_stem.items()
        },
    )


def stem_of(row: TrackMatch) -> str | None:
    """Return the name of the stem that a match was found in; None if it was the track itself."""
    return row.segments[0].get("stem") if row.segments else None


def _explained(rows: Sequence[TrackMatch]) -> dict[str, Any]:
    return {row.reference_id: row.explained for row in rows if row.explained}


def _provenance(evidence: Evidence) -> Any:
    """What came with the file; nothing that a manifest says counts unless it fits the bytes."""
    if evidence.detectors.get("provenance") == FAILED:
        return policy.Unknown(unknown="the check of the provenance manifest failed")
    told = evidence.provenance
    if told is None or told["state"] == ManifestState.ABSENT:
        return policy.ABSENT
    return policy.ProvenanceFact(
        state=told["state"], ai_generated=told["synthetic"], issuer=told["issuer"]
    )


def _watermarks(evidence: Evidence) -> Any:
    if evidence.detectors.get("watermark") == FAILED:
        return policy.Unknown(unknown="the search for watermarks failed")
    found = [mark for mark in evidence.watermarks if mark["verdict"] == "found"]
    takes = {mark["payload"] for mark in found if mark["owner"] == "ours"}
    return tuple(
        policy.WatermarkFact(
            scheme=mark["scheme"],
            payload=mark["payload"],
            verdict=mark["verdict"],
            owner=mark["owner"],
            false_alarm=mark["false_alarm"],
            alone=takes <= {mark["payload"]},
        )
        for mark in evidence.watermarks
    )


def match_of(row: TrackMatch | RetroMatch) -> fingerprint.Match:
    """Return a stored match as the value that the search gave."""
    return fingerprint.Match(
        reference_id=row.reference_id,
        kind="recording" if row.kind == "recording" else "composition",
        score=row.score,
        segments=tuple(
            fingerprint.Segment(**{name: segment[name] for name in segment if name != "stem"})
            for segment in row.segments
        ),
        coverage_query=row.coverage_query,
        coverage_reference=row.coverage_reference,
    )


def _match_facts(
    session: Session,
    tenant_id: str,
    declared: Mapping[str, Any],
    evidence: Evidence,
    now: datetime,
    track_id: str | None,
) -> tuple[policy.MatchFact, ...]:
    parts = [evidence, *evidence.stems.values()]
    found = [(part, match) for part in parts for match in part.matches]
    known = on_record(session, tenant_id, [match.reference_id for _, match in found])
    account_id = _account_id(session, tenant_id, declared.get("account"))
    holders = {each.holder.id for each in known.values()}
    licences = _licences(session, tenant_id, holders, account_id, now)
    exempt = exemptions.of_track(session, track_id)
    claims = _claims(found, known, exempt)
    precision = dispositions.precision(session, tenant_id, known, now) if known else {}
    facts = []
    for part, match in found:
        each = known.get(match.reference_id)
        if each is None:
            gone = policy.Unknown(unknown="its reference is not on record")
            facts.append(
                policy.MatchFact(reference_id=match.reference_id, kind=match.kind, score=gone)
            )
        elif _counts(each):
            duration = part.duration or 0.0
            stands = _standing(part, match, each, exempt)
            free = _free(stands, known)
            others = _other_holders(match.kind, each, stands, claims)
            fact = _match_fact(match, each, stands, free, others, declared, licences, duration)
            fact = exempt.within(fact)
            if match.reference_id in precision:
                share, decided = precision[match.reference_id]
                changes = {"reference_precision": share, "reference_decided": decided}
                fact = fact.model_copy(update=changes)
            facts.append(fact)
    return tuple(facts)


def _standing(
    part: Evidence, match: fingerprint.Match, known: OnRecord, exempt: exemptions.Exemptions
) -> Standing:
    """What of a match stands: neither harmless, nor excluded, nor given up by its holder."""
    stands = standing(match, known, part.explained.get(match.reference_id))
    return exempt.applied(match.reference_id, stands)


def _counts(known: OnRecord) -> bool:
    """Whether a match still counts: since the analysis its reference may have been taken back.

    One that flooded meanwhile counts: else whether a track is cleared would hang on which came first.
    """
    reference = known.reference
    flooded = reference.status == Status.QUARANTINED and reference.quarantined_for == FLOOD
    return (reference.status == ACTIVE or flooded) and known.bank.enabled


def _match_fact(
    match: fingerprint.Match,
    known: OnRecord,
    stands: Standing,
    free: tuple[str, ...] | None,
    others: tuple[str, ...],
    declared: Mapping[str, Any],
    licences: Sequence[Licence],
    duration: float,
) -> policy.MatchFact:
    reference, holder = known.reference, known.holder
    segments = stands.segments
    lengths = [segment.query_end - segment.query_start for segment in segments]
    longest = max(segments, key=lambda each: each.query_end - each.query_start)
    whole = segments == match.segments
    granted = [
        licence
        for licence in licences
        if licence.holder_id == holder.id and licence.reference_id in {None, reference.id}
    ]
    return policy.MatchFact(
        reference_id=reference.id,
        kind=match.kind,
        score=match.score,
        title=reference.title,
        coverage_query=min(1.0, match.coverage_query)
        if whole
        else fingerprint.covered(
            [(each.query_start, each.query_end) for each in segments], duration
        ),
        coverage_sure=fingerprint.covered(
            [(each.query_start, each.query_end) for each in segments if each.score >= SURE],
            duration,
        ),
        coverage_reference=min(1.0, match.coverage_reference)
        if whole
        else fingerprint.covered(
            [(each.reference_start, each.reference_end) for each in segments], reference.duration
        ),
        longest_seconds=max(lengths),
        matched_seconds=fingerprint.union_length(
            [(each.query_start, each.query_end) for each in segments]
        ),
        pitch_semitones=longest.pitch_semitones,
        tempo_ratio=longest.tempo_ratio,
        reference_policy=cast(Any, reference.policy),  # checked by the model
        territories=tuple(reference.territories),
        holder=holder.name,
        other_holders=others,
        licensed=bool(granted),
        licence_territories=_territories(granted),
        self_declared_licence=bool(declared.get("licences")),
        public_domain=free is not None,
        public_domain_territories=free or (),
        excluded=stands.excluded,
        negative_bank=stands.negative_bank,
        reference_trusted=reference.operator_added or holder.verified,
    )


@dataclass(frozen=True)
class _Claim:
    """Who may claim which seconds of the track, as recording or as composition."""

    kind: str
    holder_id: str
    name: str
    segments: tuple[fingerprint.Segment, ...]


def _claims(
    found: Sequence[tuple[Evidence, fingerprint.Match]],
    known: Mapping[str, OnRecord],
    exempt: exemptions.Exemptions,
) -> list[_Claim]:
    """What is more likely than not, counts, and isn't harmless, of the track and of its stems."""
    claims = []
    for part, match in found:
        each = known.get(match.reference_id)
        if each is None or not _counts(each) or match.score < LIKELY:
            continue
        stands = _standing(part, match, each, exempt)
        if not (stands.excluded or stands.negative_bank or stands.public_domain):
            claims.append(_Claim(match.kind, each.holder.id, each.holder.name, stands.segments))
    return claims


def _other_holders(
    kind: str, known: OnRecord, stands: Standing, claims: Sequence[_Claim]
) -> tuple[str, ...]:
    """Names of others who claim a second or more of the same; a work and its recording are two."""
    return tuple(
        sorted(
            {
                claim.name[:500]
                for claim in claims
                if claim.kind == kind
                and claim.holder_id != known.holder.id
                and _shared_seconds(claim.segments, stands.segments) >= SAME_SECONDS
            }
        )
    )


def _shared_seconds(
    some: Sequence[fingerprint.Segment], others: Sequence[fingerprint.Segment]
) -> float:
    """Longest stretch of the track that a segment of each holds together."""
    return max(
        (
            min(one.query_end, two.query_end) - max(one.query_start, two.query_start)
            for one in some
            for two in others
        ),
        default=0.0,
    )


def _free(stands: Standing, known: Mapping[str, OnRecord]) -> tuple[str, ...] | None:
    """Where what stands of a match is in the public domain: None nowhere, empty everywhere."""
    places = [
        known[reference_id].reference.territories
        for reference_id in stands.public_domain
        if reference_id in known and _counts(known[reference_id])
    ]
    if not places:
        return None
    everywhere = any(not each for each in places)
    return () if everywhere else tuple(sorted({code for each in places for code in each}))


def _territories(licences: Sequence[Licence]) -> tuple[str, ...]:
    if any(not licence.territories for licence in licences):
        return ()  # one of them holds everywhere
    return tuple(sorted({place for licence in licences for place in licence.territories}))


def _licences(
    session: Session,
    tenant_id: str,
    holder_ids: Collection[str],
    account_id: str | None,
    now: datetime,
) -> list[Licence]:
    """Return these holders' licences that are valid now, for this account or the whole tenant."""
    account, start, end = (
        col(Licence.account_id),
        col(Licence.valid_from),
        col(Licence.valid_to),
    )
    query = select(Licence).where(
        Licence.tenant_id == tenant_id,
        col(Licence.holder_id).in_(holder_ids),
        or_(account.is_(None), account == account_id),
        or_(start.is_(None), start <= now),
        or_(end.is_(None), end > now),
    )
    return list(session.exec(query))


def _account_id(session: Session, tenant_id: str, external_id: str | None) -> str | None:
    if external_id is None:
        return None
    return session.exec(
        select(Account.id).where(Account.tenant_id == tenant_id, Account.external_id == external_id)
    ).first()


def _explicit(declared: Mapping[str, Any]) -> bool | None:
    warning = ((declared.get("ern") or {}).get("parental_warning") or "").lower()
    if not warning:
        return None
    return warning == "explicit"
