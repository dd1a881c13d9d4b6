"""Marks of each engine read by the other, on real music.

``python -m benchmarks.watermark_interop [--tracks 6] [--seconds 75]``

Needs audiowmark on PATH. Recordings of the test split, each with a key and a signed payload of its
own: the whole stretch, the same as MP3 at 64 kbit/s, 15 s of it, and these as MP3.
"""

import argparse
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from rich.progress import track

from benchmarks.alterations import MP3_64K, RATE, Samples, coded
from benchmarks.queries import excerpt
from benchmarks.watermark_tracks import chosen, crop, random_of
from scripts.music_corpus import Recording
from watermark import Key, engine, signed_payload

CROP_SECONDS: Final = 15
DIRECTIONS: Final = (("builtin", "audiowmark"), ("audiowmark", "builtin"))


class Exchange(NamedTuple):
    """One copy with a mark of one engine, as the other read it."""

    track: str
    writer: str
    reader: str
    copy: str
    read: bool
    first: bool
    quality: float
    error: float


def main() -> None:
    """Print a line for each copy and direction."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=75)
    given = parser.parse_args()
    made = [
        each
        for recording in track(chosen(given.tracks), "marking and reading")
        for each in exchanged(recording, given.seconds)
    ]
    print(markdown(made))


def exchanged(recording: Recording, seconds: float) -> Iterator[Exchange]:
    """Mark with either engine and read with the other."""
    original = excerpt(recording, 0, seconds)
    random = random_of(recording.sha256)
    key = Key(random.bytes(16), "bench")
    payload = signed_payload(random.bytes(12).hex(), key)
    part = crop(original, CROP_SECONDS, recording.sha256)
    for writer, reader in DIRECTIONS:
        marked = engine(writer).embed(original, RATE, payload, key)
        for name, samples in _copies(marked, part):
            marks = engine(reader).detect(samples, RATE, [key])
            right = [mark for mark in marks if mark.payload == payload]
            yield Exchange(
                track=recording.file.stem,
                writer=writer,
                reader=reader,
                copy=name,
                read=bool(right),
                first=bool(marks) and marks[0].payload == payload,
                quality=max((mark.quality for mark in right), default=0.0),
                error=min((mark.error for mark in right), default=1.0),
            )


def _copies(marked: Samples, part: slice) -> Iterator[tuple[str, Samples]]:
    for name, samples in (("whole", marked), (f"{CROP_SECONDS} s", marked[:, part])):
        yield name, samples
        yield f"{name}, mp3 64k", coded(samples, RATE, MP3_64K)


def markdown(made: list[Exchange]) -> str:
    """Table of all tracks together."""
    lines = ["| marked by | read by | copy | n | read | first | quality | worst error |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for group in dict.fromkeys((each.writer, each.reader, each.copy) for each in made):
        alike = [each for each in made if (each.writer, each.reader, each.copy) == group]
        qualities = [each.quality for each in alike if each.read]
        cells = [
            *group,
            str(len(alike)),
            str(sum(each.read for each in alike)),
            str(sum(each.first for each in alike)),
            f"{min(qualities, default=np.nan):.2f}–{max(qualities, default=np.nan):.2f}",
            f"{max((each.error for each in alike if each.read), default=np.nan):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
