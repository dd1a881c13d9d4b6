"""What a gate says to who stands before it, by language (`gate_texts.yaml`)."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

import yaml

from policy.core_texts import LANGUAGES

ACTS: Final = "acts"


@cache
def gate_texts() -> Mapping[str, Mapping[str, str]]:
    """Return every text by its name and language; under `ACTS` words for each act instead."""
    text = resources.files("policy").joinpath("gate_texts.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, str]] = yaml.safe_load(text)
    return read


def told(*names: str, act: str | None = None, **values: object) -> dict[str, str]:
    """Return some texts, one after the other, in each language, with an act and values put in."""
    said = {}
    for language in LANGUAGES:
        acts: Mapping[str, str] = gate_texts()[ACTS][language]  # type: ignore[assignment]
        words = {"act": acts[act]} if act is not None else {}
        said[language] = " ".join(
            gate_texts()[name][language].format(**words, **values) for name in names
        )
    return said
