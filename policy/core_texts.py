"""The words that this package puts into decisions itself, by language (`core_texts.yaml`)."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

import yaml

SOURCE: Final = "en"
"""Language of `statement` in a pack, and of what has no other."""
LANGUAGES: Final = ("en", "de", "fr", "es")


@cache
def core_texts() -> Mapping[str, Mapping[str, str]]:
    """Return every text by its name and language."""
    text = resources.files("policy").joinpath("core_texts.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, str]] = yaml.safe_load(text)
    return read


def say(name: str, language: str, named: str = "") -> str:
    """Return a text in a language, in English where it has no such; ``named`` takes its place."""
    texts = core_texts()[name]
    return texts.get(language, texts[SOURCE]).replace("{named}", named)


def said(*names: str, named: str = "") -> dict[str, str]:
    """Return some texts, one after the other, in each language."""
    return {
        language: " ".join(say(name, language, named) for name in names) for language in LANGUAGES
    }
