"""What a person may limit a track by, and what is wrong with a limit that can't be kept."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from scanner.wording import Told

KINDS: Final = frozenset({"age", "territory", "monetise"})
"""Limits that a verdict can set."""
LABEL: Final = "label"
"""The limit that follows from a notice about a likeness."""
OLDEST: Final = 99
_PARTS: Final = frozenset({"kind", "territories", "except"})
_MORE: Final = {"age": frozenset({"min_age"}), LABEL: frozenset({"label"})}
_TERRITORY: Final = re.compile(r"[A-Z]{2}")


def flaw(restrictions: Iterable[Mapping[str, Any]], kinds: Collection[str] = KINDS) -> str | None:
    """Say what is wrong with restrictions, and what to give; None if nothing is."""
    return next((said for each in restrictions if (said := _flaw(each, kinds))), None)


def are_territories(wanted: Any) -> bool:
    """Whether something is a list of ISO 3166 codes."""
    return isinstance(wanted, list | tuple) and all(
        isinstance(each, str) and _TERRITORY.fullmatch(each) for each in wanted
    )


def _flaw(restriction: Mapping[str, Any], kinds: Collection[str]) -> str | None:
    kind = restriction.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        return Told("a restriction is one of %(kinds)s", kinds=", ".join(sorted(kinds)))
    if unknown := sorted(set(restriction) - _PARTS - _MORE.get(kind, frozenset())):
        return Told(
            "a restriction of kind %(kind)s has no %(unknown)s",
            kind=kind,
            unknown=", ".join(unknown),
        )
    if not all(are_territories(restriction.get(name, [])) for name in ("territories", "except")):
        return "territories of a restriction are a list of ISO 3166 codes such as DE"
    if kind == "territory" and not (restriction.get("territories") or restriction.get("except")):
        return "a restriction by territory needs territories"
    if kind == LABEL and restriction.get("label") != "likeness":
        return "a label says likeness"
    age = restriction.get("min_age")
    if kind == "age" and not (type(age) is int and 1 <= age <= OLDEST):
        return Told("a restriction by age needs min_age, in years, 1 to %(oldest)s", oldest=OLDEST)
    return None
