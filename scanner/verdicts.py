"""What a reviewer decides on a case, the time in which they can take it back, and its effect.

A verdict stands at once and takes effect when the undo window is over (`settle_due`), or when a second
reviewer has agreed where one is wanted: nothing goes out before it can't be taken back any more.

A case about a matter (``matter_kind``: notice, claim, counter_notice …) is given its effect by a function
that `scanner.case_matters.ACTS` names under that kind, and its verdicts are named in `ALLOWED`
under the kind of the case. The function runs in the transaction that closes the case: it gets the service,
the session, the case (locked, closed), the verdict and the reviewer, and moves its matter by
`scanner.matters.move`. The case's track, if it has one, is locked before it. What it raises undoes the
closing and puts the case into the queue again, with the reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session, col, select

import appeals
from appeals.machines.case import State
from scanner import (
    case_closing,
    catalogue,
    deadlines,
    dispositions,
    matters,
    parties,
    reasons,
    restrictions,
    sanctions,
    setbacks,
    track_states,
)
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import IllegalTransitionError, ScannerError
from scanner.journal import Actor
from scanner.reasons import BadVerdictError, Reason
from scanner.tables import (
    Case,
    CaseNote,
    CaseVerdict,
    Claim,
    GoldenCase,
    Notice,
    NoticeTrack,
    PresumedUse,
    Sanction,
    Track,
)
from scanner.tracks import locked as locked_track
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "review": ("release", "restrict", "block"),
    "indeterminate": ("rescan", "release", "restrict", "block"),
    "dead_letter": ("rescan", "dismiss"),
    "retro_match": ("dismiss", "restrict", "block"),
    "spot_check": ("dismiss", "restrict", "block"),
    "human_review": ("uphold", "release", "restrict", "block"),
    "reference_flood": ("activate", "retire"),
    "reference_conflict": ("activate", "retire"),
    "notice": ("action", "refuse"),
    "stay_down": ("block", "dismiss"),
    "claim": ("uphold", "release"),
    "presumed_use": ("block", "dismiss"),
    "misuse": ("warn", "suspend", "dismiss"),
    "termination": ("terminate", "dismiss"),
}
"""By kind of case: the verdicts that can be."""
BATCH: Final = 50
_ABOUT: Final[Mapping[str, type[Any]]] = {
    "notice": Notice,
    "claim": Claim,
    "presumed_use": PresumedUse,
    "sanction": Sanction,
}
"""By kind of matter: what is locked before its cases."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says.

    Attributes
    ----------
    verdict : str
        One of those that `ALLOWED` names for the kind of case.
    reason : str
        Code of a reason (`scanner/reasons.py`) that goes with it.
    text : str, optional
        What the affected person reads besides the reason's own words.
    territories : tuple of str
        Where it holds, ISO 3166; none: everywhere.
    restrictions : tuple of dict
        With ``restrict``: each has a ``kind``: age (with ``min_age``), territory, monetise.
    matches : mapping of match id to {"confirmed", "false", "licensed"}
        What single matches are; of the others the reason tells.
    remedy : str, optional
        Of a notice that is acted on: ``block`` or ``label``, with ``:DE,AT`` for some countries.
    misuse : {"unfounded", "grave", "meant"}, optional
        What the notice was besides, if it was misuse (DSA-23).
    """

    verdict: str
    reason: str
    text: str | None = None
    territories: tuple[str, ...] = ()
    restrictions: tuple[dict[str, Any], ...] = ()
    matches: Mapping[str, str] = field(default_factory=dict)
    remedy: str | None = None
    misuse: str | None = None

    @classmethod
    def of(cls, row: CaseVerdict) -> "Verdict":
        """Return a stored verdict; its text is whole."""
        return cls(
            row.verdict,
            row.reason,
            row.text,
            tuple(row.territories),
            tuple(row.restrictions),
            row.matches,
            row.remedy,
            row.misuse,
        )


def decide(service: "Service", caller: Caller, case_id: str, wanted: Verdict) -> Case:
    """Decide a case that the caller holds.

    Raises
    ------
    BadVerdictError
        If this kind of case can't be decided so, or the reason does not go with it.
    appeals.IllegalTransitionError
        If the caller does not hold it (any more).
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        stand(service, session, case, wanted, actor)
    if service.settings.undo_seconds == 0:
        settle(service, case_id)
    with service.database.reading() as session:
        return matters.find(session, Case, caller.tenant_id, case_id)


