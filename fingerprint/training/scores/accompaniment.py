"""Accompaniment from chords: each style is a function from one chord to its notes in beats."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from fingerprint.training.scores.harmony import Chord, Key
from fingerprint.training.scores.melody import Note, Work


class Struck(NamedTuple):
    """A note of an accompaniment: beats, MIDI pitch, loudness from 0 to 1."""

    onset: float
    duration: float
    pitch: int
    loudness: float


Style = Callable[[Chord, float], Iterator[Struck]]

_LOW_CHORD: Final = 52
_LOW_BASS: Final = 31


def pulse_of(work: Work) -> float:
    """What one counts, in quarter-note beats: 1.5 where a bar of quavers goes in threes.

    Bars of 3/4 and 6/8 are equally long; where their notes begin tells them apart.
    """
    if work.bar_beats in (1.5, 4.5, 6.0):
        return 1.5
    if work.bar_beats != 3.0:
        return 1.0
    phases = [note.onset % 3.0 for note in work.melody]
    threes = sum(abs(phase - 1.5) < 1e-3 for phase in phases)
    return 1.5 if threes > sum(abs(phase - 2.0) < 1e-3 for phase in phases) else 1.0


def chord_part(row: Sequence[Chord], style: str, pulse: float) -> list[Struck]:
    """Chords in a style of :data:`CHORD_STYLES`."""
    return [note for chord in row for note in CHORD_STYLES[style](chord, pulse)]


def bass_part(row: Sequence[Chord], style: str, pulse: float) -> list[Struck]:
    """Bass in a style of :data:`BASS_STYLES`."""
    if style != "walking":
        return [note for chord in row for note in BASS_STYLES[style](chord, pulse)]
    following = [*row[1:], row[-1]]
    return [
        note for chord, then in zip(row, following, strict=True) for note in _walking(chord, then)
    ]


def drum_part(beats: float, style: str, pulse: float, bar_beats: float) -> list[Struck]:
    """Drums in a pattern of :data:`DRUM_STYLES`, pitches of the General MIDI drum map.

    A pattern has two steps a pulse and begins again with every bar.
    """
    steps = round(2 * bar_beats / pulse)
    found = []
    for bar in range(int(np.ceil(beats / bar_beats))):
        for drum, pattern in DRUM_STYLES[style].items():
            for step in range(steps):
                if (mark := pattern[step % len(pattern)]) != ".":
                    # the off-beat of a pulse in threes is its last quaver
                    part = step // 2 + (step % 2) * (0.5 if pulse == 1.0 else 2 / 3)
                    onset = bar * bar_beats + part * pulse
                    found.append(Struck(onset, pulse / 2, drum, 1.0 if mark == "X" else 0.7))
    return found


def counter_part(work: Work, row: Sequence[Chord], key: Key, style: str) -> list[Struck]:
    """A second voice: a third or a sixth below the melody in the key, or one long note a chord."""
    if style == "long":
        return _long_notes(row)
    steps = {"thirds": 2, "sixths": 5}[style]
    return [
        Struck(note.onset, note.duration, _below(note.pitch, steps, key), 0.8)
        for note in work.melody
    ]


def _below(pitch: int, steps: int, key: Key) -> int:
    """So many degrees of the scale below."""
    while steps:
        pitch -= 1
        steps -= pitch % 12 in key.scale
    return pitch


def scale_neighbour(note: Note, key: Key, up: bool) -> int:
    """The next pitch of the key above or below a note."""
    pitch = note.pitch + (1 if up else -1)
    while pitch % 12 not in key.scale:
        pitch += 1 if up else -1
    return pitch


def _long_notes(row: Sequence[Chord]) -> list[Struck]:
    """Guide tones, each as near to the last as can be."""
    found, last = [], 62
    for chord in row:
        last = min(
            (p for p in range(52, 72) if p % 12 in chord.classes[1:]), key=lambda p: abs(p - last)
        )
        found.append(Struck(chord.onset, chord.duration, last, 0.8))
    return found


def _voiced(chord: Chord) -> list[int]:
    """Close position from the first chord tone above the floor."""
    return sorted(_LOW_CHORD + (each - _LOW_CHORD) % 12 for each in chord.classes)


def _times(chord: Chord, step: float) -> Iterator[float]:
    for n in range(max(1, int(chord.duration / step + 1e-6))):
        yield chord.onset + n * step


def _blocks(chord: Chord, _: float) -> Iterator[Struck]:
    for pitch in _voiced(chord):
        yield Struck(chord.onset, chord.duration * 0.95, pitch, 0.9)


def _beats(chord: Chord, pulse: float) -> Iterator[Struck]:
    step = pulse
    for n, onset in enumerate(_times(chord, step)):
        for pitch in _voiced(chord):
            yield Struck(onset, step * 0.6, pitch, 0.7 if n else 0.9)


def _arpeggio(chord: Chord, pulse: float) -> Iterator[Struck]:
    tones = _voiced(chord)
    tones = [*tones, tones[0] + 12]
    order = [*range(len(tones)), *range(len(tones) - 2, 0, -1)]
    for n, onset in enumerate(_times(chord, 0.5)):
        yield Struck(onset, 0.9, tones[order[n % len(order)]], 0.8)


def _alberti(chord: Chord, pulse: float) -> Iterator[Struck]:
    tones = _voiced(chord)
    order = (0, 2, 1, 2)
    for n, onset in enumerate(_times(chord, 0.5)):
        yield Struck(onset, 0.5, tones[order[n % 4]], 0.8)


def _strum(chord: Chord, pulse: float) -> Iterator[Struck]:
    tones = _voiced(chord)
    tones = [tones[0] - 12, *tones, tones[0] + 12]
    for n, onset in enumerate(_times(chord, 0.5)):
        if n % 4 == 1:
            continue
        down = n % 2 == 0
        for m, pitch in enumerate(tones if down else tones[::-1][:3]):
            yield Struck(onset + m * 0.03, 0.45, pitch, 0.85 if n % 4 == 0 else 0.6)


def _pad(chord: Chord, _: float) -> Iterator[Struck]:
    for pitch in (*_voiced(chord), _voiced(chord)[0] + 12):
        yield Struck(chord.onset, chord.duration, pitch, 0.6)


def _oom_pah(chord: Chord, pulse: float) -> Iterator[Struck]:
    for n, onset in enumerate(_times(chord, pulse)):
        waltz = chord.duration % 3 == 0 and pulse == 1.0
        if n % (3 if waltz else 2) == 0:
            yield Struck(onset, 0.7, _LOW_CHORD - 12 + (chord.root - _LOW_CHORD) % 12, 0.9)
        else:
            for pitch in _voiced(chord):
                yield Struck(onset, 0.4, pitch, 0.7)


def _low(pitch_class: int) -> int:
    return _LOW_BASS + (pitch_class - _LOW_BASS) % 12


def _roots(chord: Chord, _: float) -> Iterator[Struck]:
    yield Struck(chord.onset, chord.duration * 0.9, _low(chord.root), 0.9)


def _root_fifth(chord: Chord, pulse: float) -> Iterator[Struck]:
    half = chord.duration / 2
    root = _low(chord.root)
    yield Struck(chord.onset, half * 0.9, root, 0.9)
    yield Struck(chord.onset + half, half * 0.9, root + 7 if root < 38 else root - 5, 0.75)


def _pumped(chord: Chord, pulse: float) -> Iterator[Struck]:
    for onset in _times(chord, 0.5):
        yield Struck(onset, 0.4, _low(chord.root), 0.8)


def _walking(chord: Chord, then: Chord) -> Iterator[Struck]:
    """Chord tones on the beats, a step into the next root at the end."""
    times = list(_times(chord, 1.0))
    tones = [_low(each) for each in chord.classes]
    for n, onset in enumerate(times):
        pitch = tones[n % len(tones)]
        if n and n == len(times) - 1:
            pitch = _low(then.root) + (1 if pitch > _low(then.root) else -1)
        yield Struck(onset, 0.95, pitch, 0.85)


CHORD_STYLES: Final[dict[str, Style]] = {
    "blocks": _blocks,
    "beats": _beats,
    "arpeggio": _arpeggio,
    "alberti": _alberti,
    "strum": _strum,
    "pad": _pad,
    "oom-pah": _oom_pah,
}
BASS_STYLES: Final[dict[str, Style]] = {
    "roots": _roots,
    "root-fifth": _root_fifth,
    "pumped": _pumped,
    "walking": _roots,
}
"""``walking`` needs the next chord as well: :func:`bass_part`."""
COUNTER_STYLES: Final = ("thirds", "sixths", "long")
KICK, SNARE, STICK, CLOSED, OPEN, RIDE, SHAKER, TAMBOURINE = 36, 38, 37, 42, 46, 51, 70, 54
DRUM_STYLES: Final[dict[str, dict[int, str]]] = {
    "rock": {KICK: "X...X...", SNARE: "..X...X.", CLOSED: "xxxxxxxx"},
    "four": {KICK: "X.X.X.X.", SNARE: "..X...X.", OPEN: ".x.x.x.x"},
    "half": {KICK: "X.......", SNARE: "....X...", RIDE: "x.x.x.x."},
    "latin": {KICK: "X..XX..X", STICK: "x..x..x.", SHAKER: "xxxxxxxx"},
    "march": {KICK: "X...X...", SNARE: "x.xxx.xx"},
    "folk": {KICK: "X.......", TAMBOURINE: "x.X.x.X."},
}
