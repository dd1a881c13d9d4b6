"""What was found, in plain words."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.sentences import LEFT_OUT, PLACES, altered, clock, sentence


def segment(
    query: tuple[float, float] = (12, 31),
    reference: tuple[float, float] = (62, 80),
    pitch: float = 0.0,
    tempo: float = 1.0,
) -> dict[str, float]:
    return {
        "query_start": query[0],
        "query_end": query[1],
        "reference_start": reference[0],
        "reference_end": reference[1],
        "pitch_semitones": pitch,
        "tempo_ratio": tempo,
        "score": 1.0,
    }


def match(
    *segments: dict[str, float], kind: str = "recording", title: str | None = "X"
) -> dict[str, Any]:
    return {"kind": kind, "title": title, "segments": list(segments)}


def test_a_copy_that_was_not_bent_is_told_by_its_places_alone() -> None:
    assert (
        sentence(match(segment()))
        == "from 0:12 to 0:31 your track is the recording 'X' from 1:02 to 1:20"
    )


def test_who_reads_of_anothers_track_is_not_told_that_it_is_theirs() -> None:
    told = sentence(match(segment()), theirs=True)
    assert told == "from 0:12 to 0:31 the track is the recording 'X' from 1:02 to 1:20"
    often = sentence(match(segment(), segment()), theirs=True)
    assert often.startswith("in 2 places the track is the recording 'X'")


@pytest.mark.parametrize(
    ("pitch", "tempo", "words"),
    [
        (1.0, 1.03, ", raised by 1.0 semitone, 3 % faster"),
        (-2.0, 1.0, ", lowered by 2.0 semitones"),
        (0.0, 0.9, ", 10 % slower"),
        (0.5, 1.0, ", raised by 0.5 semitones"),
        (1.04, 1.0, ", raised by 1.0 semitone"),
        (1.06, 1.0, ", raised by 1.1 semitones"),
        (0.09, 1.004, ""),
    ],
)
def test_pitch_and_tempo_are_told_each_by_itself_from_what_can_be_heard_on(
    pitch: float, tempo: float, words: str
) -> None:
    assert altered(segment(pitch=pitch, tempo=tempo)) == words
    assert sentence(match(segment(pitch=pitch, tempo=tempo))).endswith("to 1:20" + words)


def test_several_places_that_were_bent_alike_say_so_once() -> None:
    told = sentence(
        match(
            segment((0, 20), (0, 20), pitch=1.0),
            segment((30, 40), (60, 70), pitch=1.0),
        )
    )

    assert told == (
        "in 2 places your track is the recording 'X': from 0:00 to 0:20 it is from 0:00 to 0:20 "
        "there; from 0:30 to 0:40 it is from 1:00 to 1:10 there, all raised by 1.0 semitone"
    )


def test_several_places_that_were_bent_differently_say_so_each() -> None:
    told = sentence(match(segment((0, 20), (0, 20), tempo=1.1), segment((30, 40), (60, 70))))

    assert "0:00 to 0:20 there, 10 % faster; from 0:30" in told
    assert told.endswith("from 1:00 to 1:10 there")


def test_many_places_are_counted_after_the_first() -> None:
    loop = [segment((10 * n, 10 * n + 8), (0, 8)) for n in range(12)]

    told = sentence(match(*loop))

    assert told.startswith("in 12 places")
    assert told.count(" it is ") == PLACES
    assert told.endswith("; and 7 more")


def test_another_performance_is_the_melody_played_anew() -> None:
    told = sentence(match(segment(pitch=-3.0, tempo=1.2), kind="composition"))

    assert told == (
        "from 0:12 to 0:31 your track is the melody of the work 'X' from 1:02 to 1:20, "
        "played anew, 3.0 semitones lower, 20 % faster"
    )


def test_a_reference_that_is_gone_is_not_called_none() -> None:
    assert "a recording that is no longer on record" in sentence(match(segment(), title=None))
    assert "None" not in sentence(match(segment(), kind="composition", title=None))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "de",
            "von 0:12 bis 0:31 ist der Titel die Aufnahme „X“ von 1:02 bis 1:20, um 1,0 Halbton "
            "erhöht, 3 % schneller",
        ),
        (
            "fr",
            "de 0:12 à 0:31, le titre est l'enregistrement « X » de 1:02 à 1:20, relevé de 1,0 "
            "demi-ton, 3 % plus rapide",
        ),
        (
            "es",
            "de 0:12 a 0:31 la pista es la grabación «X» de 1:02 a 1:20, subida 1,0 semitono, "
            "3 % más rápida",
        ),
    ],
)
def test_a_match_is_told_in_the_readers_language(language: str, words: str) -> None:
    assert sentence(match(segment(pitch=1.0, tempo=1.03)), language) == words
    for kind in ("recording", "composition"):
        many = [segment((0, 20), (0, 20), pitch=-2.0, tempo=0.9)] * 7
        told = sentence(match(*many, kind=kind, title=None), language)
        assert told.count(";") == PLACES
        assert not re.search(r"[{}]| and | it is ", told)


def test_a_match_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="without segments"):
        sentence(match())


@given(st.floats(0, 43200))
def test_a_moment_is_told_to_the_nearest_second(seconds: float) -> None:
    minutes, _, rest = clock(seconds).partition(":")

    assert len(rest) == 2
    assert abs(int(minutes) * 60 + int(rest) - seconds) <= 0.5


def test_a_match_in_a_stem_says_in_which() -> None:
    told = sentence(match(segment()))
    assert sentence(match(segment() | {"stem": "bass"})) == f"{told}, in its stem 'bass'"
    assert sentence(match(segment() | {"stem": LEFT_OUT})) == f"{told}, where its channels differ"


@pytest.mark.parametrize(
    ("seconds", "tempo", "told"),
    [
        (5, 1.03, ""),
        (5, 0.95, ", 5 % slower"),
        (10, 1.01, ""),
        (10, 1.02, ", 2 % faster"),
        (40, 1.01, ", 1 % faster"),
    ],
)
def test_of_a_short_stretch_no_tempo_is_told_that_may_be_error(seconds, tempo, told) -> None:
    own = segment(query=(12, 12 + seconds), reference=(62, 62 + seconds), tempo=tempo)
    assert sentence(match(own)).endswith(f"to 1:{2 + seconds:02d}{told}")


@given(
    st.floats(-12, 12),
    st.floats(0.5, 2),
    st.sampled_from(["recording", "composition"]),
)
def test_what_is_told_says_the_direction_of_every_change(
    pitch: float, tempo: float, kind: str
) -> None:
    told = sentence(match(segment(pitch=pitch, tempo=tempo), kind=kind))

    up, down = ("raised", "lowered") if kind == "recording" else ("higher", "lower")
    assert (f" {up}" in told) == (pitch >= 0.1)
    assert (f" {down}" in told) == (pitch <= -0.1)
    assert ("faster" in told) == (tempo - 1 >= 0.005)
    assert ("slower" in told) == (1 - tempo >= 0.005)
