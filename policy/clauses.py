"""One clause of a rule: a small CEL expression, what it reads, and its truth on given facts.

CEL has two truth values and errors; a clause has four: true, false, unknown (it needs a fact whose
detector failed) and error. An unknown fact is left out of the maps that CEL sees, so reading it
fails there, and CEL's own ``&&`` and ``||`` already absorb such a failure where it can't matter.
What the clause reads is found by a scan of its tokens, since the binding names variables only.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from policy.facts import PLAIN, Unknown

if TYPE_CHECKING:
    from cel import Context

Path = tuple[str, ...]
EACH: Final = "[]"
MACROS: Final = frozenset({"all", "exists", "exists_one", "filter", "map"})
LITERALS: Final = frozenset({"true", "false", "null", "in"})
MAPS: Final = frozenset({"match", "account", "age", "generation", "provenance"})
NONE: Final[Mapping[str, float]] = MappingProxyType({})
LONGEST: Final = 400
DEEPEST: Final = 1
TOKEN: Final = re.compile(
    r"""(?P<string>[rRbB]{0,2}(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))"""
    r"|(?P<number>\d[\w.]*)|(?P<name>[A-Za-z_]\w*)|(?P<mark>\S)"
)


# What a clause or a tree of clauses comes to.
Truth = Literal["true", "false", "unknown", "error"]
# What clauses came to on the same facts, by text; many rules of a pack share clauses.
Memo = dict[str, tuple[Truth, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clause reads: paths into the facts, functions called, nesting of its macros."""

    paths: tuple[Path, ...]
    functions: frozenset[str]
    depth: int


def new_context(variables: dict[str, Any]) -> "Context":
    """What CEL sees; more variables may be added to it."""
    from cel import Context  # with its own command line a third of a second to import

    return Context(variables)


def read_clause(text: str) -> Reading:
    """Find the facts that a clause reads.

    Parameters
    ----------
    text : str
        A CEL expression that compiles.

    Returns
    -------
    Reading
        Paths in order of appearance, without repeats. ``matches.exists(m, m.score > 0.5)`` reads
        ``matches`` and ``matches[].score``, at depth 1.
    """
    tokens = [(m.lastgroup or "", m.group()) for m in TOKEN.finditer(text)]
    paths: dict[Path, None] = {}
    functions: set[str] = set()
    bound: list[tuple[str, Path, int]] = []  # loop variable, what it runs over, bracket depth
    depth = brackets = i = 0
    while i < len(tokens):
        group, word = tokens[i]
        if word in "([{" and group == "mark":
            brackets += 1
        elif word in ")]}" and group == "mark":
            brackets -= 1
            while bound and bound[-1][2] > brackets:
                bound.pop()
        elif group == "name" and word not in LITERALS:
            path, i = chain(tokens, i)
            called = i + 1 < len(tokens) and tokens[i + 1][1] == "("
            if called:
                *rest, function = path
                functions.add(function)
                path = tuple(rest)
            source = next((over for name, over, _ in reversed(bound) if path[:1] == (name,)), None)
            if source is not None:
                path = (*source, *path[1:])
            if path and (source is None or len(path) > len(source)):
                paths[path] = None
            if called and function in MACROS and i + 3 < len(tokens) and tokens[i + 3][1] == ",":
                bound.append((tokens[i + 2][1], (*path, EACH), brackets + 1))
                depth = max(depth, len(bound))
                brackets += 1
                i += 3
        i += 1
    return Reading(tuple(paths), frozenset(functions), depth)


def _hidden(text: str) -> str | None:
    """What of a clause the scan of its tokens could take for something else."""
    if "'''" in text or '"""' in text:
        return "a string in three quotes"
    before = -1
    for token in TOKEN.finditer(text):
        group, word = token.lastgroup, token.group()
        if group == "string" and word[0] not in "\"'":
            return "a raw or byte string"
        if word == "/":
            if token.start() == before:
                return "a comment"
            before = token.end()
        if group == "mark" and word in "\"'":
            return "a string without an end"
    return None


def _asks_for_members(text: str) -> bool:
    """Whether a clause asks if a map of facts has a member: ``'score' in match``."""
    tokens = [(m.lastgroup or "", m.group()) for m in TOKEN.finditer(text)]
    for n, (group, word) in enumerate(tokens[:-1]):
        if (group, word) == ("name", "in") and tokens[n + 1][0] == "name":
            path, _ = chain(tokens, n + 1)
            if path[-1] in MAPS:
                return True
    return False


def _with_numbers(text: str, thresholds: Mapping[str, float]) -> str:
    """Put a pack's thresholds into a clause: handing them to CEL at each decision is slow."""
    tokens = list(TOKEN.finditer(text))
    written, done = "", 0
    for before, of, dot, name in zip([None, *tokens], tokens, tokens[1:], tokens[2:], strict=False):
        named = (of.lastgroup, of.group(), dot.group()) == ("name", "thresholds", ".")
        member = before is not None and before.group() == "."
        if named and not member and name.group() in thresholds:
            written += f"{text[done : of.start()]}({thresholds[name.group()]!r})"
            done = name.end()
    return written + text[done:]


