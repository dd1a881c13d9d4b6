"""Train the network that hears tones.

Run: ``python -m fingerprint.training.compositions.tones --minutes 20``
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

from fingerprint.arrays import U8Array
from fingerprint.composition.geometry import REACH, SEMITONES, STRIDE
from fingerprint.embedding.geometry import CONTEXT_FRAMES
from fingerprint.spectrum import FLOOR_DB, FRAMES_PER_SECOND, MARGIN
from fingerprint.training.augmentation import WIDTH, worn
from fingerprint.training.compositions.network import HEARD, ToneNetwork
from fingerprint.training.compositions.performances import Performed, performed
from fingerprint.training.network import levelled
from fingerprint.training.spectra import STEP_DB

WEIGHTS: Final = Path(__file__).parents[2] / "weights" / "tones.safetensors"
TONES: Final = 50
AROUND: Final = REACH + CONTEXT_FRAMES
FRAMES: Final = (TONES - 1) * STRIDE + 1 + 2 * AROUND
LOWEST_PITCH: Final = 48
"""MIDI number of the lowest semitone that is heard."""
HIGHEST: Final = MARGIN // 2 - 1
"""Semitones up or down by which excerpts are moved."""
HEAVIER: Final = (3.0, 4.0, 2.0)
"""What a sounding tone counts beside a silent one."""
EVERY: Final = 50


class Excerpts:
    """Random excerpts with what is played in them, all kept on one device."""

    def __init__(self, music: Sequence[Performed], seed: int) -> None:
        music = [each for each in music if len(each.spectra) > FRAMES + 2]
        self._random = torch.Generator(torch.get_default_device()).manual_seed(seed)
        lengths = torch.tensor([len(each.spectra) for each in music])
        self._room = lengths - FRAMES
        self._starts = lengths.cumsum(0) - lengths
        spectra = np.concatenate([each.spectra for each in music])
        self._spectra = torch.as_tensor(spectra, device=lengths.device)
        targets = np.concatenate([played(each) for each in music])
        self._played = torch.as_tensor(targets, device=lengths.device)

    def take(self, count: int) -> tuple[Tensor, Tensor]:
        """Spectra in dB (count, WIDTH, FRAMES) and targets (count, HEARD, SEMITONES, TONES)."""
        which = torch.randint(len(self._room), (count,), generator=self._random)
        share = torch.rand(count, generator=self._random)
        start = self._starts[which] + (share * self._room[which]).long()
        shift = torch.randint(-HIGHEST, HIGHEST + 1, (count, 1, 1), generator=self._random)
        bins = (torch.arange(WIDTH)[:, None] - 2 * shift) % WIDTH  # (count, WIDTH, 1)
        frames = start[:, None, None] + torch.arange(FRAMES)
        spectra = self._spectra[frames, bins].float() * STEP_DB + FLOOR_DB
        rows = torch.arange(SEMITONES)[:, None] - shift + HIGHEST
        tones = start[:, None, None] + AROUND + STRIDE * torch.arange(TONES)
        flags = self._played[tones, rows]  # (count, SEMITONES, TONES)
        return spectra, torch.stack([(flags >> n) & 1 for n in range(HEARD)], dim=1).float()


def played(own: Performed) -> U8Array:
    """What sounds around each frame of the spectrum, as tone frames are told it.

    Returns
    -------
    uint8 array, shape (frames, SEMITONES + 2 * HIGHEST)
        One bit each of HEARD; a tone frame takes what sounds in the middle of its STRIDE frames.
    """
    out = np.zeros((len(own.spectra), SEMITONES + 2 * HIGHEST), np.uint8)
    begin = np.round(own.events[:, 0] * FRAMES_PER_SECOND).astype(int) - STRIDE // 2
    end = np.round(own.events[:, 1] * FRAMES_PER_SECOND).astype(int) - STRIDE // 2
    rows = own.events[:, 2].astype(int) - LOWEST_PITCH + HIGHEST
    for first, last, row, melody in zip(begin, end, rows, own.events[:, 3], strict=True):
        if not 0 <= row < out.shape[1]:
            continue
        first_inside, struck = max(0, first), max(0, first + STRIDE)
        out[first_inside : max(last, struck), row] |= 4
        if melody:
            out[first_inside : max(last, struck), row] |= 1
            out[first_inside:struck, row] |= 2
    return out


def train(
    music: Sequence[Performed],
    validation: Sequence[Performed],
    *,
    minutes: float,
    count: int = 32,
    depth: int = 32,
    seed: int = 3,
    rate: float = 4e-3,
    start_from: Path | None = None,
    keep: Path = WEIGHTS,
) -> list[dict[str, Any]]:
    """Train for so many minutes and write the weights; return the log."""
    torch.manual_seed(seed)
    random = torch.Generator(torch.get_default_device()).manual_seed(seed)
    network = ToneNetwork(depth=depth)
    if start_from is not None:
        network.load_state_dict(load_file(start_from, device=str(torch.get_default_device())))
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    excerpts = Excerpts(music, seed)
    held_out = Excerpts(validation, seed + 1)
    fixed = [held_out.take(64) for _ in range(3)]
    weights = torch.tensor(HEAVIER).view(1, HEARD, 1, 1)
    log: list[dict[str, Any]] = []
    losses: list[float] = []
    began = time.monotonic()
    while (share := (time.monotonic() - began) / (60 * minutes)) < 1:
        warm = min(1.0, (len(losses) + 1) / 50)
        for group in optimiser.param_groups:
            group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * share))
        spectra, targets = excerpts.take(count)
        logits = network.logits(levelled(worn(spectra, random)))
        loss = functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
        if len(losses) % EVERY == 0:
            log.append(
                {
                    "step": len(losses),
                    "minutes": round((time.monotonic() - began) / 60, 1),
                    "loss": round(float(np.mean(losses[-EVERY:])), 4),
                    "f_measures": _f_measures(network, fixed),
                }
            )
            print(json.dumps(log[-1]), flush=True)
            _save(network, keep)
    _save(network, keep)
    return log


def _f_measures(network: ToneNetwork, batches: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
    """Of the melody, its onsets and all notes, by pitch class, at one half."""
    network.eval()
    hit, told, true = torch.zeros(3, HEARD)
    with torch.inference_mode():
        for spectra, targets in batches:
            said = network(levelled(spectra)) > 0.5
            a, b = _classes(said.float()) > 0, _classes(targets) > 0
            hit += (a & b).sum(dim=(0, 2, 3))
            told += a.sum(dim=(0, 2, 3))
            true += b.sum(dim=(0, 2, 3))
    network.train()
    return [round(value, 3) for value in (2 * hit / (told + true)).tolist()]


def _classes(tones: Tensor) -> Tensor:
    batch, heard, _, frames = tones.shape
    return tones.reshape(batch, heard, SEMITONES // 12, 12, frames).amax(dim=2)


def _save(network: ToneNetwork, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({n: v.contiguous() for n, v in network.state_dict().items()}, path)


def main() -> None:
    """Train and write weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--start-from", type=Path)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--depth", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, default=32, help="excerpts a step")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_default_device(given.device)
    log = train(
        performed("train", given.each),
        performed("validation", 1),
        minutes=given.minutes,
        count=given.count,
        depth=given.depth,
        rate=given.rate,
        start_from=given.start_from,
        keep=given.out,
    )
    digest = hashlib.sha256(given.out.read_bytes()).hexdigest()
    print(json.dumps({"sha256": digest, "last": log[-1:]}))


if __name__ == "__main__":
    main()
