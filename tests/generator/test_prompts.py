"""Prompts in four languages: what is read, and what is said to be unread."""

from collections import Counter
from typing import Any

import pytest

from generator import request_of, understood
from generator.prompts.contradictions import contradictions
from generator.request import Request
from tests.generator.prompt_set import Half, f1, labelled


@pytest.mark.parametrize("half", ["dev", "held-out"])
def test_fields_are_read_right_nine_times_of_ten(half: Half) -> None:
    rows = labelled(half)
    assert f1((row.fields, understood(row.text).fields) for row in rows) >= 0.9


def test_the_set_has_two_hundred_prompts_in_four_languages_and_valid_labels() -> None:
    every = labelled()
    languages = Counter(row.language for row in every)
    assert len({row.text for row in every}) == len(every) >= 200
    assert set(languages) == {"en", "de", "fr", "es"}
    assert min(languages.values()) >= 45
    for row in every:
        request_of(row.fields)


def test_what_was_read_is_shown_with_its_place_and_the_rest_as_unread() -> None:
    text = "dark, 84 bpm, with zither and velvet"
    read = understood(text)
    assert {text[span.start : span.end]: span.field for span in read.spans} == {
        "dark": "moods",
        "84 bpm": "tempo",
    }
    assert read.unread == ("zither", "velvet")


def test_fields_given_beside_a_prompt_win_over_it() -> None:
    request = Request(prompt="84 bpm, D minor, piano, 16 bars", tempo=100, seconds=20)
    own = understood(request.prompt).completed(request)
    assert (own.tempo, own.key, own.bars, own.seconds) == (100, "D minor", None, 20)


def test_an_instrument_excluded_by_the_prompt_is_not_played() -> None:
    request = Request(prompt="jazz without drums")
    own = understood(request.prompt).completed(request)
    assert own.without == ("drums",)


@pytest.mark.parametrize("text", ["", "🎹🎹", "3/4/5 d-Moll-Dur 999 bpm", "la la la", "ﬁ İ ß" * 50])
def test_any_text_can_be_read_and_completes_a_request(text: str) -> None:
    understood(text).completed(Request(prompt=text))


def test_what_the_prompt_excludes_stays_out_where_more_is_excluded_beside_it() -> None:
    request = Request(prompt="jazz without drums", without=("flute",))

    assert understood(request.prompt).completed(request).without == ("drums", "flute")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"prompt": "slow, 150 bpm"},
            ("tempo", "150.0", "also says 70.0: dropped, it was read first"),
        ),
        (
            {"prompt": "in D minor, then in G major"},
            ("key", "D minor", "also says G major: dropped"),
        ),
        (
            {"prompt": "84 bpm", "tempo": 160},
            ("tempo", "160.0", "also says 84.0: dropped, the field"),
        ),
        (
            {"prompt": "piano and flute, without piano"},
            ("without", "piano", "asked for and excluded"),
        ),
        ({"prompt": "sad and happy"}, ("moods", "sad", "sad and happy contradict")),
    ],
)
def test_what_contradicts_itself_is_told_with_what_was_taken(
    fields: dict[str, Any], told: tuple[str, str, str]
) -> None:
    request = Request(**fields)
    found = contradictions(understood(request.prompt), request)
    assert [(own.field, own.value) for own in found] == [told[:2]]
    assert told[2] in found[0].why


@pytest.mark.parametrize(
    "text", ["slow, 84 bpm", "andante 84 bpm", "sad and dark", "1:30, 90 seconds"]
)
def test_what_says_the_same_twice_contradicts_nothing(text: str) -> None:
    assert not contradictions(understood(text), Request(prompt=text))