def chain(tokens: list[tuple[str, str]], i: int) -> tuple[Path, int]:
    """Read ``name.name["name"]`` from token ``i``; give its path and its last token."""
    path = [tokens[i][1]]
    while i + 2 < len(tokens):
        if tokens[i + 1][1] == "." and tokens[i + 2][0] == "name":
            path.append(tokens[i + 2][1])
            i += 2
        elif tokens[i + 1][1] == "[" and tokens[i + 2][0] == "string":
            path.append(tokens[i + 2][1].strip("\"'"))
            i += 3
        else:
            break
    return tuple(path), i


def show_path(path: Path) -> str:
    """Write a path as a person would: ``matches[].score``."""
    return ".".join(path).replace(f".{EACH}", EACH)


class _Missing:
    """No such fact: the clause misspells it."""


MISSING: Final = _Missing()


def look_up(values: dict[str, Any], path: Path) -> Any:
    """Value at a path: plain, a list of them behind ``[]``, ``Unknown``, ``None`` or `MISSING`."""
    value: Any = values
    if len(path) == 2 and type(of := values.get(path[0])) is dict:  # most of them
        return of.get(path[1], MISSING)
    for n, name in enumerate(path):
        if type(value) is dict:
            value = value.get(name, MISSING)
        elif name == EACH and isinstance(value, list):
            return [look_up({"": item}, ("", *path[n + 1 :])) for item in value]
        else:
            return value if value is None or isinstance(value, Unknown) else MISSING
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(item) for item in value)
    return isinstance(value, Unknown)


def shown(value: Any) -> Any:
    """JSON form of a value seen by a clause."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, Unknown):
        return {"unknown": value.unknown}
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and isinstance(value[0], dict):
            return {
                "count": len(value)
            }  # whole matches are in the facts; the clause names what it read
        return [shown(item) for item in value]
    return "no such fact" if value is MISSING else value


@dataclass(frozen=True, slots=True)
class Clause:
    """A compiled CEL expression.

    Attributes
    ----------
    text : str
        The expression.
    reading : Reading
        What it reads.
    line : int
        Where it stands in its pack, counted from 1.
    """

    text: str
    reading: Reading
    line: int
    program: Any
    labels: tuple[str, ...]

    @classmethod
    def compile(cls, text: str, line: int, thresholds: Mapping[str, float] = NONE) -> "Clause":
        """Compile an expression, with the numbers of its pack in it.

        Raises
        ------
        ValueError
            If it is not CEL, is longer than 400 characters, nests comprehensions (they could hold
            the process), hides something in a comment or a raw string, or asks ``has()``, which can't
            tell absent from unknown.
        """
        if len(text) > LONGEST:
            raise ValueError(f"the clause is {len(text)} characters long, the limit is {LONGEST}")
        if hidden := _hidden(text):
            raise ValueError(f"{hidden} can't be looked into: write the clause without")
        import cel

        program = cel.compile(_with_numbers(text, thresholds))
        reading = read_clause(text)
        if reading.depth > DEEPEST:
            raise ValueError(
                f"comprehensions are nested {reading.depth} deep, whose cost is the product of their "
                "lengths: use `for_each: matches`, or two clauses"
            )
        if "has" in reading.functions or _asks_for_members(text):
            raise ValueError("has() and `in` can't tell absent from unknown: compare with null")
        return cls(text, reading, line, program, tuple(map(show_path, reading.paths)))

    def evaluate(
        self, values: dict[str, Any], context: Any, memo: Memo | None = None
    ) -> tuple[Truth, dict[str, Any]]:
        """Evaluate on facts.

        Parameters
        ----------
        values : mapping
            Facts as maps, lists, scalars, ``None`` and ``Unknown``: what is shown.
        context : cel.Context
            The same without unknown facts: what CEL sees.
        memo : dict, optional
            What clauses gave on these very facts; looked up first, and added to.

        Returns
        -------
        Truth
            A clause that fails on an unknown fact is unknown; on an absent one, false; on anything
            else, an error. An absent fact of one item of a list is an error too: the binding's
            macros stop at it and leave the items after it unread.
        dict
            The clause, its truth, and the values it saw.
        """
        if memo is None:
            return self._evaluate(values, context)
        found = memo.get(self.text)
        if found is None:
            found = memo[self.text] = self._evaluate(values, context)
        return found

    def _evaluate(self, values: dict[str, Any], context: Any) -> tuple[Truth, dict[str, Any]]:
        leaf: dict[str, Any] = {"clause": self.text}
        truth: Truth
        try:
            result = self.program.execute(context)
            if result is True:
                truth = "true"
            elif result is False:
                truth = "false"
            else:
                truth = self._judge_failure(values)
                if truth == "error":
                    leaf["error"] = f"gave {result!r}, neither true nor false"
        except Exception as failure:  # noqa: BLE001  the binding raises six kinds; all are judged
            truth = self._judge_failure(values)
            if truth == "error":
                leaf["error"] = str(failure)
        leaf["value"] = truth
        leaf["seen"] = {
            label: value if type(value := look_up(values, path)) in PLAIN else shown(value)
            for label, path in zip(self.labels, self.reading.paths, strict=True)
        }
        return truth, leaf

    def _judge_failure(self, values: dict[str, Any]) -> Truth:
        seen = [look_up(values, path) for path in self.reading.paths]
        if any(_holds_unknown(value) for value in seen):
            return "unknown"
        if any(leaf is MISSING for value in seen for leaf in _leaves(value)):
            return "error"
        return "false" if any(value is None for value in seen) else "error"
