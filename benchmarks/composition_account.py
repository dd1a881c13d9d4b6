"""The account of `benchmarks.compositions`: from answers to tables."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from benchmarks.identification import wilson
from benchmarks.performances import SAME_CHORDS, STRANGER
from benchmarks.reliability import reliability, reliability_lines

FALSE_SHARE: Final = 0.003
"""Of queries that may have a false match where systems are compared.

Other melodies over a reference's own chords are not among those queries: they are made to deceive, and
what they do is counted in a row of their own.
"""
THRESHOLD: Final = 0.5
"""Clearance's own default; a peer that has none gets what leaves the share above."""
ERRORS: Final = ("reference_error", "begin_error", "end_error")
KINDS: Final = {
    "works": ("score", "false_score"),
    "recordings": ("recording_score", "false_recording"),
}
"""Where a row keeps the best score of what is right and of what is wrong."""

Row = dict[str, Any]


def account(name: str, references: int, rows: Sequence[Row]) -> Row:
    """All that one system did.

    Parameters
    ----------
    name : str
        ``clearance`` has a threshold of its own.
    references : int
        How many there were.
    rows : sequence of dict
        Answers as ``benchmarks.compositions`` keeps them.
    """
    usual = [row for row in rows if row["job"][0] != SAME_CHORDS]
    false = sorted(row["false_score"] for row in usual)
    equal = false[max(0, math.ceil(len(false) * (1 - FALSE_SHARE)) - 1)]
    own = THRESHOLD if name == "clearance" else float(np.nextafter(equal, np.inf))
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row["job"][0], []).append(row)
    positive = [row for row in rows if "rank" in row]
    made: Row = {
        "system": name,
        "references": references,
        "queries": len(rows),
        "threshold": own,
        "threshold_at_equal_false": equal,
        "print_seconds": _mean(rows, "print_seconds"),
        "search_seconds": _mean(rows, "search_seconds"),
        "audio_seconds": _mean(rows, "audio_seconds"),
        **_wrong("false_works", usual, "false_score", own),
        **_wrong("false_recordings", usual, "false_recording", THRESHOLD),
        "kinds": [_kind(kind, those, own, equal) for kind, those in kinds.items()],
    }
    if positive:
        made["total"] = _kind("total", positive, own, equal)
    if name == "clearance":
        made["reliability"] = {
            kind: _reliability(usual, right, wrong, references)
            for kind, (right, wrong) in KINDS.items()
        }
    return made


def _reliability(rows: Sequence[Row], right: str, wrong: str, references: int) -> list[Row]:
    """Of each query's best right answer of a kind and of its best wrong one."""
    scores = [[row[key] for row in rows if row.get(key, 0.0) > 0] for key in (right, wrong)]
    return reliability(scores[0], scores[1], references)


def _kind(kind: str, rows: Sequence[Row], own: float, equal: float) -> Row:
    made: Row = {
        "kind": kind,
        "queries": len(rows),
        "search_seconds": _mean(rows, "search_seconds"),
        **_wrong("false_works", rows, "false_score", own),
    }
    if kind in (STRANGER, SAME_CHORDS):
        return made
    found = sum(row["score"] >= own or row["recording_score"] >= THRESHOLD for row in rows)
    return {
        **made,
        "mean_average_precision": _mean(rows, "average_precision"),
        "mean_own_precision": _mean(rows, "own_precision"),
        "first_place": round(sum(row["rank"] == 1 for row in rows) / len(rows), 4),
        "recall": round(found / len(rows), 4),
        "interval": wilson(found, len(rows)),
        "recall_at_equal_false": round(sum(row["score"] > equal for row in rows) / len(rows), 4),
        "recall_as_work": round(sum(row["score"] >= own for row in rows) / len(rows), 4),
        "recall_as_recording": round(
            sum(row["recording_score"] >= THRESHOLD for row in rows) / len(rows), 4
        ),
        "median_errors": {
            key: round(float(np.median(values)), 3)
            for key in ERRORS
            if (values := [r[key] for r in rows if key in r and _best(r) >= own])
        },
    }


def _best(row: Row) -> float:
    return float(max(row["score"], row["recording_score"]))


def _wrong(name: str, rows: Sequence[Row], score: str, threshold: float) -> Row:
    count = sum(row[score] >= threshold for row in rows)
    return {name: count, f"{name}_interval": wilson(count, len(rows))}


def _mean(rows: Sequence[Row], key: str) -> float:
    return round(float(np.mean([row[key] for row in rows])), 4)


def markdown(runs: Sequence[Row]) -> str:
    """One table a run, and one of false matches and cost for all."""
    lines: list[str] = []
    for run in runs:
        lines += [
            f"\n### {run['system']}, {run['references']:,} references\n",
            "| transform | n | MAP | of its own | first, % | found, % | as work, % | as recording, % "
            "| as work at equal false, % | false | off in reference, s | begin, end off, s |",
            "|---" * 12 + "|",
            *(_line(each) for each in [*run["kinds"], *([run["total"]] if "total" in run else [])]),
        ]
    lines += ["\n### False matches and cost\n"]
    lines += [
        "| figure | " + " | ".join(f"{r['system']}, {r['references']:,}" for r in runs) + " |"
    ]
    lines += ["|---" * (1 + len(runs)) + "|"]
    for key in (
        "queries",
        "false_works",
        "false_works_interval",
        "false_recordings",
        "threshold",
        "threshold_at_equal_false",
        "audio_seconds",
        "print_seconds",
        "search_seconds",
    ):
        lines.append(f"| {key} | " + " | ".join(str(run[key]) for run in runs) + " |")
    for run in runs:
        for kind, curve in run.get("reliability", {}).items():
            lines += [f"\n### Reliability of {kind}, {run['references']:,} references\n"]
            lines += reliability_lines(curve)
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    low, high = row["false_works_interval"]
    false = f"{row['false_works']} ({100 * low:.2f}–{100 * high:.2f} %)"
    if "recall" not in row:
        return f"| {row['kind']} | {row['queries']} | | | | | | | | {false} | | |"
    low, high = row["interval"]
    errors = row["median_errors"]
    cells = [
        row["kind"],
        row["queries"],
        f"{row['mean_average_precision']:.3f}",
        f"{row['mean_own_precision']:.3f}",
        f"{100 * row['first_place']:.0f}",
        f"{100 * row['recall']:.0f} ({100 * low:.0f}–{100 * high:.0f})",
        f"{100 * row['recall_as_work']:.0f}",
        f"{100 * row['recall_as_recording']:.0f}",
        f"{100 * row['recall_at_equal_false']:.0f}",
        false,
        errors.get("reference_error", ""),
        f"{errors['begin_error']}, {errors['end_error']}" if "begin_error" in errors else "",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
