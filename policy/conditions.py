"""Conditions: ``all:``, ``any:`` and ``not:`` over clauses, in three-valued logic (Kleene's).

A condition is decided by what is known where that is enough: ``all:`` with one false part is false
whatever the unknown ones are. What is left over is unknown, or an error if a part was one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from policy.clauses import Clause, Memo, Truth

NEGATED: Final[dict[Truth, Truth]] = {"true": "false", "false": "true"}


@dataclass(frozen=True, slots=True)
class Junction:
    """``all:`` or ``any:`` of some conditions."""

    word: Literal["all", "any"]
    parts: tuple["Condition", ...]

    def evaluate(
        self, values: dict[str, Any], context: Any, memo: Memo | None = None
    ) -> tuple[Truth, dict[str, Any]]:
        """Evaluate parts in order until one settles it; see :meth:`Clause.evaluate`."""
        settles: Truth = "false" if self.word == "all" else "true"
        truth = NEGATED[settles]
        leaves = []
        for part in self.parts:
            value, leaf = part.evaluate(values, context, memo)
            leaves.append(leaf)
            if value == settles:
                truth = settles
                break
            if value == "error" or (value == "unknown" and truth != "error"):
                truth = value
        return truth, {self.word: leaves, "value": truth}


@dataclass(frozen=True, slots=True)
class Negation:
    """``not:`` of a condition."""

    part: "Condition"

    def evaluate(
        self, values: dict[str, Any], context: Any, memo: Memo | None = None
    ) -> tuple[Truth, dict[str, Any]]:
        """Swap true and false; unknown and error stay."""
        truth, leaf = self.part.evaluate(values, context, memo)
        truth = NEGATED.get(truth, truth)
        return truth, {"not": leaf, "value": truth}


Condition = Clause | Junction | Negation


def clauses_of(condition: Condition) -> Iterator[Clause]:
    """All clauses of a condition, in order."""
    if isinstance(condition, Clause):
        yield condition
    elif isinstance(condition, Negation):
        yield from clauses_of(condition.part)
    else:
        for part in condition.parts:
            yield from clauses_of(part)


def seen_in(tree: Mapping[str, Any]) -> dict[str, Any]:
    """All values seen in an explanation tree, by path."""
    if "clause" in tree:
        return dict(tree["seen"])
    parts = [tree["not"]] if "not" in tree else tree.get("all", tree.get("any", []))
    return {path: value for part in parts for path, value in seen_in(part).items()}
