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
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from fingerprint.arrays import U8Array
from fingerprint.composition.geometry import (
    FIELD_TONES,
    PITCH_CLASSES,
    REACH,
    STRIDE,
    TONE_SECONDS,
)
from fingerprint.composition.hearing import folded
from fingerprint.composition.tones import SCALE, VOICES
from fingerprint.embedding.geometry import CONTEXT_FRAMES
from fingerprint.training.compositions.network import ToneNetwork, WorkNetwork
from fingerprint.training.compositions.performances import Performed, performed
from fingerprint.training.compositions.tones import WEIGHTS as TONES
from fingerprint.training.network import levelled
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


def listen(music: Sequence[Performed], tones: Path = TONES) -> dict[str, list[Heard]]:
    """Hear the tones of all performances, on the default device; by work."""
    device = torch.get_default_device()
    weights = load_file(tones, device=str(device))
    network = ToneNetwork(depth=weights["head.weight"].shape[1])
    network.load_state_dict(weights)
    network.eval()
    found: dict[str, list[Heard]] = {}
    around = REACH + CONTEXT_FRAMES
    with torch.inference_mode():
        for each in track(music, "listening"):
            count = (len(each.spectra) - 1) // STRIDE + 1
            behind = (count - 1) * STRIDE + 1 - len(each.spectra)
            padding = ((around, around + max(0, behind)), (0, 0))
            padded = decibels(np.pad(each.spectra, padding, mode="edge"))
            last = (count - 1) * STRIDE + 1 + 2 * around
            spectra = torch.as_tensor(padded[:last], device=device)
            heard = folded(network(levelled(spectra.T[None]))[0].cpu().numpy())
            levels = np.round(heard * SCALE).transpose(2, 0, 1).astype(np.uint8)
            own = Heard(each.group, levels, each.first_beat, each.beat_seconds, each.semitones)
            found.setdefault(each.work, []).append(own)
    return found