def stand(
    service: "Service", session: Session, case: Case, wanted: Verdict, actor: appeals.Actor
) -> CaseVerdict:
    """Write down a verdict on a locked case; its effect comes when the undo window is over."""
    from scanner import case_effects

    if case.state != State.LEASED:  # says what is allowed, before what is wrong with the verdict
        _decided(service, session, case, wanted, actor)
    reason = check(session, case, wanted)
    case_effects.refuse_held(service, session, case, wanted)
    sanctions.refuse_junior(wanted.verdict, actor.role)
    _decided(service, session, case, wanted, actor)
    return written(service, session, case, wanted, reason, actor, "standing")


def undo(service: "Service", caller: Caller, case_id: str) -> Case:
    """Take one's verdict back while that can be done; the case is held again."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        matters.move(service, session, case, "undo", actor)
        if (row := standing(session, case)) is not None:
            row.state = "undone"
        return case


def check(session: Session, case: Case, wanted: Verdict) -> Reason:
    """Return the reason of a verdict that can be given on a case.

    Raises
    ------
    BadVerdictError
        Saying what to give instead.
    IllegalTransitionError
        If nothing can give a verdict on this matter its effect.
    """
    allowed = ALLOWED.get(case.kind, ())
    if wanted.verdict not in allowed:
        raise BadVerdictError(
            Told(
                "a case of kind %(kind)s is not decided by %(verdict)s: give one of %(allowed)s",
                kind=case.kind,
                verdict=repr(wanted.verdict),
                allowed=", ".join(allowed) or "none",
            )
        )
    if case.matter_kind is not None and case.matter_kind not in _acts():
        raise IllegalTransitionError(
            Told(
                "nothing acts on a verdict about a %(matter_kind)s here",
                matter_kind=case.matter_kind,
            )
        )
    reason = reasons.find(session, case.tenant_id, wanted.reason, wanted.verdict)
    _check_limits(wanted)
    _check_matter(session, case, wanted)
    track = track_of(session, case)
    dispositions.check(session, case, track, wanted.matches)
    undecided = track is not None and track.decision_id is None
    if undecided and case.matter_kind is None and wanted.verdict not in {"rescan", "dismiss"}:
        raise BadVerdictError("nothing was decided on the track yet: give rescan")
    return reason


def track_of(session: Session, case: Case) -> Track | None:
    """Return the track that a case is about; that of a golden case is the one of its source."""
    golden = session.get(GoldenCase, case.id) if case.track_id is None else None
    track_id = case.track_id or (golden.track_id if golden else None)
    return session.get(Track, track_id) if track_id else None


def standing(session: Session, case: Case) -> CaseVerdict | None:
    """Return the verdict that waits for its effect."""
    query = select(CaseVerdict).where(
        CaseVerdict.case_id == case.id,
        col(CaseVerdict.state).in_(case_closing.WAITING),
    )
    return session.exec(query.order_by(col(CaseVerdict.id).desc()).limit(1)).first()


def written(
    service: "Service",
    session: Session,
    case: Case,
    wanted: Verdict,
    reason: Reason,
    actor: appeals.Actor,
    state: str,
    checks: str | None = None,
) -> CaseVerdict:
    """Keep a verdict, with the words that the affected person reads."""
    row = CaseVerdict(
        id=new_id(),
        tenant_id=case.tenant_id,
        case_id=case.id,
        reviewer_id=actor.id,
        role=actor.role,
        checks=checks,
        verdict=wanted.verdict,
        reason=wanted.reason,
        text=" ".join(filter(None, (reason.text(), wanted.text))),
        territories=list(wanted.territories),
        restrictions=list(wanted.restrictions),
        matches=dict(wanted.matches),
        remedy=wanted.remedy,
        misuse=wanted.misuse,
        state=state,
        created_at=service.now(),
    )
    session.add(row)
    session.flush()
    return row


def settle_due(service: "Service") -> int:
    """Give all verdicts their effect that can't be taken back any more; return how many were due."""
    with service.database.reading() as session:
        due = session.exec(
            select(Case.id)
            .where(
                Case.state == State.DECIDED,
                col(Case.due_at) <= service.now(),
                setbacks.ready("settling", col(Case.id), service.now()),
            )
            .order_by(col(Case.due_at))
            .limit(BATCH)
        ).all()
    return setbacks.each(service, "settling", due, lambda each: settle(service, each))


