"""Melodies: rhythm and line from the learned model, under the rules of singable tunes.

A phrase has ideas of one bar. Its third bar takes up the rhythm and line of the first, a later phrase
of the section those of the first phrase's opening, note for note where the chords are the same. Its last bar closes on a
long note: of the chord, or of the tonic where the section ends. Sections that answer the first lie higher. Bars are filled cell by cell, so that they are exact while notes are drawn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from generator.arrays import F64Array, I64Array
from generator.chords import chord_at
from generator.given_melody import fitted
from generator.instruments import Instrument
from generator.ladder import Ladder, ladder_of
from generator.lyrics import sung_rhythm
from generator.metre import CELLS, Metre, pulse_of
from generator.notes import TICKS, Note, seconds_of
from generator.passages import Passage
from generator.plan import Plan
from generator.tune_model import (
    DURATIONS,
    WIDEST,
    pitch_contexts,
    rhythm_contexts,
    tune_model,
)

_BASE: Final = 84
_SHORTEST_SECONDS: Final = 0.11
_REACH: Final = 9
"""Semitones about its centre that a line keeps within."""
_SPREAD: Final = 10
"""Semitones from its centre at which a line is drawn back noticeably."""
_HIGHER: Final = {"B": 4, "C": 2}
"""Semitones by which a section's centre lies above the first one's, as the second part of a dance does."""
_ANSWER: Final = 3
"""Semitones by which a phrase that answers lies higher."""
_SPAN: Final = 12
"""Semitones that a phrase is to span."""
_WIDENING: Final = 0.7
"""How much more likely a semitone makes a long note that adds it to what a phrase spans, as a power of e."""
_SAME_RHYTHM: Final = 0.35
"""How often a bar that takes nothing up moves as the bar before it."""
_NO_LEAP: Final = 3
"""Steps up to a fourth."""
_PARALLEL: Final = 0.08
_SEVENTHS_AND_MORE: Final = 5
_LENGTHS: Final = np.array(DURATIONS, np.float64)
_STEPS: Final = np.arange(-WIDEST, WIDEST + 1)


@dataclass(frozen=True)
class Idea:
    """A bar of melody.

    Parameters
    ----------
    rhythm : tuple of int
        Ticks of its notes; they fill the bar.
    steps : tuple of int
        Steps of the scale to each note from the note before it.
    places : tuple of int
        Of its notes on the scale.
    chords : tuple of (int, int, str)
        Ticks from the bar's beginning, root and quality of those under it.
    """

    rhythm: tuple[int, ...]
    steps: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    chords: tuple[tuple[int, int, str], ...] = ()


@dataclass
class _Line:
    """Where a line has got to."""

    index: int
    steps: list[int] = field(default_factory=list)
    rhythm: list[int] = field(default_factory=list)
    anchor: tuple[int, int] | None = None
    """Pitch and root where a chord began last."""
    extent: tuple[int, int] | None = None
    """Lowest and highest pitch of the phrase so far."""


def centre_of(player: Instrument, register: int) -> float:
    """Pitch about which a player's lines lie."""
    own = player.low + 0.58 * (player.high - player.low)
    low, high = player.low + 8, player.high - 8
    return float(np.clip(min(max(own, 62), 76) + register, min(low, high), max(low, high)))


def lead_centre(plan: Plan) -> float | None:
    """Pitch about which the melody of a plan lies; None if none sounds in it."""
    lead = next((seat for seat in plan.seats if "melody" in seat.voices), None)
    if lead is None:
        return None
    if plan.melody:
        pitches = [note.pitch for note in fitted(plan.melody, lead.instrument, plan.ticks)]
        return float(np.mean(pitches)) if pitches else None  # it may begin after the end
    return centre_of(lead.instrument, plan.mood.register)


