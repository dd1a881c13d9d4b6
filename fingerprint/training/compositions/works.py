"""Train the network that knows works, on tones that the other network heard.

Run: ``python -m fingerprint.training.compositions.works --minutes 40``
"""

import argparse
import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from fingerprint.arrays import F32Array, U8Array
from fingerprint.composition.geometry import FIELD_TONES, PITCH_CLASSES, TONE_SECONDS
from fingerprint.composition.hearing import heard
from fingerprint.composition.tones import SCALE, VOICES
from fingerprint.training.compositions.network import WorkNetwork
from fingerprint.training.compositions.performances import Performed, performed
from fingerprint.training.spectra import decibels

WEIGHTS: Final = Path(__file__).parents[2] / "weights" / "compositions.safetensors"
TEMPO: Final = 0.10
"""By how much (as a logarithm) two performances differ in tempo when they are to be known as one."""
FARTHEST: Final = 0.5
"""By how much one of them may have been played faster than the other."""
JITTER_TONES: Final = 4.0
LEAST_INSIDE: Final = 0.75
"""Share of what a vector sees that was played."""
PACE: Final = 0.25
EVERY: Final = 50


@dataclass(frozen=True)
class Heard:
    """The tones of one performance; see :class:`Performed`."""

    group: str
    levels: U8Array
    first_beat: float
    beat_seconds: float
    semitones: int

    def beats(self) -> tuple[float, float]:
        """The first and the last beat that are in it."""
        seconds = len(self.levels) * TONE_SECONDS
        return -self.first_beat / self.beat_seconds, (seconds - self.first_beat) / self.beat_seconds


def listen(music: Sequence[Performed]) -> dict[str, list[Heard]]:
    """Hear the tones of all performances; by work."""
    found: dict[str, list[Heard]] = {}
    for each in music:
        tones = heard(decibels(each.spectra))
        own = Heard(each.group, tones.levels, each.first_beat, each.beat_seconds, each.semitones)
        found.setdefault(each.work, []).append(own)
    return found


