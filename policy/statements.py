"""Statement texts: what a person is told, with the values of their own case in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from policy.clauses import MISSING, Path, look_up
from policy.core_texts import SOURCE, say
from policy.facts import Facts, MatchFact, Unknown
from policy.territories import Area

PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
NAMED: Final = re.compile(r"([a-z_]+(?:\.[a-z_]+)?)(?::(percent|seconds))?")
WHERE: Final = "where"
_WHERE: Final[Path] = (WHERE,)


@dataclass(frozen=True, slots=True)
class Statement:
    """A text with places such as ``{match.title}``, ``{match.score:percent}`` and ``{where}``.

    Attributes
    ----------
    places : tuple
        Each as it is written, the fact it names, and its form.
    between : tuple of str
        What stands before, between and after them: one more than there are places.
    """

    text: str
    places: tuple[tuple[str, Path, str | None], ...]
    between: tuple[str, ...]

    @classmethod
    def read(cls, text: str, thresholds: Mapping[str, float], *, per_match: bool) -> "Statement":
        """Read a statement and check its places.

        Raises
        ------
        ValueError
            If a place names nothing that this rule has.
        """
        places = []
        for found in PLACEHOLDER.finditer(text):
            named = NAMED.fullmatch(found[1])
            if named is None:
                raise ValueError(f"{{{found[1]}}} is not a place for a fact")
            path = tuple(named[1].split("."))
            if not _is_known(path, thresholds, per_match=per_match):
                raise ValueError(f"{{{named[1]}}} names nothing that this rule has")
            places.append((found[0], path, named[2]))
        between = tuple(PLACEHOLDER.split(text)[::2])
        if any("{" in words or "}" in words for words in between):
            raise ValueError("a brace stands alone")
        return cls(text, tuple(places), between)

    def fill(self, values: dict[str, Any], where: Area, language: str = SOURCE) -> str:
        """Write the text for one case, with numbers and places as the language has them."""
        words = [self.between[0]]
        for (_, path, form), after in zip(self.places, self.between[1:], strict=True):
            if path == _WHERE:
                words.append(where.named(language))
            else:
                words.append(_say(look_up(values, path), form, language))
            words.append(after)
        return "".join(words)


def _is_known(path: Path, thresholds: Mapping[str, float], *, per_match: bool) -> bool:
    match path:
        case ("match", name):
            return per_match and name in MatchFact.model_fields
        case ("thresholds", name):
            return name in thresholds
        case (name,):
            return name == WHERE or name in Facts.model_fields
        case _:
            return False


def _say(value: Any, form: str | None, language: str) -> str:
    if value is None or value is MISSING or value == "" or isinstance(value, Unknown):
        return say("not-known", language)
    if form == "percent" and isinstance(value, int | float):
        return f"{_number(f'{_percent(value):g}', language)} %"
    if form == "seconds" and isinstance(value, int | float):
        return f"{_number(f'{value:.1f}', language)} s"
    if isinstance(value, list):
        return ", ".join(_say(item, None, language) for item in value) or say("none", language)
    if isinstance(value, dict):
        told = (f"{name} {_say(item, None, language)}" for name, item in value.items())
        return ", ".join(told) or say("none", language)
    return _number(str(value), language) if isinstance(value, float) else str(value)


def _number(text: str, language: str) -> str:
    return text if language == SOURCE else text.replace(".", ",")


def _percent(share: float) -> float:
    # rounded down: 99.97 % must not read as a certainty
    return int(share * 1000) / 10
