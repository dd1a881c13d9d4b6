"""The leaves of a chain's Merkle tree, and its whole blocks: what a proof reads instead of the chain.

A tree's blocks of `BLOCK` leaves are perfect subtrees, whose roots never change once they are full. They are kept
in ``audit_block``, so a path needs one block's leaves, the last one's, and one hash for each other block.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from scanner.audit_leaves import leaf_of, view_of
from scanner.merkle import Tree, path
from scanner.tables import AuditBlock, JournalRow, JournalSeal

if TYPE_CHECKING:
    from scanner.pseudonyms import Pseudonyms
    from scanner.service import Service

BLOCK: Final = 1024
"""Leaves of a block: a power of two."""
PAGE: Final = 1000
KEPT_AT_ONCE: Final = 64

log = structlog.get_logger()


class Blocks:
    """A chain's tree of the first ``size`` leaves, read by blocks.

    Parameters
    ----------
    root : str
        What it must lead to, hexadecimal; blocks that don't are computed anew.
    """

    def __init__(self, service: "Service", chain: str, size: int, root: str) -> None:
        self._service, self._chain, self._size = service, chain, size
        self._read: dict[int, list[bytes]] = {}
        fill(service, chain, size)
        self._roots = self._all_roots()
        if _root(self._roots).hex() != root:
            log.warning("audit_blocks_rebuilt", chain=chain)
            forget(service, chain)
            fill(service, chain, size)
            self._roots = self._all_roots()

    def path(self, index: int) -> list[bytes]:
        """Return the audit path of the leaf ``index``, from 0 (RFC 6962, 2.1.1)."""
        block, place = divmod(index, BLOCK)
        return path(self._leaves(block), place) + path(self._roots, block)

    def _all_roots(self) -> list[bytes]:
        whole = self._size // BLOCK
        with self._service.database.reading() as session:
            query = select(AuditBlock.hash).where(
                AuditBlock.chain == self._chain, AuditBlock.number < whole
            )
            found = session.exec(query.order_by(col(AuditBlock.number))).all()
        roots = [bytes.fromhex(each) for each in found]
        rest = [_root(self._leaves(whole))] if self._size % BLOCK else []
        return roots + rest

    def _leaves(self, block: int) -> list[bytes]:
        if block not in self._read:
            first, last = block * BLOCK, min((block + 1) * BLOCK, self._size)
            with self._service.database.reading() as session:
                found = leaves(session, self._chain, self._service.pseudonyms, first, last)
                self._read[block] = [leaf for _, _, leaf in found]
        return self._read[block]


def fill(service: "Service", chain: str, size: int) -> None:
    """Keep the roots of the blocks that ``size`` leaves fill and that are not kept yet."""
    with service.database.reading() as session:
        kept = select(func.count()).where(AuditBlock.chain == chain)
        done = session.exec(kept).one()
    while done < (whole := size // BLOCK):
        upto = min(done + KEPT_AT_ONCE, whole)
        tree = Tree()
        made: list[AuditBlock] = []
        with service.database.reading() as session:
            found = leaves(session, chain, service.pseudonyms, done * BLOCK, upto * BLOCK)
            for _, _, leaf in found:
                tree.add(leaf)
                if tree.size == BLOCK:
                    made.append(
                        AuditBlock(chain=chain, number=done + len(made), hash=tree.root().hex())
                    )
                    tree = Tree()
        if not made:
            return  # the chain is shorter than its checkpoint: `audit verify` says so
        with service.database.transaction() as session:
            service.database.insert_if_absent(session, *made)
        done += len(made)


def forget(service: "Service", chain: str) -> None:
    """Drop what is kept of a chain."""
    with service.database.transaction() as session:
        session.execute(delete(AuditBlock).where(col(AuditBlock.chain) == chain))


def leaves(
    session: Session, chain: str, pseudonyms: "Pseudonyms", after: int = 0, upto: int | None = None
) -> Iterator[tuple[JournalSeal, JournalRow, bytes]]:
    """Yield a chain's seals with their rows and the hashes of their leaves, in order."""
    while True:
        query = (
            select(JournalSeal, JournalRow)
            .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
            .where(JournalSeal.chain == chain, JournalSeal.sequence > after)
            .order_by(col(JournalSeal.sequence))
            .limit(PAGE)
        )
        if upto is not None:
            query = query.where(JournalSeal.sequence <= upto)
        page = session.exec(query).all()
        for seal, row in page:
            yield seal, row, leaf_of(seal.hash, view_of(row, seal, pseudonyms))
            after = seal.sequence
        session.expunge_all()
        if len(page) < PAGE:
            return


def _root(nodes: list[bytes]) -> bytes:
    """Return the root over nodes of one level, the last of which may stand for fewer leaves."""
    tree = Tree()
    for node in nodes:
        tree.add(node)
    return tree.root()
