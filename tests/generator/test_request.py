"""Requests from outside, and what is decided where they leave things open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import InvalidRequestError, request_of
from generator.form import letters_of, sections
from generator.instruments import INSTRUMENTS, instrument
from generator.keys import SCALES, key_of
from generator.metre import METRES, metre_of
from generator.moods import STYLES
from generator.plan import planned, shared_out


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tempo": 500}, "tempo: Input should be less than or equal to 300"),
        ({"key": "H moll"}, "write a tonic and a mode, as 'D minor'"),
        ({"metre": "11/16"}, "ask for 2/4, 3/4"),
        ({"moods": ["furry"]}, "choose among angry, calm"),
        ({"genre": "polka"}, "choose among ambient"),
        ({"instruments": ["theremin"]}, "choose among accordion"),
        ({"form": "xyz"}, "write letters as AABA"),
        ({"chords": ["Hm"]}, "is no chord known here"),
        ({"instruments": ["piano"], "without": ["piano"]}, "asked for and excluded"),
        ({"locked": ["piano"]}, "name the parent take"),
        ({"colour": "blue"}, "colour: Extra inputs"),
        ({"instruments": ["piano"] * 9}, "at most 8"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(fields: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        request_of(fields)
    assert told in str(refused.value)


def test_more_bars_than_ten_minutes_are_refused_with_how_many_fit() -> None:
    with pytest.raises(InvalidRequestError, match="ask for 150 bars at most"):
        planned(request_of({"tempo": 60, "bars": 400, "metre": "4/4"}))


def test_every_open_choice_has_a_reason_and_every_asked_one_says_so() -> None:
    plan = planned(request_of({"tempo": 84, "moods": ("dark",)}))
    told = {reason.field: reason.why for reason in plan.reasons}
    assert told["tempo"] == "as asked"
    assert "dark" in told["key"]
    assert set(told) >= {"tempo", "key", "metre", "bars", "form", "instruments"}


def test_seconds_become_the_nearest_whole_bars() -> None:
    plan = planned(request_of({"seconds": 30, "tempo": 84, "metre": "4/4"}))
    assert plan.bars == 10
    assert plan.seconds == pytest.approx(30, abs=1.5)


@given(st.text("ABCIO", min_size=1, max_size=24), st.integers(1, 400))
def test_sections_fill_any_number_of_bars_exactly(letters: str, bars: int) -> None:
    found = sections(letters, bars)
    assert sum(each.bars for each in found) == bars
    assert all(each.bars > 0 and sum(each.phrases) == each.bars for each in found)
    starts = [each.first_bar for each in found]
    assert starts == [sum(e.bars for e in found[:n]) for n in range(len(found))]


@given(st.lists(st.sampled_from(sorted(INSTRUMENTS)), min_size=1, max_size=8))
def test_nobody_is_left_without_a_voice_and_at_most_one_leads(names: list[str]) -> None:
    voices = shared_out([instrument(name) for name in names])
    assert all(voices)
    assert sum("melody" in own for own in voices) <= 1


def test_a_pianist_alone_plays_melody_chords_and_bass() -> None:
    assert shared_out([instrument("piano")]) == [["melody", "chords", "bass"]]
    assert shared_out([instrument("cello"), instrument("piano")])[1] == ["chords", "bass"]


@pytest.mark.parametrize("mode", sorted(SCALES))
@pytest.mark.parametrize("tonic", ["C", "F#", "Db", "G#", "Bb", "A#", "Cb"])
def test_keys_are_spelled_with_seven_letters_and_at_most_seven_signs(tonic: str, mode: str) -> None:
    key = key_of(f"{tonic} {mode}")
    assert abs(key.fifths) <= 7
    spelled = [key.spelled(pitch_class) for pitch_class in key.scale]
    assert sorted(letter for letter, _ in spelled) == list("ABCDEFG")


def test_a_relative_key_has_the_same_signature() -> None:
    assert str(key_of("D minor").relative()) == "F major"
    assert str(key_of("A major").relative()) == "F# minor"


def test_bars_of_every_metre_are_the_sum_of_their_cells() -> None:
    for name in METRES:
        metre = metre_of(name)
        assert metre.pulses[0] == 0
        assert all(place < metre.bar for place in metre.pulses)
        assert metre.bar == 96 * metre.beats // metre.unit


def test_forms_are_read_as_letters_and_as_words() -> None:
    assert letters_of("AABA") == "AABA"
    assert letters_of("intro-verse-chorus") == "IAB"


def test_every_style_names_patterns_and_players_that_exist() -> None:
    for name, style in STYLES.items():
        plan = planned(request_of({"genre": name, "bars": 4}))
        assert [seat.instrument.name for seat in plan.seats] == list(style.ensemble)


@pytest.mark.parametrize(
    "field", ["key", "metre", "genre", "form", "parent", "audio_reference", "moods", "chords"]
)
def test_a_text_without_end_is_refused_without_being_told_back(field: str) -> None:
    many = field in ("moods", "chords")
    with pytest.raises(InvalidRequestError) as refused:
        request_of({field: ["x" * 100_000] if many else "x" * 100_000})
    assert len(str(refused.value)) < 500
