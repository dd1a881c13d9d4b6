"""Drum patterns by style and metre, with fills where phrases end."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from generator.metre import CELLS, pulse_of
from generator.notes import Note
from generator.passages import Passage

KICK, RIM, SNARE, CLAP, HAT, OPEN, CRASH, RIDE = 36, 37, 38, 39, 42, 46, 49, 51
LOW_TOM, MIDDLE_TOM, HIGH_TOM, MARACAS = 45, 47, 50, 70
_BASE: Final = 80
_STEP: Final = 6
_LOUD: Final = {"X": 10, "x": 0, "o": -22}

_IN_FOUR: Final[dict[str, dict[int, str]]] = {
    "pop": {KICK: "X.....x.X.x.....", SNARE: "....X.......X...", HAT: "x.o.x.o.x.o.x.o."},
    "rock": {KICK: "X.......X.x.....", SNARE: "....X.......X...", HAT: "X.x.X.x.X.x.X.x."},
    "four": {KICK: "X...X...X...X...", CLAP: "....x.......x...", OPEN: "..x...x...x...x.", HAT: "o..oo..oo..oo..o"},
    "swing": {RIDE: "X...x.x.X...x.x.", HAT: "....x.......x...", KICK: "o.......o.......", SNARE: "......o.......o."},
    "lazy": {KICK: "X......x..x.....", SNARE: "....X.......X..o", HAT: "x.o.x.o.x.o.x.oo"},
    "bossa": {KICK: "X..xX..xX..xX..x", RIM: "x..x..x...x..x..", MARACAS: "xoxoxoxoxoxoxoxo"},
    "funk": {KICK: "X.x...x...x..x..", SNARE: "....X..o.o..X..o", HAT: "x.x.x.x.x.x.x.x."},
    "reggae": {KICK: "........X.......", RIM: "........X.......", HAT: "x.o.x.o.x.o.x.o."},
    "ballad": {KICK: "X.......x.x.....", RIM: "....x.......x...", HAT: "x...o...x...o..."},
    "toms": {KICK: "X.......X.....x.", LOW_TOM: "x..x..x.x..x..x.", MIDDLE_TOM: "............x.x."},
    "march": {KICK: "X.......X.......", SNARE: "x.ooX.oox.ooX.oo"},
    "light": {KICK: "x.......x.......", RIM: "....o.......o...", MARACAS: "x.o.x.o.x.o.x.o."},
}  # fmt: skip
"""Semiquavers of a bar of 4/4: X loud, x, o soft."""


def drums(passages: Iterable[Passage], seeds: Mapping[str, int]) -> list[Note]:
    """Drums of all passages."""
    found: list[Note] = []
    for passage in passages:
        random = np.random.default_rng([seeds[passage.unit], 5])
        bar = passage.metre.bar
        for n in range(passage.bars):
            start = passage.start + n * bar
            if start >= passage.last_bar:
                found += _hits(passage, [(start, KICK, 4), (start, CRASH, 6)], random)
            elif n == passage.bars - 1 and bar >= 48:
                found += _hits(passage, _with_fill(passage, start, random), random)
            else:
                found += _hits(passage, _bar(passage, start), random)
        if passage.number == 0 and passage.start < passage.last_bar:
            found += _hits(passage, [(passage.start, CRASH, -2)], random)
    return found


Hit = tuple[int, int, int]
"""Tick, key of the drum map, accent."""


def _hits(passage: Passage, some: Iterable[Hit], random: np.random.Generator) -> Iterator[Note]:
    for onset, drum, accent in some:
        yield passage.note(onset, _STEP, drum, _BASE + accent, "drums", random)


def _bar(passage: Passage, start: int) -> list[Hit]:
    name = passage.plan.style.drums
    if passage.metre.bar in (96, 48) and len(passage.metre.cells) == 1:
        return [
            (start + n * _STEP, drum, _LOUD[row[n]])
            for drum, row in _IN_FOUR[name].items()
            for n in range(passage.metre.bar // _STEP)
            if row[n] != "."
        ]
    return list(_by_cells(passage, start))


def _by_cells(passage: Passage, start: int) -> Iterator[Hit]:
    """Any other metre: the bass drum begins a cell, the snare answers, quavers go on above."""
    rows = _IN_FOUR[passage.plan.style.drums]
    high = next((d for d in (RIDE, HAT, MARACAS, LOW_TOM) if d in rows), HAT)
    answer = next((d for d in (SNARE, CLAP, RIM, LOW_TOM) if d in rows), SNARE)
    for cell in passage.metre.cells:
        pulse, length = pulse_of(cell), CELLS[cell]
        for place in range(0, length, pulse):
            drum, accent = (KICK, 8) if place == 0 else (answer, 0)
            if place == 0 or length == 2 * pulse or place == length - pulse:
                yield start + place, drum, accent
        for place in range(0, length, 12):
            yield start + place, high, 0 if place % pulse == 0 else -14
        start += length


def _with_fill(passage: Passage, start: int, random: np.random.Generator) -> list[Hit]:
    """The pattern up to the last beats, then a run over the toms or the snare."""
    pulses = passage.metre.pulses
    cut = start + pulses[max(1, len(pulses) - int(random.integers(1, 3))) if len(pulses) > 1 else 0]
    end = start + passage.metre.bar
    kept = [each for each in _bar(passage, start) if each[0] < cut]
    run = [t for t in range(cut, end, _STEP) if random.random() < 0.8 or t == cut]
    order = (SNARE, HIGH_TOM, MIDDLE_TOM, LOW_TOM)
    soft = -10 if passage.plan.style.drums in ("light", "ballad", "lazy", "bossa") else 0
    return kept + [
        (t, order[min(3, 4 * n // max(1, len(run)))], soft + 4 * n // max(1, len(run)))
        for n, t in enumerate(run)
    ]
