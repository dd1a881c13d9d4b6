"""Bass lines: roots where chords begin, and what lies between by style."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from generator.accompaniment import QUAVER
from generator.chords import Chord
from generator.instruments import Instrument
from generator.notes import TICKS, Note
from generator.passages import Passage

_BASE: Final = 82
_REACH: Final = 17
"""Semitones above its lowest tone that a bass keeps within."""


class Step(NamedTuple):
    """A tone of the bass: ticks after the chord's onset, length, pitch, accent."""

    at: int
    length: int
    pitch: int
    accent: int = 0


class Place(NamedTuple):
    """What a style sees: the chord, its root and fifth in range, the next root, the pulses."""

    chord: Chord
    root: int
    fifth: int
    octave: int
    then: int
    pulses: Sequence[tuple[int, int]]
    reach: tuple[int, int]


Line = Callable[[Place, np.random.Generator], Iterator[Step]]


def bass(passages: Iterable[Passage], player: Instrument, seeds: Mapping[str, int]) -> list[Note]:
    """A bass line in the plan's style."""
    low = max(player.low, 28 if player.voices == ("bass",) else 36)
    reach = (low, min(player.high, low + _REACH))
    found: list[Note] = []
    for passage in passages:
        random = np.random.default_rng([seeds[passage.unit], 4])
        line = LINES[passage.plan.style.bass]
        last = (reach[0] + reach[1]) // 2
        row = passage.chords
        for n, chord in enumerate(row):
            following = row[n + 1].root if n + 1 < len(row) else row[0].root
            place = _place(passage, chord, last, following, reach)
            own = _roots if chord.onset >= passage.last_bar else line
            for step in own(place, random):
                length = min(step.length, chord.duration - step.at)
                onset = chord.onset + step.at
                if length > 0:
                    base = _BASE + step.accent
                    found.append(passage.note(onset, length, step.pitch, base, "bass", random))
                    last = step.pitch
    return found


def _place(
    passage: Passage, chord: Chord, last: int, following: int, reach: tuple[int, int]
) -> Place:
    root = _nearest(chord.root, last, reach)
    fifth_class = chord.classes[2] if len(chord.classes) > 2 else chord.classes[-1]
    fifth = _nearest(fifth_class, root, reach)
    octave = root + 12 if root + 12 <= reach[1] else root
    bar = passage.metre.bar
    starts = [
        n * bar + pulse - chord.onset
        for n in range(chord.onset // bar, -(-chord.end // bar))
        for pulse in passage.metre.pulses
        if chord.onset <= n * bar + pulse < chord.end
    ]
    pulses = [(a, b - a) for a, b in zip(starts, (*starts[1:], chord.duration), strict=True)]
    return Place(chord, root, fifth, octave, _nearest(following, root, reach), pulses, reach)


def _nearest(pitch_class: int, last: int, reach: tuple[int, int]) -> int:
    options = [p for p in range(reach[0], reach[1] + 1) if p % 12 == pitch_class]
    return min(options, key=lambda p: (abs(p - last), p))


def _roots(place: Place, random: np.random.Generator) -> Iterator[Step]:
    yield Step(0, place.chord.duration, place.root, 2)


def _root_fifth(place: Place, random: np.random.Generator) -> Iterator[Step]:
    pulses = place.pulses
    half = pulses[(len(pulses) + 1) // 2][0] if len(pulses) > 1 else place.chord.duration
    yield Step(0, half - 2, place.root, 2)
    yield Step(half, place.chord.duration - half, place.fifth, -3)


def _pumped(place: Place, random: np.random.Generator) -> Iterator[Step]:
    for n in range(place.chord.duration // QUAVER):
        yield Step(n * QUAVER, QUAVER - 1, place.root, 3 if n % 2 == 0 else -4)


def _octaves(place: Place, random: np.random.Generator) -> Iterator[Step]:
    for n in range(place.chord.duration // QUAVER):
        pitch = place.octave if n % 2 else place.root
        yield Step(n * QUAVER, QUAVER - 2, pitch, 2 if n % 2 else 0)


def _walking(place: Place, random: np.random.Generator) -> Iterator[Step]:
    """Chord tones on the beats; the last beat leads by a step into the next root."""
    tones = [p for p in range(place.reach[0], place.reach[1] + 1) if p % 12 in place.chord.classes]
    last = place.root
    for n, (at, length) in enumerate(place.pulses):
        if n == 0:
            pitch = place.root
        elif n == len(place.pulses) - 1:
            side = 1 if last >= place.then else -1
            pitch = int(np.clip(place.then + side * int(random.integers(1, 3)), *place.reach))
        else:
            near = [p for p in tones if 0 < abs(p - last) <= 7] or tones
            pitch = int(random.choice(near))
        yield Step(at, length, pitch, 2 if n == 0 else 0)
        last = pitch


def _syncopated(place: Place, random: np.random.Generator) -> Iterator[Step]:
    figure = ((0, 18), (18, 6), (36, 24), (72, 12), (84, 12))
    tones = (place.root, place.root, place.fifth, place.root, place.octave)
    for (at, length), pitch in zip(figure, tones, strict=True):
        if at < place.chord.duration and (at in (0, 36) or random.random() < 0.6):
            yield Step(at, min(length, TICKS), pitch, 3 if at == 0 else -2)


LINES: Final[dict[str, Line]] = {
    "roots": _roots,
    "root-fifth": _root_fifth,
    "pumped": _pumped,
    "octaves": _octaves,
    "walking": _walking,
    "syncopated": _syncopated,
}
