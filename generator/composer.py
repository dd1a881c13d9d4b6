"""The composer: a plan and seeds go in, the notes of every stem come out.

Every stem and phrase has a seed of its own, and no stem depends on another's: what is locked never changes
when the rest is made anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from generator.accompaniment import chords, counter, pad
from generator.bass import bass
from generator.chords import Chord
from generator.drums import drums
from generator.given_melody import fitted
from generator.harmony import harmony
from generator.melody import melody
from generator.notes import TICKS, Note, tidy
from generator.passages import Passage, passages, units
from generator.plan import Plan, Seat, seed_for

HARMONY = "harmony"
Seeds = Mapping[str, Mapping[str, int]]
"""Of every stem, and of the harmony, the seed of each phrase."""


@dataclass(frozen=True)
class Score:
    """What was composed.

    Parameters
    ----------
    chords : tuple of Chord
    notes : mapping of str to tuple of Note
        By stem.
    """

    chords: tuple[Chord, ...]
    notes: Mapping[str, tuple[Note, ...]]


def seeds_of(plan: Plan, seed: int) -> dict[str, dict[str, int]]:
    """Seeds of a take that varies none."""
    names = (HARMONY, *(seat.stem for seat in plan.seats))
    return {name: {unit: seed_for(seed, name, unit) for unit in units(plan)} for name in names}


def compose(plan: Plan, seeds: Seeds, phrases: int | None = None) -> Score:
    """Notes of every stem; the same plan and seeds give the same notes.

    Of so many ``phrases`` only the notes of these: each begins as it does in the whole.
    """
    row = harmony(plan, seeds[HARMONY])
    parts = tuple(passages(plan, row))[:phrases]
    notes = {
        seat.stem: tidy(_swung(plan, _played(plan, seat, parts, seeds[seat.stem])), plan.ticks)
        for seat in plan.seats
    }
    return Score(row, notes)


def _played(
    plan: Plan, seat: Seat, parts: tuple[Passage, ...], seeds: Mapping[str, int]
) -> list[Note]:
    player, found = seat.instrument, []
    for voice in seat.voices:
        if voice == "melody" and plan.melody:
            found += fitted(plan.melody, player, plan.ticks)
        elif voice == "melody":
            found += melody(parts, player, seeds)
        elif voice == "counter":
            found += counter(parts, player, seeds, plan.mood.register)
        elif voice == "chords":
            found += chords(parts, player, seeds, under="melody" in seat.voices)
        elif voice == "pad":
            found += pad(parts, player, seeds)
        elif voice == "bass":
            found += bass(parts, player, seeds)
        else:
            found += drums(parts, seeds)
    return found


def _swung(plan: Plan, notes: list[Note]) -> list[Note]:
    """Quavers long and short, two to one, where the style swings and one counts in quarters."""
    if not plan.style.swing or plan.metre.unit != 4:
        return notes
    found = []
    for note in notes:
        if plan.melody and note.voice == "melody":
            found.append(note)
            continue
        onset = _swing(note.onset)
        found.append(replace(note, onset=onset, duration=max(1, _swing(note.end) - onset)))
    return found


def _swing(tick: int) -> int:
    beat, place = divmod(tick, TICKS)
    return beat * TICKS + (place * 4 // 3 if place <= 12 else 16 + (place - 12) * 2 // 3)
