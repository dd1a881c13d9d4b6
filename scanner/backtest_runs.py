"""Backtests that people ask for and workers run, a part at a time, with progress.

Each part is decided by a process of its own, without any transaction, and counted in one: a worker that dies
costs its part, which another does again, and two workers never count the same part.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, or_, select

from policy import Confusion
from scanner import policies
from scanner.backtests import PART, Backtest, add_all, chunk, compared_apart
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ConflictError, NotFoundError
from scanner.rollouts import locked
from scanner.tables import BacktestRun, PolicyDecision, PolicyPack

if TYPE_CHECKING:
    from scanner.service import Service

LEASE: Final = timedelta(seconds=120)
WORKING: Final = ("waiting", "running")


def ask(service: "Service", caller: Caller, pack: PolicyPack, since: datetime) -> BacktestRun:
    """Ask for a backtest of a pack over all that was decided from some time on.

    Raises
    ------
    ConflictError
        If one of the platform's is not done yet.
    """
    caller.require(policies.WRITE)
    with service.database.reading() as session:
        compiled = service.packs.compiled(session, pack.id)
    total = Backtest(service, caller.tenant_id, compiled, since).all()
    with locked(service, caller) as rollout:
        session = rollout.session
        at_work = (
            BacktestRun.tenant_id == caller.tenant_id,
            col(BacktestRun.state).in_(WORKING),
        )
        if session.exec(select(BacktestRun.id).where(*at_work)).first() is not None:
            raise ConflictError("a backtest of this platform is not done yet: wait for its end")
        run = BacktestRun(
            id=new_id(),
            tenant_id=caller.tenant_id,
            pack_id=pack.id,
            asked_by=caller.actor.id,
            state="waiting",
            since=since,
            total=total,
            at=since,
            created_at=rollout.now,
        )
        session.add(run)
        return run


def find(session: Session, tenant_id: str, run_id: str) -> BacktestRun:
    """Return a platform's backtest, or raise ``NotFoundError``."""
    run = session.get(BacktestRun, run_id)
    if run is None or run.tenant_id != tenant_id:
        raise NotFoundError("backtest", "of this id")
    return run


def of_pack(session: Session, pack: PolicyPack, *, limit: int = 5) -> Sequence[BacktestRun]:
    """Return the backtests of a pack, newest first."""
    query = select(BacktestRun).where(BacktestRun.pack_id == pack.id)
    return session.exec(query.order_by(col(BacktestRun.id).desc()).limit(limit)).all()


def work(service: "Service") -> bool:
    """Run the next part of a backtest; tell whether there was one."""
    run = _leased(service)
    if run is None:
        return False
    with service.database.reading() as session:
        text = session.get_one(PolicyPack, run.pack_id).text
        pairs = chunk(session, run.tenant_id, (run.at, run.last_id), PART)
    seconds = service.settings.pack_seconds
    said = compared_apart(text, pairs, seconds)
    if said is None:
        problem = f"{len(pairs)} decisions take the pack more than {seconds:g} s: make it simpler"
        _end(service, run, problem)
    elif "refused" in said:
        _end(service, run, "; ".join(text for text, _ in said["refused"]))
    else:
        _count(service, run, pairs, said["differences"])
    return True


def _leased(service: "Service") -> BacktestRun | None:
    """Take the oldest backtest that no worker is at."""
    now = service.now()
    free = or_(col(BacktestRun.leased_until).is_(None), col(BacktestRun.leased_until) <= now)
    query = select(BacktestRun).where(col(BacktestRun.state).in_(WORKING), free)
    with service.database.reading() as session:  # most rounds there is none, and nothing to lock
        if session.exec(query.limit(1)).first() is None:
            return None
    with service.database.transaction() as session:
        ordered = query.order_by(col(BacktestRun.id)).limit(1).with_for_update(skip_locked=True)
        run = session.exec(ordered).first()
        if run is not None:
            run.state, run.leased_until = "running", now + LEASE
        return run


def _count(
    service: "Service",
    run: BacktestRun,
    pairs: Sequence[tuple[PolicyDecision, str | None]],
    differences: Sequence[dict[str, Any] | None],
) -> None:
    confusion = Confusion.of_json(run.result)
    unreadable = run.result.get("unreadable", 0) + add_all(confusion, pairs, differences)
    with service.database.transaction() as session:
        kept = _still_ours(session, run)
        if kept is None:
            return
        kept.result = confusion.to_json() | {"unreadable": unreadable}
        kept.replayed += len(pairs)
        kept.total = max(kept.total, kept.replayed)
        kept.leased_until = None
        if pairs:
            kept.at, kept.last_id = pairs[-1][0].created_at, pairs[-1][0].id
        if len(pairs) < PART:
            kept.state, kept.ended_at = "done", service.now()


def _end(service: "Service", run: BacktestRun, problem: str) -> None:
    with service.database.transaction() as session:
        kept = _still_ours(session, run)
        if kept is not None:
            kept.state, kept.problem, kept.ended_at = "failed", problem[:500], service.now()


def _still_ours(session: Session, run: BacktestRun) -> BacktestRun | None:
    """Return the row, locked; None once another worker has taken it over."""
    kept = session.get(BacktestRun, run.id, with_for_update=True)
    return kept if kept is not None and kept.leased_until == run.leased_until else None
