"""Sung lines: syllables, and a melody that has a note for each."""

import io

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from generator import Request
from generator.composer import compose, seeds_of
from generator.lyrics import lines, sung, sung_rhythm, syllables
from generator.midi import stem_midi
from generator.musicxml import musicxml
from generator.plan import Plan, planned

TEXT = "[verse]\nThe river carries silver light\nand nobody is waiting\n\nDie Brücke über den Fluß"


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("river", "ri-ver"), ("light", "light"), ("time", "time"), ("little", "lit-tle"), ("waiting", "wai-ting"),
        ("fröhlicher", "fröh-li-cher"), ("chanson", "chan-son"), ("corazón", "co-ra-zón"),
        ("don't", "don't"), ("fenêtre", "fe-nêtre"),
    ],
)  # fmt: skip
def test_words_are_split_by_their_vowels(word: str, split: str) -> None:
    assert "".join(syllables(word)) == split


@given(st.text(max_size=200))
def test_any_text_keeps_its_letters(text: str) -> None:
    for line in lines(text):
        assert all(line)


@given(st.lists(st.sampled_from([6, 12, 18, 24, 48]), min_size=1, max_size=12), st.integers(1, 16))
def test_a_rhythm_for_syllables_lasts_as_long_as_before(rhythm: list[int], count: int) -> None:
    found = sung_rhythm(rhythm, count)
    assert sum(found) == sum(rhythm)
    assert len(found) == min(count, sum(rhythm) // 6) or len(found) < count
    assert min(found) >= 6


def song() -> tuple[Plan, list[object]]:
    request = Request(lyrics=TEXT, instruments=("flute", "piano"), bars=16, tempo=90, metre="4/4")
    plan = planned(request)
    return plan, list(compose(plan, seeds_of(plan, 2)).notes["flute"])


def test_every_syllable_has_a_note_of_the_melody_and_stands_in_the_midi() -> None:
    plan, notes = song()
    words = sung(plan.verse, plan.metre.bar, notes)  # type: ignore[arg-type]
    expected = [syllable for line in lines(TEXT) for syllable in line]
    assert [words[onset] for onset in sorted(words)] == expected
    seat = next(seat for seat in plan.seats if seat.stem == "flute")
    read = mido.MidiFile(file=io.BytesIO(stem_midi(plan, seat, notes)), charset="utf-8")  # type: ignore[arg-type]
    assert [m.text for m in read.tracks[1] if m.type == "lyrics"] == expected
    score = etree.fromstring(musicxml(plan, {"flute": notes}))  # type: ignore[dict-item]
    sung_there = [(e.findtext("syllabic"), e.findtext("text")) for e in score.iter("lyric")]
    assert [text for _, text in sung_there] == [each.removesuffix("-") for each in expected]
    assert sung_there[:3] == [("single", "The"), ("begin", "ri"), ("end", "ver")]
    told = {reason.field: reason.value for reason in plan.reasons}
    assert told["lyrics"] == f"{len(expected)} syllables"


def test_words_that_cannot_be_set_are_said_to_be_left_out() -> None:
    plan = planned(Request(lyrics=TEXT, instruments=("drums",), bars=4))
    assert {r.field: r.value for r in plan.reasons}["lyrics"] == "left out"
