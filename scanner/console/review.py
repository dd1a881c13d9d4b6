"""What stands beside a case while somebody works on it: what can be decided, taken back, and when to rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from appeals.machines.case import State
from scanner import reasons, reference_previews, reviewer_care, reviewer_keys, verdicts
from scanner.callers import Caller
from scanner.console.case_views import CaseView
from scanner.reasons import BadVerdictError, Reason
from scanner.tables import Case, Notice, Reference
from scanner.verdicts import Verdict

if TYPE_CHECKING:
    from scanner.service import Service


@dataclass(frozen=True)
class Sound:
    """The reference to hear beside the track.

    Attributes
    ----------
    track_lufs, reference_lufs : float or None
        Integrated loudness, after which the louder one is lowered.
    excerpts : list of dict
        For each segment: at which time of the track its warped excerpt begins.
    """

    reference_id: str
    track_lufs: float | None
    reference_lufs: float | None
    excerpts: list[dict[str, float]]


@dataclass(frozen=True)
class Choices:
    """What can be decided in a case.

    Attributes
    ----------
    choices : tuple of str
        Verdicts that its kind knows, in the order of their keys.
    reasons : list of Reason
        Those that go with one of them.
    notice_form : str or None
        Of the notice that it decides on: what only follows from one has no remedy, and no finding of misuse.
    """

    choices: tuple[str, ...]
    reasons: list[Reason]
    notice_form: str | None


@dataclass(frozen=True)
class Desk(Choices):
    """What a person can do with a case that they hold; ``working`` is whether they do.

    Attributes
    ----------
    language : str
        In which whom it affects is told of it.
    """

    working: bool
    language: str
    hard: bool
    sound: Sound | None
    can_compare: bool


def beside(service: "Service", session: Session, caller: Caller) -> dict[str, Any]:
    """Return what every page of a reviewer carries: the verdict to take back, and the break that is due."""
    now, user_id = service.now(), str(caller.user_id)
    undoable = session.exec(
        select(Case)
        .where(
            Case.tenant_id == caller.tenant_id,
            Case.state == State.DECIDED,
            Case.holder == user_id,
            col(Case.due_at) > now,
        )
        .order_by(col(Case.since).desc())
        .limit(1)
    ).first()
    wish = reviewer_care.wishes(session, user_id, now)
    left = int((undoable.due_at - now).total_seconds()) if undoable and undoable.due_at else 0
    return {
        "undoable": undoable,
        "undo_verdict": verdicts.standing(session, undoable) if undoable else None,
        "undo_left": left,
        "shift": reviewer_care.shift(session, caller.tenant_id, user_id, now),
        "wish": wish,
        "hotkeys": reviewer_keys.of(wish.keys),
    }


def choices(service: "Service", case: Case) -> Choices:
    """Return what can be decided in a case, whoever decides."""
    known = verdicts.ALLOWED.get(case.kind, ())
    with service.database.reading() as session:
        every = reasons.listed(session, case.tenant_id)
        notice = session.get(Notice, case.matter_id) if case.kind == "notice" else None
    return Choices(
        choices=known,
        reasons=[each for each in every if set(each.verdicts) & set(known)],
        notice_form=notice.form if notice else None,
    )


def desk(service: "Service", caller: Caller, case: Case, view: CaseView) -> Desk:
    """Return what the caller can do with a case."""
    with service.database.reading() as session:
        sound = _sound(session, case, view)
    working = view.entry.mine and case.state in {State.LEASED, State.SECOND_REVIEW}
    return Desk(
        **vars(choices(service, case)),
        working=working,
        language=case.language or "en",
        hard=reviewer_care.is_hard(view.described.get("words")),
        sound=sound,
        can_compare=working and view.entry.track is not None and case.state == State.LEASED,
    )


def verdict_of(form: Mapping[str, str]) -> Verdict:
    """Read a verdict from a form.

    Raises
    ------
    BadVerdictError
        If none was chosen, or the age is no number.
    """
    if not (chosen := form.get("verdict")):
        raise BadVerdictError("choose what to decide")
    if not form.get("reason"):
        raise BadVerdictError("choose a reason")
    places = places_of(form)
    limits = limits_of(form, places) if chosen == "restrict" else ()
    remedy = form.get("remedy") if chosen == "action" else None
    if remedy and places:
        remedy = f"{remedy}:{','.join(places)}"
    return Verdict(
        chosen,
        form["reason"],
        form.get("text", "").strip() or None,
        territories=places if chosen == "block" else (),
        restrictions=limits,
        remedy=remedy or None,
        misuse=form.get("misuse") or None,
    )


def places_of(form: Mapping[str, str]) -> tuple[str, ...]:
    """Read the countries of a form."""
    return tuple(sorted({each for each in _words(form.get("territories")) if each}))


def limits_of(form: Mapping[str, str], places: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Read by what a track is limited.

    Raises
    ------
    BadVerdictError
        If the age is no number.
    """
    limits: list[dict[str, Any]] = []
    if form.get("limit_age"):
        age = form.get("min_age", "")
        if not age.isdecimal() or len(age) > 2:
            raise BadVerdictError("say from which age, in years")
        limits.append({"kind": "age", "min_age": int(age)})
    if form.get("limit_monetise"):
        limits.append({"kind": "monetise"})
    if places:
        limits.append({"kind": "territory", "territories": list(places)})
    return tuple(limits)


def _words(text: str | None) -> list[str]:
    return (text or "").upper().replace(",", " ").split()


def _sound(session: Session, case: Case, view: CaseView) -> Sound | None:
    if view.match is None:
        return None
    reference = session.get(Reference, view.match["reference_id"])
    if reference is None or reference.tenant_id != case.tenant_id or not reference.preview_sha256:
        return None
    loudness = (view.described.get("audio") or {}).get("loudness") or {}
    return Sound(
        reference.id,
        loudness.get("integrated_lufs"),
        reference.preview_lufs,
        [
            {"begins": reference_previews.excerpt_of(each, reference.duration).begins_s}
            for each in view.match["segments"]
        ],
    )