def melody(passages: Iterable[Passage], player: Instrument, seeds: Mapping[str, int]) -> list[Note]:
    """Notes of the melody of all passages."""
    found: list[Note] = []
    kept: dict[str, list[Idea]] = {}
    for passage in passages:
        random = np.random.default_rng(seeds[passage.unit])
        first = kept.get(f"{passage.section.letter}0")
        notes, ideas = _phrase(passage, player, first if passage.number else None, random)
        kept.setdefault(passage.unit, ideas)
        if passage.section.occurrence and not passage.plan.verse:
            again = np.random.default_rng([seeds[passage.unit], passage.section.occurrence])
            notes = _ornamented(passage, notes, player, again)
        found += _breathing(notes, passage)
    return found


def _phrase(
    passage: Passage,
    player: Instrument,
    opening: Sequence[Idea] | None,
    random: np.random.Generator,
) -> tuple[list[Note], list[Idea]]:
    higher = _HIGHER.get(passage.section.letter, 0) + _ANSWER * (passage.number % 2)
    centre = centre_of(player, passage.plan.mood.register + higher)
    line = _Line(_opening(passage, centre, random))
    notes: list[Note] = []
    ideas: list[Idea] = []
    for bar in range(passage.bars):
        like = _model_of(bar, passage.bars, ideas, opening)
        last = bar == passage.bars - 1
        rhythm = like.rhythm if like else _rhythm(passage, line, ideas, random)
        if last:
            rhythm = _closing(rhythm, passage.metre, passage.closes)
        if count := len(passage.syllables(bar)):
            rhythm = sung_rhythm(rhythm, count)
        start = passage.start + bar * passage.metre.bar
        idea, own = _bar(passage, start, rhythm, line, like, centre, player, random)
        ideas.append(idea)
        notes += own
    return notes, ideas


def _rhythm(
    passage: Passage, line: _Line, ideas: Sequence[Idea], random: np.random.Generator
) -> tuple[int, ...]:
    """A rhythm of its own, or that of the bar before."""
    if ideas and random.random() < _SAME_RHYTHM:
        return ideas[-1].rhythm
    return drawn_rhythm(passage, line.rhythm, random)


def _model_of(
    bar: int, bars: int, ideas: Sequence[Idea], opening: Sequence[Idea] | None
) -> Idea | None:
    """The idea that a bar takes up."""
    if bar == bars - 1 and bars > 1:
        return None
    if opening and bar < min(2, len(opening) - 1, bars - 1):
        return opening[bar]
    return ideas[0] if bar == 2 and bars > 3 else None


def _opening(passage: Passage, centre: float, random: np.random.Generator) -> int:
    """Where the line would come from: a chord tone near the centre."""
    ladder = ladder_of(passage.plan.key, passage.chords[0])
    near = [n for n in range(14, 77) if n % 7 in ladder.tones and abs(ladder.pitch(n) - centre) < 7]
    return (
        int(random.choice(near)) if near else int((centre - passage.plan.key.pitch_class) * 7 / 12)
    )


def drawn_rhythm(
    passage: Passage, before: list[int], random: np.random.Generator
) -> tuple[int, ...]:
    """Ticks of the notes of one bar, cell by cell; ``before`` goes on with them."""
    found: list[int] = []
    for cell in passage.metre.cells:
        place = 0
        while place < CELLS[cell]:
            number = _drawn_duration(passage, cell, place, before, random)
            before.append(number)
            found.append(DURATIONS[number])
            place += DURATIONS[number]
    return tuple(found)


def _drawn_duration(
    passage: Passage, cell: str, place: int, before: Sequence[int], random: np.random.Generator
) -> int:
    own = tune_model().rhythm.probabilities(rhythm_contexts(cell, place, before[-8:]))
    rest = CELLS[cell] - place - _LENGTHS
    pulse = pulse_of(cell)
    # what is left of a pulse must be a sum of the shortest lengths, 2 and 3
    possible = (rest >= 0) & ((place + _LENGTHS) % pulse != pulse - 1)
    if place % 6:  # a triplet or a demisemiquaver ends with its pulse
        possible &= place % pulse + _LENGTHS <= pulse
    slow = seconds_of(1, passage.plan.tempo) * _LENGTHS >= _SHORTEST_SECONDS
    if (possible & slow).any():
        possible &= slow
    calm = passage.plan.mood.calm + max(0.0, (passage.plan.tempo - 110) / 120)
    weights = own * possible * (_LENGTHS / 12) ** calm
    return int(random.choice(len(weights), p=weights / weights.sum()))


