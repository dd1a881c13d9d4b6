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

from fingerprint.composition.geometry import REACH, SEMITONES, STRIDE
from fingerprint.embedding.geometry import CONTEXT_FRAMES
from fingerprint.spectrum import FRAMES_PER_SECOND, MARGIN
from fingerprint.training.augmentation import WIDTH, worn
from fingerprint.training.compositions.network import HEARD, ToneNetwork
from fingerprint.training.compositions.performances import Performed, performed
from fingerprint.training.network import levelled
from fingerprint.training.spectra import decibels

WEIGHTS: Final = Path(__file__).parents[2] / "weights" / "tones.safetensors"
TONES: Final = 50
AROUND: Final = REACH + CONTEXT_FRAMES
FRAMES: Final = (TONES - 1) * STRIDE + 1 + 2 * AROUND
LOWEST_PITCH: Final = 48
"""MIDI number of the lowest semitone that is heard."""
HEAVIER: Final = (3.0, 4.0, 2.0)
"""What a sounding tone counts beside a silent one."""
EVERY: Final = 50


class Excerpts:
    """Random excerpts with what is played in them."""

    def __init__(self, music: Sequence[Performed], seed: int) -> None:
        self._music = [each for each in music if len(each.spectra) > FRAMES + 2]
        self._random = np.random.default_rng(seed)

    def take(self, count: int) -> tuple[Tensor, Tensor]:
        """Spectra in dB (count, WIDTH, FRAMES) and targets (count, HEARD, SEMITONES, TONES)."""
        spectra = np.empty((count, FRAMES, WIDTH), np.uint8)
        targets = np.zeros((count, HEARD, SEMITONES, TONES), np.float32)
        shifts = self._random.integers(-MARGIN // 2 + 1, MARGIN // 2, count)
        for n, which in enumerate(self._random.integers(0, len(self._music), count)):
            own = self._music[which]
            start = int(self._random.integers(0, len(own.spectra) - FRAMES))
            spectra[n] = np.roll(own.spectra[start : start + FRAMES], 2 * shifts[n], axis=1)
            targets[n] = played(own, start + AROUND, int(shifts[n]))
        return torch.from_numpy(decibels(spectra)).transpose(1, 2), torch.from_numpy(targets)


def played(own: Performed, first_frame: int, semitones: int) -> np.ndarray:
    """What sounds in each tone frame: shape (HEARD, SEMITONES, TONES), 0 or 1."""
    out = np.zeros((HEARD, SEMITONES, TONES), np.float32)
    per_second = FRAMES_PER_SECOND / STRIDE
    begin = (own.events[:, 0] - first_frame / FRAMES_PER_SECOND) * per_second
    end = (own.events[:, 1] - first_frame / FRAMES_PER_SECOND) * per_second
    rows = own.events[:, 2].astype(int) + semitones - LOWEST_PITCH
    for a, b, row, melody in zip(begin, end, rows, own.events[:, 3], strict=True):
        if not 0 <= row < SEMITONES or b < 0 or a > TONES:
            continue
        first, last = max(0, round(a)), min(TONES, max(round(b), round(a) + 1))
        out[2, row, first:last] = 1
        if melody:
            out[0, row, first:last] = 1
            if 0 <= round(a) < TONES:
                out[1, row, round(a)] = 1
    return out


def train(
    music: Sequence[Performed],
    validation: Sequence[Performed],
    *,
    minutes: float,
    count: int = 32,
    seed: int = 3,
    rate: float = 4e-3,
    start_from: Path | None = None,
    keep: Path = WEIGHTS,
) -> list[dict[str, Any]]:
    """Train for so many minutes and write the weights; return the log."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = ToneNetwork()
    if start_from is not None:
        network.load_state_dict(load_file(start_from))
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
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    log = train(
        performed("train", given.each),
        performed("validation", 1),
        minutes=given.minutes,
        rate=given.rate,
        start_from=given.start_from,
        keep=given.out,
    )
    digest = hashlib.sha256(given.out.read_bytes()).hexdigest()
    print(json.dumps({"sha256": digest, "last": log[-1:]}))


if __name__ == "__main__":
    main()
