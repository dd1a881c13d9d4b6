"""What the clock does to matters: the moves that need nobody's word, by rule of a deadline."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from appeals.matter_tables import MatterRow
from scanner import (
    appeal_clock,
    counter_notices,
    dispute_appeals,
    disputes,
    notices,
    queues,
    second_reviews,
    strikes,
)
from scanner.tables import (
    Appeal,
    Case,
    Claim,
    CounterNotice,
    Dispute,
    Notice,
    PresumedUse,
    Strike,
    Track,
)

if TYPE_CHECKING:
    from scanner.service import Service

Act = Callable[["Service", Session, Any], None]
"""Acts on a locked matter, inside the caller's transaction."""

ROWS: Final[Mapping[str, type[MatterRow] | type[Case]]] = {
    model.KIND: model
    for model in (Appeal, Case, Claim, CounterNotice, Dispute, Notice, PresumedUse, Strike)
}
WHEN_OPEN: Final[dict[str, Act]] = {
    counter_notices.WINDOW: counter_notices.restore_when_open,
}
"""By rule: what happens when a window opens."""
WHEN_DUE: Final[dict[str, Act]] = {
    counter_notices.WINDOW: counter_notices.restore_when_open,
    "notice-cure": notices.lapse,
    "notice-confirm": notices.lapse_unconfirmed,
    "counter-cure": counter_notices.lapse,
    "notice/complaint-window": notices.close,
    disputes.RULE: disputes.lapse,
    "appeal-answer": appeal_clock.release_silent,
    "appeal/complaint-window": appeal_clock.close,
    "dispute/complaint-window": dispute_appeals.lapse,
    "dispute-upheld": dispute_appeals.lapse,
    "strike-pending": strikes.activate,
    "strike-active": strikes.expire,
    queues.TARGET: second_reviews.meet,
}
"""By rule, or kind of matter and rule: what happens when the time is over; what is not here is missed."""
WHEN_MISSED: Final[dict[str, Act]] = {queues.TARGET: second_reviews.late}
"""By rule: what happens when somebody should have acted and has not."""


def matter(session: Session, kind: str, matter_id: str) -> MatterRow | Case | None:
    """Return the matter of a clock, locked, its track before it; None if it is gone."""
    model: type[Any] = ROWS[kind]
    seen = session.get(model, matter_id)
    if (track_id := getattr(seen, "track_id", None)) is not None:
        session.get(Track, track_id, with_for_update=True)  # locked before what is about it
    found: MatterRow | Case | None = session.get(
        model, matter_id, with_for_update=True, populate_existing=True
    )
    return found


def when_open(service: "Service", session: Session, row: MatterRow | Case, rule: str) -> None:
    """Do what a window's opening asks for."""
    if act := WHEN_OPEN.get(rule):
        act(service, session, row)


def when_due(service: "Service", session: Session, row: MatterRow | Case, rule: str) -> None:
    """Do what is due."""
    if act := WHEN_DUE.get(f"{row.KIND}/{rule}") or WHEN_DUE.get(rule):
        act(service, session, row)


def when_missed(service: "Service", session: Session, row: MatterRow | Case, rule: str) -> None:
    """Do what a missed deadline asks for."""
    if act := WHEN_MISSED.get(rule):
        act(service, session, row)
