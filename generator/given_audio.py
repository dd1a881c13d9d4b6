"""Audio that is given: stems to build on, kept as they are, and references of which only tempo, key and density count."""

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
import soxr

from generator.arrays import F32Array, F64Array
from generator.errors import InvalidRequestError
from generator.keys import Key
from generator.rendering import RATE
from generator.request import LONGEST_SECONDS

_SHORTEST_SECONDS: Final = 2.0
_HEARD_SECONDS: Final = 60.0
"""So much of the beginning is listened to."""
_HOP: Final = 512
_HEARD_RATE: Final = 22_050
_KINDS: Final = ("WAV", "WAVEX", "FLAC", "RF64")
_TONICS: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_PROFILES: Final = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How much each step of the chromatic scale belongs to a key (Krumhansl and Kessler, 1982)."""


@dataclass(frozen=True)
class HeardAudio:
    """What is heard in audio; its sound and melody are not part of it.

    Parameters
    ----------
    tempo : float
        Quarter notes a minute, 60 to 180.
    key : Key
    density : float
        Onsets a beat.
    """

    tempo: float
    key: Key
    density: float

    @property
    def calm(self) -> float:
        """How much longer notes are preferred, as :class:`~generator.moods.Mood` says it: less where more happens."""
        return float(np.clip(1.6 - 0.6 * self.density, 0.0, 1.4))


def read_given(data: bytes, name: str) -> F32Array:
    """Samples of WAV or FLAC in stereo at the rate of takes, shape (2, n).

    Raises
    ------
    InvalidRequestError
        If it is neither, is damaged, silent, too short or too long.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            seconds = file.frames / file.samplerate
            if file.format not in _KINDS:
                raise InvalidRequestError(f"{name}: {file.format} is not taken; give WAV or FLAC")
            if not _SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
                raise InvalidRequestError(
                    f"{name} lasts {seconds:.1f} s: give {_SHORTEST_SECONDS:.0f} to {LONGEST_SECONDS:.0f} s"
                )
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except (soundfile.LibsndfileError, RuntimeError, ZeroDivisionError) as error:
        raise InvalidRequestError(f"{name} can't be read as WAV or FLAC: save it anew") from error
    both = samples[:, :2] if samples.shape[1] > 1 else np.repeat(samples, 2, axis=1)
    own = both if rate == RATE else soxr.resample(both, rate, RATE)
    if not np.isfinite(own).all() or not own.any():
        raise InvalidRequestError(f"{name} is silent or damaged: give one that sounds")
    return np.ascontiguousarray(own.T, np.float32)


def heard_audio(samples: F32Array) -> HeardAudio:
    """Tempo by librosa's beats, key by the profile that its pitch classes fit best, onsets a beat."""
    import librosa  # seconds to import

    mono = samples[:, : round(_HEARD_SECONDS * RATE)].mean(axis=0)
    own = soxr.resample(mono, RATE, _HEARD_RATE)
    strength = librosa.onset.onset_strength(y=own, sr=_HEARD_RATE, hop_length=_HOP)
    beat = librosa.beat.beat_track(onset_envelope=strength, sr=_HEARD_RATE, hop_length=_HOP)[0]
    tempo = float(np.atleast_1d(beat)[0]) or 100.0
    while tempo < 60:
        tempo *= 2
    while tempo > 180:
        tempo /= 2
    onsets = librosa.onset.onset_detect(
        onset_envelope=strength, sr=_HEARD_RATE, hop_length=_HOP, units="time"
    )
    beats = len(own) / _HEARD_RATE * tempo / 60
    chroma = librosa.feature.chroma_stft(y=own, sr=_HEARD_RATE, n_fft=8192, hop_length=2048)
    return HeardAudio(round(tempo, 1), _key(chroma.mean(axis=1)), len(onsets) / max(1.0, beats))


def _key(weights: F64Array) -> Key:
    if np.ptp(weights) == 0:
        return Key("C", "major")
    scores = {
        (tonic, mode): float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1])
        for mode, profile in _PROFILES.items()
        for tonic in range(12)
    }
    tonic, mode = max(scores, key=lambda each: scores[each])
    return Key(_TONICS[tonic], mode)
