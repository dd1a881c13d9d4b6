"""Train the embedding of recordings.

Run: ``python -m fingerprint.training.recordings --music .cache/corpus --cache .cache/spectra``
"""

import argparse
import hashlib
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from fingerprint.embedding.geometry import CONTEXT_FRAMES, FIELD_FRAMES
from fingerprint.training.augmentation import JITTER_FRAMES, TEMPO, WIDTH, manipulated, warped
from fingerprint.training.network import SegmentNetwork, levelled
from fingerprint.training.spectra import Spectra, U8Array, decibels, load
from fingerprint.training.speech import load as load_speech

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "recordings.safetensors"
FRAMES: Final = FIELD_FRAMES + 2 * CONTEXT_FRAMES
LONG: Final = 2 * math.ceil(FRAMES * TEMPO[1] / 2 + JITTER_FRAMES) + 1
EVERY: Final = 100
MIXTURES: Final = 0.2
"""Share of anchors that carry a second piece: mixtures are pieces of their own."""


class Excerpts:
    """Random excerpts of the corpus, every second of it as likely as any other."""

    def __init__(self, recordings: Sequence[Spectra], speech: Sequence[U8Array], seed: int) -> None:
        self._speech = [each for each in speech if len(each) > FRAMES + 2]
        self._recordings = [each for each in recordings if len(each.middle) > LONG + 2]
        lengths = np.array([len(each.middle) for each in self._recordings], float)
        # The root keeps long recordings from filling every batch.
        self._shares = np.sqrt(lengths) / np.sqrt(lengths).sum()
        self._random = np.random.default_rng(seed)

    def take(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Middles and sides, shape (count, WIDTH, LONG) in dB, and which sides there are."""
        chosen = self._random.choice(len(self._recordings), count, p=self._shares)
        middles = np.empty((count, LONG, WIDTH), np.uint8)
        sides = np.zeros((count, LONG, WIDTH), np.uint8)
        has_side = np.zeros(count, bool)
        for n, which in enumerate(chosen):
            own = self._recordings[which]
            start = self._random.integers(0, len(own.middle) - LONG)
            middles[n] = own.middle[start : start + LONG]
            if own.side is not None:
                sides[n] = own.side[start : start + LONG]
                has_side[n] = True
        return (
            torch.from_numpy(decibels(middles)).transpose(1, 2),
            torch.from_numpy(decibels(sides)).transpose(1, 2),
            torch.from_numpy(has_side),
        )

    def speech(self, count: int) -> Tensor:
        """Talk, shape (count, WIDTH, FRAMES) in dB."""
        taken = np.empty((count, FRAMES, WIDTH), np.uint8)
        for n, which in enumerate(self._random.integers(0, len(self._speech), count)):
            own = self._speech[which]
            start = self._random.integers(0, len(own) - FRAMES)
            taken[n] = own[start : start + FRAMES]
        return torch.from_numpy(decibels(taken)).transpose(1, 2)


def batch(excerpts: Excerpts, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Anchors as a reference has them, and the same music manipulated: levelled spectra."""
    middles, sides, has_side = excerpts.take(count)
    added, _, _ = excerpts.take(count)
    mixtures = torch.rand(count, generator=random) < MIXTURES
    gain = -12 * torch.rand(count, generator=random)[:, None, None]
    mixture = 10 * torch.log10(10 ** (middles / 10) + 10 ** ((added + gain) / 10))
    base = torch.where(mixtures[:, None, None], mixture, middles)
    start = (LONG - FRAMES) // 2
    anchors = base[:, :, start : start + FRAMES]
    seed = int(torch.randint(0, 2**31, (1,), generator=random))
    moved = warped(base, FRAMES, torch.Generator().manual_seed(seed))
    moved_sides = warped(sides, FRAMES, torch.Generator().manual_seed(seed))
    others = warped(added.roll(1, 0), FRAMES, random)
    queries = manipulated(
        moved, others, excerpts.speech(count), moved_sides, has_side & ~mixtures, random
    )
    return levelled(anchors), levelled(queries)


def contrast(anchors: Tensor, queries: Tensor, temperature: float) -> Tensor:
    """NT-Xent over a batch of pairs (Chen et al., ICML 2020), both ways."""
    both = torch.cat([anchors, queries])
    likeness = both @ both.T / temperature
    likeness.fill_diagonal_(-1e9)
    count = len(anchors)
    target = torch.cat([torch.arange(count, 2 * count), torch.arange(count)])
    return functional.cross_entropy(likeness, target)


def train(
    recordings: Sequence[Spectra],
    validation: Sequence[Spectra],
    speech: Sequence[U8Array],
    *,
    minutes: float,
    pairs: int = 224,
    seed: int = 7,
    temperature: float = 0.07,
    start_from: Path | None = None,
    rate: float = 2e-3,
    keep: Path = WEIGHTS,
) -> list[dict[str, Any]]:
    """Train for so many minutes and write the weights; return the log."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = SegmentNetwork()
    if start_from is not None:
        network.load_state_dict(load_file(start_from))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    excerpts, held_out = Excerpts(recordings, speech, seed), Excerpts(validation, speech, seed + 1)
    fixed = [batch(held_out, 256, torch.Generator().manual_seed(n)) for n in range(4)]
    log: list[dict[str, Any]] = []
    began = time.monotonic()
    step, losses = 0, []
    while (share := (time.monotonic() - began) / (60 * minutes)) < 1:
        warm = min(1.0, (step + 1) / 200)
        for group in optimiser.param_groups:
            group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * share))
        anchors, queries = batch(excerpts, pairs, random)
        vectors = network(torch.cat([anchors, queries]))[:, 0]
        loss = contrast(vectors[:pairs], vectors[pairs:], temperature)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
        step += 1
        if step % EVERY == 0:
            log.append(
                {
                    "step": step,
                    "minutes": round((time.monotonic() - began) / 60, 1),
                    "loss": round(float(np.mean(losses[-EVERY:])), 4),
                    "validation_top1": round(_top1(network, fixed), 4),
                }
            )
            print(json.dumps(log[-1]), flush=True)
            _save(network, keep)
    _save(network, keep)
    return log


def _top1(network: SegmentNetwork, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Share of single queries whose own anchor is the nearest of all."""
    network.eval()
    with torch.inference_mode():
        anchors = torch.cat([network(each)[:, 0] for each, _ in batches])
        queries = torch.cat([network(each)[:, 0] for _, each in batches])
        nearest = (queries @ anchors.T).argmax(dim=1)
        hits = (nearest == torch.arange(len(nearest))).float().mean().item()
    network.train()
    return hits


def _save(network: SegmentNetwork, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, path)


def main() -> None:
    """Train, write weights and their card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=110)
    parser.add_argument("--pairs", type=int, default=224)
    parser.add_argument("--start-from", type=Path)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    recordings = load("train", given.music, given.cache)
    validation = load("validation", given.music, given.cache)
    log = train(
        recordings,
        validation,
        load_speech(given.cache),
        minutes=given.minutes,
        pairs=given.pairs,
        start_from=given.start_from,
        rate=given.rate,
        keep=given.out,
    )
    digest = hashlib.sha256(given.out.read_bytes()).hexdigest()
    print(json.dumps({"sha256": digest, "last": log[-1:]}))


if __name__ == "__main__":
    main()
