"""Read the tunes of the books that the allow-list names, by music21.

Repeats are written out as music21 understands them: a second ``:|`` without its ``|:`` goes back to
the beginning of the tune, where a player would go back to the last ``:|``.
"""

import hashlib
import json
import logging
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.progress import track

from fingerprint.training.scores.melody import Note

SOURCES: Final = Path(__file__).parents[3] / "generator" / "score_sources.json"
TICKS: Final = 48
"""Of a quarter-note beat: what triplets of 32nds and dotted 32nds need."""
LONGEST_BEATS: Final = 100 * 100 / 60
"""100 s at 100 beats a minute."""
SHORTEST_BEATS: Final = 24
SHORTEST_NOTES: Final = 24
_DEFAULT_BAR: Final = 4.0

log = logging.getLogger(__name__)


class Tune(NamedTuple):
    """A tune in ABC notation and where it stands."""

    id: str
    source: str
    abc: str


class Read(NamedTuple):
    """A tune as read: what a work is made of."""

    id: str
    source: str
    title: str
    bar_beats: float
    melody: tuple[Note, ...]


def folders() -> tuple[str, ...]:
    """Folders of the corpus whose licence allows the use made of them here."""
    return tuple(each["folder"] for each in json.loads(SOURCES.read_text())["allowed"])


def tunes() -> Iterator[Tune]:
    """Every tune of the allowed folders, by book and number."""
    import music21  # a second and more to import, and only needed to build the manifest

    corpus = Path(music21.__file__).parent / "corpus"
    for folder in folders():
        for path in sorted((corpus / folder).glob("*.abc")):
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, abc in enumerate(re.split(r"(?m)^(?=X:)", text)[1:]):
                yield Tune(f"{folder}/{path.stem}/{number:03d}", folder, abc)


def read(tune: Tune) -> Read | None:
    """Read one tune; None where music21 can't, or where it is too short to be known again."""
    from music21 import exceptions21

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            bar, melody = _melody(tune.abc)
        except (
            exceptions21.Music21Exception,
            ValueError,
            KeyError,
            IndexError,
            TypeError,
            AttributeError,
            ZeroDivisionError,
        ) as error:
            log.warning("%s can't be read: %r", tune.id, error)
            return None
    if len(melody) < SHORTEST_NOTES or melody[-1].onset + melody[-1].duration < SHORTEST_BEATS:
        return None
    title = re.search(r"(?m)^T:\s*(.*\S)", tune.abc)
    return Read(tune.id, tune.source, title[1] if title else tune.id, bar, melody)


def read_all(processes: int) -> list[Read]:
    """All readable tunes, in order."""
    every = list(tunes())
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        rows = list(track(pool.map(read, every, chunksize=16), "tunes", total=len(every)))
    return [row for row in rows if row is not None]


def _melody(abc: str) -> tuple[float, tuple[Note, ...]]:
    from music21 import converter, meter, repeat, stream

    part: Any = converter.parseData(abc, format="abc")
    if isinstance(part, stream.Score):
        part = part.parts[0]
    try:
        part = part.expandRepeats()
    except (repeat.ExpanderException, stream.StreamException):
        log.info("repeats that don't close are played once")
    signature = next(iter(part.recurse().getElementsByClass(meter.TimeSignature)), None)
    bar = float(signature.barDuration.quarterLength) if signature is not None else _DEFAULT_BAR
    measures = part.getElementsByClass(stream.Measure)
    first = float(measures[0].duration.quarterLength) if len(measures) else bar
    shift = bar - first if 0 < first < bar else 0.0
    return bar, _monophonic(part, shift)


def _monophonic(part: Any, shift: float) -> tuple[Note, ...]:
    """Highest notes, ties joined, ornaments left out, cut to the longest."""
    from music21 import harmony

    found: list[Note] = []
    for each in part.flatten().notes:
        length = float(each.duration.quarterLength)
        if isinstance(each, harmony.Harmony) or each.duration.isGrace or length <= 0:
            continue
        onset = round((float(each.offset) + shift) * TICKS) / TICKS
        length = max(1, round(length * TICKS)) / TICKS
        if onset >= LONGEST_BEATS:
            break
        pitch = max(each.pitches).midi
        tied = each.tie is not None and each.tie.type in ("stop", "continue")
        if found and tied and found[-1].pitch == pitch:
            found[-1] = Note(found[-1].onset, onset + length - found[-1].onset, pitch)
        elif found and onset < found[-1].onset + found[-1].duration - 1e-9:
            if onset == found[-1].onset:
                found[-1] = max(found[-1], Note(onset, length, pitch), key=lambda n: n.pitch)
            else:
                last = found[-1]
                found[-1] = Note(last.onset, onset - last.onset, last.pitch)
                found.append(Note(onset, length, pitch))
        else:
            found.append(Note(onset, length, pitch))
    return tuple(found)


def digest(rows: list[Read]) -> str:
    """SHA-256 of what was read."""
    return hashlib.sha256(repr(rows).encode()).hexdigest()
