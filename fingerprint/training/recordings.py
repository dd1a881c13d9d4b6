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
from fingerprint.spectrum import FLOOR_DB
from fingerprint.training.augmentation import JITTER_FRAMES, TEMPO, WIDTH, manipulated, warped
from fingerprint.training.compositions.performances import Performed, performed
from fingerprint.training.network import SegmentNetwork, levelled
from fingerprint.training.spectra import STEP_DB, Spectra, U8Array, load
from fingerprint.training.speech import load as load_speech

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "recordings.safetensors"
FRAMES: Final = FIELD_FRAMES + 2 * CONTEXT_FRAMES
LONG: Final = 2 * math.ceil(FRAMES * TEMPO[1] / 2 + JITTER_FRAMES) + 1
EVERY: Final = 100
MIXTURES: Final = 0.2
"""Share of anchors that carry a second piece: mixtures are pieces of their own."""
RENDERED: Final = 0.35
"""Share of excerpts that are of rendered scores, where there are any."""
ALIKE: Final = 16
"""So many of them together are played by one instrument."""
_NO_FRAMES: Final = np.empty((0, WIDTH), np.uint8)
_A_FRAME: Final = np.zeros((1, WIDTH), np.uint8)


class Excerpts:
    """Random excerpts of the corpus and of rendered scores, all kept on one device."""

    def __init__(
        self,
        recordings: Sequence[Spectra],
        speech: Sequence[U8Array],
        seed: int,
        scores: Sequence[Performed] = (),
    ) -> None:
        scores = [each for each in scores if len(each.spectra) > LONG + 2]
        scores.sort(key=lambda each: each.program)
        recordings = [each for each in recordings if len(each.middle) > LONG + 2]
        self._recordings = len(recordings)
        self._random = torch.Generator(torch.get_default_device()).manual_seed(seed)
        middles = [*(each.middle for each in recordings), *(each.spectra for each in scores)]
        self._frames, self._starts, self._lengths = _shelf(middles)
        # The root keeps long recordings from filling every batch.
        self._shares = self._lengths[: len(recordings)].sqrt()
        sides = [_NO_FRAMES if each.side is None else each.side for each in recordings]
        self._sides, self._side_starts, self._side_lengths = _shelf([*sides, _A_FRAME])
        self._speech, self._speech_starts, self._speech_lengths = _shelf(
            [each for each in speech if len(each) > FRAMES + 2]
        )
        programs = np.array([each.program for each in scores], int)
        firsts = np.flatnonzero(np.diff(programs, prepend=-2))
        self._program_firsts = torch.tensor(firsts + len(recordings))
        self._program_sizes = torch.tensor(np.diff(firsts, append=len(scores)))

    def take(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Middles and sides, shape (count, WIDTH, LONG) in dB, and which sides there are."""
        which = torch.multinomial(self._shares, count, replacement=True, generator=self._random)
        if len(self._program_firsts):
            rendered = round(count * RENDERED)
            which[:rendered] = self._alike(rendered)
            which = which[torch.randperm(count, generator=self._random)]
        at = (self._uniform(count) * (self._lengths[which] - LONG)).long()
        middles = _cut(self._frames, self._starts[which] + at, LONG)
        side = which.clamp(max=self._recordings)
        has_side = self._side_lengths[side] > 1
        frames = torch.where(has_side, self._side_starts[side] + at, 0)
        return middles, _cut(self._sides, frames, LONG), has_side

    def _alike(self, count: int) -> Tensor:
        """Performances by a few instruments: what an ear confuses most easily."""
        programs = torch.randint(
            len(self._program_firsts), (count // ALIKE + 1,), generator=self._random
        ).repeat_interleave(ALIKE)[:count]
        share = self._uniform(count)
        return self._program_firsts[programs] + (share * self._program_sizes[programs]).long()

    def speech(self, count: int) -> Tensor:
        """Talk, shape (count, WIDTH, FRAMES) in dB."""
        which = torch.randint(len(self._speech_starts), (count,), generator=self._random)
        at = (self._uniform(count) * (self._speech_lengths[which] - FRAMES)).long()
        return _cut(self._speech, self._speech_starts[which] + at, FRAMES)

    def _uniform(self, count: int) -> Tensor:
        return torch.rand(count, generator=self._random)


def _shelf(those: Sequence[U8Array]) -> tuple[Tensor, Tensor, Tensor]:
    """All frames one after the other on the default device, where each begins, how long it is."""
    lengths = torch.tensor([len(each) for each in those])
    frames = torch.as_tensor(np.concatenate(those), device=torch.get_default_device())
    return frames, lengths.cumsum(0) - lengths, lengths


def _cut(frames: Tensor, starts: Tensor, count: int) -> Tensor:
    """Excerpts of so many frames, shape (n, WIDTH, count) in dB."""
    rows = (starts[:, None] + torch.arange(count)).clamp(max=len(frames) - 1)
    return (frames[rows].float() * STEP_DB + FLOOR_DB).transpose(1, 2)


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
    moved, moved_sides = (
        warped(each, FRAMES, torch.Generator(random.device).manual_seed(seed))
        for each in (base, sides)
    )
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
    scores: Sequence[Performed] = (),
    pairs: int = 224,
    seed: int = 7,
    temperature: float = 0.07,
    start_from: Path | None = None,
    rate: float = 2e-3,
    keep: Path = WEIGHTS,
) -> list[dict[str, Any]]:
    """Train for so many minutes and write the weights; return the log."""
    torch.manual_seed(seed)
    random = torch.Generator(torch.get_default_device()).manual_seed(seed)
    network = SegmentNetwork()
    if start_from is not None:
        network.load_state_dict(load_file(start_from, device=str(torch.get_default_device())))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    excerpts = Excerpts(recordings, speech, seed, scores)
    held_out = Excerpts(validation, speech, seed + 1)
    device = torch.get_default_device()
    fixed = [batch(held_out, 256, torch.Generator(device).manual_seed(n)) for n in range(4)]
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
    parser.add_argument("--scores", type=int, default=0, help="rendered performances of each work")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    torch.set_default_device(given.device)
    recordings = load("train", given.music, given.cache)
    validation = load("validation", given.music, given.cache)
    log = train(
        recordings,
        validation,
        load_speech(given.cache),
        minutes=given.minutes,
        scores=performed("train", given.scores),
        pairs=given.pairs,
        start_from=given.start_from,
        rate=given.rate,
        keep=given.out,
    )
    digest = hashlib.sha256(given.out.read_bytes()).hexdigest()
    print(json.dumps({"sha256": digest, "last": log[-1:]}))


if __name__ == "__main__":
    main()
