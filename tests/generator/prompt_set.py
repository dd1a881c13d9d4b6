"""The labelled prompts, their two halves, and how a reader is scored on them."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import yaml

PATH: Final = Path(__file__).parent / "prompts.yaml"
Half = Literal["dev", "held-out"]


class Labelled(NamedTuple):
    """A prompt, its language and the fields that it names."""

    language: str
    text: str
    fields: dict[str, Any]

    @property
    def half(self) -> Half:
        """By the hash of its text: the reader was tuned on ``dev`` alone."""
        return "dev" if hashlib.sha256(self.text.encode()).digest()[0] % 2 else "held-out"


def labelled(half: Half | None = None) -> list[Labelled]:
    """The prompts of a half, or all."""
    every = [Labelled(*row) for row in yaml.safe_load(PATH.read_text("utf-8"))]
    return [each for each in every if half in (None, each.half)]


def pairs(fields: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Field and value, one for each item of a list."""
    found: Counter[tuple[str, str]] = Counter()
    for name, value in fields.items():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            number = isinstance(each, (int, float))
            found[name, f"{float(each):g}" if number else str(each)] += 1
    return found


def f1(rows: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> float:
    """F1 over all pairs of field and value, of rows of expected and read fields."""
    right = wanted = read = 0
    for expected, own in rows:
        first, second = pairs(expected), pairs(own)
        right += (first & second).total()
        wanted += first.total()
        read += second.total()
    return 2 * right / max(1, wanted + read)
