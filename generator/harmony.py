"""Harmony: rows of chords that begin at home, wander by function and close with a cadence.

Chords are states of a chain whose weights come from their functions (tonic, subdominant, dominant) and
from how their roots move; a row is drawn exactly from that chain under the condition that it begins and
ends as its phrase must, by messages from the end.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from generator.arrays import F64Array
from generator.chords import Chord, symbol
from generator.form import Section
from generator.keys import Key
from generator.plan import Plan

Cadence = Literal["half", "full"]


class Degree(NamedTuple):
    """A chord of a mode: semitones above the tonic, quality, function and weight."""

    root: int
    quality: str
    function: str
    weight: float


_D = Degree
CHORDS: Final[dict[str, tuple[Degree, ...]]] = {
    "major": (
        _D(0, "", "T", 1.0), _D(2, "m", "S", 0.7), _D(4, "m", "T", 0.3), _D(5, "", "S", 1.0),
        _D(7, "", "D", 1.0), _D(7, "7", "D", 0.5), _D(9, "m", "T", 0.8),
    ),
    "minor": (
        _D(0, "m", "T", 1.0), _D(2, "dim", "S", 0.15), _D(3, "", "T", 0.6), _D(5, "m", "S", 1.0),
        _D(7, "", "D", 0.9), _D(7, "7", "D", 0.6), _D(8, "", "S", 0.8), _D(10, "", "D", 0.5),
    ),
    "dorian": (
        _D(0, "m", "T", 1.3), _D(2, "m", "S", 0.3), _D(3, "", "T", 0.5), _D(5, "", "S", 0.8),
        _D(7, "m", "D", 0.7), _D(10, "", "D", 0.8),
    ),
    "phrygian": (
        _D(0, "m", "T", 1.0), _D(1, "", "D", 1.0), _D(3, "", "T", 0.5), _D(5, "m", "S", 0.7),
        _D(8, "", "S", 0.6), _D(10, "m", "D", 0.6),
    ),
    "lydian": (
        _D(0, "", "T", 1.0), _D(2, "", "S", 1.0), _D(4, "m", "T", 0.4), _D(7, "", "D", 0.9),
        _D(9, "m", "T", 0.6), _D(11, "m", "D", 0.4),
    ),
    "mixolydian": (
        _D(0, "", "T", 1.0), _D(2, "m", "S", 0.4), _D(5, "", "S", 1.0), _D(7, "m", "D", 0.5),
        _D(9, "m", "T", 0.4), _D(10, "", "D", 1.0),
    ),
}  # fmt: skip
_FUNCTIONS: Final = {
    "TT": 0.6, "TS": 1.2, "TD": 0.9, "SS": 0.5, "SD": 2.0, "ST": 0.5, "DT": 2.5, "DS": 0.15, "DD": 0.3,
}  # fmt: skip
_ROOTS: Final = {0: 0.25, 5: 1.6, 9: 1.2, 8: 1.2, 2: 1.1, 1: 1.0, 7: 0.9, 10: 0.8, 11: 0.7, 3: 0.6, 4: 0.6, 6: 0.3}  # fmt: skip
_LEAD_BACK: Final = (("B", "A"), ("C", "A"), ("I", "A"))
"""Sections that end on the dominant, so that the next begins at home."""
_SEVENTHS: Final = {"m": "m7", "dim": "m7b5", "7": "7"}


def harmony(plan: Plan, seeds: Mapping[str, int]) -> tuple[Chord, ...]:
    """Chords of the whole take.

    Parameters
    ----------
    plan : Plan
    seeds : mapping of str to int
        A seed for each phrase, by letter and number: ``A0``.
    """
    if plan.chords:
        return _given(plan)
    found: list[Chord] = []
    openings: dict[str, list[Degree]] = {}
    following = (*plan.sections[1:], None)
    for section, then in zip(plan.sections, following, strict=True):
        final = then is None
        for number, (bar, bars) in enumerate(phrases_of(section)):
            last = number == len(section.phrases) - 1
            open_end = then is not None and (section.letter, then.letter) in _LEAD_BACK
            cadence: Cadence = "full" if last and not open_end else "half"
            random = np.random.default_rng(seeds[f"{section.letter}{number}"])
            slots = _slots(plan, bar, bars, final and last)
            opening = openings.get(section.letter, []) if number else []
            row = drawn(plan.key, len(slots), cadence, random, opening[: len(slots) // 2])
            openings.setdefault(section.letter, row)
            found += [_chord(plan, each, *slot) for each, slot in zip(row, slots, strict=True)]
    return tuple(found)


def phrases_of(section: Section) -> list[tuple[int, int]]:
    """First bar and bars of each phrase."""
    found, bar = [], section.first_bar
    for bars in section.phrases:
        found.append((bar, bars))
        bar += bars
    return found


def _slots(plan: Plan, first: int, bars: int, final: bool) -> list[tuple[int, int]]:
    """Onset and duration of each chord of a phrase; the take's last bar has one chord."""
    bar = plan.metre.bar
    places = plan.metre.halves if plan.style.chords_a_bar > 1 else (0,)
    found = []
    for number in range(first, first + bars):
        own = (0,) if final and number == first + bars - 1 else places
        for place, end in zip(own, (*own[1:], bar), strict=True):
            found.append((number * bar + place, end - place))
    return found


