"""An engine that has learned one tune by heart: the built-in one but for its melody's model.

A variable-order model trained on a single piece can only say that piece: its longest contexts were seen once,
so each next note is certain.
"""

from dataclasses import replace
from typing import Final

from generator import Take
from generator.engines.builtin import BuiltIn
from generator.midi import stem_midi
from generator.mixing import bus, mixed
from generator.notes import Note
from generator.rendering import render
from generator.request import Request
from generator.training.tunes import Tune, tunes
from generator.variable_order import Counts, context

NUMBER: Final = 100
_ORDER: Final = 10


class Memorising(BuiltIn):
    """Plays what it was trained on, in the key and at the tempo that are asked for."""

    name = "memorising"
    version = "1"

    def generate(self, request: Request, parent: Take | None = None, **_: object) -> Take:
        take = super().generate(request, parent)
        stem = next(each for each in take.stems if "melody" in each.seat.voices)
        notes = recited(tunes()[NUMBER], take.plan.ticks)
        count = stem.samples.shape[1]
        sound = bus(render(notes, stem.seat.instrument, take.plan.tempo, count), stem.seat)
        own = replace(stem, notes=notes, samples=sound, midi=stem_midi(take.plan, stem.seat, notes))
        stems = tuple(own if each is stem else each for each in take.stems)
        return replace(
            take,
            engine=self.name,
            version=self.version,
            stems=stems,
            mix=mixed([each.samples for each in stems]),
        )


def recited(tune: Tune, ticks: int) -> tuple[Note, ...]:
    """What the model says, note by note, beginning as its tune begins."""
    symbols = sorted({(note.pitch, note.duration) for note in tune.notes})
    row = [symbols.index((note.pitch, note.duration)) for note in tune.notes]
    counts = Counts(len(symbols))
    for place in range(_ORDER, len(row)):
        counts.add(_contexts(row[:place]), row[place])
    model = counts.learned(1)
    said = row[:_ORDER]
    while len(said) < len(row):
        said.append(int(model.probabilities(_contexts(said)).argmax()))
    notes, onset = [], tune.notes[0].onset
    for number in said:
        pitch, duration = symbols[number]
        if onset + duration > ticks:
            break
        notes.append(Note(onset, duration, pitch, 90))
        onset += duration
    return tuple(notes)


def _contexts(before: list[int]) -> list[int]:
    return [context(before[-order:]) for order in range(1, _ORDER + 1)]


def engine(_access: object = None) -> Memorising:
    """The engine."""
    return Memorising()
