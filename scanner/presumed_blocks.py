"""Blocks of presumed lawful uses on their track: laid on what stands, laid on again, and taken off (DE-URHDAG)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from appeals.presumed_uses import BASIS, TERRITORIES
from scanner import claim_outcomes, matters, notice_tracks, presumed_letters, rulings
from scanner.errors import IllegalTransitionError
from scanner.journal import Actor
from scanner.notice_tracks import LEFT, ground_of
from scanner.rulings import Ruling
from scanner.tables import Notice, NoticeTrack, PolicyDecision, PresumedUse, Track
from scanner.track_states import State
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

EXEMPTED: Final = "exempted"
"""Of a decision that rules made: the matches that they leave alone."""
ON_TOP: Final = ([PresumedUse.KIND], [Notice.KIND])
"""Kinds of grounds of decisions that leave what stood before them where it is stricter."""
_DISMISSED: Final = "dismissed"
"""Of what came back when a complaint came to nothing: the id of that complaint."""
DISMISSED: Final = "presumed-use.dismissed"
"""Code of the reason of what came back when a complaint came to nothing; it names the complaint, and blocks nothing."""
BLOCKING: Final = frozenset({"blocked", "upheld"})
"""States in which a complaint blocks its track."""
IN_EFFECT: Final = frozenset({State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED})
"""States in which a decision holds; where, its outcomes say."""


def lay(
    service: "Service",
    session: Session,
    track: Track,
    row: PresumedUse,
    actor: Actor,
    by: rulings.By,
    text: str | None = None,
) -> None:
    """Block the track in Germany, or as far as an appeal left that; elsewhere what stands stays."""
    before = session.get_one(PolicyDecision, track.decision_id)
    if track.state not in IN_EFFECT:
        raise IllegalTransitionError(
            Told("the track is %(state)s: try again in a moment", state=track.state)
        )
    if row.state == "upheld" and _is_down(session, before, row):
        before = session.get_one(PolicyDecision, row.prior_decision_id)  # it is blocked already
    own = session.get_one(PolicyDecision, row.decision_id)
    left = own.explanation.get(LEFT) if is_laid(own, row) else None
    ruling = _laid_on(row, before, left, by, text)
    stored = rulings.rule(service, session, track, ruling, actor)
    notice_tracks.rest_on(stored, [row.KIND, row.id], left)
    row.prior_decision_id, row.decision_id = before.id, stored.id


def _laid_on(
    row: PresumedUse,
    before: PolicyDecision,
    left: Mapping[str, Any] | None,
    by: rulings.By,
    text: str | None = None,
) -> Ruling:
    """Return a complaint's block as a ruling, or what an appeal left of it; elsewhere stays what was before."""
    if left is not None:
        return notice_tracks.ruling_left((row.KIND, row.id), before, left, by)
    code = "presumed-use.upheld" if row.state == "upheld" else "presumed-use.blocked"
    return Ruling(
        "block",
        code,
        text or row.outcome or presumed_letters.BLOCKED["en"],
        territories=TERRITORIES,
        legal_basis=(BASIS, "DSM-17-9"),
        ground=(row.KIND, row.id),
        by=by,
        on_top_of=before,
        texts={} if text or row.outcome else presumed_letters.BLOCKED,
    )


def take_off(
    service: "Service", session: Session, track: Track, row: PresumedUse, text: str, actor: Actor
) -> None:
    """Bring back what stood before the block; what came on top of it rests on that from now on."""
    present = session.get_one(PolicyDecision, track.decision_id)
    if not is_laid(present, row):
        hand_on(service, session, track, (row.KIND, row.id), row.prior_decision_id, actor)
        return
    earlier = without(service, session, track, present, (row.KIND, row.id))
    _hand_on_others(session, track, (row.KIND, row.id), earlier)
    if track.state == State.WITHDRAWN:
        return
    ruling = Ruling(
        "clear",
        DISMISSED,
        text,
        legal_basis=(BASIS, "DSM-17-7"),
        ground=(row.KIND, row.id),
    )
    stored = rulings.restore(service, session, track, earlier, ruling, actor)
    stored.explanation = stored.explanation | {_DISMISSED: row.id}
    if holder(session, earlier) is not None:
        notice_tracks.rest_on(stored, ground_of(earlier), earlier.explanation.get(LEFT))
    row.prior_decision_id, row.decision_id = row.decision_id, stored.id


