"""Everything that a reviewer sees of one case, gathered in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session, col, func, select

import fingerprint
import policy
from appeals.machines.case import State
from scanner import (
    case_views,
    decision_replays,
    explanations,
    rehearsals,
    rollouts,
    stem_lanes,
    track_views,
    verdicts,
)
from scanner.callers import Caller
from scanner.console import alignment, case_beside, queue
from scanner.console.case_beside import Beside
from scanner.errors import NotFoundError, ScannerError
from scanner.privacy.personal import ERASED, opened
from scanner.sentences import clock
from scanner.tables import (
    Case,
    GoldenCase,
    JournalRow,
    PolicyDecision,
    PolicyPack,
    Reference,
    Submission,
    Track,
    TrackMatch,
)
from scanner.track_states import GENERATED

if TYPE_CHECKING:
    from scanner.service import Service

STEPS: Final = 200
"""Events that a timeline shows at most, newest first."""

log = structlog.get_logger()


@dataclass(frozen=True)
class StemLane:
    """A stem to draw: its waveform as a path, and where something was found, as shares of the track and in seconds."""

    id: str
    name: str
    path: str | None
    places: list[tuple[float, float]]
    found: list[tuple[float, float]]


@dataclass(frozen=True)
class Shadow:
    """What a pack in the shadow would have decided; ``pack`` is its id."""

    pack: str
    said: rehearsals.Compared


@dataclass(frozen=True)
class CaseView:
    """A case's page, for who may see what it is about.

    Attributes
    ----------
    shown : dict
        The case as the API shows it to the reader, with what was said of it.
    blind : bool
        Somebody decided before, and the reader is to judge without knowing how.
    described : dict
        The track as the API shows it; empty where the case is of none.
    match : dict or None
        The chosen match.
    history : dict
        ``account``, ``reference`` and ``events``.
    stems : list of StemLane
        Of what a model made.
    shadow : Shadow or None
        What the pack in the shadow would have decided, if one is.
    left_alone : list of dict
        Rules that exempt the chosen match: ``id``, the ``rule`` itself, ``where`` and ``except``.
    beside : Beside
        Cases like it, who claims, what the uploader contested and added.
    """

    entry: queue.Entry
    described: dict[str, Any]
    decision: PolicyDecision | None
    match: dict[str, Any] | None
    picture: alignment.Alignment | None
    peaks: list[float] | None
    flips: list[dict[str, Any]] | None
    shadow: Shadow | None
    left_alone: list[dict[str, Any]]
    lyrics: list[tuple[str, str | None]]
    history: dict[str, Any]
    shown: dict[str, Any]
    blind: bool
    stems: list[StemLane]
    beside: Beside


def view(
    service: "Service", caller: Caller, case: Case, *, chosen: int = 0, whole: bool = False
) -> CaseView:
    """Gather a case.

    Parameters
    ----------
    chosen : int
        Place of the match to draw; beyond the last one, the first is.
    whole : bool
        Draw both sides from end to end.
    """
    blind = case.state == State.SECOND_REVIEW
    with service.database.reading() as session:
        track = verdicts.track_of(session, case)
        described = track_views.describe(session, [track])[0] if track else {}
        decision = None if blind else _decision(session, case, track)
        pack = _pack(service, session, decision)
        shadow = _shadow(service, session, decision) if decision and pack else None
        lyrics = _lyrics(session, track, described.get("words"))
        shown = case_views.whole(service, session, caller, case)
    matches = described["matches"] = _told(described)
    match = _chosen(matches, chosen)
    own, theirs = prints(service, track, match)
    drawn = (
        alignment.align(match["segments"], own, theirs, whole=whole, marks=_marks(described))
        if match
        else None
    )
    return CaseView(
        entry=queue.entry(service, caller, case, track),
        described=described,
        decision=decision,
        match=match,
        picture=drawn,
        peaks=_peaks(service, track, own, match),
        flips=_flips(pack, decision),
        shadow=shadow,
        left_alone=_left_alone(pack, decision, match),
        lyrics=lyrics,
        history=_history(service, case, track, match, blind=blind),
        shown=shown,
        blind=blind,
        stems=_stems(service, track, matches),
        beside=case_beside.beside(service, case, track, match, blind=blind),
    )


def match_of(service: "Service", track: Track, chosen: int) -> dict[str, Any] | None:
    """Return the match that a case's page shows at a place; None if nothing was found."""
    with service.database.reading() as session:
        return _chosen(_told(track_views.describe(session, [track])[0]), chosen)


