"""One verdict for several cases about the same recording: shown first, then decided case by case."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlmodel import Session, col, or_, select

import appeals
from scanner import cases, hearings, matters, parties, queues, verdicts
from scanner.callers import Caller
from scanner.errors import ScannerError
from scanner.reasons import BadVerdictError
from scanner.tables import Case, Track, TrackMatch
from scanner.verdicts import Verdict
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

By = Literal["audio", "reference"]
MOST: Final = 200
SAMPLE: Final = 10


@dataclass(frozen=True)
class Duplicates:
    """Cases that the verdict on one would decide as well; ``more``: there are others beyond these."""

    case_ids: tuple[str, ...]
    more: bool

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON: how many, a sample, and all ids."""
        return {
            "count": len(self.case_ids),
            "sample": list(self.case_ids[:SAMPLE]),
            "case_ids": list(self.case_ids),
            "more": self.more,
        }


def duplicates(service: "Service", caller: Caller, case_id: str, by: By) -> Duplicates:
    """Return the cases of the same kind that the caller may decide like one that they hold.

    Of cases about matters only the copies of one notice are decided at once.

    Parameters
    ----------
    by : {"audio", "reference"}
        Whose tracks are the same file, or in which the same reference was found.

    Raises
    ------
    appeals.IllegalTransitionError
        If the caller does not hold the case.
    """
    actor = parties.staff(caller)
    with service.database.reading() as session:
        held = matters.find(session, Case, caller.tenant_id, case_id)
        now = service.now()
        if held.holder != actor.id or held.due_at is None or held.due_at <= now:
            raise appeals.IllegalTransitionError("hold the case first: lease it")
        same = _same(session, held, by)
        query = (
            select(Case.id)
            .where(*queues.open_to(session, actor, caller.tenant_id, now, held=True))
            .where(Case.kind == held.kind, Case.id != held.id, _alike(held), same)
            .where(Case.state != "second_review")
            .order_by(*queues.order())
        )
        found = session.exec(query.limit(MOST)).all()
    return Duplicates((held.id, *found[: MOST - 1]), len(found) == MOST)


def decide(
    service: "Service",
    caller: Caller,
    case_id: str,
    by: By,
    case_ids: Sequence[str],
    wanted: Verdict,
) -> list[dict[str, Any]]:
    """Decide several cases alike, each as a whole or not at all.

    Parameters
    ----------
    case_id : str
        The one that the caller holds and has looked at.
    case_ids : sequence of str
        All that are to be decided, as `duplicates` named them.

    Returns
    -------
    list of dict
        For each case: its id, its state, and what stood against it, if something did.

    Raises
    ------
    BadVerdictError
        If one is no duplicate of the case, or too few of them were heard; nothing is decided then.
    """
    known = duplicates(service, caller, case_id, by).case_ids
    if foreign := sorted(set(case_ids) - set(known)):
        raise BadVerdictError(
            Told("no duplicates of the case that you may decide: %(foreign)s …", foreign=foreign[0])
        )
    with service.database.reading() as session:
        hearings.check(session, caller, case_ids, service.now())
    if wanted.matches:
        raise BadVerdictError("matches are each case's own: let the reason tell what they are")
    return [_decided(service, caller, each, wanted) for each in dict.fromkeys(case_ids)]


def _decided(service: "Service", caller: Caller, case_id: str, wanted: Verdict) -> dict[str, Any]:
    actor = parties.staff(caller)
    try:
        with service.database.transaction() as session:
            case = matters.locked(session, Case, caller.tenant_id, case_id)
            cases.take(service, session, case, actor)
            verdicts.stand(service, session, case, wanted, actor)
    except (ScannerError, appeals.AppealError) as error:
        return {"case_id": case_id, "state": None, "problem": str(error)}
    if service.settings.undo_seconds == 0:
        verdicts.settle(service, case_id)
    with service.database.reading() as session:
        return {"case_id": case_id, "state": session.get_one(Case, case_id).state, "problem": None}


def _alike(held: Case) -> Any:
    if held.kind == "stay_down":
        return col(Case.matter_id) == held.matter_id
    return col(Case.matter_id).is_(None)


def _same(session: Session, held: Case, by: By) -> Any:
    track = verdicts.track_of(session, held)
    if track is None:
        raise BadVerdictError("only cases about tracks have duplicates")
    if by == "audio":
        tracks = select(Track.id).where(
            Track.tenant_id == held.tenant_id, Track.sha256 == track.sha256
        )
        return col(Case.track_id).in_(tracks) if track.sha256 else Case.id == held.id
    found = select(TrackMatch.reference_id).where(
        TrackMatch.analysis_id == track.analysis_id, TrackMatch.score >= queues.LIKELY
    )
    sharing = (
        select(TrackMatch.track_id)
        .join(Track, col(Track.analysis_id) == col(TrackMatch.analysis_id))
        .where(
            TrackMatch.tenant_id == held.tenant_id,
            col(TrackMatch.reference_id).in_(found),
            TrackMatch.score >= queues.LIKELY,
        )
    )
    return or_(Case.id == held.id, col(Case.track_id).in_(sharing))
