"""Proves that the journal was not altered: walks the hash chains and names the first break.

Held against the signed checkpoints, a chain that was written anew or cut off at its end does not pass either.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlmodel import Session, col, func, select

from scanner import checkpoints as signed
from scanner.audit_leaves import leaf_of, view_of
from scanner.checkpoint_book import NOWHERE, Book, read
from scanner.checkpoints import Checkpoint
from scanner.journal import GENESIS, SYSTEM_CHAIN, chain_of, seal_hash
from scanner.merkle import Tree
from scanner.tables import JournalPending, JournalRow, JournalSeal

if TYPE_CHECKING:
    from scanner.pseudonyms import Pseudonyms
    from scanner.service import Service

PAGE = 1000
Kind = Literal["altered", "missing", "reordered", "unlisted", "rewritten", "checkpoint"]


@dataclass(frozen=True)
class Break:
    """The first record of a chain that is not as it was sealed."""

    chain: str
    sequence: int
    journal_id: str | None
    kind: Kind
    detail: str


@dataclass(frozen=True)
class AuditReport:
    """What a walk over the chains found.

    Parameters
    ----------
    sealed : int
        Records checked.
    unsealed : int
        Rows that the relay has not sealed yet: a tail, no break.
    checkpoints : int
        Signed checkpoints that the chains were held against.
    """

    chains: int
    sealed: int
    unsealed: int
    breaks: tuple[Break, ...]
    checkpoints: int = 0

    @property
    def whole(self) -> bool:
        """Whether every sealed record is as it was sealed."""
        return not self.breaks

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {"whole": self.whole} | asdict(self) | {"breaks": [asdict(b) for b in self.breaks]}


def verify_signed(service: "Service", tenant_id: str) -> AuditReport:
    """Walk the chain of a tenant and hold it against the installation's own checkpoints."""
    book = read(signed.folder_of(service), signed.public_key(service), tenant_id)
    with service.database.reading() as session:
        return verify(session, tenant_id, book, service.pseudonyms)


def verify(
    session: Session,
    tenant_id: str | None = None,
    book: Book | None = None,
    pseudonyms: "Pseudonyms | None" = None,
) -> AuditReport:
    """Walk the chain of a tenant, or all chains if None.

    With a ``book`` and the ``pseudonyms`` that its checkpoints were made with, each chain is held against them.

    A row is *unlisted* if it is neither sealed nor waiting for its seal: somebody put it there, or
    took its seal away.
    """
    chains = list(session.exec(select(JournalSeal.chain).distinct().order_by(JournalSeal.chain)))
    book = book or Book()
    chains = sorted({*chains, *book.chains})
    if tenant_id is not None:
        chains = [chain for chain in chains if chain == tenant_id]
    breaks = wrong_checkpoints(book, tenant_id)
    sealed = 0
    for chain in chains:
        count, broken = _walk(session, chain, book.of(chain), pseudonyms)
        sealed += count
        if broken is not None:
            breaks.append(broken)
    breaks.extend(unlisted(session, tenant_id))
    return AuditReport(
        chains=len(chains),
        sealed=sealed,
        unsealed=unsealed(session, tenant_id),
        breaks=tuple(breaks),
        checkpoints=sum(len(book.of(chain)) for chain in chains),
    )


def wrong_checkpoints(book: Book, tenant_id: str | None) -> list[Break]:
    """Return what is wrong with checkpoints of a tenant, or of nobody knows whom."""
    return [
        Break(chain, size, None, "checkpoint", detail)
        for chain, size, detail in book.wrong
        if tenant_id in {None, chain} or chain == NOWHERE  # whose line it was, nobody can tell
    ]


def unsealed(session: Session, tenant_id: str | None) -> int:
    """Return how many rows wait for their seal."""
    pending = select(func.count()).select_from(JournalPending)
    if tenant_id is not None:
        pending = pending.join(
            JournalRow, col(JournalRow.id) == col(JournalPending.journal_id)
        ).where(JournalRow.tenant_id == tenant_id)
    return session.exec(pending).one()