def is_laid(decision: PolicyDecision, row: PresumedUse) -> bool:
    """Whether a decision is a complaint's block, or brings that back after something that came on top of it."""
    return _is_of(decision, (row.KIND, row.id))


def _is_of(decision: PolicyDecision, ground: Sequence[str]) -> bool:
    told = decision.explanation
    if ground_of(decision) != list(ground):
        return False
    dismissed = (told.get("reason") or {}).get("rule") == DISMISSED
    return not dismissed or told.get(_DISMISSED, ground[1]) != ground[1]


def holds(session: Session, decision: PolicyDecision) -> bool:
    """Whether a decision rests on a complaint that still blocks its track."""
    kind, use_id = ground_of(decision) or ("", "")
    use = session.get(PresumedUse, use_id) if kind == PresumedUse.KIND else None
    return use is not None and use.state in BLOCKING and is_laid(decision, use)


def _is_down(session: Session, present: PolicyDecision, row: PresumedUse) -> bool:
    """Whether a complaint's block is what stands on its track."""
    own = session.get(PolicyDecision, row.decision_id)
    return own is not None and is_laid(own, row) and is_laid(present, row)


def hand_on(
    service: "Service",
    session: Session,
    track: Track,
    ground: tuple[str, str],
    prior_id: str | None,
    actor: Actor,
) -> None:
    """Let what came on top of the block of a complaint, or a notice, that falls do no more than it does by itself.

    It rests on what was before that block, whose id is ``prior_id``.
    """
    present = session.get_one(PolicyDecision, track.decision_id)
    after = without(service, session, track, present, ground)
    prior = session.get(PolicyDecision, prior_id or "")
    if prior is not None:
        earlier = without(service, session, track, prior, ground)
        _hand_on_others(session, track, ground, earlier)

        def ours(found: PolicyDecision) -> bool:
            return _is_of(found, ground)

        notice_tracks.rebase(service, session, track, ours, earlier, actor)
    if after.id == present.id or _is_of(present, ground) or track.state == State.WITHDRAWN:
        return
    claim_outcomes.refuse_under_way(track)
    reason = after.explanation["reason"]
    of = ground_of(after)
    ruling = Ruling("block", reason["rule"], reason["text"], ground=(of[0], of[1]), by="law")
    rulings.rule(service, session, track, ruling, actor, judged=after)


def _hand_on_others(
    session: Session, track: Track, ground: tuple[str, str], earlier: PolicyDecision
) -> None:
    for other in of_track(session, track.id):
        prior = session.get(PolicyDecision, other.prior_decision_id or "")
        if other.id != ground[1] and prior is not None and _is_of(prior, ground):
            other.prior_decision_id = earlier.id


def without(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    ground: Sequence[str],
    seen: frozenset[str] = frozenset(),
) -> PolicyDecision:
    """Return a decision as it is without the block of a complaint, or a notice, by its kind and id.

    That is itself, what was before, or a new one.

    What other complaints and notices had laid on top of the block is laid on what was before it, so that each keeps
    what it asked for and no more; that is in the database, but not in force.
    """
    if decision.id in seen:
        return decision
    seen |= {decision.id}
    if _is_of(decision, ground):
        earlier = before(session, decision)
        if earlier is None:
            return decision
        return without(service, session, track, earlier, ground, seen)
    upper = holder(session, decision)
    if upper is None:
        return decision
    prior = session.get(PolicyDecision, upper.prior_decision_id or "")
    if prior is None:
        return decision
    below = without(service, session, track, prior, ground, seen)
    if below.id == prior.id:
        return decision
    upper.prior_decision_id = below.id
    left = decision.explanation.get(LEFT)
    by: rulings.By = "law" if decision.ruled_by == "law" else "person"
    ruling = (
        _laid_on(upper, below, left, by)
        if isinstance(upper, PresumedUse)
        else notice_tracks.laid_on(session, upper, below)
    )
    if ruling is None:
        return decision
    made = rulings.drafted(service, track, below, ruling)
    notice_tracks.rest_on(made, ground_of(decision), left)
    session.add(made)
    session.flush()
    if isinstance(upper, PresumedUse):
        upper.decision_id = made.id
    return made