def segment_of(part: Mapping[str, Any]) -> fingerprint.Segment:
    """Return a segment that the API shows as the value that the search gave."""
    return fingerprint.Segment(**{name: each for name, each in part.items() if name != "stem"})


def _told(described: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for each in described.get("matches", []) if each["segments"]]


def _chosen(matches: Sequence[dict[str, Any]], chosen: int) -> dict[str, Any] | None:
    return matches[chosen if chosen < len(matches) else 0] if matches else None


def _stems(
    service: "Service", track: Track | None, matches: Sequence[Mapping[str, Any]]
) -> list[StemLane]:
    if track is None or track.origin != GENERATED:
        return []
    duration = max(track.duration or 0.0, 0.1)
    return [
        StemLane(
            each.stem.id,
            each.stem.name,
            alignment.strip(each.print_, duration),
            [(start / duration, (end - start) / duration) for start, end in each.found],
            each.found,
        )
        for each in stem_lanes.lanes(service, track, matches)
    ]


def _marks(described: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return in which seconds a watermark was read."""
    return [(each["start"], each["end"]) for each in described.get("watermarks") or []]


def _peaks(
    service: "Service",
    track: Track | None,
    own: fingerprint.Fingerprint | None,
    match: Mapping[str, Any] | None,
) -> list[float] | None:
    """Return the peaks of what is played: the mix, also where the match was found in a stem."""
    if track is not None and match is not None and "stem" in match["segments"][0]:
        own, _ = prints(service, track, None)
    return alignment.peaks(own) if own else None


def _decision(session: Session, case: Case, track: Track | None) -> PolicyDecision | None:
    """Return the decision that the case is about; of a golden case the one before its answer."""
    source = _source(session, case)
    latest = None if source else (track.decision_id if track else None)
    decision_id = latest or (source or case).decision_id
    return session.get(PolicyDecision, decision_id) if decision_id else None


def _source(session: Session, case: Case) -> Case | None:
    """Return the case of which a golden one is the second life: what came after it tells the answer."""
    golden = session.get(GoldenCase, case.id)
    return session.get(Case, golden.source_id) if golden else None


def prints(
    service: "Service", track: Track | None, match: Mapping[str, Any] | None
) -> tuple[fingerprint.Fingerprint | None, fingerprint.Fingerprint | None]:
    """Return both sides' fingerprints; a lane of which none can be read stays empty.

    Of a match in a stem, the track's side is the stem.
    """
    own = theirs = None
    name = match["segments"][0].get("stem") if match is not None else None
    if track is not None and name is not None:
        stem = stem_lanes.named(service, track, name)
        own = stem_lanes.print_of(service, stem) if stem is not None else None
    elif track is not None:
        try:
            row = explanations.analysis_of(service, track)
            own = explanations.own_fingerprint(service, track, row)
        except ScannerError as error:
            log.info("case_without_waveform", track=track.id, error=type(error).__name__)
    if track is not None and match is not None:
        try:
            theirs = explanations.reference_fingerprint(service, track, match["reference_id"])
        except ScannerError as error:
            log.info("case_without_reference", track=track.id, error=type(error).__name__)
    return own, theirs


def _pack(
    service: "Service", session: Session, decision: PolicyDecision | None
) -> policy.Pack | None:
    """Return the pack that made a decision; None where none that is here did, or its facts were erased."""
    if decision is None or decision.ruled_by is not None or ERASED in decision.facts:
        return None
    return decision_replays.pack_of(service, session, decision)


def _shadow(service: "Service", session: Session, decision: PolicyDecision) -> Shadow | None:
    said = rehearsals.in_shadow(service, session, decision)
    if said is None:
        return None
    pack = session.get_one(PolicyPack, said.candidate.pack_id)
    return Shadow(rollouts.id_of(pack), said)


def _flips(
    pack: policy.Pack | None, decision: PolicyDecision | None
) -> list[dict[str, Any]] | None:
    """Return what would change the decision."""
    if pack is None or decision is None or decision_replays.kept(decision):
        return None
    facts = policy.Facts.model_validate(decision.facts)
    return [flip.to_json() for flip in policy.flips(pack, facts)]


def _left_alone(
    pack: policy.Pack | None, decision: PolicyDecision | None, match: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return by which rules a match does not count, and where."""
    if pack is None or decision is None or match is None:
        return []
    rules = {rule.id: rule for rule in pack.rules}
    return [
        {
            "id": each["rule"],
            "rule": rules.get(each["rule"]),
            "where": each["territories"],
            "except": each["except"],
        }
        for each in decision.explanation.get("exempted", ())
        if each["reference_id"] == match["reference_id"]
    ]


def _lyrics(
    session: Session, track: Track | None, words: dict[str, Any] | None
) -> list[tuple[str, str | None]]:
    """Return the declared lyrics in pieces, each with the category it was screened into."""
    if track is None or not words:
        return []
    declared = session.exec(
        select(Submission.declaration).where(Submission.track_id == track.id)
    ).first()
    text = (declared or {}).get("lyrics")
    if not isinstance(text, str):
        return []
    found = [
        (start, end, each["category"])
        for each in words["findings"]
        if each["source"] == "lyrics"
        for start, end in each["spans"]
    ]
    return marked(text, found)


def marked(text: str, spans: list[tuple[int, int, str]]) -> list[tuple[str, str | None]]:
    """Cut a text at spans; of those that overlap, the earlier one counts."""
    pieces: list[tuple[str, str | None]] = []
    at = 0
    for start, end, category in sorted(spans):
        if not at <= start < end <= len(text):
            continue
        pieces += [(text[at:start], None), (text[start:end], category)]
        at = end
    return [piece for piece in [*pieces, (text[at:], None)] if piece[0]]


def _history(
    service: "Service",
    case: Case,
    track: Track | None,
    match: dict[str, Any] | None,
    *,
    blind: bool,
) -> dict[str, Any]:
    with service.database.reading() as session:
        source = _source(session, case)
        told = col(JournalRow.subject) == (track.id if track else case.id)
        if source is not None:
            told &= col(JournalRow.time) <= source.opened_at
        rows = (
            []
            if blind
            else session.exec(
                select(JournalRow)
                .where(
                    JournalRow.tenant_id == case.tenant_id,
                    told | (col(JournalRow.subject) == case.id),
                )
                .order_by(col(JournalRow.id).desc())
                .limit(STEPS)
            ).all()
        )
        return {
            "account": _account(session, track),
            "reference": _reference(session, case.tenant_id, match),
            "events": [
                {"time": row.time, "type": row.type, "role": row.role, "actor": row.actor}
                | {"data": opened(service.person_keys, row.id, row.data)[0]}
                for row in rows
            ],
        }


def _account(session: Session, track: Track | None) -> dict[str, Any] | None:
    """Return how many tracks of the same account there are, by state, and how many were overturned."""
    if track is None or track.account_id is None:
        return None
    states = session.exec(
        select(Track.state, func.count())
        .where(Track.tenant_id == track.tenant_id, Track.account_id == track.account_id)
        .group_by(Track.state)
    ).all()
    ruled = session.exec(
        select(PolicyDecision.decision, func.count())
        .join(Track, col(Track.id) == col(PolicyDecision.track_id))
        .where(Track.account_id == track.account_id, PolicyDecision.ruled_by == "person")
        .group_by(PolicyDecision.decision)
    ).all()
    return {"states": dict(states), "by_people": dict(ruled)}


def _reference(
    session: Session, tenant_id: str, match: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return where else the chosen reference was found, and what people decided there."""
    if match is None:
        return None
    reference = session.get(Reference, match["reference_id"])
    of_it = (TrackMatch.tenant_id == tenant_id, TrackMatch.reference_id == match["reference_id"])
    found = session.exec(select(func.count(func.distinct(TrackMatch.track_id))).where(*of_it)).one()
    ruled = session.exec(
        select(PolicyDecision.decision, func.count(func.distinct(PolicyDecision.id)))
        .join(TrackMatch, col(TrackMatch.track_id) == col(PolicyDecision.track_id))
        .where(*of_it, PolicyDecision.ruled_by == "person")
        .group_by(PolicyDecision.decision)
    ).all()
    status = reference.status if reference is not None else None
    return {"tracks": found, "by_people": dict(ruled), "status": status}


def rows_of(match: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a match's segments as rows of a table: the ribbons for those who don't see them."""
    return [
        {
            "number": number,
            "query": f"{clock(each['query_start'])} – {clock(each['query_end'])}",
            "reference": f"{clock(each['reference_start'])} – {clock(each['reference_end'])}",
            "seconds": each["query_end"] - each["query_start"],
            "pitch": each["pitch_semitones"],
            "tempo": each["tempo_ratio"],
            "start": each["query_start"],
            "end": each["query_end"],
            "score": each["score"],
        }
        for number, each in enumerate(match["segments"], 1)
    ]


def find(session: Session, tenant_id: str, case_id: str) -> Case:
    """Return the tenant's case, or raise ``NotFoundError``."""
    case = session.get(Case, case_id)
    if case is None or case.tenant_id != tenant_id:
        raise NotFoundError("case", "of this id")
    return case
