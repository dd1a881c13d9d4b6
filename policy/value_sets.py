"""Sets of values that one fact can have, and how they are cut by comparisons."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Relation = Literal["==", "!=", "<", "<=", ">", ">="]
Constant = float | str | bool | None
Cut = tuple[float, int]
"""A place between numbers: 0 just before the number, 1 just after it."""


class Mark(Enum):
    """What a fact is when it has no plain value."""

    GONE = "what it belongs to is absent, so reading it fails"
    THING = "a map or a list"


GONE: Final = Mark.GONE
THING: Final = Mark.THING
Named = str | bool | Mark | None


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Numbers, and other values by name.

    Parameters
    ----------
    cuts : tuple of Cut
        Ascending; at each one numbers begin or cease to be members.
    below : bool
        Whether the numbers before the first cut are members.
    named : frozenset
        Words, true, false, ``None`` (absent) and marks.
    others : bool
        If true, all names but ``named`` are members.
    """

    cuts: tuple[Cut, ...] = ()
    below: bool = False
    named: frozenset[Named] = frozenset()
    others: bool = False

    def __bool__(self) -> bool:
        return self.below or bool(self.cuts) or self.others or bool(self.named)

    def __invert__(self) -> "ValueSet":
        return ValueSet(self.cuts, not self.below, self.named, not self.others)

    def __and__(self, other: "ValueSet") -> "ValueSet":
        cuts, below = _merge(self, other)
        if self.others and other.others:
            return ValueSet(cuts, below, self.named | other.named, others=True)
        if self.others:
            return ValueSet(cuts, below, other.named - self.named)
        if other.others:
            return ValueSet(cuts, below, self.named - other.named)
        return ValueSet(cuts, below, self.named & other.named)

    def __or__(self, other: "ValueSet") -> "ValueSet":
        return ~(~self & ~other)

    def __sub__(self, other: "ValueSet") -> "ValueSet":
        return self & ~other

    def __contains__(self, value: object) -> bool:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.below != (sum(cut <= (value, 0) for cut in self.cuts) % 2 == 1)
        return (value in self.named) is not self.others


def _merge(one: ValueSet, other: ValueSet) -> tuple[tuple[Cut, ...], bool]:
    """Cuts of the numbers that both hold."""
    ours, theirs = one.below, other.below
    held = ours and theirs
    below, cuts = held, []
    for cut in sorted({*one.cuts, *other.cuts}):
        ours ^= cut in one.cuts
        theirs ^= cut in other.cuts
        if (ours and theirs) != held:
            held = not held
            cuts.append(cut)
    return tuple(cuts), below


EMPTY: Final = ValueSet()
NUMBERS: Final = ValueSet(below=True)
ANY_WORD: Final = ValueSet(named=frozenset({True, False, None, *Mark}), others=True)


def of_names(names: Iterable[Named]) -> ValueSet:
    """The set of some words, booleans, or absence."""
    return ValueSet(named=frozenset(names))


def of_number(relation: Relation, number: float) -> ValueSet:
    """The numbers that stand in a relation to one."""
    before, after = (number, 0), (number, 1)
    match relation:
        case "==":
            return ValueSet((before, after))
        case "!=":
            return ValueSet((before, after), below=True)
        case "<":
            return ValueSet((before,), below=True)
        case "<=":
            return ValueSet((after,), below=True)
        case ">":
            return ValueSet((after,))
        case ">=":
            return ValueSet((before,))


def whole(values: ValueSet) -> ValueSet:
    """Move cuts to where whole numbers tell them apart, so that a set without one is empty."""
    moved: dict[Cut, bool] = {}
    for number, side in values.cuts:
        finite = math.isfinite(number)
        place = (math.floor(number) + 1 if side else math.ceil(number)) if finite else number
        # two cuts at one place undo each other
        if moved.pop((place, 0), None) is None:
            moved[place, 0] = True
    return ValueSet(tuple(sorted(moved)), values.below, values.named, values.others)
