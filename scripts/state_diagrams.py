"""Draw the state machines of ``appeals`` from their tables: ``python -m scripts.state_diagrams``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appeals.machine import Guard, Machine, Move
from appeals.machines import MACHINES

FILE: Final = Path(__file__).parents[1] / "docs" / "states.md"
HEAD: Final = """\
# States of cases, notices, counter-notices, claims, disputes, appeals and strikes

Drawn from the tables in `appeals/machines/` by `python -m scripts.state_diagrams`; a test holds that this page
is what they say. `system` is a rule or a clock, never a person. A move that is not here is refused, with those
that are allowed. Deadlines are counted by `appeals.deadline`: business days by the holidays of whoever must act,
in their time zone.
"""


def page() -> str:
    """Return the page, Markdown with Mermaid diagrams."""
    return HEAD + "".join(_section(each) for each in MACHINES.values())


def _section(machine: Machine) -> str:
    rows = "\n".join(_row(move) for move in machine.moves)
    first = f" A new one must move within `{machine.deadline}`." if machine.deadline else ""
    return (
        f"\n## {machine.name.replace('_', '-').capitalize()}\n\n"
        f"It begins as `{machine.initial}`.{first}\n\n"
        "```mermaid\nstateDiagram-v2\n"
        + "".join(f"    {line}\n" for line in _arrows(machine))
        + "```\n\n| move | from | to | who | needs | only | then by | law |\n"
        f"|---|---|---|---|---|---|---|---|\n{rows}\n"
    )


def _arrows(machine: Machine) -> Iterator[str]:
    yield f"[*] --> {machine.initial}"
    drawn: dict[tuple[str, str], list[str]] = {}
    for move in machine.moves:
        for source in move.sources:
            names = drawn.setdefault((source, move.target), [])
            if move.action not in names:
                names.append(move.action)
    for (source, target), actions in drawn.items():
        yield f"{source} --> {target}: {', '.join(actions)}"
    for state in machine.states:
        if state in machine.final:
            yield f"{state} --> [*]"


def _row(move: Move) -> str:
    then = move.deadline or ("" if move.lasts is None else str(move.lasts))
    cells = [
        f"`{move.action}`",
        " ".join(f"`{each}`" for each in move.sources),
        f"`{move.target}`",
        ", ".join(sorted(move.who)),
        ", ".join(move.needs),
        "; ".join(_words(each) for each in move.guards),
        then,
        " ".join(move.legal_basis),
    ]
    return f"| {' | '.join(cells)} |"


def _words(guard: Guard) -> str:
    return (guard.__doc__ or "").strip().rstrip(".").lower().replace("dsa", "DSA")


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
