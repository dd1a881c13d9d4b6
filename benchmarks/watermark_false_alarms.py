"""What detection says of music without a mark, under many keys.

``make bench-watermark-false-alarms``, or
``python -m benchmarks.watermark_false_alarms [--keys 8] [--many 20] [--altered] [--fit]``

Every recording of the corpus is searched whole under as many random keys of its own, one in four as
MP3 at 64 kbit/s too, and an excerpt of 5, 10, 15 or 30 s of each, plain and as MP3. All splits are used:
nothing is trained. Every key is searched for, whether or not it stands out at a glance; ``--many`` searches
as detection does, which passes over those that don't. ``--altered`` searches speeds and stretches as well. What is read goes to
``.bench/watermark/false_alarms.jsonl``, a line for each copy, and a later run goes on where the last
one ended. ``--fit`` prints the table and the tail of the margins, from which
:mod:`watermark.false_alarms` has its constants.
"""

import argparse
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.stats import chi2

from benchmarks.alterations import MP3_64K, RATE, Samples, coded
from benchmarks.queries import excerpt
from benchmarks.watermark_tracks import crop, random_of
from scripts.music_corpus import Recording, corpus
from watermark import BuiltinWatermarker, DetectionParams, Key, Mark, Verdict
from watermark.excerpt import SEARCH_RATE
from watermark.parts import parts_of
from watermark.resampling import resampled
from watermark.samples import checked, sounding
from watermark.verdicts import judged

FILE: Final = Path(__file__).parent / "records" / "watermark_false_alarms.jsonl"
EXCERPT_SECONDS: Final = (5, 10, 15, 30)
EXCERPT_KEYS: Final = 4
SCREENED: Final = "keys at once"
"""Says of a search that keys were passed over that don't stand out."""
MP3_EVERY: Final = 4
"""One whole recording in so many is searched as MP3 as well."""
TAIL_SHARES: Final = (0.1, 0.02, 0.005)
TAIL_LEAST: Final = 1000
"""Messages from which a tail can be told."""


class Condition(NamedTuple):
    """How a recording is heard.

    Its length, None for the whole; whether as MP3 at 64 kbit/s; whether as an altered copy too; under how
    many keys at once as detection does, None if each key is searched for even if it doesn't stand out.
    """

    seconds: int | None
    mp3: bool
    altered: bool
    many: int | None

    @property
    def name(self) -> str:
        length = "whole" if self.seconds is None else f"{self.seconds} s"
        length += ", mp3 64k" * self.mp3 + ", speed and stretch too" * self.altered
        return length if self.many is None else f"{length}, {self.many} {SCREENED}"


