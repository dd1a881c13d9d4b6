"""Moods and styles: what a word of either means for tempo, mode, density, loudness and instruments."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from generator.errors import InvalidRequestError


@dataclass(frozen=True)
class Mood:
    """What a mood asks for.

    Parameters
    ----------
    modes : tuple of str
        Modes to choose among.
    tempo : tuple of int
        Quarter notes a minute, from and to.
    calm : float
        How much longer notes are preferred: 0 as in dance tunes, 1.5 for slow lines.
    register : int
        Semitones by which lines lie higher or lower.
    loudness : int
        Added to velocities.
    """

    modes: tuple[str, ...]
    tempo: tuple[int, int]
    calm: float = 0.6
    register: int = 0
    loudness: int = 0


MOODS: Final[dict[str, Mood]] = {
    "dark": Mood(("minor", "phrygian"), (66, 96), 0.9, -5, -2),
    "sad": Mood(("minor",), (56, 80), 1.1, -2, -10),
    "calm": Mood(("major", "lydian"), (60, 84), 1.2, 0, -14),
    "happy": Mood(("major", "mixolydian"), (108, 138), 0.3, 3, 4),
    "energetic": Mood(("minor", "mixolydian"), (122, 150), 0.2, 2, 12),
    "epic": Mood(("minor", "dorian"), (84, 112), 0.9, 0, 14),
    "romantic": Mood(("major",), (64, 88), 1.0, 0, -4),
    "tense": Mood(("phrygian", "minor"), (92, 128), 0.5, -3, 4),
    "dreamy": Mood(("lydian", "major"), (64, 88), 1.2, 4, -12),
    "playful": Mood(("major", "mixolydian"), (112, 144), 0.2, 5, 0),
    "mysterious": Mood(("phrygian", "dorian"), (70, 96), 0.9, -2, -8),
    "angry": Mood(("phrygian", "minor"), (126, 160), 0.2, -4, 18),
    "hopeful": Mood(("major", "lydian"), (88, 116), 0.7, 2, 0),
    "nostalgic": Mood(("major", "dorian"), (70, 96), 0.9, 0, -8),
    "solemn": Mood(("minor", "dorian"), (54, 74), 1.2, -4, -2),
}
NEUTRAL: Final = Mood(("major", "minor", "dorian"), (84, 120))


@dataclass(frozen=True)
class Style:
    """What a genre asks for.

    Parameters
    ----------
    tempo : tuple of int
        Quarter notes a minute, from and to.
    metre : str
    ensemble : tuple of str
        Instruments where none are asked for.
    chords, bass, drums : str
        Names of patterns of the accompaniment.
    swing : bool
        Whether quavers are played long and short.
    sevenths : bool
        Whether chords have a fourth tone.
    chords_a_bar : int
    blue : bool
        Whether every major chord has a minor seventh, in the scale or not, and twelve bars are a chorus.
    """

    tempo: tuple[int, int]
    metre: str
    ensemble: tuple[str, ...]
    chords: str
    bass: str
    drums: str
    swing: bool = False
    sevenths: bool = False
    chords_a_bar: int = 1
    blue: bool = False


STYLES: Final[dict[str, Style]] = {
    "pop": Style((92, 124), "4/4", ("piano", "electric guitar", "electric bass", "drums"), "pulses", "pumped", "pop"),
    "rock": Style((110, 148), "4/4", ("electric guitar", "distorted guitar", "electric bass", "drums"), "strummed", "pumped", "rock"),
    "folk": Style((90, 126), "4/4", ("violin", "acoustic guitar", "double bass", "accordion"), "strummed", "root-fifth", "light"),
    "classical": Style((76, 116), "4/4", ("violin", "piano", "cello", "viola"), "alberti", "roots", "light", chords_a_bar=2),
    "jazz": Style((96, 152), "4/4", ("saxophone", "piano", "double bass", "drums"), "stabs", "walking", "swing", True, True),
    "ambient": Style((56, 78), "4/4", ("synth pad", "piano", "strings", "synth bass"), "broken", "roots", "light"),
    "electronic": Style((118, 132), "4/4", ("synth lead", "synth pad", "synth bass", "drums"), "offbeat", "octaves", "four"),
    "house": Style((120, 128), "4/4", ("synth lead", "electric piano", "synth bass", "drums"), "offbeat", "octaves", "four"),
    "techno": Style((126, 140), "4/4", ("synth lead", "synth pad", "synth bass", "drums"), "offbeat", "octaves", "four"),
    "lo-fi": Style((70, 88), "4/4", ("electric piano", "vibraphone", "electric bass", "drums"), "stabs", "roots", "lazy", True, True),
    "hip hop": Style((82, 98), "4/4", ("electric piano", "strings", "synth bass", "drums"), "stabs", "syncopated", "lazy"),
    "cinematic": Style((72, 108), "4/4", ("strings", "french horn", "piano", "double bass", "drums"), "broken", "roots", "toms"),
    "ballad": Style((62, 80), "4/4", ("piano", "strings", "electric bass", "drums"), "broken", "roots", "ballad"),
    "waltz": Style((100, 168), "3/4", ("violin", "accordion", "double bass", "clarinet"), "waltz", "roots", "light"),
    "march": Style((104, 120), "2/4", ("trumpet", "trombone", "french horn", "drums"), "pulses", "root-fifth", "march"),
    "latin": Style((96, 126), "4/4", ("trumpet", "acoustic guitar", "double bass", "drums"), "syncopated", "syncopated", "bossa"),
    "bossa nova": Style((116, 140), "4/4", ("flute", "acoustic guitar", "double bass", "drums"), "syncopated", "root-fifth", "bossa", False, True),
    "funk": Style((96, 116), "4/4", ("saxophone", "electric guitar", "electric bass", "drums"), "stabs", "syncopated", "funk"),
    "reggae": Style((72, 92), "4/4", ("organ", "electric guitar", "electric bass", "drums"), "offbeat", "syncopated", "reggae"),
    "country": Style((96, 132), "4/4", ("acoustic guitar", "banjo", "double bass", "drums"), "strummed", "root-fifth", "light"),
    "blues": Style((72, 108), "4/4", ("electric guitar", "piano", "electric bass", "drums"), "stabs", "walking", "swing", True, True, blue=True),
    "metal": Style((136, 168), "4/4", ("distorted guitar", "distorted guitar", "electric bass", "drums"), "pulses", "pumped", "rock"),
    "lullaby": Style((60, 80), "3/4", ("flute", "harp", "strings", "cello"), "broken", "roots", "light"),
    "celtic": Style((100, 132), "6/8", ("flute", "harp", "violin", "double bass"), "broken", "roots", "light"),
    "baroque": Style((76, 112), "4/4", ("oboe", "harpsichord", "bassoon", "violin"), "broken", "walking", "light", chords_a_bar=2),
}  # fmt: skip
PLAIN: Final = Style(
    (84, 120), "4/4", ("piano", "strings", "double bass", "flute"), "broken", "roots", "pop"
)


def mood_of(names: Iterable[str]) -> Mood:
    """One mood of several: the mean of their figures, modes of the first.

    Raises
    ------
    InvalidRequestError
        If one is unknown.
    """
    own = []
    for name in names:
        if name not in MOODS:
            raise InvalidRequestError(f"no mood {name!r}: choose among {', '.join(sorted(MOODS))}")
        own.append(MOODS[name])
    if not own:
        return NEUTRAL
    count = len(own)
    low, high = sum(m.tempo[0] for m in own) // count, sum(m.tempo[1] for m in own) // count
    return Mood(
        own[0].modes,
        (low, high),
        sum(m.calm for m in own) / count,
        sum(m.register for m in own) // count,
        sum(m.loudness for m in own) // count,
    )


def style_of(name: str | None) -> Style:
    """The style of a genre.

    Raises
    ------
    InvalidRequestError
        If it is unknown.
    """
    if name is None:
        return PLAIN
    if name not in STYLES:
        raise InvalidRequestError(f"no genre {name!r}: choose among {', '.join(sorted(STYLES))}")
    return STYLES[name]
