"""Decides stored facts again by a pack, in a process that can be ended: `scanner/pack_checks.py` starts it."""

import json
import sys
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

import policy
from policy import Ruling
from scanner.pack_checks import limit


def compared(text: str, decisions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how a pack differs from each decision; null for one whose facts can't be read.

    Parameters
    ----------
    decisions : list of dict
        ``facts``, and what was ruled on them: ``decision``, ``outcomes``, ``restrictions`` and ``rules``,
        ``without`` which.
    """
    try:
        pack = policy.read_pack(text)
    except policy.PackError as error:
        return {"refused": [(str(error), error.line)]}
    return {"differences": [_difference(pack, each) for each in decisions]}


def _difference(pack: policy.Pack, decision: dict[str, Any]) -> dict[str, Any] | None:
    try:
        facts = policy.Facts.model_validate(decision["facts"])
    except ValidationError:
        return None
    live = Ruling(
        decision["decision"],
        decision["outcomes"],
        decision["restrictions"],
        frozenset(decision["rules"]),
    )
    asked = policy.decide(pack.without(decision["without"]), facts)
    return asdict(policy.compare(live, Ruling.of(asked)))


if __name__ == "__main__":
    limit(float(sys.argv[1]))
    given = json.loads(sys.stdin.buffer.read())
    print(json.dumps(compared(given["text"], given["decisions"])))
