"""Proves that the journal was not altered: walks the hash chains and names the first break."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlmodel import Session, col, func, select

from scanner.journal import GENESIS, SYSTEM_CHAIN, chain_of, seal_hash
from scanner.tables import JournalPending, JournalRow, JournalSeal

PAGE = 1000
Kind = Literal["altered", "missing", "reordered", "unlisted"]


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
    """

    chains: int
    sealed: int
    unsealed: int
    breaks: tuple[Break, ...]

    @property
    def whole(self) -> bool:
        """Whether every sealed record is as it was sealed."""
        return not self.breaks

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {"whole": self.whole} | asdict(self) | {"breaks": [asdict(b) for b in self.breaks]}


def verify(session: Session, tenant_id: str | None = None) -> AuditReport:
    """Walk the chain of a tenant, or all chains if None.

    A row is *unlisted* if it is neither sealed nor waiting for its seal: somebody put it there, or
    took its seal away.
    """
    chains = list(session.exec(select(JournalSeal.chain).distinct().order_by(JournalSeal.chain)))
    if tenant_id is not None:
        chains = [chain for chain in chains if chain == tenant_id]
    breaks: list[Break] = []
    sealed = 0
    for chain in chains:
        count, broken = _walk(session, chain)
        sealed += count
        if broken is not None:
            breaks.append(broken)
    breaks.extend(_unlisted(session, tenant_id))
    pending = select(func.count()).select_from(JournalPending)
    if tenant_id is not None:
        pending = pending.join(
            JournalRow, col(JournalRow.id) == col(JournalPending.journal_id)
        ).where(JournalRow.tenant_id == tenant_id)
    return AuditReport(
        chains=len(chains),
        sealed=sealed,
        unsealed=session.exec(pending).one(),
        breaks=tuple(breaks),
    )


def _walk(session: Session, chain: str) -> tuple[int, Break | None]:
    previous, sequence = GENESIS, 0
    while True:
        page = session.exec(
            select(JournalSeal, JournalRow)
            .outerjoin(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
            .where(JournalSeal.chain == chain, JournalSeal.sequence > sequence)
            .order_by(col(JournalSeal.sequence))
            .limit(PAGE)
        ).all()
        if not page:
            return sequence, None
        for seal, row in page:
            if (broken := _check(chain, sequence, previous, seal, row)) is not None:
                return sequence, broken
            previous, sequence = seal.hash, seal.sequence
        session.expunge_all()  # a chain of millions must not pile up in memory


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


def _unlisted(session: Session, tenant_id: str | None) -> list[Break]:
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