def _closing(rhythm: tuple[int, ...], metre: Metre, whole: bool) -> tuple[int, ...]:
    """The rhythm up to the middle of the bar, then one long note."""
    pulses = metre.pulses
    cut = pulses[len(pulses) // 2] if len(pulses) > 1 else 0
    if whole and len(pulses) > 3:
        cut = pulses[1] if rhythm[0] <= pulses[1] else 0
    kept: list[int] = []
    place = 0
    for each in rhythm:
        if place + each > cut:
            break
        kept.append(each)
        place += each
    return (*kept, metre.bar - place)


def _bar(
    passage: Passage,
    start: int,
    rhythm: tuple[int, ...],
    line: _Line,
    like: Idea | None,
    centre: float,
    player: Instrument,
    random: np.random.Generator,
) -> tuple[Idea, list[Note]]:
    """One bar of the line; where it takes up an idea, that idea's steps bent to the chords here."""
    onset, notes, steps, places = start, [], [], []
    chords = _chords_under(passage, start)
    again = like.places if like and like.chords == chords else ()
    for n, length in enumerate(rhythm):
        ladder = ladder_of(passage.plan.key, chord_at(passage.chords, onset))
        last = onset + length == passage.end
        if n < len(again) and not last:
            step = again[n] - line.index
        else:
            weights = _weights(passage, ladder, line, onset, length, centre, player, last)
            if like and n < len(like.steps) and not last:
                weights = weights * np.exp(-1.6 * np.abs(_STEPS - like.steps[n]))
            step = int(random.choice(_STEPS, p=weights / weights.sum()))
        line.index += step
        line.steps.append(max(-WIDEST, min(WIDEST, step)))
        steps.append(line.steps[-1])
        places.append(line.index)
        pitch = ladder.pitch(line.index)
        low, high = line.extent or (pitch, pitch)
        line.extent = min(low, pitch), max(high, pitch)
        notes.append(passage.note(onset, length, pitch, _BASE, "melody", random))
        chord = chord_at(passage.chords, onset)
        if chord.onset == onset:
            line.anchor = (pitch, chord.root)
        onset += length
    return Idea(rhythm, tuple(steps), tuple(places), chords), notes


def _chords_under(passage: Passage, start: int) -> tuple[tuple[int, int, str], ...]:
    """Ticks from a bar's beginning, root and quality of its chords."""
    first = chord_at(passage.chords, start)
    later = [c for c in passage.chords if start < c.onset < start + passage.metre.bar]
    return tuple((max(0, c.onset - start), c.root, c.quality) for c in (first, *later))


def _weights(
    passage: Passage,
    ladder: Ladder,
    line: _Line,
    onset: int,
    length: int,
    centre: float,
    player: Instrument,
    last: bool,
) -> F64Array:
    """Of every step: the model's, bent by the chord, the range, leaps and the phrase's end."""
    weight = passage.metre.weight(onset)
    degree = (line.index - ladder.root) % 7
    own = tune_model().pitch.probabilities(pitch_contexts(degree, weight, length, line.steps[-8:]))
    places = (line.index + _STEPS).astype(np.int64)
    pitches, tones = ladder.around(line.index)
    stressed = (0.0, 0.8, 1.8)[weight] + (1.2 if length >= 24 else 0.0)
    own = (
        own
        * np.where(tones, np.exp(stressed), 1.0)
        * np.exp(-(((pitches - centre) / _SPREAD) ** 2) / 2)
    )
    own *= _after_leap(line.steps) * _no_parallels(passage, line, onset, pitches)
    own *= np.where(np.abs(_STEPS) > _SEVENTHS_AND_MORE, 0.15, 1.0)
    own[WIDEST] *= _staying(line.steps, length)
    own *= _widening(line.extent, pitches, length)
    if last:
        own *= tones if not passage.closes else _home(places, ladder, passage.final)
    reach = np.abs(pitches - centre) <= _REACH
    within = (pitches >= player.low) & (pitches <= player.high)
    for mask in (within & reach, within):
        if (own * mask).sum() > 0:
            return own * mask
    return np.where(np.arange(len(pitches)) == np.abs(pitches - centre).argmin(), 1.0, 0.0)


def _widening(extent: tuple[int, int] | None, pitches: I64Array, length: int) -> F64Array:
    """Pitches that add to what the phrase spans, the more welcome the longer the note: slow lines would span too little."""
    if extent is None:
        return np.ones(len(pitches))
    low, high = extent
    spans = np.maximum(high, pitches) - np.minimum(low, pitches)
    more = np.maximum(0, np.minimum(spans, _SPAN) - (high - low))
    near = np.abs(_STEPS) <= _NO_LEAP
    return np.asarray(np.exp(_WIDENING * min(1.0, length / TICKS) * more * near))


def _staying(steps: Sequence[int], length: int) -> float:
    """A note that comes again, less welcome the longer it is and the more often it did: slow lines would stand still."""
    return (0.1 if steps[-2:] == [0, 0] else 0.3 if steps[-1:] == [0] else 1.0) * (
        0.4 if length >= TICKS else 1.0
    )


def _home(places: I64Array, ladder: Ladder, final: bool) -> F64Array:
    """The tonic at a section's end, or now and then the third; at the take's end the tonic alone."""
    return np.array(
        [
            1.0 if p % 7 == 0 else 0.0 if final else 0.15 * (int(p) % 7 in ladder.tones)
            for p in places
        ]
    )


def _no_parallels(passage: Passage, line: _Line, onset: int, pitches: I64Array) -> F64Array:
    """Where the chord changes, fifths and octaves above its root that follow the same are shunned."""
    before, chord = (chord_at(passage.chords, tick) for tick in (onset - 1, onset))
    if chord.onset != onset or before.root == chord.root or not line.steps:
        return np.ones(len(pitches))
    last = ladder_of(passage.plan.key, before).pitch(line.index)
    found = np.ones(len(pitches))
    for pitch, root in {(last, before.root), line.anchor or (last, before.root)}:
        gap = (pitch - root) % 12
        if gap in (0, 7) and root != chord.root:
            found[((pitches - chord.root) % 12 == gap) & (pitches != pitch)] = _PARALLEL
    return found


def _after_leap(steps: Sequence[int]) -> F64Array:
    """After a leap the line turns back by steps."""
    if not steps or abs(steps[-1]) < 4:
        return np.ones(len(_STEPS))
    back = -np.sign(steps[-1]) * _STEPS
    return np.where((back > 0) & (back < 3), 3.0, np.where(back < 0, 0.25, 1.0))


def _ornamented(
    passage: Passage, notes: list[Note], player: Instrument, random: np.random.Generator
) -> list[Note]:
    """Heard again: some long notes lead on by a neighbour, the rhythm of the rest stays."""
    found: list[Note] = []
    for n, note in enumerate(notes):
        following = notes[n + 1] if n + 1 < len(notes) else None
        if note.duration in (24, 36, 48) and following and random.random() < 0.3:
            ladder = ladder_of(passage.plan.key, chord_at(passage.chords, note.onset))
            scale = [ladder.pitch(each) for each in range(14, 80)]
            towards = 1 if following.pitch >= note.pitch else -1
            near = [p for p in scale if 0 < (p - note.pitch) * towards <= 2]
            if near and player.low <= near[0] <= player.high:
                half = note.duration // 2 if note.duration != 36 else 24
                found.append(replace(note, duration=half))
                later = replace(note, onset=note.onset + half, duration=note.duration - half)
                found.append(replace(later, pitch=near[0], velocity=max(20, note.velocity - 8)))
                continue
        found.append(note)
    return found


def _breathing(notes: list[Note], passage: Passage) -> list[Note]:
    """The last note of a phrase leaves room to breathe, but for the take's last."""
    if passage.final or not notes or notes[-1].duration < 24:
        return notes
    last = notes[-1]
    return [*notes[:-1], replace(last, duration=last.duration - min(12, last.duration // 4))]