def main() -> None:
    """Search what was not searched yet, or print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=8)
    parser.add_argument("--recordings", type=int)
    parser.add_argument(
        "--many", type=int, help="only whole recordings, as detection searches so many keys"
    )
    parser.add_argument("--altered", action="store_true", help="search speeds and stretches too")
    parser.add_argument("--fit", action="store_true", help="print what was found so far")
    given = parser.parse_args()
    if given.fit:
        print(markdown(rows()))
        return
    os.nice(10)
    params = DetectionParams(speed=given.altered, stretch=given.altered)
    engine = BuiltinWatermarker(params=params)
    done = {(row["sha256"], row["condition"]) for row in rows()}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    recordings = [*enumerate(_shuffled())][: given.recordings]
    wanted = [
        (recording, condition)
        for conditions in ((_whole,) if given.many else (_whole, _excerpts))
        for number, recording in recordings
        for condition in conditions(number, given.altered, given.many)
        if (recording.sha256, condition.name) not in done
    ]
    with FILE.open("a") as file:
        for recording, condition in track(wanted, "searching"):
            whole = given.many or given.keys
            count = whole if condition.seconds is None else EXCERPT_KEYS
            line = _searched(engine, recording, condition, count)
            file.write(json.dumps(line) + "\n")
            file.flush()


def rows() -> list[dict[str, Any]]:
    """All searches so far."""
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


def _shuffled() -> list[Recording]:
    every = corpus("train", "validation", "test")
    return [every[int(n)] for n in np.random.default_rng(0).permutation(len(every))]


def _whole(number: int, altered: bool, many: int | None) -> list[Condition]:
    plain = [Condition(None, False, altered, many)]
    return plain + [Condition(None, True, altered, many)] * (number % MP3_EVERY == 0)


def _excerpts(number: int, altered: bool, many: int | None) -> list[Condition]:
    seconds = EXCERPT_SECONDS[number % len(EXCERPT_SECONDS)]
    return [Condition(seconds, mp3, altered, many) for mp3 in (False, True)]


def _copy(recording: Recording, condition: Condition) -> Samples:
    """Unmarked sound, shape (1 or 2, n) at 44.1 kHz."""
    samples = excerpt(recording, 0, recording.seconds)
    if condition.seconds is not None:
        samples = samples[:, crop(samples, condition.seconds, recording.sha256)]
    return coded(samples, RATE, MP3_64K) if condition.mp3 else samples


def _searched(
    engine: BuiltinWatermarker, recording: Recording, condition: Condition, count: int
) -> dict[str, Any]:
    samples = _copy(recording, condition)
    random = random_of(f"{recording.sha256} {condition.name}")
    keys = [Key(random.bytes(16), str(number)) for number in range(count)]
    search = engine.detect if condition.many else partial(unscreened, engine)
    marks = search(samples, RATE, keys)
    return {
        "sha256": recording.sha256,
        "split": recording.split,
        "condition": condition.name,
        "seconds": samples.shape[1] / RATE,
        "keys": count,
        "readings": [
            {
                "key": int(mark.key_id),
                "kind": mark.kind,
                "verdict": mark.verdict,
                "verified": mark.verified,
                "quality": round(mark.quality, 4),
                "error": round(mark.error, 4),
                "margin": round(mark.margin, 5),
                "payload": mark.payload.digits,
            }
            for mark in marks
        ],
    }


def unscreened(
    engine: BuiltinWatermarker, samples: Samples, rate: int, keys: Sequence[Key]
) -> list[Mark]:
    """All that detection would read of each key by itself if every key stood out."""
    channels = sounding(checked(samples, rate))
    if not len(channels):
        return []
    sound = np.stack([resampled(each, rate, SEARCH_RATE) for each in channels])
    parts = [part for same in parts_of(sound, engine.modes) for part in same]
    altered = engine.params.speed or engine.params.stretch
    marks: list[Mark] = []
    for key in keys:
        read = [mark for part in parts for mark in part.marks(key)]
        if altered and not any(mark.verdict is Verdict.FOUND for mark in read):
            warped = [m for part in parts for m in part.altered_marks([key], engine.params)]
            read = warped + read
        marks += judged(read)
    return marks


def markdown(searched: Sequence[dict[str, Any]]) -> str:
    """Table of the searches, and the tail of the margins of those that passed over no key."""
    lines = [
        "| copy | searches | track-hours | messages read | false alarms | an hour, 95 % | largest margin | largest quality |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for condition in sorted({row["condition"] for row in searched}):
        lines.append(_line(condition, [r for r in searched if r["condition"] == condition]))
    every = [row for row in searched if SCREENED not in row["condition"]]
    lines.append(_line("all, unscreened", every))
    distinct = {row["sha256"]: row["seconds"] for row in searched if "whole" in row["condition"]}
    lines += ["", f"{sum(distinct.values()) / 3600:.1f} distinct hours.", ""]
    for kinds in (("A", "B"), ("AB", "ALL"), ("CLIP-A", "CLIP-B")):
        margins = [x["margin"] for row in every for x in row["readings"] if x["kind"] in kinds]
        if len(margins) > TAIL_LEAST:
            lines.append(f"{' '.join(kinds)}: {_tail(np.array(margins))}")
    return "\n".join(lines) + "\n"


def _line(name: str, searched: Sequence[dict[str, Any]]) -> str:
    readings = [each for row in searched for each in row["readings"]]
    hours = sum(row["seconds"] * row["keys"] for row in searched) / 3600
    alarms = len(
        {(row["sha256"], row["condition"], each["key"], each["payload"])
         for row in searched for each in row["readings"] if each["verdict"] == "found"}
    )  # fmt: skip
    low, high = chi2.ppf(0.025, 2 * alarms) / 2, chi2.ppf(0.975, 2 * alarms + 2) / 2
    cells = [
        name,
        str(sum(row["keys"] for row in searched)),
        f"{hours:.1f}",
        str(len(readings)),
        str(alarms),
        f"{np.nan_to_num(low) / hours:.3g}–{high / hours:.3g}",
        f"{max((each['margin'] for each in readings), default=np.nan):.3f}",
        f"{max((each['quality'] for each in readings), default=np.nan):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _tail(margins: NDArray[np.float64]) -> str:
    """Exponential tail beyond high quantiles: the mean excess, high by two standard errors.

    A tail above ``u``, of share ``p`` and mean excess ``s``, is ``exp((u + s log p - m) / s)``.
    """
    fits = []
    for share in TAIL_SHARES:
        threshold = float(np.quantile(margins, 1 - share))
        excess = margins[margins > threshold] - threshold
        scale = float(excess.mean()) * (1 + 2 / np.sqrt(excess.size))
        start = threshold + scale * np.log(share)
        fits.append(
            f"{100 * share:g} % above {threshold:.4f}: start {start:.4f}, scale {scale:.4f}"
        )
    return (
        f"{margins.size} messages, mean {margins.mean():.4f}, sd {margins.std():.4f}; "
        + "; ".join(fits)
    )


if __name__ == "__main__":
    main()
