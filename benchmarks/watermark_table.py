"""Tables of what :mod:`benchmarks.watermark` measured."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Line = dict[str, Any]
MARKING = "marking"


def markdown(lines: Sequence[Line], attacks: Sequence[str]) -> str:
    """Both tables, of the version of each system and the length that were measured last."""
    versions = {line["system"]: line["version"] for line in lines}
    newest = [
        line
        for line in lines
        if line["version"] == versions[line["system"]] and line["length"] == lines[-1]["length"]
    ]
    systems = list(versions)
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        "\n".join([told, "", *_tracks(newest, systems), "", *_attacks(newest, systems, attacks)])
        + "\n"
    )


def _tracks(lines: Sequence[Line], systems: Sequence[str]) -> Iterator[str]:
    titles = [
        "marking × real time",
        "SNR dB",
        "median of 2 s",
        "noise to mask dB, 99 %",
        "worst band",
    ]
    heads = [f"{title}, {system}" for title in titles for system in systems]
    yield f"| track | s | channels | {' | '.join(heads)} |"
    yield "|---" * (3 + len(heads)) + "|"
    for name in dict.fromkeys(line["track"] for line in lines):
        made = {
            line["system"]: line
            for line in lines
            if line["track"] == name and line["attack"] == MARKING
        }
        if not made:
            continue
        any_ = next(iter(made.values()))
        cells = [name, f"{any_['seconds']:.0f}", str(any_["channels"])]
        told = [_marking(made[system]) if system in made else ["–"] * 5 for system in systems]
        cells += [cell for title in zip(*told, strict=True) for cell in title]
        yield f"| {' | '.join(cells)} |"


def _marking(line: Line) -> list[str]:
    return [
        f"{line['seconds'] / line['cpu_seconds']:.0f}",
        f"{line['snr_db']:.1f}",
        f"{line['segmental_snr_db']:.1f}",
        f"{line['noise_to_mask_db']:.1f}",
        f"{line['worst_band_db']:.1f}",
    ]


def _attacks(
    lines: Sequence[Line], systems: Sequence[str], attacks: Sequence[str]
) -> Iterator[str]:
    titles = ["read", "found", "false alarms", "quality", "× real time"]
    heads = [f"{title}, {system}" for title in titles for system in systems]
    yield f"| copy | {' | '.join(heads)} |"
    yield "|---" * (1 + len(heads)) + "|"
    for attack in attacks:
        of_attack = [line for line in lines if line["attack"] == attack]
        if of_attack:
            told = [
                _hearing([each for each in of_attack if each["system"] == system])
                for system in systems
            ]
            cells = [cell for title in zip(*told, strict=True) for cell in title]
            yield f"| {attack} | {' | '.join(cells)} |"


def _hearing(lines: Sequence[Line]) -> list[str]:
    if not lines:
        return ["–"] * 5
    wanted = sum(line["wanted"] for line in lines)
    qualities = [line["quality"] for line in lines if line["read"]]
    speed = sum(line["seconds"] for line in lines) / sum(line["cpu_seconds"] for line in lines)
    return [
        f"{sum(line['read'] for line in lines)} of {wanted}" if wanted else f"– of {len(lines)}",
        str(sum(line["found"] for line in lines)) if wanted else "–",
        str(sum(line["false_alarms"] for line in lines)),
        f"{np.min(qualities):.2f}–{np.max(qualities):.2f}" if qualities else "–",
        f"{speed:.0f}",
    ]
