"""General MIDI programs by part, split so that held-out performances sound unlike training ones."""

from typing import Final, Literal, NamedTuple

from fingerprint.training.scores.melody import Split

Voice = Literal["melody", "chords", "bass", "counter", "drums"]

CHANNELS: Final[dict[Voice, int]] = {
    "melody": 0,
    "chords": 1,
    "bass": 2,
    "counter": 3,
    "drums": 9,
}


class Set(NamedTuple):
    """Programs that one part may be played with, by family (General MIDI, from 0)."""

    melody: dict[str, tuple[int, ...]]
    chords: dict[str, tuple[int, ...]]
    bass: dict[str, tuple[int, ...]]


SEEN: Final = Set(
    melody={
        "keyboard": (0, 1, 4, 6),
        "mallet": (11, 12),
        "organ": (16, 19, 21),
        "plucked": (24, 26, 105),
        "driven": (30,),
        "bowed": (40, 42, 48),
        "voice": (52, 54),
        "brass": (56, 60, 61),
        "wind": (65, 68, 71, 73),
        "synth": (80, 82),
    },
    chords={
        "keyboard": (0, 1, 4, 6),
        "mallet": (11, 12),
        "organ": (16, 19, 21),
        "plucked": (24, 26),
        "bowed": (48, 50),
        "voice": (52,),
        "brass": (61,),
        "synth": (80, 88, 89, 90),
    },
    bass={"plucked": (32, 33, 35), "synth": (38,), "bowed": (42,), "keyboard": (0,)},
)
UNSEEN: Final = Set(
    melody={
        "keyboard": (2, 3, 5, 7),
        "mallet": (8, 13, 108),
        "organ": (17, 20, 22, 23),
        "plucked": (25, 27, 46, 106, 107),
        "driven": (29,),
        "bowed": (41, 49, 110),
        "voice": (53, 85),
        "brass": (57, 59, 62),
        "wind": (64, 66, 69, 70, 72, 74, 75, 79, 111),
        "synth": (81, 84, 87),
    },
    chords={
        "keyboard": (2, 3, 5, 7),
        "mallet": (8, 13),
        "organ": (17, 18, 20, 23),
        "plucked": (25, 27, 46),
        "bowed": (49, 51),
        "voice": (53,),
        "brass": (62,),
        "synth": (81, 91, 94, 95),
    },
    bass={"plucked": (34, 36, 37), "synth": (39, 87), "bowed": (43,), "keyboard": (3,)},
)
"""Shares no program with :data:`SEEN`."""


def programs_of(split: Split) -> Set:
    """What a split plays with."""
    return SEEN if split == "train" else UNSEEN
