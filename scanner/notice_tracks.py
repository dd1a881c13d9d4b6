"""The tracks of notices: found by what was written, taken down, and put back.

The order of locks is: tracks by id, then the notice. A track that is still analysed waits; the handler
`notice_layers.settle` acts once it is decided.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from sqlmodel import Session, col, select

from scanner import claim_outcomes, recipients, rulings, statements
from scanner.journal import Actor, Event
from scanner.letters import write
from scanner.rulings import By, Ruling
from scanner.tables import Notice, NoticeTrack, PolicyDecision, Track
from scanner.track_states import State
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "notices"
RULABLE: Final = frozenset({State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED})
BASIS: Final[Mapping[str, tuple[str, ...]]] = {
    "dmca": ("DMCA-T",),
    "dsa": ("DSA-16",),
    "likeness": ("VOICE", "AIA-50-4"),
    "order": ("DSA-15",),
    "threat": ("DSA-18",),
}
"""By form: the rules of law that what is done about a notice rests on."""
HOLDING: Final = ("waiting", "actioned")
"""States of a notice's track in which the notice holds it."""
LEFT: Final = "left"
"""Of a decision that rests on a notice: what an appeal left of the remedy, so that no more is done again."""
_ID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def located(session: Session, tenant_id: str, places: Any) -> tuple[list[Track], list[str]]:
    """Return the tracks at some places, and the places at which there is none.

    A place is a track's id, an address with that id in it, or the platform's own name for the track, by
    itself or at the end of an address. Such a name means every version that is stored under it.
    """
    found: dict[str, Track] = {}
    lost = []
    for place in places if isinstance(places, list | tuple) else ():
        here = _at(session, tenant_id, str(place).strip())
        found |= {track.id: track for track in here}
        if not here:
            lost.append(str(place))
    return list(found.values()), lost


def _at(session: Session, tenant_id: str, place: str) -> Sequence[Track]:
    for track_id in _ID.findall(place.lower()):
        track = session.get(Track, track_id)
        if track is not None and track.tenant_id == tenant_id:
            return [track]
    last = unquote(urlsplit(place).path.rstrip("/").rpartition("/")[2])
    return _called(session, tenant_id, place) or _called(session, tenant_id, last)


def _called(session: Session, tenant_id: str, name: str) -> Sequence[Track]:
    """Return every stored version of a name; those that were withdrawn only if there is no other."""
    query = select(Track).where(Track.tenant_id == tenant_id, Track.external_id == name)
    versions = session.exec(query.order_by(col(Track.id))).all() if name else []
    return [each for each in versions if each.state != State.WITHDRAWN] or versions


def of_notice(session: Session, notice_id: str, *states: str) -> list[NoticeTrack]:
    """Return a notice's tracks, by id, so that everybody locks them in one order."""
    query = select(NoticeTrack).where(NoticeTrack.notice_id == notice_id)
    if states:
        query = query.where(col(NoticeTrack.state).in_(states))
    return list(session.exec(query.order_by(col(NoticeTrack.track_id))))


def lock_all(session: Session, rows: Sequence[NoticeTrack]) -> dict[str, Track]:
    """Lock the tracks of a notice's rows, which are ordered by track, and read the rows anew.

    Whoever held a track until then, as an appeal that took a copy down, may have changed its row.
    """
    tracks = {row.track_id: locked(session, row.tenant_id, row.track_id) for row in rows}
    if rows:
        query = select(NoticeTrack).where(NoticeTrack.notice_id == rows[0].notice_id)
        session.exec(query.execution_options(populate_existing=True)).all()
    return tracks


