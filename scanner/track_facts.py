"""From the evidence on a track and the records around it to the facts that a policy pack reads."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlmodel import Session, col, or_, select

import fingerprint
import policy
from scanner.analysis import FAILED, Evidence
from scanner.catalogue import ACTIVE
from scanner.tables import Account, Analysis, Holder, Licence, Reference, TrackMatch

SURE: Final = 0.99
LAWFUL_USES: Final = frozenset(
    {"quotation", "criticism", "review", "caricature", "parody", "pastiche"}
)


def facts_of(
    session: Session,
    tenant_id: str,
    declared: Mapping[str, Any],
    evidence: Evidence,
    now: datetime,
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
    """
    account = declared.get("account")
    failed = evidence.detectors.get("fingerprint") == FAILED
    matches: Any = (
        policy.Unknown(unknown="the fingerprint search failed")
        if failed
        else _match_facts(session, tenant_id, declared, evidence, now)
    )
    attestation = declared.get("attestation") or {}
    disclosure = declared.get("ai_disclosure")
    return policy.Facts(
        territories=tuple(declared.get("territories") or ()),
        account=policy.AccountFact() if account else policy.ABSENT,
        age_band=declared.get("age_band") or ("unassured" if account else "adult"),
        duration=evidence.duration,
        detectors=cast(Any, evidence.detectors),  # checked by the model
        matches=matches,
        lawful_use_flag=attestation.get("lawful_use") in LAWFUL_USES,
        declared_licences=tuple(
            str(licence.get("licensor", ""))[:500] for licence in declared.get("licences") or ()
        ),
        explicit=_explicit(declared),
        ai_disclosure=None
        if disclosure is None
        else any(part == "generated" for part in disclosure.values()),
        warnings=tuple(sorted({warning["type"] for warning in evidence.warnings})),
    )


def evidence_of(analysis: Analysis, duration: float | None, rows: Sequence[TrackMatch]) -> Evidence:
    """Return stored evidence as the value that the analysis gave."""
    return Evidence(
        detectors=analysis.detectors,
        versions=analysis.versions,
        audio=analysis.audio,
        warnings=analysis.warnings,
        seconds=analysis.seconds,
        matches=[_match_of(row) for row in rows],
        duration=duration,
        index_version=analysis.index_version,
        index_epoch=analysis.index_epoch,
        index_age_seconds=analysis.index_age_seconds,
    )


def _match_of(row: TrackMatch) -> fingerprint.Match:
    return fingerprint.Match(
        reference_id=row.reference_id,
        kind="recording" if row.kind == "recording" else "composition",
        score=row.score,
        segments=tuple(fingerprint.Segment(**segment) for segment in row.segments),
        coverage_query=row.coverage_query,
        coverage_reference=row.coverage_reference,
    )


def _match_facts(
    session: Session,
    tenant_id: str,
    declared: Mapping[str, Any],
    evidence: Evidence,
    now: datetime,
) -> tuple[policy.MatchFact, ...]:
    matches = evidence.matches
    ids = [match.reference_id for match in matches]
    references = {
        reference.id: (reference, holder)
        for reference, holder in session.exec(
            select(Reference, Holder)
            .join(Holder, col(Holder.id) == col(Reference.holder_id))
            .where(Reference.tenant_id == tenant_id, col(Reference.id).in_(ids))
        )
    }
    account_id = _account_id(session, tenant_id, declared.get("account"))
    holders = {holder.id for _, holder in references.values()}
    licences = _licences(session, tenant_id, holders, account_id, now)
    facts = []
    for match in matches:
        if match.reference_id not in references:
            gone = policy.Unknown(unknown="its reference is not on record")
            facts.append(
                policy.MatchFact(reference_id=match.reference_id, kind=match.kind, score=gone)
            )
            continue
        reference, holder = references[match.reference_id]
        if reference.status == ACTIVE:  # else its holder took it back since the analysis
            duration = evidence.duration or 0.0
            facts.append(_match_fact(match, reference, holder, declared, licences, duration))
    return tuple(facts)


def _match_fact(
    match: fingerprint.Match,
    reference: Reference,
    holder: Holder,
    declared: Mapping[str, Any],
    licences: Sequence[Licence],
    duration: float,
) -> policy.MatchFact:
    lengths = [segment.query_end - segment.query_start for segment in match.segments]
    longest = max(match.segments, key=lambda each: each.query_end - each.query_start)
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
        coverage_query=min(1.0, match.coverage_query),
        coverage_sure=fingerprint.covered(
            [(each.query_start, each.query_end) for each in match.segments if each.score >= SURE],
            duration,
        ),
        coverage_reference=min(1.0, match.coverage_reference),
        longest_seconds=max(lengths),
        matched_seconds=sum(lengths),
        pitch_semitones=longest.pitch_semitones,
        tempo_ratio=longest.tempo_ratio,
        reference_policy=cast(Any, reference.policy),  # checked by the model
        territories=tuple(reference.territories),
        holder=holder.name,
        licensed=bool(granted),
        licence_territories=_territories(granted),
        self_declared_licence=bool(declared.get("licences")),
        reference_trusted=reference.operator_added or holder.verified,
    )


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
