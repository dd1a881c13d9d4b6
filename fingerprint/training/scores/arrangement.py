"""One performance of a work: key, tempo, instruments, accompaniment; and its notes in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np

from fingerprint.training.scores.accompaniment import (
    BASS_STYLES,
    CHORD_STYLES,
    COUNTER_STYLES,
    DRUM_STYLES,
    Struck,
    bass_part,
    chord_part,
    counter_part,
    drum_part,
    pulse_of,
    scale_neighbour,
)
from fingerprint.training.scores.harmony import Chord, Key, chords, key_of
from fingerprint.training.scores.instruments import CHANNELS, UNSEEN, Voice, programs_of
from fingerprint.training.scores.melody import Note, Split, Work

NOTES_A_SECOND: Final = (2.0, 5.5)
"""Of the melody: written values differ by twofold between books, so tempo is drawn by its pace."""
BEATS_A_MINUTE: Final = (45.0, 210.0)
MELODY_PITCHES: Final = (50, 98)
MELODY_DB: Final = (-6.0, 6.0)
_LOUD: Final = 84
"""MIDI velocity of a note of full loudness in the accompaniment."""
_ACCOMPANIMENT_DB: Final[dict[Voice, float]] = {
    "melody": 0.0,
    "chords": -6.0,  # three or four notes at once
    "bass": -1.0,
    "counter": -4.0,
    "drums": -3.0,
}


class Event(NamedTuple):
    """A note as it sounds: seconds, MIDI channel, program, pitch and velocity."""

    start_seconds: float
    end_seconds: float
    channel: int
    program: int
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Performance:
    """How a work is played.

    Parameters
    ----------
    semitones : int
        Transposition of all but drums.
    beats_per_minute : float
        Quarter-note beats.
    programs : mapping of voice to int
        General MIDI programs from 0.
    styles : mapping of voice to str
        ``chords``, ``bass``, ``counter``, ``drums``: names of ``accompaniment``'s tables;
        ``melody``: ``legato``, ``plain`` or ``staccato``.
    voices : frozenset of str
        Which play; ``melody`` always does.
    melody_octave : int
        Octaves that the melody is moved by.
    melody_db : float
        Melody over accompaniment, in dB by MIDI velocity.
    lead_in_seconds : float
        Silence before beat 0.
    ornaments : float
        Share of the melody's longer notes that are ornamented.
    looseness_seconds : float
        Standard deviation of a note's beginning.
    seed : int
        Chords, ornaments and looseness; the same seed gives the same.
    soundfont : int
        0: the one that training hears, 1: the held-out one.
    reverb : bool
    chords : tuple of Chord or None
        In place of the ones that ``seed`` gives, at the work's own pitch.
    """

    semitones: int
    beats_per_minute: float
    programs: Mapping[Voice, int]
    styles: Mapping[Voice, str]
    voices: frozenset[Voice]
    melody_octave: int
    melody_db: float
    lead_in_seconds: float
    ornaments: float
    looseness_seconds: float
    seed: int
    soundfont: int = 0
    reverb: bool = True
    chords: tuple[Chord, ...] | None = None


def performance(work: Work, random: np.random.Generator, split: Split, **fixed: Any) -> Performance:
    """Draw a performance; held-out splits use programs, and half the time sounds, of their own.

    Parameters
    ----------
    work : Work
    random : numpy Generator
    split : str
        Whose instruments to play with.
    **fixed
        Fields of the result that are not drawn; the others are as they would be without.
    """
    programs = programs_of(split)
    per_beat = len(work.melody) / (work.beats - work.melody[0].onset)
    pace = np.exp(random.uniform(*np.log(NOTES_A_SECOND)))
    held_out = programs is UNSEEN
    drawn = Performance(
        semitones=int(random.integers(-6, 7)),
        beats_per_minute=float(np.clip(60 * pace / per_beat, *BEATS_A_MINUTE)),
        programs={
            "melody": _program(programs.melody, random),
            "chords": _program(programs.chords, random),
            "bass": _program(programs.bass, random),
            "counter": _program(programs.melody, random),
            "drums": 0,
        },
        styles={
            "melody": str(random.choice(["legato", "plain", "plain", "staccato"])),
            "chords": str(random.choice(list(CHORD_STYLES))),
            "bass": str(random.choice(list(BASS_STYLES))),
            "counter": str(random.choice(COUNTER_STYLES)),
            "drums": str(random.choice(list(DRUM_STYLES))),
        },
        voices=_voices(random),
        melody_octave=_octave(work, random),
        melody_db=float(random.uniform(*MELODY_DB)),
        lead_in_seconds=float(random.uniform(0, 3)),
        ornaments=float(random.choice([0.0, 0.0, 0.06, 0.15])),
        looseness_seconds=float(random.uniform(0.002, 0.015)),
        seed=int(random.integers(2**31)),
        soundfont=int(random.random() < 0.5) if held_out else 0,
        reverb=bool(random.random() < 0.5),
    )
    return replace(drawn, **fixed)


def _program(families: Mapping[str, tuple[int, ...]], random: np.random.Generator) -> int:
    """Every family as likely as any other."""
    family = families[str(random.choice(list(families)))]
    return int(random.choice(family))


def _voices(random: np.random.Generator) -> frozenset[Voice]:
    shares: dict[Voice, float] = {"chords": 0.85, "bass": 0.75, "counter": 0.25, "drums": 0.45}
    others = {voice for voice, share in shares.items() if random.random() < share}
    return frozenset({"melody", *others}) if random.random() < 0.92 else frozenset({"melody"})


def _octave(work: Work, random: np.random.Generator) -> int:
    """An octave down or up where the melody stays playable at any transposition."""
    pitches = [note.pitch for note in work.melody]
    low, high = MELODY_PITCHES
    fitting = [
        octave
        for octave in (-1, 0, 1)
        if min(pitches) + 12 * octave - 6 >= low and max(pitches) + 12 * octave + 6 <= high
    ]
    if 0 not in fitting or random.random() < 0.6:
        return 0
    return int(random.choice(fitting))


def seconds_at(performance: Performance, beat: float) -> float:
    """When a beat of the work sounds."""
    return performance.lead_in_seconds + beat * 60 / performance.beats_per_minute


def notes(work: Work, performance: Performance) -> list[Event]:
    """All notes of a performance, in order of their beginning."""
    # Streams of their own: other chords change nothing in the melody.
    ornament, loose = (np.random.default_rng([performance.seed, n]) for n in (1, 2))
    row = chords_of(work, performance)
    key, pulse = key_of(work), pulse_of(work)
    styles = performance.styles
    parts: dict[Voice, list[Struck]] = {
        "melody": melody_part(work, key, styles["melody"], performance, ornament),
        "chords": chord_part(row, styles["chords"], pulse),
        "bass": bass_part(row, styles["bass"], pulse),
        "counter": counter_part(work, row, key, styles["counter"]),
        "drums": drum_part(work.beats, styles["drums"], pulse, work.bar_beats),
    }
    found = [
        event
        for voice in ("melody", "chords", "bass", "counter", "drums")
        if voice in performance.voices
        for event in _sounding(parts[voice], voice, performance, loose)
    ]
    return _released(sorted(found))


def chords_of(work: Work, performance: Performance) -> tuple[Chord, ...]:
    """The chords that a performance plays, at the work's own pitch."""
    return performance.chords or chords(work, np.random.default_rng([performance.seed, 0]))


