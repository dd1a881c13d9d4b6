"""What came of the requests of a step, and whether everything that was accepted was decided."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlmodel import select

from scanner import audit
from scanner.service import Service
from scanner.tables import DeadLetter, Track
from scanner.track_states import FINAL

REFUSED: Final = frozenset({429, 503})
GOOD: Final = frozenset({200, 202})
HEAD: Final = (
    "step",
    "request",
    "sent a second",
    "answered",
    "refused",
    "of these without `Retry-After`",
    "failed",
    "p50 ms",
    "p95 ms",
    "p99 ms",
)


@dataclass
class Step:
    """The requests of a step, in the order of their answers."""

    name: str
    seconds: float
    requests: list[dict[str, Any]] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    """The platform's name of each track that was accepted, and its id."""
    decided: list[float] = field(default_factory=list)
    """When somebody who waited saw a decision; seconds since the epoch."""

    @classmethod
    def read(cls, name: str, seconds: float, path: Path) -> "Step":
        """Read what Locust wrote."""
        step = cls(name, seconds)
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if "accepted" in row:
                step.accepted[row["name"]] = row["accepted"]
            elif "decided" in row:
                step.decided.append(row["at"])
            else:
                step.requests.append(row)
        return step

    def wrong(self) -> list[str]:
        """Say what no overload excuses: refusals that do not say when to come back, and failures."""
        found = []
        for each in self.requests:
            if each["status"] in REFUSED and each["retry_after"] is None:
                found.append(f"{self.name}: {each['kind']} {each['status']} without Retry-After")
            elif each["status"] not in GOOD | REFUSED:
                found.append(
                    f"{self.name}: {each['kind']} {each['status']} {each['error'] or ''}".rstrip()
                )
        return found

    def rows(self) -> list[list[str]]:
        """Return a table row for each kind of request."""
        kinds = list(dict.fromkeys(each["kind"] for each in self.requests))
        return [self._row(kind) for kind in sorted(kinds, key=_order)]

    def _row(self, kind: str) -> list[str]:
        mine = [each for each in self.requests if each["kind"] == kind]
        good = [each["ms"] for each in mine if each["status"] in GOOD]
        refused = [each for each in mine if each["status"] in REFUSED]
        silent = sum(each["retry_after"] is None for each in refused)
        times = [f"{np.percentile(good, q):,.0f}" if good else "" for q in (50, 95, 99)]
        counts = (len(good), len(refused), silent, len(mine) - len(good) - len(refused))
        rate = f"{len(mine) / self.seconds:.1f}"
        return [self.name, kind, rate, *(f"{count:,}" for count in counts), *times]


def _order(kind: str) -> int:
    return ["upload", "status", "lease", "verdict"].index(kind)


def table(steps: Sequence[Step]) -> str:
    """Return the steps as Markdown."""
    rows = [row for step in steps for row in step.rows()]
    lines = [HEAD, ("---",) * 2 + ("---:",) * (len(HEAD) - 2), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def lost(service: Service, accepted: dict[str, str]) -> list[str]:
    """Name every accepted track without a decision, every event that was given up, and a broken journal.

    Parameters
    ----------
    accepted : dict
        The platform's name of each track, and the id that was answered.
    """
    with service.database.reading() as session:
        tracks = {each.id: each for each in session.exec(select(Track))}
        found = [f"lost: {name}" for name, id_ in accepted.items() if id_ not in tracks]
        found += [
            f"{each.id} is {each.state}, decision {each.decision_id}"
            for id_ in accepted.values()
            if (each := tracks.get(id_)) is not None
            and (each.state not in FINAL or each.decision_id is None)
        ]
        found += [
            f"given up: {letter.group} {letter.error} {letter.detail}"
            for letter in session.exec(select(DeadLetter))
        ]
        verified = audit.verify(session)
        if not verified.whole:
            found.append(f"the journal is not whole: {verified}")
    return found
