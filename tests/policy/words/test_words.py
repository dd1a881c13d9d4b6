"""Explicit words are found however they are written, and innocent ones are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.words import CATEGORIES, screen
from policy.words.folding import fold, words_of
from policy.words.patterns import patterns
from tests.policy.words.lines import by_category, half_of, lines


def categories(text: str) -> set[str]:
    return {each.category for each in screen(text).findings}


@pytest.mark.parametrize(
    "written",
    [
        *("shit", "SHIT", "sh1t", "$hit", "sh*t", "s h i t", "s-h-i-t", "s.h.i.t", "shiiiit"),
        *("ѕhіt", "ｓｈｉｔ", "sh\u200bit", "s\u0308hit"),
    ],
)
def test_a_disguised_word_is_found_where_it_stands(written) -> None:
    before = "and then the "
    (found,) = screen(f"{before}{written} came down, all of it").findings

    ((start, end),) = found.spans
    assert (found.category, found.count) == ("profanity", 1)
    assert (start, end) == (len(before), len(before) + len(written))


@pytest.mark.parametrize("innocent", ["Scunthorpe", "cocktails", "assassin", "grape", "classic"])
def test_an_innocent_word_that_holds_a_bad_one_is_left_alone(innocent) -> None:
    assert categories(f"They wrote {innocent} on the door") == set()


def test_an_idiom_is_not_what_its_words_say() -> None:
    assert categories("kill the lights") == set()
    assert categories("kill the guards and kill them all") == {"violence"}


def test_harm_to_oneself_is_not_told_as_violence() -> None:
    assert categories("I am going to kill myself") == {"self-harm"}


def test_a_short_word_counts_only_in_its_language() -> None:
    assert categories("Der Hund ist dick und das Jahr war hell und warm im Garten") == set()


def test_places_are_those_of_the_whole_text() -> None:
    text = "First line\r\nwhat a bullshit song\n\nthird bullshit line"

    (found,) = screen(text).findings
    assert [text[start:end] for start, end in found.spans] == ["bullshit", "bullshit"]
    assert found.strong


def test_the_language_is_told_where_there_is_enough_to_tell() -> None:
    assert screen("Der Mond scheint auf den stillen See").language == "de"
    assert screen("la la").language is None


@given(st.text(max_size=200))
def test_any_text_gives_places_inside_it_in_order_and_apart(text) -> None:
    for found in screen(text).findings:
        ends = [edge for span in found.spans for edge in span]
        assert found.category in CATEGORIES
        assert ends == sorted(ends)
        assert ends[0] >= 0 and ends[-1] <= len(text)
        assert all(start < end for start, end in found.spans)


@given(st.text(max_size=100))
def test_folding_again_changes_nothing(text) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=100))
def test_words_lie_where_they_say(text) -> None:
    line = " ".join(text.split())
    for word in words_of(line):
        assert 0 <= word.start < word.end <= len(line)


def test_every_list_has_each_category() -> None:
    tables = patterns()
    found = {
        pattern.category
        for table in (tables.by_word, tables.by_stem, tables.by_part)
        for those in table.values()
        for pattern in those
    }

    assert found == {*CATEGORIES, "innocent"}


def test_lines_for_developing_are_screened_as_they_are_labelled() -> None:
    tally = by_category([line for line in lines() if half_of(line["text"]) == "dev"])

    assert set(tally) == set(CATEGORIES)
    for counts in tally.values():
        assert counts.found >= 0.8 * (counts.found + counts.missed)
        assert counts.found >= 0.9 * (counts.found + counts.wrong)


@pytest.mark.parametrize(
    ("title", "category"),
    [("Shit", "profanity"), ("Rape Me", "sexual"), ("Merde", "profanity"), ("Сука", "profanity")],
)
def test_a_title_too_short_to_tell_its_language_is_screened(title: str, category: str) -> None:
    assert category in {each.category for each in screen(title).findings}


@pytest.mark.parametrize(
    "text", ["a negro spiritual for a gospel choir", "Ojos negros y vestido negro", "Moby Dick"]
)
def test_what_only_looks_like_an_insult_is_none(text: str) -> None:
    assert screen(text).findings == ()