def holder(session: Session, decision: PolicyDecision) -> NoticeTrack | PresumedUse | None:
    """Return, locked, the notice's track or the complaint that a decision rests on, if that holds it still."""
    kind, ground_id = ground_of(decision) or ("", "")
    if kind == Notice.KIND:
        key = (ground_id, decision.track_id)
        row = session.get(NoticeTrack, key, with_for_update=True, populate_existing=True)
        return row if row is not None and row.state == "actioned" else None
    if kind == PresumedUse.KIND:
        use = session.get(PresumedUse, ground_id, with_for_update=True, populate_existing=True)
        held = use is not None and use.state in BLOCKING and is_laid(decision, use)
        return use if held else None
    return None


def before(session: Session, decision: PolicyDecision) -> PolicyDecision | None:
    """Return what a decision came on; of a complaint's block what stands without it, however often it was laid."""
    kind, ground_id = ground_of(decision) or ("", "")
    use = session.get(PresumedUse, ground_id) if kind == PresumedUse.KIND else None
    if use is not None and use.decision_id == decision.id and is_laid(decision, use):
        return session.get(PolicyDecision, str(use.prior_decision_id))
    if (restored := decision.explanation.get("restores")) is not None:
        return session.get(PolicyDecision, restored)
    return notice_tracks.before(session, decision)


def lay_again(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    rows: list[PresumedUse],
) -> None:
    """Lay a complaint's block on what rules decided since; the next one follows when that has its effect."""
    if not is_available(track, decision) and ground_of(decision)[:1] != [PresumedUse.KIND]:
        return
    for row in rows:
        if row.state in BLOCKING and _is_lost(session, decision, row):
            lay(service, session, track, row, matters.actor_of(matters.CLOCK), "law")
            return


def _is_lost(session: Session, decision: PolicyDecision, row: PresumedUse) -> bool:
    """Whether rules decided anew, however often, since a complaint's block; a person's decision ends that."""
    judged: PolicyDecision | None = None
    found: PolicyDecision | None = decision
    while found is not None and found.id != row.decision_id:
        restored = found.explanation.get("restores")
        if EXEMPTED in found.explanation:
            judged = judged or found
        elif not restored and ground_of(found)[:1] not in ON_TOP:
            return False
        earlier = restored or found.supersedes
        found = session.get(PolicyDecision, earlier) if earlier else None
    return found is not None and judged is not None and row.reference_id in presumed_in(judged)


def presumed_in(decision: PolicyDecision) -> dict[str, dict[str, Any]]:
    """Return by reference which matches rules left alone for this law."""
    return {
        str(each["reference_id"]): dict(each)
        for each in decision.explanation[EXEMPTED]
        if BASIS in each["legal_basis"]
    }


def is_available(track: Track, decision: PolicyDecision) -> bool:
    """Whether a track can be had in Germany, by the outcomes of what stands on it."""
    here = decision.outcomes.get(TERRITORIES[0], decision.outcomes.get("*"))
    return track.state in IN_EFFECT and here in {"clear", "restrict"}


def of_track(session: Session, track_id: str) -> list[PresumedUse]:
    """Return the presumed uses in a locked track, locked too, oldest first."""
    query = select(PresumedUse).where(PresumedUse.track_id == track_id)
    return list(session.exec(query.order_by(col(PresumedUse.id)).with_for_update()))
