"""Passages: one phrase as every player sees it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi, sin

import numpy as np

from generator.chords import Chord
from generator.form import Section
from generator.harmony import phrases_of
from generator.metre import Metre
from generator.notes import Note, Voice
from generator.plan import Plan

_LOUDER = {"B": 7, "C": 3, "I": -8, "O": -8}


@dataclass(frozen=True)
class Passage:
    """A phrase of a section.

    Parameters
    ----------
    plan : Plan
    section : Section
    number : int
        Of the phrase in its section.
    first_bar, bars : int
    chords : tuple of Chord
        Those of the phrase.
    final : bool
        Whether the take ends with it.
    """

    plan: Plan
    section: Section
    number: int
    first_bar: int
    bars: int
    chords: tuple[Chord, ...]
    final: bool

    @property
    def unit(self) -> str:
        """Name of its seed: phrases of the same place in sections of one letter share it."""
        return f"{self.section.letter}{self.number}"

    @property
    def metre(self) -> Metre:
        return self.plan.metre

    @cached_property
    def start(self) -> int:
        """Its first tick."""
        return self.first_bar * self.metre.bar

    @cached_property
    def end(self) -> int:
        """The tick after its last."""
        return self.start + self.bars * self.metre.bar

    @property
    def closes(self) -> bool:
        """Whether its section ends with it."""
        return self.number == len(self.section.phrases) - 1

    @cached_property
    def last_bar(self) -> int:
        """Tick at which the take's last bar begins, if it lies here; else the passage's end."""
        return self.end - self.metre.bar if self.final else self.end

    def syllables(self, bar: int) -> tuple[str, ...]:
        """Those that its bar of a number begins, if anything is sung."""
        verse = self.plan.verse
        return verse[self.first_bar + bar] if verse else ()

    def velocity(self, onset: int, base: int, random: np.random.Generator) -> int:
        """Loudness of a note: the mood's, the section's, an arch over the phrase, the metre's."""
        arch = 6 * sin(pi * (onset - self.start + 1) / (self.end - self.start + 1))
        metric = (-3, 2, 6)[self.metre.weight(onset)]
        own = base + self.plan.mood.loudness + _LOUDER.get(self.section.letter, 0) + arch + metric
        return min(124, max(20, round(own + random.normal(0, 2.0))))

    def note(
        self,
        onset: int,
        duration: int,
        pitch: int,
        base: int,
        voice: Voice,
        random: np.random.Generator,
    ) -> Note:
        """A note of the passage, as loud as its place asks for."""
        return Note(onset, max(1, duration), pitch, self.velocity(onset, base, random), voice)


def passages(plan: Plan, chords: Sequence[Chord]) -> Iterator[Passage]:
    """All phrases in order."""
    bar = plan.metre.bar
    for section in plan.sections:
        phrases = phrases_of(section)
        for number, (first, bars) in enumerate(phrases):
            own = tuple(c for c in chords if first * bar <= c.onset < (first + bars) * bar)
            final = section is plan.sections[-1] and number == len(phrases) - 1
            yield Passage(plan, section, number, first, bars, own, final)


def units(plan: Plan) -> tuple[str, ...]:
    """Names of all seeds that a stem needs."""
    found = (f"{s.letter}{n}" for s in plan.sections for n in range(len(s.phrases)))
    return tuple(dict.fromkeys(found))
