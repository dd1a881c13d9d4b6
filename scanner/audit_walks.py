"""The audit trail is verified by a worker, a slice at a time, from the last signed checkpoint that it fitted.

Two workers never walk one chain, while the lease of the first lasts; who takes over goes on where it was.
"""

import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, or_, select

from scanner import audit
from scanner import checkpoints as signed
from scanner.audit import AuditReport, Walk
from scanner.checkpoint_book import Book, read
from scanner.checkpoints import Checkpoint
from scanner.database import Database
from scanner.journal import GENESIS
from scanner.merkle import Tree
from scanner.tables import AuditWalk, JournalSeal

if TYPE_CHECKING:
    from scanner.service import Service

LEASE: Final = timedelta(minutes=5)
SLICE_SECONDS: Final = 5.0
START: Final[dict[str, Any]] = {"sequence": 0, "hash": GENESIS, "edge": []}


def ask(service: "Service", chain: str, *, whole: bool = False) -> AuditWalk:
    """Have a chain verified; one that is under way goes on.

    Parameters
    ----------
    whole : bool
        From the first record, and not from the last checkpoint that was fitted before.
    """
    now = service.now()
    book = _book(service, chain)
    new = AuditWalk(chain=chain, state="done", asked_at=now, place=dict(START))
    with service.database.transaction() as session:
        Database.insert_if_absent(session, new)
        row = session.get_one(AuditWalk, chain, with_for_update=True, populate_existing=True)
        if row.state == "waiting":
            return row
        start = (
            dict(START) if whole or not _stands(row.fitted, book.of(chain)) else dict(row.fitted)
        )
        row.state, row.asked_at, row.leased_until = "waiting", now, None
        row.place, row.first = start, int(start["sequence"])
        row.size = _size(session, chain)
        return row


def last(session: Session, chain: str) -> AuditWalk | None:
    """Return a chain's walk, or what the last one found."""
    return session.get(AuditWalk, chain)


def work(service: "Service", seconds: float = SLICE_SECONDS) -> int:
    """Go on with the walk that was asked for first; return how many records were checked."""
    row = _lease(service)
    if row is None:
        return 0
    until, begun = time.monotonic() + seconds, int(row.place["sequence"])
    book = _book(service, row.chain)
    walk = Walk(
        row.chain,
        book.of(row.chain),
        service.pseudonyms,
        previous=str(row.place["hash"]),
        sequence=begun,
        tree=Tree(begun, [bytes.fromhex(each) for each in row.place["edge"]]),
    )
    more = True
    with service.database.reading() as session:
        while more and time.monotonic() < until:
            more = walk.page(session)
    _keep(service, row, walk, book, over=not more)
    return walk.sequence - begun


def _lease(service: "Service") -> AuditWalk | None:
    now = service.now()
    free = select(AuditWalk).where(
        AuditWalk.state == "waiting",
        or_(col(AuditWalk.leased_until).is_(None), col(AuditWalk.leased_until) <= now),
    )
    with service.database.reading() as session:  # an idle worker takes no write lock
        if session.exec(free.limit(1)).first() is None:
            return None
    with service.database.transaction() as session:
        first = free.order_by(col(AuditWalk.asked_at)).limit(1).with_for_update(skip_locked=True)
        row = session.exec(first).first()
        if row is not None:
            row.leased_until = now + LEASE
        return row


def _keep(service: "Service", row: AuditWalk, walk: Walk, book: Book, *, over: bool) -> None:
    place = {
        "sequence": walk.sequence,
        "hash": walk.previous,
        "edge": [each.hex() for each in walk.tree.edge],
    }
    with service.database.transaction() as session:
        own = session.get_one(AuditWalk, row.chain, with_for_update=True, populate_existing=True)
        if own.state != "waiting" or own.leased_until != row.leased_until:
            return  # another worker has it
        own.place, own.leased_until = place, None
        fitted = walk.fitted and dict(zip(START, walk.fitted, strict=True))
        if fitted:
            own.place |= {"fitted": fitted}
        elif "fitted" in row.place:
            own.place |= {"fitted": row.place["fitted"]}
        if over:
            _end(service, session, own, walk, book)


def _end(service: "Service", session: Session, row: AuditWalk, walk: Walk, book: Book) -> None:
    breaks = audit.wrong_checkpoints(book, row.chain) + audit.unlisted(session, row.chain)
    report = AuditReport(
        chains=1,
        sealed=walk.sequence,
        unsealed=audit.unsealed(session, row.chain),
        breaks=(*breaks, *([walk.broken] if walk.broken else [])),
        checkpoints=len(book.of(row.chain)),
    )
    row.state, row.ended_at = "done", service.now()
    row.result = report.to_json() | {
        "first": row.first,
        "breaks": [asdict(b) for b in report.breaks],
    }
    row.fitted = row.place.get("fitted", row.fitted) if report.whole else {}


def _stands(fitted: dict[str, Any], checkpoints: dict[int, Checkpoint]) -> bool:
    """Whether a checkpoint that was fitted before is still there, and says the same."""
    mark = checkpoints.get(int(fitted["sequence"])) if fitted else None
    if mark is None:
        return False
    tree = Tree(int(fitted["sequence"]), [bytes.fromhex(each) for each in fitted["edge"]])
    return (mark.statement["head"], mark.statement["root"]) == (
        fitted["hash"],
        tree.root().hex(),
    )


def _book(service: "Service", chain: str) -> Book:
    return read(signed.folder_of(service), signed.public_key(service), chain)


def _size(session: Session, chain: str) -> int:
    count = select(func.count()).select_from(JournalSeal).where(JournalSeal.chain == chain)
    return session.exec(count).one()
