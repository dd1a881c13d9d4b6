"""Speech to lay over music in training, spoken by ``espeak-ng``.

The program (GPL-3.0-or-later) is executed, nothing of it is linked. Languages, voices and words are
others than the benchmarks use.
"""

import io
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from fingerprint.spectrum import mono_spectrum
from fingerprint.training.spectra import U8Array, packed

LANGUAGES: Final = ("it", "pt", "nl", "sv", "pl", "tr", "fi", "ro")
SPEAKERS: Final = ("m2", "m4", "m5", "m6", "f3", "f5")
SYLLABLES: Final = [
    "ba",
    "da",
    "fi",
    "go",
    "ka",
    "le",
    "mi",
    "no",
    "pu",
    "ra",
    "se",
    "ti",
    "vo",
    "za",
    "be",
    "du",
    "fa",
    "gi",
    "ko",
    "la",
    "me",
    "nu",
    "pa",
    "ro",
    "si",
    "to",
    "va",
    "ze",
    "bo",
    "di",
]
WORDS: Final = 60


def load(cache: Path, count: int = 96, seed: int = 11) -> list[U8Array]:
    """Return the spectra of ``count`` utterances of half a minute, made on the first call."""
    kept = cache / f"speech-{count}-{seed}.npz"
    if not kept.exists():
        random = np.random.default_rng(seed)
        temporary = kept.with_suffix(".tmp.npz")
        np.savez(temporary, *[packed(mono_spectrum(*_spoken(random))) for _ in range(count)])
        temporary.replace(kept)
    with np.load(kept) as arrays:
        return [arrays[name] for name in arrays.files]


def _spoken(
    random: np.random.Generator,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], int]:
    words = ["".join(random.choice(SYLLABLES, random.integers(1, 5))) for _ in range(WORDS)]
    stops = random.random(WORDS) < 0.15
    text = " ".join(word + ("." if stop else "") for word, stop in zip(words, stops, strict=True))
    voice = f"{random.choice(LANGUAGES)}+{random.choice(SPEAKERS)}"
    command = ["espeak-ng", "--stdout", "--stdin", f"-v{voice}"]
    command += [f"-s{random.integers(130, 210)}", f"-p{random.integers(20, 80)}"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    samples, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    return samples, rate
