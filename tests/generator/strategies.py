"""Requests of every kind, for properties."""

from hypothesis import strategies as st

from generator import Request
from generator.instruments import INSTRUMENTS
from generator.keys import SCALES
from generator.metre import METRES
from generator.moods import MOODS, STYLES

KEYS = st.builds(
    "{} {}".format, st.sampled_from(["C", "F#", "Bb", "Ab", "E", "D#", "B"]), st.sampled_from(sorted(SCALES))
)  # fmt: skip
FORMS = st.sampled_from(["AABA", "ABACABA", "intro-verse-chorus-outro", "A", "ABCD"])
CHORDS = st.lists(st.sampled_from(["Dm", "G7", "Cmaj7", "F#dim", "Bbsus4", "A9", "E5"]), max_size=5)


def requests(most_bars: int = 24) -> st.SearchStrategy[Request]:
    """Valid requests of a few bars."""
    return st.builds(
        Request,
        tempo=st.none() | st.floats(30, 300).map(lambda tempo: round(tempo, 2)),
        key=st.none() | KEYS,
        metre=st.none() | st.sampled_from(METRES),
        moods=st.lists(st.sampled_from(sorted(MOODS)), max_size=2).map(tuple),
        genre=st.none() | st.sampled_from(sorted(STYLES)),
        instruments=st.lists(st.sampled_from(sorted(INSTRUMENTS)), max_size=5).map(tuple),
        bars=st.integers(1, most_bars),
        form=st.none() | FORMS,
        chords=CHORDS.map(tuple),
        seed=st.integers(0, 2**63 - 1),
    )
