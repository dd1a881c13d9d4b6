"""Chords under a melody: voiced by search, played in patterns; pads; a second voice."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from generator.chords import Chord
from generator.instruments import Instrument
from generator.melody import lead_centre
from generator.metre import Metre
from generator.notes import TICKS, Note
from generator.passages import Passage
from generator.plan import Plan
from generator.voicing import voicings

QUAVER: Final = TICKS // 2
_BASES: Final = {"chords": 66, "pad": 58, "counter": 70}
_BESIDE: Final = 5
"""Semitones between the middle of the lead's register and the nearest tone of chords."""
_HIGH_LEAD: Final = 66
"""From here on there is room for chords below a lead that is not muddy."""
_WIDTH: Final = 19
_LEAST_WIDTH: Final = 14
_RING: Final = 3 * QUAVER


class Stroke(NamedTuple):
    """Tones of a voicing, by number, from a tick of the chord on, with an accent."""

    at: int
    length: int
    tones: tuple[int, ...]
    accent: int = 0


Pattern = Callable[[Chord, int, Metre, int], Iterator[Stroke]]
"""Chord, how many tones, metre and a number that chooses among variants."""


def chords(
    passages: Sequence[Passage], player: Instrument, seeds: Mapping[str, int], under: bool
) -> list[Note]:
    """Chords in the style's pattern.

    Parameters
    ----------
    passages : sequence of Passage
    player : Instrument
    seeds : mapping of str to int
    under : bool
        Whether the same player has a melody above.
    """
    low, high = _range(player, under)
    size = 3 if high - low < 20 or player.name == "distorted guitar" else 4
    if not under:  # as many tones as before: three that are broken up and down are any tune's
        low, high = beside_lead(passages[0].plan, player, low, high)
    found: list[Note] = []
    for passage in passages:
        random = np.random.default_rng([seeds[passage.unit], 1])
        pattern = PATTERNS[passage.plan.style.chords]
        variant = int(random.integers(0, 4))
        tones = voicings(passage.chords, low, high, size, random)
        for chord, voiced in zip(passage.chords, tones, strict=True):
            closing = chord.onset >= passage.last_bar
            play = _held if closing else pattern
            for stroke in play(chord, size, passage.metre, variant):
                end = chord.onset + min(chord.duration, stroke.at + stroke.length)
                for tone in sorted({voiced[n] for n in stroke.tones}):
                    onset = chord.onset + stroke.at
                    base = _BASES["chords"] + stroke.accent
                    found.append(passage.note(onset, end - onset, tone, base, "chords", random))
    return found


def _range(player: Instrument, under: bool) -> tuple[int, int]:
    """Where chords lie: below a melody of the same player, else about the middle."""
    low, high = (48, 64) if under else (50, 72)
    low, high = max(low, player.low), min(high, player.high)
    if high - low < 16:
        low, high = player.low, min(player.high, player.low + 19)
    return low, high


def beside_lead(plan: Plan, player: Instrument, low: int, high: int) -> tuple[int, int]:
    """The register of chords that leaves the lead's free: below a high lead, above a low one.

    Parameters
    ----------
    low, high : int
        MIDI note numbers of the register where nothing leads, or where there is no room beside the lead.
    """
    centre = lead_centre(plan)
    if centre is None:
        return low, high
    if centre >= _HIGH_LEAD:
        wanted = (low - 2, min(high, round(centre) - _BESIDE))
    else:
        wanted = (round(centre) + _BESIDE, round(centre) + _BESIDE + _WIDTH)
    found = max(player.low, wanted[0]), min(player.high, wanted[1])
    return found if found[1] - found[0] >= _LEAST_WIDTH else (low, high)


def pad(passages: Sequence[Passage], player: Instrument, seeds: Mapping[str, int]) -> list[Note]:
    """Chords held; tones that stay are tied over."""
    low, high = max(50, player.low), min(76, player.high)
    low, high = beside_lead(passages[0].plan, player, low, high)
    found: list[Note] = []
    for passage in passages:
        random = np.random.default_rng([seeds[passage.unit], 2])
        sounding: dict[int, Note] = {}
        rows = zip(passage.chords, voicings(passage.chords, low, high, 4, random), strict=True)
        for chord, voiced in rows:
            for tone in [t for t in sounding if t not in voiced]:
                found.append(sounding.pop(tone))
            for tone in sorted(set(voiced)):
                held = sounding.get(tone)
                start = held.onset if held else chord.onset
                own = passage.note(start, chord.end - start, tone, _BASES["pad"], "pad", random)
                sounding[tone] = own
        found += sounding.values()
    return found


def counter(
    passages: Iterable[Passage], player: Instrument, seeds: Mapping[str, int], register: int
) -> list[Note]:
    """A second voice: long tones led by least motion, some of which pass on by a step."""
    centre = float(np.clip((player.low + player.high) / 2, 55, 72)) + register / 2
    centre = float(np.clip(centre, player.low + 7, player.high - 7))
    low, high = max(player.low, round(centre - 8)), min(player.high, round(centre + 8))
    found: list[Note] = []
    for passage in passages:
        random = np.random.default_rng([seeds[passage.unit], 3])
        line = [each[0] for each in voicings(passage.chords, low, high, 1, random)]
        for n, chord in enumerate(passage.chords):
            then = line[n + 1] if n + 1 < len(line) else None
            found += _counter_notes(passage, chord, line[n], then, random)
    return found


