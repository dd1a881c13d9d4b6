"""The ids of rules of law as people know them: the act by its name, its article, and where its text is."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

_TEXTS: Final = Path(__file__).parent / "texts" / "laws.yaml"
_ID: Final = re.compile(r"(?P<act>[A-Z]+)-(?P<article>\d+)(?:(?P<sign>[-/])(?P<other>\d+))?")


def cited(rule: str, language: str) -> str:
    """Return how a rule of law is cited in a language; what is no such id stands as it is.

    >>> cited("DSM-17-9", "de")
    'Richtlinie über das Urheberrecht im digitalen Binnenmarkt, Artikel 17 Absatz 9'
    """
    texts = _texts()
    if known := texts["rules"].get(rule):
        return f"{_named(texts['acts'][known['act']][language])}, {known['section']}"
    found = _ID.fullmatch(rule)
    if found is None or found["act"] not in texts["acts"]:
        return rule
    shape = {None: "article", "-": "paragraph", "/": "articles"}[found["sign"]]
    part = texts[shape][language].format(article=found["article"], other=found["other"])
    return f"{_named(texts['acts'][found['act']][language])}, {part}"


def source(rule: str) -> str | None:
    """Return where the official text is; None of what is no known id."""
    texts = _texts()
    known = texts["rules"].get(rule)
    found = _ID.fullmatch(rule)
    act = known["act"] if known else found["act"] if found else ""
    address = texts["acts"].get(act, {}).get("source")
    return str(address) if address else None


def _named(name: str) -> str:
    return name[:1].upper() + name[1:]


@cache
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = yaml.safe_load(_TEXTS.read_text(encoding="utf-8"))
    return texts
