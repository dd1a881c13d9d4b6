"""What the clock does to matters: the moves that need nobody's word, by rule of a deadline."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from appeals.matter_tables import MatterRow
from scanner import queues
from scanner.tables import Appeal, Case, Claim, CounterNotice, Dispute, Notice, Strike

if TYPE_CHECKING:
    from scanner.service import Service

Act = Callable[["Service", Session, Any], None]
"""Acts on a locked matter, inside the caller's transaction."""

ROWS: Final[Mapping[str, type[MatterRow] | type[Case]]] = {
    model.KIND: model for model in (Appeal, Case, Claim, CounterNotice, Dispute, Notice, Strike)
}
WHEN_OPEN: Final[dict[str, Act]] = {}
"""By rule: what happens when a window opens."""
WHEN_DUE: Final[dict[str, Act]] = {queues.TARGET: queues.meet}
"""By rule: what happens when the time is over; a rule that is not here is missed then."""
WHEN_MISSED: Final[dict[str, Act]] = {queues.TARGET: queues.escalate_late}
"""By rule: what happens when somebody should have acted and has not."""


def matter(session: Session, kind: str, matter_id: str) -> MatterRow | Case | None:
    """Return the matter of a clock, locked; None if it is gone."""
    model: type[Any] = ROWS[kind]
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
