"""How well words and prompts are screened: a row for each category, each half by itself.

``python -m benchmarks.words`` prints Markdown; ``--half held-out`` one half alone.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.identification import wilson
from policy.prompts import Register, screen_prompt
from policy.words import screen
from tests.policy.words.lines import FOLDER, Tally, by_category, half_of, lines, prompts

HALVES: Final = ("dev", "held-out")
NAMES: Final = 20_000
SIGNALS: Final = ("artist", "title", "quoted-lyrics", "hate")


def by_signal(some: Sequence[dict[str, Any]]) -> dict[str, Tally]:
    """Screen prompts; count by signal."""
    told = json.loads((FOLDER / "prompts" / "register.json").read_text("utf-8"))
    register = Register(**{name: tuple(each) for name, each in told.items()})
    tally = {signal: Tally() for signal in SIGNALS}
    for prompt in some:
        signals = screen_prompt(prompt["text"], register).signals
        for signal, counts in tally.items():
            counts.count(told=signal in signals, true=signal in prompt["signals"])
    return tally


def table(half: str, tally: dict[str, Tally]) -> list[str]:
    """Precision and recall in percent with Wilson's 95 % intervals, as rows of Markdown."""
    rows = []
    for name, counts in tally.items():
        precision = _share(counts.found, counts.found + counts.wrong)
        recall = _share(counts.found, counts.found + counts.missed)
        rows.append(
            f"| {half} | {name} | {counts.found + counts.missed} | {precision} | {recall} |"
        )
    return rows


def flagged(some: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """How many innocent lines were flagged, and how many there are."""
    innocent = [line for line in some if not line["categories"]]
    return sum(bool(screen(line["text"]).findings) for line in innocent), len(innocent)


def lines_per_second(texts: Sequence[str]) -> float:
    """Lines screened in a second by one core, lists loaded, no line seen before."""
    screen(" ".join(texts))
    for text in texts[:: len(texts) // 50]:
        screen(text)
    fresh = [f"{text} {number}" for number, text in enumerate(texts)]
    started = time.process_time()
    for text in fresh:
        screen(text)
    return len(fresh) / (time.process_time() - started)


def names(count: int, seed: int) -> list[str]:
    """Made-up names of one to three words, out of few syllables: nearer to each other than real ones."""
    draw = random.Random(seed)
    syllables = [a + b for a in "bdgklmnrstv" for b in ("a", "e", "in", "o", "ur")]
    made: dict[str, None] = {}
    while len(made) < count:
        words = ["".join(draw.choices(syllables, k=draw.randint(2, 3))) for _ in range(3)]
        made[" ".join(words[: draw.randint(1, 3)]).title()] = None
    return list(made)


def milliseconds_a_prompt(texts: Sequence[str], count: int) -> tuple[float, float]:
    """CPU time to screen a prompt against so many names, half titles: median and longest."""
    register = Register(tuple(names(count // 2, 1)), tuple(names(count // 2, 2)))
    screen_prompt("once, so that all is ready", register)
    took = []
    for text in texts:
        started = time.process_time()
        screen_prompt(text, register)
        took.append(1000 * (time.process_time() - started))
    return statistics.median(took), max(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES)
    half = parser.parse_args().half
    every, asked = lines(), prompts()
    print("| half | category | lines | precision, % | recall, % |\n|---|---|---|---|---|")
    for name in (half,) if half else HALVES:
        mine = [line for line in every if half_of(line["text"]) == name]
        for row in table(name, by_category(mine)):
            print(row)
        wrong, count = flagged(mine)
        print(f"| {name} | innocent lines flagged | {count} | {_share(wrong, count)} | |")
        some = [prompt for prompt in asked if half_of(prompt["text"]) == name]
        for row in table(name, {f"prompt: {key}": each for key, each in by_signal(some).items()}):
            print(row)
    print(f"\n{lines_per_second([line['text'] for line in every]):.0f} lines a second of CPU")
    middle, longest = milliseconds_a_prompt([prompt["text"] for prompt in asked], NAMES)
    print(f"{middle:.0f} ms a prompt against {NAMES} names, {longest:.0f} ms the longest")


def _share(hits: int, count: int) -> str:
    if not count:
        return "none"
    low, high = wilson(hits, count)
    return f"{100 * hits / count:.0f} ({100 * low:.0f} to {100 * high:.0f}) {hits}/{count}"


if __name__ == "__main__":
    main()
