"""A lawful use that is flagged after the upload: the rules decide anew, with the flag (DE-URHDAG, § 11; DSM-17-7).

The law gives 48 hours; it takes effect at once. What a person decided stays, and is appealed.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, select

from scanner import claim_outcomes, judgements, parties, rulings, strictness, tracks
from scanner.callers import Caller
from scanner.declarations import Attestation
from scanner.errors import ConflictError, IllegalTransitionError
from scanner.rights_events import LawfulUseFlagged
from scanner.rulings import Ruling
from scanner.tables import PolicyDecision, Submission, Track
from scanner.track_states import State
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

_STANDING: Final = frozenset({State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED})
_TEXT: Final = "The uploader says that the use is allowed by law."
_TEXTS: Final = {
    "de": "Wer den Titel hochgeladen hat, erklärt, dass die Nutzung gesetzlich erlaubt ist.",
    "fr": "L'auteur de la mise en ligne déclare que l'utilisation est permise par la loi.",
    "es": "Quien subió la pista declara que la ley permite el uso.",
}


def flag(service: "Service", caller: Caller, track_id: str, attested: Attestation) -> Track:
    """Keep the attestation of a lawful use with a track, and let the rules decide anew.

    Said again it is written down no more; the rules decide anew where they have become milder meanwhile.

    Raises
    ------
    NotFoundError
        If it is not a track of the caller's.
    IllegalTransitionError
        If nothing was decided yet, it was withdrawn, or a person has decided.
    ConflictError
        If a decision on it is just taking effect.
    """
    with service.database.transaction() as session:
        track = tracks.locked(session, caller.tenant_id, track_id)
        parties.affected(session, caller, track)
        submission = session.exec(
            select(Submission).where(Submission.track_id == track.id).with_for_update()
        ).one()
        said = attested.model_dump(mode="json", exclude_none=True)
        if _was_said(submission.declaration, said):
            _help_later(service, session, track, caller)
            return track
        before = _by_rules(session, track)
        declared = submission.declaration | {"attestation": said}
        declared.pop("attestation_refused", None)
        submission.declaration = declared
        session.flush()
        data = LawfulUseFlagged(lawful_use=str(attested.lawful_use), decision_id=before.id)
        tracks.note(session, track, data, service.now(), actor=caller.actor)
        _decide_again(service, session, track, before, caller)
        return track


def _was_said(declared: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether the same was attested before, whenever that was."""
    known = declared.get("attestation") or {}
    refused = declared.get("attestation_refused", False)
    return not refused and {**known, "at": None} == {**said, "at": None}


def _help_later(service: "Service", session: Session, track: Track, caller: Caller) -> None:
    """Let rules decide anew for what was said before, if they decided what stands."""
    try:
        before = _by_rules(session, track)
    except (IllegalTransitionError, ConflictError):
        return  # as it was when they said so first: a repeat is no error
    _decide_again(service, session, track, before, caller)


def _by_rules(session: Session, track: Track) -> PolicyDecision:
    """Return what stands on the track, if rules decided it."""
    if track.state == State.DECIDED:
        raise ConflictError("a decision on the track is taking effect: try again in a moment")
    before = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if track.state not in _STANDING or before is None or before.analysis_id is None:
        raise IllegalTransitionError(
            Told(
                "the track is %(state)s: say that the use is lawful when it is "
                "submitted, or when it was decided on",
                state=track.state,
            )
        )
    if not judgements.is_judged(before) or judgements.is_part(session, before):
        raise IllegalTransitionError("a person has decided on the track: appeal that decision")
    return before


def _decide_again(
    service: "Service", session: Session, track: Track, before: PolicyDecision, caller: Caller
) -> None:
    ruling = Ruling(
        "clear",
        "lawful-use.flagged",
        _TEXT,
        legal_basis=("DE-URHDAG", "DSM-17-7"),
        ground=("lawful_use", track.id),
        by="law",
        texts=_TEXTS,
    )
    stored = claim_outcomes.judged_anew(service, session, track, before, ruling)
    if stored is None or strictness.stricter(stored, before) is not None:
        return  # rules have changed meanwhile: whoever says that a use is lawful is not worse off for it
    if (stored.outcomes, stored.restrictions) != (before.outcomes, before.restrictions):
        rulings.rule(service, session, track, ruling, caller.actor, judged=stored)
