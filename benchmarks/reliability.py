"""Whether told probabilities hold: of what is told with a score, the share that is true."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

CATALOGUE: Final = 10_000
"""References for which scores are made: what is wrong would be found so much more often there."""
BINS: Final = 10


def reliability(
    true_scores: Sequence[float], false_scores: Sequence[float], references: int
) -> list[dict[str, Any]]:
    """A reliability curve, weighed as scores are fitted.

    Parameters
    ----------
    true_scores, false_scores : sequence of float
        Told probabilities, 0 to 1, of what is true and of what is not.
    references : int
        That were asked. What is true weighs one, what is not ``CATALOGUE / references``.

    Returns
    -------
    list of dict, one for each tenth from 0 to 1
        ``from`` and ``to``; ``right`` and ``wrong``, how many there are; ``told``, their weighted mean
        score, and ``true``, the weighted share that is true: None where there is nothing.
    """
    scores = np.array([*true_scores, *false_scores], np.float64)
    right = np.arange(len(scores)) < len(true_scores)
    weights = np.where(right, 1.0, CATALOGUE / references)
    which = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    curve = []
    for number in range(BINS):
        here = which == number
        total = float(weights[here].sum())
        row: dict[str, Any] = {
            "from": number / BINS,
            "to": (number + 1) / BINS,
            "right": int((here & right).sum()),
            "wrong": int((here & ~right).sum()),
            "told": None,
            "true": None,
        }
        if total:
            row["told"] = round(float((weights * scores)[here].sum()) / total, 4)
            row["true"] = round(float(weights[here & right].sum()) / total, 4)
        curve.append(row)
    return curve


def reliability_lines(curve: Sequence[dict[str, Any]]) -> list[str]:
    """A curve as lines of a Markdown table."""
    lines = ["| score | right | wrong | told, % | true, % |", "|---" * 5 + "|"]
    for row in curve:
        told, true = (
            "" if row[key] is None else f"{100 * row[key]:.0f}" for key in ("told", "true")
        )
        bounds = f"{row['from']:.1f}–{row['to']:.1f}"
        lines.append(f"| {bounds} | {row['right']} | {row['wrong']} | {told} | {true} |")
    return lines