def take_down(
    service: "Service",
    session: Session,
    notice: Notice,
    row: NoticeTrack,
    track: Track,
    actor: Actor,
    *,
    cause: Event | None = None,
    keep_case: str | None = None,
) -> None:
    """Do to a locked track what was decided on a notice, and tell the uploader (DMCA-T, DSA-17)."""
    if track.state == State.WITHDRAWN:
        row.state = "gone"
        return
    left = left_of(session, row)
    partial = left is not None or is_partial(notice)
    if track.state not in RULABLE or (partial and track.state == State.QUARANTINED):
        row.state = "waiting"  # what is held for a person is not let out by half a remedy
        return
    keep = () if keep_case is None else (keep_case,)
    before = session.get(PolicyDecision, track.decision_id)
    if (
        before is not None
        and row.prior_decision_id
        and ground_of(before) == [Notice.KIND, notice.id]
    ):
        before = session.get(
            PolicyDecision, row.prior_decision_id
        )  # done anew, it rests on no less
    row.prior_decision_id = None if before is None else before.id
    ruling = _ruling(notice, before, left)
    stored = rulings.rule(service, session, track, ruling, actor, cause=cause, keep_cases=keep)
    row.state = "actioned"
    if left is not None:  # they know what is left of it from the appeal
        rest_on(stored, [Notice.KIND, notice.id], left)
        return
    label = notice.remedy == "label"
    tell_uploader(
        service,
        session,
        notice,
        track,
        "notice-labelled" if label else "notice-taken-down",
        legal_basis=("DMCA-T", "DSA-17") if notice.form == "dmca" else ("DSA-17",),
        reason=notice.reason or "",
        places=", ".join(notice.territories),
        counter=notice.form == "dmca",
        contest=statements.can_be_appealed(service, session, track, stored),
    )


def rebase(
    service: "Service",
    session: Session,
    track: Track,
    fell: Callable[[PolicyDecision], bool],
    instead: PolicyDecision | None,
    actor: Actor,
) -> None:
    """Let the notices that came on top of what fell, on a locked track, rest on something else instead."""
    present = session.get_one(PolicyDecision, track.decision_id)
    query = select(NoticeTrack).where(
        NoticeTrack.track_id == track.id, NoticeTrack.state == "actioned"
    )
    for row in session.exec(query.with_for_update()):
        prior = session.get(PolicyDecision, row.prior_decision_id or "")
        own = [Notice.KIND, row.notice_id]
        if prior is None or ground_of(prior) == own or not fell(prior):
            continue
        row.prior_decision_id = None if instead is None else instead.id
        ruling = laid_on(session, row, instead) if ground_of(present) == own else None
        if ruling is None:
            continue
        claim_outcomes.refuse_under_way(track)
        if track.state in RULABLE:
            left = left_of(session, row)
            stored = rulings.rule(service, session, track, ruling, actor)
            rest_on(stored, ground_of(stored), left)


def laid_on(session: Session, row: NoticeTrack, before: PolicyDecision | None) -> Ruling | None:
    """Return what a notice does to what was before; None if it leaves nothing of that."""
    notice, left = session.get_one(Notice, row.notice_id), left_of(session, row)
    return _ruling(notice, before, left) if left or is_partial(notice) else None


def ground_of(decision: PolicyDecision) -> list[str]:
    """Return kind and id of what a decision follows from; nothing, if it is the rules' own."""
    return list(decision.explanation.get("ground") or ())


def rest_on(
    decision: PolicyDecision, ground: Sequence[str], left: Mapping[str, Any] | None
) -> None:
    """Let a decision follow from something else than it was made for; with what an appeal left of that."""
    kept = {} if left is None else {LEFT: dict(left)}
    decision.explanation = decision.explanation | {"ground": list(ground)} | kept


def leave(
    session: Session, track: Track, stored: PolicyDecision, contested: PolicyDecision, left: Ruling
) -> None:
    """Let what an appeal left of a notice's decision rest on the notice, and fall with it (DSA-20, DMCA-T)."""
    if ground_of(contested)[:1] == [Notice.KIND] and is_held(session, track, contested):
        rest_on(stored, ground_of(contested), part_of(left))


def part_of(ruling: Ruling) -> dict[str, Any]:
    """Return what an appeal left, as the decision that does it keeps it under ``LEFT``."""
    return {
        "outcome": ruling.outcome,
        "text": ruling.text,
        "territories": list(ruling.territories),
        "restrictions": list(ruling.restrictions),
    }


def ruling_left(
    ground: tuple[str, str],
    before: PolicyDecision | None,
    left: Mapping[str, Any],
    by: By = "person",
) -> Ruling:
    """Return what an appeal left of a matter's block as a ruling; elsewhere stays what was before."""
    return Ruling(
        left["outcome"],
        "appeal.granted-partly",
        left["text"],
        territories=tuple(left["territories"]),
        restrictions=tuple(left["restrictions"]),
        legal_basis=("DSA-20",),
        ground=ground,
        by=by,
        on_top_of=before,
    )


