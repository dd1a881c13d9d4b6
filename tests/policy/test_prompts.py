"""Prompts that name somebody, quote a song or hold hate are refused, and told how to be rephrased."""

import json

import pytest

from policy.core_texts import LANGUAGES
from policy.prompts import Register, screen_prompt
from tests.policy.words.lines import FOLDER, Tally, half_of, prompts

REGISTER = Register(
    artists=("Mara Velonde", "Lumenwright"),
    titles=("Harbour of Glass", "Home"),
    lyrics=("We were copper, we were thunder,\nwe were wires in the rain",),
)


@pytest.mark.parametrize("name", ["Mara Velonde", "mara velond", "Mara V3londe", "MÁRA VELONDE"])
def test_a_named_artist_is_refused_however_spelt(name) -> None:
    prompt = f"a ballad in the style of {name}, slow"

    answer = screen_prompt(prompt, REGISTER)

    (objection,) = answer.objections
    assert not answer.accepted
    assert (objection.signal, objection.protects) == ("artist", "Mara Velonde")
    assert objection.words == name == prompt[slice(*objection.span)]
    assert "traits" in answer.rephrase[0]


def test_how_to_say_it_otherwise_is_told_once_a_signal_in_four_languages() -> None:
    answer = screen_prompt("like Mara Velonde and like Lumenwright, a cover of Home", REGISTER)

    told = answer.rephrasings

    assert [each["en"] for each in told] == list(answer.rephrase)
    assert len(told) == len({"artist", "title"})
    assert all(len(set(each.values())) == len(LANGUAGES) for each in told)


def test_a_common_word_that_is_a_title_needs_a_cue() -> None:
    assert screen_prompt("a lullaby for coming home late", REGISTER).accepted
    assert screen_prompt('a cover of "Home"', REGISTER).signals == ("title",)


def test_a_long_quotation_of_lyrics_is_shown_whole() -> None:
    answer = screen_prompt(
        "hook: we were copper we were thunder we were wires in the rain, twice", REGISTER
    )

    assert answer.signals == ("quoted-lyrics",)
    assert answer.objections[0].words == "we were copper we were thunder we were wires in the rain"


@pytest.mark.parametrize(
    ("lyrics", "prompt", "quoted"),
    [
        (
            "港の明かりを抱きしめて朝まで歌う\n銀の梯子を登れば",
            "静かな曲、港の明かりを抱きしめて朝まで",
            True,
        ),
        (
            "港の明かりを抱きしめて朝まで歌う\n銀の梯子を登れば",
            "港の明かりの静かな曲、朝まで",
            False,
        ),
        ("銀色的梯子靠在旧港口的墙上等着天亮", "慢歌，银色的梯子靠在旧港口的墙上", True),
        ("โอบกอดแสงไฟท่าเรือไว้จนถึงเช้า", "เพลงช้า โอบกอดแสงไฟท่าเรือไว้", True),
    ],
)
def test_lyrics_without_spaces_between_words_are_quoted_by_twelve_signs(
    lyrics: str, prompt: str, quoted: bool
) -> None:
    answer = screen_prompt(prompt, Register(lyrics=(lyrics,)))

    assert (answer.signals == ("quoted-lyrics",)) is quoted
    for objection in answer.objections:
        assert objection.words == prompt[slice(*objection.span)]
        assert lyrics[2:10] in objection.words


def test_a_few_words_that_a_song_has_too_are_nobodys() -> None:
    assert screen_prompt("we were wires", REGISTER).accepted


def test_hate_is_refused_without_a_register() -> None:
    assert screen_prompt("a march for white power").signals == ("hate",)


def test_without_a_register_no_name_is_known() -> None:
    assert screen_prompt("in the style of Mara Velonde").accepted


def test_prompts_for_developing_are_screened_as_they_are_labelled() -> None:
    told = json.loads((FOLDER / "prompts" / "register.json").read_text("utf-8"))
    register = Register(**{name: tuple(each) for name, each in told.items()})
    tally = {signal: Tally() for signal in ("artist", "title", "quoted-lyrics", "hate")}
    for prompt in prompts():
        if half_of(prompt["text"]) == "dev":
            signals = screen_prompt(prompt["text"], register).signals
            for signal, counts in tally.items():
                counts.count(told=signal in signals, true=signal in prompt["signals"])

    for counts in tally.values():
        assert counts.found >= 0.8 * (counts.found + counts.missed) > 0
        assert counts.found >= 0.9 * (counts.found + counts.wrong)
