"""A reviewer's own keys: what each does, which are taken, and which can't be used.

A key is what the browser calls it (UI Events, ``KeyboardEvent.key``): a letter, digit or sign, or ``Enter``;
the space bar is a space.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from scanner import parties
from scanner.callers import Caller
from scanner.reviewer_care import BadWishError, locked_wish

if TYPE_CHECKING:
    from scanner.service import Service

SPACE: Final = "Space"
DEFAULTS: Final[Mapping[str, str]] = {
    "play": " ",
    "ab": "x",
    "warp": "w",
    "loop": "l",
    "stems": "s",
    "segment-before": "[",
    "segment-after": "]",
    "down": "j",
    "up": "k",
    "take": "t",
    "next": "n",
    **{f"verdict-{number}": str(number) for number in range(1, 8)},
    "reason": "r",
    "commit": "Enter",
    "undo": "u",
    "ask": "a",
    "cut": "c",
    "escalate": "e",
    "later": "d",
    "alike": "g",
    "hints": "?",
}
"""The key of everything that a key does."""


class BadKeysError(BadWishError):
    """Some keys can't be as they are wished; ``wrong`` says by action what is the matter with each.

    ``conflict``: another action has it. ``unknown``: it is no single key that can be used.
    """

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__(f"these keys can't be: {', '.join(sorted(wrong))}")
        self.wrong = dict(wrong)


def of(own: Mapping[str, str]) -> dict[str, str]:
    """Return which key does what: a reviewer's own before the defaults; what is no action any more is left out."""
    return {action: own.get(action, key) for action, key in DEFAULTS.items()}


def read(text: str) -> str:
    """Return the key that somebody named; empty if it can't be one."""
    named = text.strip()
    if named.lower() == SPACE.lower() or (text and not named):
        return " "
    if named.lower() == "enter":
        return "Enter"
    return named if len(named) == 1 and named.isprintable() else ""


def ask(service: "Service", caller: Caller, wanted: Mapping[str, str]) -> dict[str, str]:
    """Keep a reviewer's keys, all of them or none.

    Parameters
    ----------
    wanted : mapping
        Action to the key's name, such as ``Space``; actions that are left out have the default.

    Raises
    ------
    BadKeysError
        Naming every action whose key can't be used or is another's too.
    """
    actor = parties.staff(caller)
    keys = {action: read(wanted.get(action, key)) for action, key in DEFAULTS.items()}
    wrong = {action: "unknown" for action, key in keys.items() if not key}
    for action, key in keys.items():
        if key and list(keys.values()).count(key) > 1:
            wrong[action] = "conflict"
    if wrong:
        raise BadKeysError(wrong)
    with service.database.transaction() as session:
        row = locked_wish(service, session, actor.id)
        row.keys = {action: key for action, key in keys.items() if key != DEFAULTS[action]}
    return keys


def reset(service: "Service", caller: Caller) -> None:
    """Give a reviewer the default keys again."""
    ask(service, caller, DEFAULTS)
