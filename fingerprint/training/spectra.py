"""Spectra of the corpus in memory: one byte for half a decibel."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.progress import track

from fingerprint.spectrum import FLOOR_DB, mono_spectrum

CORPUS: Final = Path(__file__).with_name("corpus.json")
STEP_DB: Final = 0.5
QUIET_SIDE_DB: Final = -35.0

U8Array = NDArray[np.uint8]


@dataclass(frozen=True)
class Spectra:
    """One recording: its middle, and its side where that holds music (else None).

    Both have shape (frames, bins with margins), in steps of :data:`STEP_DB` above the floor.
    """

    name: str
    middle: U8Array
    side: U8Array | None


def load(split: str, music: Path, cache: Path) -> list[Spectra]:
    """Return the spectra of a split, made on the first call.

    Parameters
    ----------
    music : Path
        Where ``scripts.music_corpus`` put the packages.
    cache : Path
        Where spectra are kept.
    """
    rows = [row for row in json.loads(CORPUS.read_text()) if row["split"] == split]
    cache.mkdir(parents=True, exist_ok=True)
    return [_one(row, music, cache) for row in track(rows, f"spectra of {split}")]


def _one(row: dict[str, str], music: Path, cache: Path) -> Spectra:
    kept = cache / f"{row['sha256']}.npz"
    if not kept.exists():
        samples, rate = soundfile.read(
            music / row["package"] / row["path"], dtype="float32", always_2d=True
        )
        middle = samples.mean(axis=1)
        arrays = {"middle": packed(mono_spectrum(middle, rate))}
        if samples.shape[1] == 2:
            side = (samples[:, 0] - samples[:, 1]) / 2
            if _decibels(side) - _decibels(middle) > QUIET_SIDE_DB:
                arrays["side"] = packed(mono_spectrum(side, rate))
        temporary = kept.with_suffix(".tmp.npz")
        np.savez(temporary, allow_pickle=False, **arrays)
        temporary.replace(kept)
    with np.load(kept) as arrays:
        return Spectra(f"{row['package']}/{row['path']}", arrays["middle"], arrays.get("side"))


def _decibels(samples: NDArray[np.float32]) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples), dtype=np.float64) + 1e-12))


def packed(decibels: NDArray[np.float32]) -> U8Array:
    """One byte a value."""
    steps: U8Array = np.clip(np.round((decibels - FLOOR_DB) / STEP_DB), 0, 255).astype(np.uint8)
    return steps


def decibels(steps: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Undo the packing."""
    return steps.astype(np.float32) * STEP_DB + FLOOR_DB