def _counter_notes(
    passage: Passage, chord: Chord, tone: int, then: int | None, random: np.random.Generator
) -> Iterator[Note]:
    """One long tone, or one that leaves for a scale tone between it and the next."""
    middle = [p for p in passage.metre.pulses if p >= chord.duration / 2 and p < chord.duration]
    split = middle[0] if middle and chord.onset < passage.last_bar else 0
    base = _BASES["counter"]
    between = _between(passage, tone, then) if then is not None and split else None
    if between is None or random.random() < 0.35:
        yield passage.note(chord.onset, chord.duration, tone, base, "counter", random)
        return
    yield passage.note(chord.onset, split, tone, base, "counter", random)
    onset = chord.onset + split
    yield passage.note(onset, chord.duration - split, between, base - 4, "counter", random)


def _between(passage: Passage, tone: int, then: int) -> int | None:
    scale = passage.plan.key.scale
    low, high = sorted((tone, then))
    found = [p for p in range(low + 1, high) if p % 12 in scale]
    return found[len(found) // 2] if found else None


def _held(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
    yield Stroke(0, chord.duration, tuple(range(size)), 2)


def _pulses_in(chord: Chord, metre: Metre) -> list[tuple[int, int]]:
    """Ticks of the chord at which one counts, and the ticks to the next."""
    bar = metre.bar
    found = [
        start - chord.onset
        for n in range(chord.onset // bar, -(-chord.end // bar))
        for start in (n * bar + pulse for pulse in metre.pulses)
        if chord.onset <= start < chord.end
    ]
    return [(a, b - a) for a, b in zip(found, (*found[1:], chord.duration), strict=True)]


def _pulses(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
    for at, length in _pulses_in(chord, metre):
        if variant % 2 and length == TICKS:
            yield Stroke(at, 11, tuple(range(size)), 2 if at == 0 else 0)
            yield Stroke(at + QUAVER, 11, tuple(range(size)), -8)
        else:
            yield Stroke(at, length - 4, tuple(range(size)), 2 if at == 0 else 0)


def _strummed(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
    skipped = ({1, 4}, {1, 5}, {1, 3, 4}, {1})[variant]
    for n in range(chord.duration // QUAVER):
        if n % 8 not in skipped:
            down = n % 2 == 0
            tones = tuple(range(size)) if down else tuple(range(1, size))
            yield Stroke(n * QUAVER, QUAVER, tones, 3 if n % 4 == 0 else -2 if down else -8)


def _broken(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
    up = [*range(size)]
    order = (up, [*up, *up[-2:0:-1]], [0, size - 1, *up[1:-1]], [*up[:-1], size - 1, *up[-2:0:-1]])[
        variant
    ]
    for n in range(max(1, chord.duration // QUAVER)):
        yield Stroke(n * QUAVER, _RING, (order[n % len(order)],), 3 if n == 0 else -2)


def _alberti(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
    order = (0, size - 1, size // 2, size - 1)
    for n in range(max(1, chord.duration // QUAVER)):
        yield Stroke(n * QUAVER, QUAVER, (order[n % 4],), 2 if n % 4 == 0 else -3)


def _offbeat(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
    for at, length in _pulses_in(chord, metre):
        off = QUAVER if length == TICKS else length - QUAVER
        if off < length:
            yield Stroke(at + off, 9, tuple(range(size)), 0)


_STABS: Final = (
    ((0, 12), (36, 20)), ((12, 10), (60, 24)), ((0, 30), (36, 10), (60, 10)), ((0, 10), (60, 12), (84, 10)),
)  # fmt: skip
_SYNCOPATED: Final = (
    ((0, 16), (36, 16), (60, 10), (72, 16)), ((0, 10), (18, 10), (36, 10), (60, 16)),
    ((12, 12), (36, 18), (72, 12)), ((0, 18), (18, 18), (36, 24), (72, 18)),
)  # fmt: skip


def _figure(figures: tuple[tuple[tuple[int, int], ...], ...]) -> Pattern:
    def play(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
        figure = [each for each in figures[variant] if each[0] < chord.duration] or [(0, 12)]
        for n, (at, length) in enumerate(figure):
            yield Stroke(at, length, tuple(range(size)), 3 if n == 0 else -2)

    return play


def _waltz(chord: Chord, size: int, metre: Metre, variant: int) -> Iterator[Stroke]:
    beats = _pulses_in(chord, metre)
    for at, length in beats[1:] or beats:
        yield Stroke(at, length - 8, tuple(range(size)), 0)


PATTERNS: Final[dict[str, Pattern]] = {
    "pulses": _pulses,
    "strummed": _strummed,
    "broken": _broken,
    "alberti": _alberti,
    "offbeat": _offbeat,
    "stabs": _figure(_STABS),
    "syncopated": _figure(_SYNCOPATED),
    "waltz": _waltz,
}
