"""Works of the corpus, in groups of variants and fixed splits.

Run: ``python -m fingerprint.training.scores.works`` reads the books anew and writes the manifest.
"""

import argparse
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from fingerprint.training.scores.books import TICKS, Read, read_all
from fingerprint.training.scores.melody import Note, Split, Work
from fingerprint.training.scores.variants import groups, outline

__all__ = ["MANIFEST", "Note", "Split", "Work", "works"]

MANIFEST: Final = Path(__file__).parent / "works.json.gz"
_TRAIN, _VALIDATION = 0.60, 0.68


@cache
def _all() -> tuple[Work, ...]:
    return tuple(_unpacked(row) for row in json.loads(gzip.decompress(MANIFEST.read_bytes())))


def works(split: Split | None = None) -> tuple[Work, ...]:
    """Works of a split, or all, in the order of the books.

    Raises
    ------
    ValueError
        If there is no such split.
    """
    if split not in (None, "train", "validation", "test"):
        raise ValueError(f"no split {split!r}: say train, validation or test")
    return tuple(each for each in _all() if split in (None, each.split))


def split_of(group: str) -> Split:
    """60 % train, 8 % validation, 32 % test, by the group's name alone."""
    share = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
    if share < _TRAIN:
        return "train"
    return "validation" if share < _VALIDATION else "test"


def grouped(rows: Sequence[Read]) -> list[Work]:
    """Works from what was read: variants in one group, a group in one split."""
    firsts = groups([outline(row.melody) for row in rows], [row.title for row in rows])
    made = []
    for row, first in zip(rows, firsts, strict=True):
        group = rows[first].id
        made.append(
            Work(row.id, row.source, row.title, group, split_of(group), row.bar_beats, row.melody)
        )
    return made


def _packed(work: Work) -> list[object]:
    """Gaps, durations and steps as whole numbers: they compress to a third."""
    end, pitch = 0, 0
    gaps, durations, steps = [], [], []
    for note in work.melody:
        onset, duration = round(note.onset * TICKS), round(note.duration * TICKS)
        gaps.append(onset - end)
        durations.append(duration)
        steps.append(note.pitch - pitch)
        end, pitch = onset + duration, note.pitch
    return [work.id, work.title, work.group, work.bar_beats, gaps, durations, steps]


def _unpacked(row: list[object]) -> Work:
    name, title, group, bar_beats, gaps, durations, steps = row
    end, pitch = 0, 0
    melody = []
    for gap, duration, step in zip(gaps, durations, steps, strict=True):  # type: ignore[call-overload]
        onset, pitch = end + gap, pitch + step
        melody.append(Note(onset / TICKS, duration / TICKS, pitch))
        end = onset + duration
    return Work(
        str(name),
        str(name).split("/")[0],
        str(title),
        str(group),
        split_of(str(group)),
        float(bar_beats),  # type: ignore[arg-type]
        tuple(melody),
    )


def write(made: Iterable[Work], path: Path = MANIFEST) -> None:
    """Write a manifest; the same works give the same bytes."""
    text = json.dumps([_packed(work) for work in made], separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def main() -> None:
    """Read the books, group, write the manifest and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=MANIFEST)
    given = parser.parse_args()
    made = grouped(read_all(given.processes))
    write(made, given.out)
    print(json.dumps(counts(made), indent=1))


def counts(made: Sequence[Work]) -> dict[str, object]:
    """Works, groups and hours at 100 beats a minute by split."""
    sizes = Counter(work.group for work in made)
    return {
        "works": len(made),
        "groups": len(sizes),
        "largest_groups": [count for _, count in sizes.most_common(5)],
        **{
            split: {
                "works": sum(work.split == split for work in made),
                "groups": len({work.group for work in made if work.split == split}),
            }
            for split in ("train", "validation", "test")
        },
    }


if __name__ == "__main__":
    main()
