"""How a change of one fact is said, by language; values stand as rules name them."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from policy.core_texts import LANGUAGES, SOURCE, say

Words = Callable[[str], str]
"""From a language to the words in it."""


def value_words(value: Any) -> Words:
    """Say a value: absent, true and false and decimal signs as the language has them."""
    if value is None:
        return lambda language: say("absent", language)
    if isinstance(value, bool):
        return lambda language: say("true" if value else "false", language)
    if isinstance(value, float):
        return lambda language: _decimal(f"{value:g}", language)
    return lambda language: f"{value}"


def item_words(item: Any) -> Words:
    """Say an element of a list: a word, or the words that tell a thing from its like."""
    if not isinstance(item, BaseModel):
        return value_words(item)
    told = ", ".join(value for value in item.__dict__.values() if isinstance(value, str))
    return lambda _: told


def framed(name: str, words: Words) -> Words:
    """Put words into a text of ``core_texts.yaml``."""
    return lambda language: say(name, language, words(language))


def beside(change: Words, now: Words) -> Words:
    """Say a change, and in brackets what the fact is now."""
    return lambda language: f"{change(language)} {say('is-now', language, now(language))}"


def translated(words: Words) -> Mapping[str, str]:
    """Return the words in all languages but the first."""
    return {language: words(language) for language in LANGUAGES if language != SOURCE}


def _decimal(number: str, language: str) -> str:
    return number if language == SOURCE else number.replace(".", ",")