def is_taking_effect(track: Track | None) -> bool:
    """Whether the decision before is still on its way: the next follows when it has arrived."""
    return track is not None and track.state == track_states.State.DECIDED


def settle(service: "Service", case_id: str) -> bool:
    """Give a verdict its effect whose undo window is over, or put it before a second reviewer.

    False if it must wait: the decision before is still on its way.
    """
    from scanner import second_reviews

    def act(session: Session, case: Case, track: Track | None) -> bool:
        over = case.due_at is not None and case.due_at <= service.now()
        row = standing(session, case)
        if case.state != State.DECIDED or not over or row is None:
            return True
        if is_taking_effect(track):
            return False
        if second_reviews.wanted(service, session, case):
            matters.move(service, session, case, "check", matters.CLOCK)
            return True
        matters.move(service, session, case, "close", matters.CLOCK, detail=closing(row))
        give_effect(service, session, case, track, row)
        return True

    return concluding(service, case_id, act)


def concluding(
    service: "Service", case_id: str, act: Callable[[Session, Case, Track | None], bool]
) -> bool:
    """Run what closes a case, with its locks taken in their order; tell what it returned.

    What can't take effect any more (the track was withdrawn, the reference settled) is undone, and the case
    goes back into the queue with the reason.
    """
    try:
        with service.database.transaction() as session:
            case, track = locked_in_order(session, case_id)
            return act(session, case, track)
    except (ScannerError, appeals.AppealError) as error:
        log.warning("verdict_returned", case_id=case_id, error=str(error))
        with service.database.transaction() as session:
            case, _ = locked_in_order(session, case_id)
            returned(service, session, case, str(error))
        return True


def locked_in_order(session: Session, case_id: str) -> tuple[Case, Track | None]:
    """Return a case and its track, locked in the order in which everybody locks them.

    Before a case comes what it is about: catalogue, tracks by their ids, notice, claim or sanction. Whoever
    moves one of these closes its cases in the same transaction, and locks them after it.
    """
    seen = session.get_one(Case, case_id)
    if seen.reference_id is not None:
        catalogue.lock(session, seen.tenant_id)
    wanted = {seen.track_id} if seen.track_id else set()
    if seen.matter_kind == Notice.KIND:
        named = select(NoticeTrack.track_id).where(NoticeTrack.notice_id == seen.matter_id)
        wanted.update(session.exec(named))
    tracks = {each: locked_track(session, seen.tenant_id, each) for each in sorted(wanted)}
    model = _ABOUT.get(seen.matter_kind or "")
    if model is not None and seen.matter_id is not None:
        session.get(model, seen.matter_id, with_for_update=True, populate_existing=True)
    case = matters.locked(session, Case, seen.tenant_id, case_id)
    return case, tracks.get(seen.track_id or "")


def give_effect(
    service: "Service", session: Session, case: Case, track: Track | None, row: CaseVerdict
) -> None:
    """Apply a verdict to what its closed case is about; the answer to a golden case changes nothing."""
    from scanner import case_effects

    row.state = "applied"
    deadlines.end(session, case, service.now())
    if session.get(GoldenCase, case.id) is not None:
        return
    verdict, reviewer = Verdict.of(row), Actor(row.reviewer_id, row.role)
    if case.matter_kind is not None:
        _acts()[case.matter_kind](service, session, case, verdict, reviewer)
    elif track is not None:
        case_effects.on_track(service, session, case, track, verdict, reviewer)
    else:
        case_effects.on_reference(service, session, case, verdict, reviewer)