class Pairs:
    """The same passage of a work in two performances, and its chords under another melody."""

    def __init__(
        self, works: dict[str, list[Heard]], twins: dict[str, list[Heard]], seed: int
    ) -> None:
        self._works = [(name, own) for name, own in works.items() if len(own) > 1]
        self._twins = twins
        self._random = np.random.default_rng(seed)

    def take(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Queries, references, by how many semitones the queries are higher, and twins.

        Passages have shape (count, VOICES, PITCH_CLASSES, FIELD_TONES); there are fewer twins.
        """
        queries: list[F32Array] = []
        references: list[F32Array] = []
        twins: list[F32Array] = []
        higher: list[int] = []
        used: set[str] = set()
        while len(queries) < count:
            name, own = self._works[int(self._random.integers(len(self._works)))]
            if own[0].group in used:
                continue
            one, other = (own[n] for n in self._random.choice(len(own), 2, replace=False))
            passage = self._passage(one, other)
            if passage is None:
                continue
            used.add(own[0].group)
            query, reference = passage
            turn = int(self._random.integers(PITCH_CLASSES))
            queries.append(self._worn(np.roll(query, turn, axis=1)))
            references.append(self._worn(reference) if self._random.random() < 0.5 else reference)
            higher.append((one.semitones + turn - other.semitones) % PITCH_CLASSES)
            if name in self._twins and len(twins) < count // 3:
                twins.append(self._anywhere(self._twins[name]))
        return (
            torch.from_numpy(np.stack(queries)),
            torch.from_numpy(np.stack(references)),
            torch.tensor(higher),
            torch.from_numpy(np.stack(twins))
            if twins
            else torch.empty(0, VOICES, PITCH_CLASSES, FIELD_TONES),
        )

    def _passage(self, one: Heard, other: Heard) -> tuple[F32Array, F32Array] | None:
        apart = math.log(one.beat_seconds / other.beat_seconds)
        if abs(apart) > FARTHEST:
            return None
        low = max(one.beats()[0], other.beats()[0])
        high = min(one.beats()[1], other.beats()[1])
        if high - low < 8:
            return None
        beat = float(self._random.uniform(low, high))
        pace = math.log(one.beat_seconds * other.beat_seconds) / 2
        pace += float(self._random.uniform(-PACE, PACE))
        by = float(self._random.uniform(-TEMPO, TEMPO))
        jitter = float(self._random.uniform(-JITTER_TONES, JITTER_TONES))
        query = window(one, beat, math.exp(pace + by / 2), jitter)
        reference = window(other, beat, math.exp(pace - by / 2), 0.0)
        if query is None or reference is None:
            return None
        return query, reference

    def _anywhere(self, own: Sequence[Heard]) -> F32Array:
        while True:
            each = own[int(self._random.integers(len(own)))]
            found = window(each, float(self._random.uniform(*each.beats())), each.beat_seconds, 0)
            if found is not None:
                return found

    def _worn(self, tones: F32Array) -> F32Array:
        """What is heard less well: voices that are weaker, tones that are missed or imagined."""
        random = self._random
        gains = random.uniform(0.6, 1.2, (VOICES, 1, 1))
        gains *= random.random((VOICES, 1, 1)) > np.array([0.0, 0.1, 0.08, 0.1])[:, None, None]
        out = tones * gains
        if random.random() < 0.5:
            out = out * (random.random(tones.shape) > random.uniform(0, 0.15))
        if random.random() < 0.5:
            out = out + random.uniform(0, 0.12) * random.random(tones.shape)
        return np.clip(out, 0, 1).astype(np.float32)


def window(own: Heard, beat: float, beat_seconds: float, jitter: float) -> F32Array | None:
    """What lies around a beat, as if it had been played at another tempo.

    Parameters
    ----------
    beat_seconds : float
        A beat is to last.
    jitter : float
        Tone frames by which it lies beside the middle.

    Returns
    -------
    float32 array, shape (VOICES, PITCH_CLASSES, FIELD_TONES), or None where too little was played.
    """
    steps = np.arange(FIELD_TONES) - (FIELD_TONES - 1) / 2 + jitter
    stretch = own.beat_seconds / beat_seconds
    at = (own.first_beat + beat * own.beat_seconds) / TONE_SECONDS + steps * stretch
    inside = (at >= 0) & (at <= len(own.levels) - 1)
    if inside.mean() < LEAST_INSIDE:
        return None
    at = np.clip(at, 0, len(own.levels) - 1.001)
    below = at.astype(int)
    share = (at - below)[:, None, None]
    levels = own.levels.astype(np.float32)
    found = (levels[below] * (1 - share) + levels[below + 1] * share) / SCALE
    seen: F32Array = (found * inside[:, None, None]).transpose(1, 2, 0).astype(np.float32)
    return seen


def losses(
    queries: tuple[Tensor, Tensor],
    references: tuple[Tensor, Tensor],
    higher: Tensor,
    temperature: float,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of picking the right reference, and of picking it in the right key.

    Parameters
    ----------
    queries, references : tuples of tensors, shape (batch, DIMENSIONS), (batch, 12, KEYED)
        More references than queries: the first ones are theirs.
    """
    count = len(higher)
    looked_up = queries[0] @ references[0].T / temperature
    turned = torch.stack(
        [queries[1].roll(-key, 1).flatten(1) for key in range(PITCH_CLASSES)], dim=1
    )  # (queries, 12, values)
    followed = torch.einsum("qkv,rv->qkr", turned, references[1].flatten(1)) / temperature
    flat = followed.flatten(1)  # (queries, 12 * references)
    target = higher * followed.shape[2] + torch.arange(count)
    return (
        functional.cross_entropy(looked_up, torch.arange(count)),
        functional.cross_entropy(flat, target),
    )


def train(
    works: dict[str, list[Heard]],
    twins: dict[str, list[Heard]],
    validation: dict[str, list[Heard]],
    *,
    minutes: float,
    count: int = 128,
    seed: int = 11,
    rate: float = 2e-3,
    temperature: float = 0.07,
    start_from: Path | None = None,
    keep: Path = WEIGHTS,
) -> list[dict[str, Any]]:
    """Train for so many minutes and write the weights; return the log."""
    torch.manual_seed(seed)
    network = WorkNetwork()
    if start_from is not None:
        network.load_state_dict(load_file(start_from))
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    pairs = Pairs(works, twins, seed)
    held_out = Pairs(validation, {}, seed + 1)
    fixed = [held_out.take(min(160, len(validation) // 2)) for _ in range(4)]
    log: list[dict[str, Any]] = []
    seen: list[tuple[float, float]] = []
    began = time.monotonic()
    while (share := (time.monotonic() - began) / (60 * minutes)) < 1:
        warm = min(1.0, (len(seen) + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * share))
        queries, references, higher, others = pairs.take(count)
        looked_up, followed = network(torch.cat([queries, references, others]))
        looked_up, followed = looked_up[:, 0], followed[:, 0]
        one, other = losses(
            (looked_up[:count], followed[:count]),
            (looked_up[count:], followed[count:]),
            higher,
            temperature,
        )
        optimiser.zero_grad()
        (one + other).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        seen.append((one.item(), other.item()))
        if len(seen) % EVERY == 0:
            log.append(
                {
                    "step": len(seen),
                    "minutes": round((time.monotonic() - began) / 60, 1),
                    "losses": np.mean(seen[-EVERY:], axis=0).round(3).tolist(),
                    "validation_top1": _top1(network, fixed),
                }
            )
            print(json.dumps(log[-1]), flush=True)
            _save(network, keep)
    _save(network, keep)
    return log


def _top1(network: WorkNetwork, batches: Sequence[tuple[Tensor, ...]]) -> list[float]:
    """Share of single queries whose own reference is the nearest, without and with its key."""
    network.eval()
    hits = np.zeros(2)
    total = 0
    with torch.inference_mode():
        for queries, references, higher, _ in batches:
            one, other = (
                tuple(each[:, 0] for each in network(part)) for part in (queries, references)
            )
            nearest = (one[0] @ other[0].T).argmax(dim=1)
            hits[0] += (nearest == torch.arange(len(nearest))).sum().item()
            turned = torch.stack(
                [one[1].roll(-key, 1).flatten(1) for key in range(PITCH_CLASSES)], dim=1
            )
            flat = torch.einsum("qkv,rv->qkr", turned, other[1].flatten(1)).flatten(1)
            target = higher * len(higher) + torch.arange(len(higher))
            hits[1] += (flat.argmax(dim=1) == target).sum().item()
            total += len(higher)
    network.train()
    return [round(float(share), 4) for share in hits / total]


def _save(network: WorkNetwork, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({n: v.contiguous() for n, v in network.state_dict().items()}, path)


def main() -> None:
    """Train and write weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--twins", type=int, default=1)
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--start-from", type=Path)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    log = train(
        listen(performed("train", given.each)),
        {
            name.removesuffix(" twin"): own
            for name, own in listen(performed("train", given.twins, twins=True)).items()
        },
        listen(performed("validation", given.each)),
        minutes=given.minutes,
        count=given.count,
        rate=given.rate,
        start_from=given.start_from,
        keep=given.out,
    )
    digest = hashlib.sha256(given.out.read_bytes()).hexdigest()
    print(json.dumps({"sha256": digest, "last": log[-1:]}))


if __name__ == "__main__":
    main()
