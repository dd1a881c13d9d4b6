"""The labelled lines, and how well they are screened."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy.words import CATEGORIES, screen

FOLDER = Path(__file__).parent


@dataclass
class Tally:
    """Of one category or signal: lines found, missed, and wrongly found."""

    found: int = 0
    missed: int = 0
    wrong: int = 0

    def count(self, *, told: bool, true: bool) -> None:
        self.found += told and true
        self.missed += true and not told
        self.wrong += told and not true


def lines() -> list[dict[str, Any]]:
    """All labelled lines."""
    files = sorted(FOLDER.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def prompts() -> list[dict[str, Any]]:
    """All labelled prompts."""
    text = (FOLDER / "prompts" / "prompts.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def half_of(text: str) -> str:
    """``dev`` or ``held-out``."""
    return "held-out" if int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2 else "dev"


def by_category(some: Iterable[dict[str, Any]]) -> dict[str, Tally]:
    """Screen lines; count by category."""
    tally: dict[str, Tally] = {category: Tally() for category in CATEGORIES}
    for line in some:
        told = {each.category for each in screen(line["text"]).findings}
        for category in CATEGORIES:
            tally[category].count(told=category in told, true=category in line["categories"])
    return tally
