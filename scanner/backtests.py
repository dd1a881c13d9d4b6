"""Backtest: what a pack would have decided on the facts of tracks that were decided before.

Facts are stored with every decision, so no audio is touched and nothing is written. Of each track the
last decision of rules counts; where a person put another outcome in its place, that is shown beside it.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from sqlalchemy import and_, or_
from sqlalchemy.orm import aliased, defer
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, func, select

import policy
from policy import Confusion, Difference, Ruling
from scanner.errors import PackRefusedError
from scanner.objections import objectors
from scanner.pack_checks import tried
from scanner.packs_in_force import WITHOUT, as_asked_of
from scanner.rehearsals import ruling_of
from scanner.tables import PolicyDecision, Track

if TYPE_CHECKING:
    from scanner.service import Service

CHUNK: Final = 200
PART: Final = 500
"""Decisions that one process of its own takes."""


@dataclass
class Backtest:
    """A backtest that runs: iterate over `run`, then read the rest.

    Attributes
    ----------
    unreadable : int
        Tracks whose stored facts this version of the program can't read.
    seconds : float
        Time spent, reading included.
    stopped : bool
        Whether it ended because its time was over, before it came to the end.
    """

    service: "Service"
    tenant_id: str
    pack: policy.Pack
    since: datetime
    limit: int | None = None
    confusion: Confusion = field(default_factory=Confusion)
    unreadable: int = 0
    seconds: float = 0.0
    stopped: bool = False

    def all(self) -> int:
        """Return how many decisions there are to replay, whatever the limit."""
        made = _made(self.tenant_id, self.since)
        with self.service.database.reading() as session:
            return session.exec(select(func.count()).select_from(PolicyDecision).where(*made)).one()

    def run(self) -> Iterator[int]:
        """Replay; yield after each chunk how many decisions there were in it."""
        started, after = time.monotonic(), (self.since, "")
        left = self.limit
        while left is None or left > 0:
            size = CHUNK if left is None else min(CHUNK, left)
            with self.service.database.reading() as session:
                pairs = chunk(session, self.tenant_id, after, size)
            replayed = 0
            for decision, human in pairs:
                self._replay(decision, human)
                replayed += 1
                after = (decision.created_at, decision.id)
                self.seconds = time.monotonic() - started
            yield replayed
            left = None if left is None else left - replayed
            if len(pairs) < size:
                return

    def run_apart(self, text: str, longest_seconds: float) -> int:
        """Replay a part at a time in processes that can be ended; return how many decisions were replayed.

        Parameters
        ----------
        text : str
            The pack's.

        Raises
        ------
        PackRefusedError
            If the pack breaks off.
        """
        started, after, replayed = time.monotonic(), (self.since, ""), 0
        while self.limit is None or replayed < self.limit:
            size = PART if self.limit is None else min(PART, self.limit - replayed)
            with self.service.database.reading() as session:
                pairs = chunk(session, self.tenant_id, after, size)
            left = longest_seconds - (time.monotonic() - started)
            said = compared_apart(text, pairs, left) if left > 0 else None
            self.seconds = time.monotonic() - started
            if said is None:
                self.stopped = True
                break
            if "refused" in said:
                raise PackRefusedError([told for told, _ in said["refused"]])
            self.unreadable += add_all(self.confusion, pairs, said["differences"])
            replayed += len(pairs)
            if len(pairs) < size:
                break
            after = (pairs[-1][0].created_at, pairs[-1][0].id)
        return replayed

    def _replay(self, decision: PolicyDecision, human: str | None) -> None:
        try:
            facts = policy.Facts.model_validate(decision.facts)
        except ValidationError:
            self.unreadable += 1
            return
        candidate = Ruling.of(policy.decide(as_asked_of(self.pack, decision), facts))
        difference = policy.compare(ruling_of(decision), candidate)
        self.confusion.add(decision.track_id, difference, human)

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON."""
        compared = self.confusion.compared
        return {
            "pack": self.pack.id,
            "since": self.since.isoformat(),
            **self.confusion.to_json(),
            "unreadable": self.unreadable,
            "seconds": round(self.seconds, 3),
            "tracks_per_second": round(compared / self.seconds, 1) if self.seconds else None,
        }


def compared_apart(
    text: str, pairs: Sequence[tuple[PolicyDecision, str | None]], seconds: float
) -> dict[str, Any] | None:
    """Return what `scanner.backtest_child` says of a pack and decisions; None if its time was over."""
    if not pairs:
        return {"differences": []}
    given = json.dumps({"text": text, "decisions": [_told(decision) for decision, _ in pairs]})
    return tried("scanner.backtest_child", given, seconds)


def _told(decision: PolicyDecision) -> dict[str, Any]:
    live = ruling_of(decision)
    return {
        "facts": decision.facts,
        "decision": live.decision,
        "outcomes": live.outcomes,
        "restrictions": live.restrictions,
        "rules": sorted(live.rules),
        "without": decision.explanation.get(WITHOUT, []),
    }


def add_all(
    confusion: Confusion,
    pairs: Sequence[tuple[PolicyDecision, str | None]],
    differences: Sequence[dict[str, Any] | None],
) -> int:
    """Count what a child said of decisions; return how many of them it could not read."""
    unreadable = 0
    for (decision, human), told in zip(pairs, differences, strict=True):
        if told is None:
            unreadable += 1
            continue
        only = {name: tuple(told[name]) for name in ("only_live", "only_candidate")}
        confusion.add(decision.track_id, Difference(**told | only), human)
    return unreadable


def _by_rules(decision: Any) -> Any:
    """Whether rules made a decision, and not a person."""
    return decision.ruled_by.is_(None)


def _made(tenant_id: str, since: datetime) -> tuple[Any, ...]:
    """Which decisions count: those of rules that no later decision of rules supersedes."""
    later = aliased(PolicyDecision)
    again = select(later.id).where(later.supersedes == PolicyDecision.id, _by_rules(later))
    return (
        PolicyDecision.tenant_id == tenant_id,
        col(PolicyDecision.created_at) >= since,
        _by_rules(PolicyDecision),
        ~again.exists(),
        ~_objected().exists(),
    )


def _objected() -> Any:
    """Tracks whose account objects to rehearsals (GDPR-21), of the decision in hand."""
    own = (Track.id == PolicyDecision.track_id, col(Track.account_id).in_(objectors("rehearsal")))
    return select(Track.id).where(*own).correlate(PolicyDecision)


def chunk(
    session: Session, tenant_id: str, after: tuple[datetime, str], size: int
) -> list[tuple[PolicyDecision, str | None]]:
    """Return the next decisions that count, each with what a person put in its place; ``after`` the last one's time and id.

    Of their explanations, which are most of their bytes, only which rules had fallen on appeal.
    """
    at, last_id = after
    human = aliased(PolicyDecision)
    beyond = or_(
        col(PolicyDecision.created_at) > at,
        and_(col(PolicyDecision.created_at) == at, col(PolicyDecision.id) > last_id),
    )
    query = (
        select(PolicyDecision, human.decision, col(PolicyDecision.explanation)[WITHOUT])
        .outerjoin(human, col(human.supersedes) == col(PolicyDecision.id))
        .where(*_made(tenant_id, at), beyond)
        .options(defer(PolicyDecision.explanation))  # type: ignore[arg-type]
        .order_by(col(PolicyDecision.created_at), col(PolicyDecision.id))
        .limit(size)
    )
    found: list[tuple[PolicyDecision, str | None]] = []
    for decision, overruled, fallen in session.exec(query):
        set_committed_value(decision, "explanation", {WITHOUT: fallen or []})
        found.append((decision, overruled))
    return found