class Shelf:
    """The tones of many performances one after the other, on the default device."""

    def __init__(self, performances: Sequence[Heard]) -> None:
        device = torch.get_default_device()
        levels = np.concatenate([each.levels for each in performances])
        self._levels = torch.as_tensor(levels, device=device)
        self._lengths = torch.tensor([len(each.levels) for each in performances])
        self._starts = self._lengths.cumsum(0) - self._lengths
        self.first_beat = torch.tensor([each.first_beat for each in performances])
        self.beat_seconds = torch.tensor([each.beat_seconds for each in performances])
        self.semitones = torch.tensor([each.semitones for each in performances])
        seconds = self._lengths * TONE_SECONDS
        self.low = -self.first_beat / self.beat_seconds
        self.high = (seconds - self.first_beat) / self.beat_seconds

    def windows(
        self, which: Tensor, beat: Tensor, beat_seconds: Tensor, jitter: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What lies around a beat of each, as if it had been played at another tempo.

        Parameters
        ----------
        which : int64 tensor, shape (n,)
            Performances.
        beat, beat_seconds, jitter : float32 tensor, shape (n,)
            The beat in the middle, what a beat is to last, tone frames by which it lies beside it.

        Returns
        -------
        float32 tensor, shape (n, VOICES, PITCH_CLASSES, FIELD_TONES), and a bool tensor, shape (n,)
            Of the second, whether enough of the field was played.
        """
        steps = torch.arange(FIELD_TONES) - (FIELD_TONES - 1) / 2 + jitter[:, None]
        own = self.beat_seconds[which]
        middle = (self.first_beat[which] + beat * own) / TONE_SECONDS
        at = middle[:, None] + steps * (own / beat_seconds)[:, None]
        last = (self._lengths[which] - 1)[:, None]
        inside = (at >= 0) & (at <= last)
        at = torch.minimum(at.clamp(min=0), last - 0.001)
        below = at.long()
        share = (at - below)[:, :, None, None]
        rows = self._starts[which][:, None] + below
        levels = self._levels[rows] * (1 - share) + self._levels[rows + 1] * share
        seen = levels / SCALE * inside[:, :, None, None]
        return seen.permute(0, 2, 3, 1), inside.float().mean(dim=1) >= LEAST_INSIDE


class Pairs:
    """The same passage of a work in two performances, and its chords under another melody."""

    def __init__(
        self, works: dict[str, list[Heard]], twins: dict[str, list[Heard]], seed: int
    ) -> None:
        several = {name: own for name, own in works.items() if len(own) > 1}
        self.count = len(several)
        sizes = torch.tensor([len(own) for own in several.values()])
        self._sizes, self._firsts = sizes, sizes.cumsum(0) - sizes
        self._shelf = Shelf([each for own in several.values() for each in own])
        self._with_twin = torch.tensor([name in twins for name in several])
        kept = [twins[name] for name in several if name in twins]
        twin_sizes = torch.tensor([len(twins.get(name, ())) for name in several])
        self._twin_sizes, self._twin_firsts = twin_sizes, twin_sizes.cumsum(0) - twin_sizes
        self._twins = Shelf([each for own in kept for each in own]) if kept else None
        self._random = torch.Generator(torch.get_default_device()).manual_seed(seed)

    def take(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Queries, references, by how many semitones the queries are higher, and twins.

        Passages have shape (count, VOICES, PITCH_CLASSES, FIELD_TONES); there are fewer twins, and
        fewer of all where chance drew passages that are too short.
        """
        works = torch.randperm(self.count, generator=self._random)[: 2 * count]
        one, other = self._two_of(works)
        shelf = self._shelf
        apart = (shelf.beat_seconds[one] / shelf.beat_seconds[other]).log().abs()
        low = torch.maximum(shelf.low[one], shelf.low[other])
        high = torch.minimum(shelf.high[one], shelf.high[other])
        beat = low + self._uniform(0, 1, len(works)) * (high - low)
        pace = (shelf.beat_seconds[one] * shelf.beat_seconds[other]).log() / 2
        pace += self._uniform(-PACE, PACE, len(works))
        by = self._uniform(-TEMPO, TEMPO, len(works))
        jitter = self._uniform(-JITTER_TONES, JITTER_TONES, len(works))
        queries, heard = shelf.windows(one, beat, (pace + by / 2).exp(), jitter)
        references, known = shelf.windows(other, beat, (pace - by / 2).exp(), 0 * jitter)
        good = (apart <= FARTHEST) & (high - low >= 8) & heard & known
        chosen = torch.nonzero(good)[:count, 0]
        works, one, other = works[chosen], one[chosen], other[chosen]
        turn = torch.randint(PITCH_CLASSES, (len(chosen),), generator=self._random)
        queries = self._worn(_turned(queries[chosen], turn))
        references = references[chosen]
        worn = torch.rand(len(chosen), 1, 1, 1, generator=self._random) < 0.5
        references = torch.where(worn, self._worn(references), references)
        higher = (shelf.semitones[one] + turn - shelf.semitones[other]) % PITCH_CLASSES
        return queries, references, higher, self._twins_of(works)[: count // 3]

    def _two_of(self, works: Tensor) -> tuple[Tensor, Tensor]:
        """Two performances of each work."""
        sizes = self._sizes[works]
        one = (torch.rand(len(works), generator=self._random) * sizes).long()
        step = 1 + (torch.rand(len(works), generator=self._random) * (sizes - 1)).long()
        firsts = self._firsts[works]
        return firsts + one, firsts + (one + step) % sizes

    def _twins_of(self, works: Tensor) -> Tensor:
        """A passage of another melody over the chords of those works that have one."""
        if self._twins is None:
            return torch.empty(0, VOICES, PITCH_CLASSES, FIELD_TONES)
        works = works[self._with_twin[works]]
        share = torch.rand(len(works), generator=self._random)
        which = self._twin_firsts[works] + (share * self._twin_sizes[works]).long()
        low, high = self._twins.low[which], self._twins.high[which]
        beat = low + self._uniform(0, 1, len(works)) * (high - low)
        pace = self._twins.beat_seconds[which]
        seen, enough = self._twins.windows(which, beat, pace, torch.zeros(len(works)))
        return seen[enough]

    def _worn(self, tones: Tensor) -> Tensor:
        """What is heard less well: voices that are weaker, tones that are missed or imagined."""
        random, count = self._random, len(tones)
        missing = torch.tensor([0.0, 0.1, 0.08, 0.1])[None, :, None, None]
        gains = self._uniform(0.6, 1.2, count, VOICES, 1, 1)
        gains = gains * (torch.rand(count, VOICES, 1, 1, generator=random) > missing)
        often = torch.rand(2, count, 1, 1, 1, generator=random) < 0.5
        lost = torch.rand(tones.shape, generator=random) < self._uniform(0, 0.15, count, 1, 1, 1)
        out = tones * gains * ~(often[0] & lost)
        added = torch.rand(tones.shape, generator=random) * self._uniform(0, 0.12, count, 1, 1, 1)
        return (out + often[1] * added).clamp(0, 1)

    def _uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self._random)


def _turned(tones: Tensor, turn: Tensor) -> Tensor:
    """Each passage moved up by so many pitch classes."""
    rows = (torch.arange(PITCH_CLASSES) - turn[:, None]) % PITCH_CLASSES
    index = rows[:, None, :, None].expand(-1, VOICES, -1, FIELD_TONES)
    return tones.gather(2, index)


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
        network.load_state_dict(load_file(start_from, device=str(torch.get_default_device())))
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    pairs = Pairs(works, twins, seed)
    held_out = Pairs(validation, {}, seed + 1)
    fixed = [held_out.take(min(160, held_out.count // 2)) for _ in range(4)]
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
        taken = len(queries)
        one, other = losses(
            (looked_up[:taken], followed[:taken]),
            (looked_up[taken:], followed[taken:]),
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
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tones", type=Path, default=TONES, help="weights that hear them")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_default_device(given.device)
    log = train(
        listen(performed("train", given.each), given.tones),
        {
            name.removesuffix(" twin"): own
            for name, own in listen(
                performed("train", given.twins, twins=True), given.tones
            ).items()
        },
        listen(performed("validation", given.each), given.tones),
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