def _released(events: list[Event]) -> list[Event]:
    """A note ends before its pitch is struck again: a synthesiser knows one end for both."""
    next_start: dict[tuple[int, int], float] = {}
    freed = []
    for event in reversed(events):
        again = next_start.get((event.channel, event.pitch), np.inf)
        end = min(event.end_seconds, max(again - 0.005, event.start_seconds + 0.005))
        freed.append(event._replace(end_seconds=end))
        next_start[event.channel, event.pitch] = event.start_seconds
    return freed[::-1]


def _sounding(
    part: list[Struck], voice: Voice, performance: Performance, random: np.random.Generator
) -> list[Event]:
    shift = 0 if voice == "drums" else performance.semitones
    # The synthesiser's gain goes with the square of the velocity: 40 dB a decade.
    decibels = performance.melody_db if voice == "melody" else _ACCOMPANIMENT_DB[voice]
    loud = _LOUD * 10 ** (decibels / 40)
    late = np.abs(random.normal(0, performance.looseness_seconds, len(part)))
    accents = random.normal(0, 5, len(part))
    found = []
    for note, delay, accent in zip(part, late, accents, strict=True):
        start = seconds_at(performance, note.onset) + float(delay)
        end = seconds_at(performance, note.onset + note.duration)
        velocity = int(np.clip(loud * note.loudness**0.5 + accent, 20, 127))
        found.append(
            Event(
                start,
                max(end, start + 0.03),
                CHANNELS[voice],
                performance.programs[voice],
                note.pitch + shift,
                velocity,
            )
        )
    return found


def melody_part(
    work: Work, key: Key, style: str, performance: Performance, random: np.random.Generator
) -> list[Struck]:
    """The melody with articulation and ornaments, in beats at the work's own key."""
    held = {"legato": 1.02, "plain": 0.92, "staccato": 0.55}[style]
    beat_seconds = 60 / performance.beats_per_minute
    found: list[Struck] = []
    for note in work.melody:
        ornamented = random.random() < performance.ornaments
        up = bool(random.random() < 0.8)
        if ornamented and note.duration * beat_seconds > 0.25:
            found += _ornamented(note, scale_neighbour(note, key, up), 0.07 / beat_seconds, held)
        else:
            found.append(Struck(note.onset, note.duration * held, note.pitch, 1.0))
    shift = 12 * performance.melody_octave
    return [note._replace(pitch=note.pitch + shift) for note in found]


def _ornamented(note: Note, neighbour: int, short: float, held: float) -> list[Struck]:
    """A mordent: the note, its neighbour for a moment each, then the note to its end."""
    rest = note.duration - 2 * short
    return [
        Struck(note.onset, short, note.pitch, 0.9),
        Struck(note.onset + short, short, neighbour, 0.8),
        Struck(note.onset + 2 * short, rest * held, note.pitch, 1.0),
    ]