class Walk:
    """A walk over one chain, page by page; ``broken`` is the first break that it met.

    Parameters
    ----------
    checkpoints : dict
        By size of the chain; it is held against them.
    previous, sequence, tree
        Where to begin: hash and number of the record before, and the tree up to it.

    Attributes
    ----------
    fitted : tuple of int, str, list of str, optional
        Number, hash and edge of the tree at the last checkpoint that fitted.
    """

    def __init__(
        self,
        chain: str,
        checkpoints: dict[int, Checkpoint],
        pseudonyms: "Pseudonyms | None",
        *,
        previous: str = GENESIS,
        sequence: int = 0,
        tree: Tree | None = None,
    ) -> None:
        self.chain, self.checkpoints = chain, checkpoints
        self.previous, self.sequence, self.tree = previous, sequence, tree or Tree()
        self.broken: Break | None = None
        self.fitted: tuple[int, str, list[str]] | None = None
        self._pseudonyms = pseudonyms

    def page(self, session: Session) -> bool:
        """Check the next records; tell whether there may be more."""
        found = session.exec(
            select(JournalSeal, JournalRow)
            .outerjoin(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
            .where(JournalSeal.chain == self.chain, JournalSeal.sequence > self.sequence)
            .order_by(col(JournalSeal.sequence))
            .limit(PAGE)
        ).all()
        if not found:
            self.broken = _cut_off(self.chain, self.sequence, self.checkpoints)
            return False
        for seal, row in found:
            self.broken = _check(self.chain, self.sequence, self.previous, seal, row)
            if self.broken is None:
                self._take(seal, row)
            if self.broken is not None:
                return False
        session.expunge_all()  # a chain of millions must not pile up in memory
        return True

    def _take(self, seal: JournalSeal, row: JournalRow | None) -> None:
        self.previous, self.sequence = seal.hash, seal.sequence
        if not self.checkpoints or self._pseudonyms is None or row is None:
            return
        self.tree.add(leaf_of(seal.hash, view_of(row, seal, self._pseudonyms)))
        mark = self.checkpoints.get(self.sequence)
        if mark is None:
            return
        if _fits(mark, seal.hash, self.tree):
            self.fitted = self.sequence, seal.hash, [each.hex() for each in self.tree.edge]
            return
        detail = f"the chain is not what was signed at {mark.statement['at']}"
        self.broken = Break(self.chain, self.sequence, seal.journal_id, "rewritten", detail)


def _walk(
    session: Session,
    chain: str,
    checkpoints: dict[int, Checkpoint],
    pseudonyms: "Pseudonyms | None",
) -> tuple[int, Break | None]:
    walk = Walk(chain, checkpoints, pseudonyms)
    while walk.page(session):
        pass
    return walk.sequence, walk.broken


def _fits(mark: Checkpoint, head: str, tree: Tree) -> bool:
    return (mark.statement["head"], mark.statement["root"]) == (head, tree.root().hex())


def _cut_off(chain: str, sequence: int, checkpoints: dict[int, Checkpoint]) -> Break | None:
    """Return the break of a chain that once had more records than it has."""
    if not checkpoints or (most := max(checkpoints)) <= sequence:
        return None
    at = checkpoints[most].statement["at"]
    detail = f"records {sequence + 1} to {most} are gone: they were there at {at}"
    return Break(chain, sequence + 1, None, "missing", detail)


def _check(
    chain: str, sequence: int, previous: str, seal: JournalSeal, row: JournalRow | None
) -> Break | None:
    def broken(kind: Kind, detail: str) -> Break:
        return Break(chain, sequence + 1, seal.journal_id, kind, detail)

    if seal.sequence != sequence + 1:
        return broken("missing", f"seals {sequence + 1} to {seal.sequence - 1} are gone")
    if row is None:
        return broken("missing", f"journal row {seal.journal_id} is gone")
    if chain_of(row) != chain:
        return broken("altered", "the row belongs to another chain")
    if seal.previous_hash != previous:
        return broken("reordered", "the seal does not follow the one before it")
    if seal_hash(previous, row) != seal.hash:
        return broken("altered", "the row is not what was sealed")
    return None


def unlisted(session: Session, tenant_id: str | None) -> list[Break]:
    """Return the first row that is neither sealed nor waits for its seal."""
    query = (
        select(JournalRow)
        .outerjoin(JournalSeal, col(JournalSeal.journal_id) == col(JournalRow.id))
        .outerjoin(JournalPending, col(JournalPending.journal_id) == col(JournalRow.id))
        .where(col(JournalSeal.journal_id).is_(None), col(JournalPending.journal_id).is_(None))
        .order_by(col(JournalRow.id))
        .limit(1)
    )
    if tenant_id is not None:
        query = query.where(JournalRow.tenant_id == tenant_id)
    return [
        Break(row.tenant_id or SYSTEM_CHAIN, 0, row.id, "unlisted", "the row has no seal")
        for row in session.exec(query)
    ]
