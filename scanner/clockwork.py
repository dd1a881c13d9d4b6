"""What the clock does to matters: the moves that need nobody's word, by rule of a deadline."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from appeals.matter_tables import MatterRow
from scanner import counter_notices, disputes, notices
from scanner.tables import Appeal, Case, Claim, CounterNotice, Dispute, Notice, Strike, Track

if TYPE_CHECKING:
    from scanner.service import Service

Act = Callable[["Service", Session, Any], None]
"""Acts on a locked matter, inside the caller's transaction."""

ROWS: Final[Mapping[str, type[MatterRow] | type[Case]]] = {
    model.KIND: model for model in (Appeal, Case, Claim, CounterNotice, Dispute, Notice, Strike)
}
WHEN_OPEN: Final[dict[str, Act]] = {}
"""By rule: what happens when a window opens."""
WHEN_DUE: Final[dict[str, Act]] = {disputes.RULE: disputes.lapse}
"""By rule: what happens when the time is over; a rule that is not here is missed then."""
WHEN_MISSED: Final[dict[str, Act]] = {}
"""By rule: what happens when somebody should have acted and has not."""


def matter(session: Session, kind: str, matter_id: str) -> MatterRow | Case | None:
    """Return the matter of a clock, locked, its track before it; None if it is gone."""
    model: type[Any] = ROWS[kind]
    seen = session.get(model, matter_id)
    if (track_id := getattr(seen, "track_id", None)) is not None:
        session.get(Track, track_id, with_for_update=True)
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
    if act := WHEN_DUE.get(rule):
        act(service, session, row)


def when_missed(service: "Service", session: Session, row: MatterRow | Case, rule: str) -> None:
    """Do what a missed deadline asks for."""
    if act := WHEN_MISSED.get(rule):
        act(service, session, row)


def _complaints_over(service: "Service", session: Session, row: Any) -> None:
    if isinstance(row, Notice):
        notices.close(service, session, row)


WHEN_OPEN[counter_notices.WINDOW] = counter_notices.restore_when_open
WHEN_DUE[counter_notices.WINDOW] = counter_notices.restore_when_open
WHEN_DUE["notice-cure"] = notices.lapse
WHEN_DUE["complaint-window"] = _complaints_over