def closing(row: CaseVerdict) -> dict[str, str]:
    """Return what the event of a case's closing says."""
    return {"reason": f"{row.verdict}: {row.reason}"}


def _decided(
    service: "Service", session: Session, case: Case, wanted: Verdict, actor: appeals.Actor
) -> None:
    matters.move(
        service,
        session,
        case,
        "decide",
        actor,
        parts={"verdict": wanted.verdict, "reason": wanted.reason},
        detail={"commitment": commitment(service, case, wanted)},
        lasts=timedelta(seconds=service.settings.undo_seconds),
    )


def commitment(service: "Service", case: Case, given: Verdict) -> str:
    """Return what the journal keeps of a verdict that somebody may be asked to check unseen.

    It proves later which one it was and tells nobody now: the event that closes the case names it.
    """
    said = f"{case.id}\n{given.verdict}\n{given.reason}"
    return service.secrets.link_token("verdict", said)


def returned(service: "Service", session: Session, case: Case, why: str) -> None:
    """Put a locked case into the queue again whose verdict can't take effect."""
    if case.state not in {State.DECIDED, State.SECOND_REVIEW}:
        return
    if (row := standing(session, case)) is not None:
        row.state = "returned"
    matters.move(service, session, case, "return", matters.CLOCK, parts={"note": why})
    note = CaseNote(
        id=new_id(),
        tenant_id=case.tenant_id,
        case_id=case.id,
        author_id=matters.CLOCK.id,
        role=matters.CLOCK.role,
        kind="returned",
        text=f"The verdict could not take effect: {why}",
        created_at=service.now(),
    )
    session.add(note)


def _check_limits(wanted: Verdict) -> None:
    if not restrictions.are_territories(wanted.territories):
        named = ", ".join(map(str, wanted.territories))
        raise BadVerdictError(
            Told("territories are ISO 3166 codes such as DE; not %(named)s", named=named)
        )
    if wanted.territories and wanted.verdict == "action":
        raise BadVerdictError("where a notice is acted on is said by remedy, such as block:DE,AT")
    if wanted.territories and wanted.verdict not in {"restrict", "block"}:
        raise BadVerdictError(
            Told("%(verdict)s holds everywhere: give no territories", verdict=wanted.verdict)
        )
    if wanted.restrictions and wanted.verdict != "restrict":
        raise BadVerdictError(
            Told(
                "%(verdict)s takes no restrictions: give restrict, or none", verdict=wanted.verdict
            )
        )
    if wanted.verdict == "restrict" and not wanted.restrictions:
        raise BadVerdictError(
            Told("name the restrictions: %(kinds)s", kinds=", ".join(sorted(restrictions.KINDS)))
        )
    if (flaw := restrictions.flaw(wanted.restrictions)) is not None:
        raise BadVerdictError(flaw)


def _check_matter(session: Session, case: Case, wanted: Verdict) -> None:
    """Refuse what could take no effect on the case's matter, or none that was meant."""
    from scanner import case_matters

    if case.kind == "stay_down" and wanted.territories:
        raise BadVerdictError("a copy is blocked where its notice was: give no territories")
    if case.kind == "presumed_use" and wanted.territories:
        raise BadVerdictError(
            "the presumption is of Germany, and so is the block: give no territories"
        )
    if case.kind == "notice" and case.matter_kind == "notice":
        case_matters.check_remedy(session, case, wanted)
    elif wanted.remedy or wanted.misuse:
        raise BadVerdictError("remedy and misuse go with the verdict on a notice alone")


def _acts() -> Mapping[str, Callable[["Service", Session, Case, Verdict, Actor], None]]:
    from scanner import case_matters  # which knows of every kind of matter, and this module

    return case_matters.ACTS