def left_of(session: Session, row: NoticeTrack) -> Mapping[str, Any] | None:
    """Return what an appeal left of a notice's remedy on a track, by the newest decision that rests on it."""
    ground: Any = col(PolicyDecision.explanation)["ground"]
    query = select(PolicyDecision).where(
        PolicyDecision.track_id == row.track_id,
        col(PolicyDecision.ruled_by).is_not(None),
        ground[0].as_string() == Notice.KIND,
        ground[1].as_string() == row.notice_id,
    )
    newest = session.exec(query.order_by(col(PolicyDecision.id).desc()).limit(1)).first()
    return None if newest is None else newest.explanation.get(LEFT)


def holding(session: Session, track_id: str) -> list[NoticeTrack]:
    """Return the rows of the notices that hold a track, or will once it is decided."""
    query = select(NoticeTrack).where(
        NoticeTrack.track_id == track_id, col(NoticeTrack.state).in_(HOLDING)
    )
    return list(session.exec(query.order_by(col(NoticeTrack.notice_id))))


def before(session: Session, decision: PolicyDecision) -> PolicyDecision | None:
    """Return what held before a decision; for a notice's, what its track falls back to without it."""
    ground = ground_of(decision)
    earlier = decision.supersedes
    if ground[:1] == [Notice.KIND]:
        row = session.get(NoticeTrack, (ground[1], decision.track_id))
        earlier = (row.prior_decision_id if row is not None else None) or earlier
    return session.get(PolicyDecision, earlier) if earlier else None


def is_held(session: Session, track: Track, decision: PolicyDecision) -> bool:
    """Whether a decision rests on a notice that holds the track still."""
    ground = ground_of(decision)
    return any(ground == [Notice.KIND, row.notice_id] for row in holding(session, track.id))


def reason_to_restore(notice: Notice, code: str, text: str, by: By, *basis: str) -> Ruling:
    """Return why a track comes back."""
    return Ruling("clear", code, text, legal_basis=basis, ground=(notice.KIND, notice.id), by=by)


def is_partial(notice: Notice) -> bool:
    """Whether a notice's remedy leaves something of a track: a label, or a block in some countries."""
    return notice.remedy == "label" or bool(notice.territories)


def told(notice: Notice) -> str:
    """Return what a notice does as a verdict names it, such as ``block:DE,AT``."""
    return ":".join(filter(None, (notice.remedy, ",".join(notice.territories))))


def _ruling(
    notice: Notice, before: PolicyDecision | None, left: Mapping[str, Any] | None = None
) -> Ruling:
    """Return a notice's remedy as a ruling, or what an appeal left of it; elsewhere stays what was before."""
    ground = (notice.KIND, notice.id)
    if left is not None:
        return ruling_left(ground, before, left)
    places = tuple(notice.territories)
    label = {"kind": "label", "label": "likeness", "territories": list(places), "except": []}
    return Ruling(
        "restrict" if notice.remedy == "label" else "block",
        "notice.actioned",
        notice.reason or "",
        territories=places,
        restrictions=(label,) if notice.remedy == "label" else (),
        legal_basis=BASIS[notice.form],
        ground=ground,
        on_top_of=before if is_partial(notice) else None,
    )


def tell_uploader(
    service: "Service",
    session: Session,
    notice: Notice,
    track: Track,
    template: str,
    *,
    legal_basis: tuple[str, ...] = (),
    **words: Any,
) -> str | None:
    """Write to the account of a track; None if it has none."""
    if track.account_id is None:
        return None
    letter = write(
        session,
        recipients.account(service, session, track.account_id, track.id),
        template,
        {
            "notice_id": notice.id,
            "track_id": track.id,
            "track": track.external_id or track.file_name or track.id,
        }
        | words,
        tenant_id=track.tenant_id,
        now=service.now(),
        matter=notice,
        track_id=track.id,
        legal_basis=legal_basis,
    )
    return letter.id
