"""Prompts against a catalogue of lyrics: how long one takes, and what the lyrics take.

``make bench-words``, or ``python -m benchmarks.lyrics [--songs 20000] [--database URL]``

Songs are made up of 8,000 words as common as words of a language are (Zipf), 26 lines of which eight come again:
three of their words in a row are met in far more songs than those of real lyrics. A database is made for it in
a folder that is removed; with ``--database`` an empty one of PostgreSQL. Prompts are those of the evaluation set,
a line of a song, that line with a letter changed, and 1,500 words of no song at all.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlmodel import Session

from policy.prompts import screen_lyrics
from policy.quoting import folded, shingles
from scanner import banks, reference_lyrics
from scanner.clock import new_id
from scanner.database import Database
from scanner.journal import Actor
from scanner.tables import Holder, Reference, Tenant
from tests.policy.words.lines import prompts

WORDS: Final = 8_000
LINES: Final = 26
REPEATED: Final = 8
AT_ONCE: Final = 500
OPERATOR: Final = Actor("operator", "admin")


class Writer:
    """Makes songs up."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        letters = "abcdefghijklmnoprstuvwy"
        self._words = [
            "".join(self._draw.choices(letters, k=self._draw.randint(2, 8))) for _ in range(WORDS)
        ]
        self._weights = [1 / (rank + 2) for rank in range(WORDS)]

    def line(self, count: int) -> str:
        return " ".join(self._draw.choices(self._words, self._weights, k=count))

    def song(self) -> str:
        made = [self.line(self._draw.randint(5, 8)) for _ in range(LINES)]
        return "\n".join([*made, *made[:REPEATED]])


def filled(database: Database, songs: list[str]) -> tuple[str, list[float]]:
    """Make a catalogue of songs; return its platform's id and the seconds that each song's lyrics took."""
    now, took = datetime.now(UTC), list[float]()
    tenant = Tenant(id=new_id(), name="one", created_at=now)
    holder = Holder(id=new_id(), tenant_id=tenant.id, name="Label", created_at=now)
    with database.transaction() as session:
        session.add(tenant)
        session.flush()
        session.add(holder)
        bank = banks.ensured(session, tenant.id, None, now, OPERATOR)
        bank_id = bank.id
    for first in range(0, len(songs), AT_ONCE):
        with database.transaction() as session:
            for number, lyrics in enumerate(songs[first : first + AT_ONCE], first):
                reference = _reference(number, tenant.id, bank_id, holder.id, now)
                session.add(reference)
                session.flush()
                started = time.perf_counter()
                reference_lyrics.put(session, reference, lyrics, now)
                took.append(time.perf_counter() - started)
    return tenant.id, took


def _reference(
    number: int, tenant_id: str, bank_id: str, holder_id: str, now: datetime
) -> Reference:
    return Reference(
        id=new_id(),
        tenant_id=tenant_id,
        bank_id=bank_id,
        holder_id=holder_id,
        epoch=number + 1,
        status="active",
        policy="block",
        title=f"Song {number}",
        duration=180,
        fingerprint_sha256="0" * 64,
        created_at=now,
        updated_at=now,
    )


def asked(writer: Writer, songs: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield kinds of texts."""
    draw = random.Random(2)
    quoted = [" ".join(draw.choice(songs).split()[9:18]) for _ in range(100)]
    yield "prompts of the set", [each["text"] for each in prompts()]
    yield "nine words of a song", quoted
    yield "the same, a letter changed", [_misspelt(each) for each in quoted]
    yield "nine words of none", [writer.line(9) for _ in range(100)]
    yield "1,500 words of none", [writer.line(1500) for _ in range(3)]


def _misspelt(text: str) -> str:
    """Change a letter in the middle word."""
    words = text.split()
    words[4] = words[4][:-1] + "z"
    return " ".join(words)


def timed(session: Session, tenant_id: str, texts: list[str]) -> tuple[list[float], int]:
    """Return the seconds that each text takes, and how many quote."""
    took, quoting = [], 0
    for text in texts:
        started = time.perf_counter()
        found = screen_lyrics(text, reference_lyrics.CatalogueSongs(session, tenant_id))
        took.append(time.perf_counter() - started)
        quoting += "quoted-lyrics" in found.signals
    return took, quoting


def measure(database: Database, count: int, size: Callable[[], float]) -> None:
    writer = Writer(1)
    songs = [writer.song() for _ in range(count)]
    before = size()
    tenant_id, took = filled(database, songs)
    each = statistics.mean(len(shingles(folded(song))) for song in songs[:100])
    print(
        f"{count} songs of {each:.0f} shingles: {1e3 * statistics.median(took):.1f} ms to take one in "
        f"({1e3 * max(took):.0f} ms the longest), {(size() - before) / 1e6:.0f} MB in the database\n"
    )
    print("| text | texts | ms, median | ms, longest | quote |\n|---|---|---|---|---|")
    with database.reading() as session:
        for kind, texts in asked(writer, songs):
            timed(session, tenant_id, texts[:1])
            seconds, quoting = timed(session, tenant_id, texts)
            middle, longest = 1e3 * statistics.median(seconds), 1e3 * max(seconds)
            print(f"| {kind} | {len(texts)} | {middle:.1f} | {longest:.1f} | {quoting} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=20_000)
    parser.add_argument("--database", help="URL of an empty database of PostgreSQL")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lyrics.sqlite"
        database = Database(given.database or f"sqlite:///{file}")
        database.upgrade()
        if given.database:
            measure(database, given.songs, lambda: _size_of(database))
        else:
            measure(database, given.songs, lambda: float(file.stat().st_size))


def _size_of(database: Database) -> float:
    with database.reading() as session:
        query = "SELECT pg_database_size(current_database())"
        return float(session.connection().exec_driver_sql(query).scalar_one())


if __name__ == "__main__":
    main()
