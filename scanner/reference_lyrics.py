"""Lyrics of references: what prompts and lyrics to be sung may not quote.

They are folded once, when they are given, and every three words of theirs in a row are kept in the database with
the number of the song: a text is compared with the few songs that share some of its own. They are shown to nobody
but their holder, and are not shared with peers.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, select

from policy.quoting import Song, folded, shingles
from scanner.banks import RIGHTS
from scanner.catalogue import ACTIVE
from scanner.tables import Bank, LyricShingle, Reference, ReferenceLyrics
from scanner.words import without_times

MOST_CHARACTERS: Final = 20_000
MOST_FOLDED: Final = 60_000
"""Characters of lyrics as they are compared: some signs stand for several, up to eighteen (NFKC)."""
_AT_ONCE: Final = 5_000
"""Values in one query: databases have limits."""


class CatalogueSongs:
    """Lyrics of a platform's active references in banks of rights, as :class:`policy.quoting.Songs`."""

    def __init__(self, session: Session, tenant_id: str) -> None:
        self._session, self._tenant_id = session, tenant_id

    def having(self, shingles: Collection[str]) -> Mapping[str, Sequence[int]]:
        meant = {_digest(self._tenant_id, each): each for each in shingles}
        numbers: dict[str, list[int]] = defaultdict(list)
        for some in _chunks(meant):
            query = select(LyricShingle.digest, LyricShingle.number)
            for digest, number in self._session.exec(
                query.where(col(LyricShingle.digest).in_(some))
            ):
                numbers[meant[digest]].append(number)
        return numbers

    def songs(self, numbers: Collection[int]) -> Mapping[int, Song]:
        found: dict[int, Song] = {}
        claimed = self._claimed_banks()
        for some in _chunks(numbers):
            query = select(
                ReferenceLyrics.number, ReferenceLyrics.reference_id, ReferenceLyrics.folded
            ).where(
                col(ReferenceLyrics.number).in_(some), ReferenceLyrics.tenant_id == self._tenant_id
            )
            rows = self._session.exec(query).all()
            titles = self._titles([reference_id for _, reference_id, _ in rows], claimed)
            found |= {
                number or 0: Song(words, titles[reference_id])
                for number, reference_id, words in rows
                if reference_id in titles
            }
        return found

    def _claimed_banks(self) -> frozenset[str]:
        query = select(Bank.id).where(
            Bank.tenant_id == self._tenant_id, col(Bank.enabled), Bank.kind == RIGHTS
        )
        return frozenset(self._session.exec(query))

    def _titles(self, reference_ids: Sequence[str], banks: Collection[str]) -> dict[str, str]:
        """Return the titles of those that are active; asked by id alone, as planners else scan all active ones."""
        query = select(Reference.id, Reference.title, Reference.status, Reference.bank_id)
        rows = self._session.exec(query.where(col(Reference.id).in_(reference_ids)))
        return {
            reference_id: title
            for reference_id, title, status, bank_id in rows
            if status == ACTIVE and bank_id in banks
        }


def put(session: Session, reference: Reference, lyrics: str, now: datetime) -> bool:
    """Make these a reference's lyrics, none if they are empty; return whether that is a change.

    The reference is locked or new.
    """
    text, known = plain(lyrics), _of(session, reference.id)
    if text == (known.text if known else ""):
        return False
    forget(session, reference)
    if text:
        words = _cut(folded(without_times(text)))
        row = ReferenceLyrics(
            tenant_id=reference.tenant_id,
            reference_id=reference.id,
            text=text,
            folded=words,
            created_at=now,
        )
        session.add(row)
        session.flush()
        rows = [
            {"digest": digest, "number": row.number}
            for digest in _digests(reference.tenant_id, words)
        ]
        if rows:
            session.execute(LyricShingle.__table__.insert(), rows)  # type: ignore[attr-defined]
    return True


def forget(session: Session, reference: Reference) -> None:
    """Let a reference's lyrics go."""
    if (row := _of(session, reference.id)) is None:
        return
    for some in _chunks(_digests(row.tenant_id, row.folded)):
        session.execute(
            delete(LyricShingle).where(
                col(LyricShingle.digest).in_(some), col(LyricShingle.number) == row.number
            )
        )
    session.delete(row)
    session.flush()


def text_of(session: Session, reference_id: str) -> str:
    """Return a reference's lyrics as they were given; empty if none are known."""
    row = _of(session, reference_id)
    return row.text if row else ""


def known(session: Session, reference_ids: Collection[str]) -> frozenset[str]:
    """Return which references' lyrics are known."""
    query = select(ReferenceLyrics.reference_id).where(
        col(ReferenceLyrics.reference_id).in_(reference_ids)
    )
    return frozenset(session.exec(query))


def plain(lyrics: str) -> str:
    """Return lyrics with one kind of line ends and no blanks around."""
    return "\n".join(lyrics.splitlines()).strip()


def shown(lyrics: str) -> str:
    """Return lyrics of a file's tags as somebody might have given them; too many are none."""
    kept = "".join(each for each in lyrics if each.isprintable() or each in "\n\t")
    return "" if len(kept) > MOST_CHARACTERS else kept


def errors_of(lyrics: str) -> list[str]:
    """Say what is wrong about lyrics."""
    if len(lyrics) > MOST_CHARACTERS:
        return [f"at most {MOST_CHARACTERS} characters"]
    if any(not char.isprintable() and char not in "\n\r\t" for char in lyrics):
        return ["it holds characters that can't be shown: take them out"]
    return []


def _of(session: Session, reference_id: str) -> ReferenceLyrics | None:
    query = select(ReferenceLyrics).where(ReferenceLyrics.reference_id == reference_id)
    return session.exec(query).first()


def _cut(words: str) -> str:
    """Return words, the last ones left out where they are too many."""
    if len(words) <= MOST_FOLDED:
        return words
    return words[: MOST_FOLDED + 1].rpartition(" ")[0]


def _digests(tenant_id: str, words: str) -> list[int]:
    return sorted({_digest(tenant_id, each) for each in shingles(words)})


def _digest(tenant_id: str, shingle: str) -> int:
    """Return 64 bits of three words; of another platform's they are others."""
    digest = blake2b(shingle.encode(), digest_size=8, key=tenant_id.encode())
    return int.from_bytes(digest.digest(), "big", signed=True)


def _chunks(values: Iterable[int]) -> Iterator[list[int]]:
    every = list(values)
    for first in range(0, len(every), _AT_ONCE):
        yield every[first : first + _AT_ONCE]
