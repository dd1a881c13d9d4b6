"""All checkpoints of an installation, read and verified, for a walk over the chains to be held against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from scanner.checkpoints import BadCheckpointError, Checkpoint, Folder, is_whole, parsed
from scanner.journal import GENESIS

NOWHERE: Final = "checkpoints"
"""Stands for the chain where a line does not say which."""


@dataclass
class Book:
    """What checkpoints say of the chains.

    Attributes
    ----------
    chains : dict
        By chain and size.
    wrong : list of (str, int, str)
        What is wrong with them: chain, size, and what.
    """

    chains: dict[str, dict[int, Checkpoint]] = field(default_factory=dict)
    wrong: list[tuple[str, int, str]] = field(default_factory=list)

    def of(self, chain: str) -> dict[int, Checkpoint]:
        """Return a chain's checkpoints by its size then."""
        return self.chains.get(chain, {})

    def count(self) -> int:
        """Return how many checkpoints there are."""
        return sum(map(len, self.chains.values()))


def read(folder: Folder, key: str, chain: str | None = None) -> Book:
    """Read every checkpoint, or those of one chain.

    A line that was taken out is missed by the one after it, and by the number of lines of its round; the last
    round of all is missed by nobody, so copies belong elsewhere.
    """
    book = Book()
    known: dict[str, set[str]] = {}
    for name in folder.names():
        lines = folder.lines(name)
        if not lines:
            book.wrong.append((NOWHERE, 0, f"round {name} is empty"))
        chains = [_chain_of(each) for each in lines]
        new = [_take(book, known, name, value, key, chains, chain) for value in lines]
        if lines and not any(new):
            book.wrong.append((NOWHERE, 0, f"round {name} lacks the lines that were new in it"))
    return book


def _chain_of(line: Any) -> str:
    try:
        return str(line["statement"]["chain"])
    except (KeyError, TypeError):
        return ""


def _take(
    book: Book,
    known: dict[str, set[str]],
    name: str,
    value: Any,
    key: str,
    chains: Sequence[str],
    wanted: str | None,
) -> bool:
    """Take a line in; tell whether it is one that was not told before, or may be."""
    try:
        found = parsed(value, key)
    except BadCheckpointError as error:
        book.wrong.append((NOWHERE, 0, f"round {name}: {error}"))
        return True
    own = known.setdefault(found.chain, {GENESIS})
    if wanted is not None and found.chain != wanted:
        return True
    if found.digest in own:
        return wanted is not None  # of a chain that had not grown: told again
    if found.statement["previous"] not in own:
        detail = f"round {name}: the checkpoint before is missing"
        book.wrong.append((found.chain, found.size, detail))
    if not is_whole(found.statement, chains):
        detail = f"round {name} has {len(chains)} lines and was signed with others"
        book.wrong.append((found.chain, found.size, detail))
    own.add(found.digest)
    book.chains.setdefault(found.chain, {})[found.size] = found
    return True