def drawn(
    key: Key,
    slots: int,
    cadence: Cadence,
    random: np.random.Generator,
    opening: Sequence[Degree] = (),
) -> list[Degree]:
    """Chords of a phrase: from the tonic to a dominant (half) or by a dominant home (full).

    One that answers another begins with that one's ``opening``, half as long as itself at most.
    """
    every = CHORDS[key.mode]
    after = _after(every)
    allowed = np.ones((slots, len(every)), bool)
    allowed[0] = [each.root == 0 for each in every]
    for n, degree in enumerate(opening):
        allowed[n] = [each == degree for each in every]
    if cadence == "half":
        allowed[-1] = [each.function == "D" and each.quality != "7" for each in every]
        if slots == 1:
            allowed[0] = True
    else:
        allowed[-1] = [each.root == 0 for each in every]
        if slots > 2:
            allowed[-2] = [each.function == "D" for each in every]
    messages = [np.ones(len(every))]
    for row in allowed[:0:-1]:
        messages.append(after @ (row * messages[-1]))
    messages.reverse()
    path: list[int] = []
    for n in range(slots):
        own = after[path[-1]] if path else np.array([each.weight for each in every])
        weights = own * allowed[n] * messages[n]
        path.append(int(random.choice(len(every), p=weights / weights.sum())))
    return [every[n] for n in path]


def _after(every: Sequence[Degree]) -> F64Array:
    return np.array(
        [
            [
                then.weight
                * _FUNCTIONS[before.function + then.function]
                * _ROOTS[(then.root - before.root) % 12]
                for then in every
            ]
            for before in every
        ]
    )


def _chord(plan: Plan, degree: Degree, onset: int, duration: int) -> Chord:
    root = (plan.key.pitch_class + degree.root) % 12
    quality = degree.quality
    if plan.style.sevenths:
        quality = _SEVENTHS.get(quality) or _seventh(plan, root)
    return Chord(onset, duration, root, quality)


def _seventh(plan: Plan, root: int) -> str:
    """Of a major triad, with the seventh that the scale has (a raised one would blur the mode); in a blues a minor one."""
    return "7" if plan.style.blue or (root + 10) % 12 in plan.key.scale else "maj7"


def _given(plan: Plan) -> tuple[Chord, ...]:
    """The chords that were asked for, one a bar, from the beginning again."""
    bar = plan.metre.bar
    own = [symbol(each) for each in plan.chords]
    return tuple(Chord(n * bar, bar, *own[n % len(own)]) for n in range(plan.bars))
